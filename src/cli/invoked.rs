//! Under which name the binary was started: its own, or that of a kubectl plugin.
//!
//! kubectl runs a binary named `kubectl-dind` for `kubectl dind`; whatever is said then speaks
//! of `kubectl dind`, which is what people type.

use std::ffi::OsStr;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::names::PROGRAM;

use crate::cli::Cli;

/// The binary's own name.
pub(super) const OWN: &str = PROGRAM;
/// The binary's name as a plugin.
pub(super) const PLUGIN: &str = "kubectl-dind";
/// What people type to run the plugin.
const TYPED: &str = "kubectl dind";

/// The name of the two that the binary was started under.
pub(super) fn name() -> &'static str {
    let started = std::env::args_os().next();
    of(started.as_deref())
}

fn of(started: Option<&OsStr>) -> &'static str {
    let stem = started.and_then(|path| Path::new(path).file_stem());
    match stem {
        Some(stem) if stem == PLUGIN => PLUGIN,
        Some(_) | None => OWN,
    }
}

/// The command line, as it is to be read and explained.
pub(super) fn command() -> Command {
    named(name())
}

fn named(name: &'static str) -> Command {
    let command = Cli::command();
    if name != PLUGIN {
        return command;
    }
    let command = command.name(PLUGIN).bin_name(TYPED);
    command.mut_subcommands(|subcommand| {
        let Some(help) = subcommand.get_after_help().map(ToString::to_string) else {
            return subcommand;
        };
        subcommand.after_help(as_typed(&help))
    })
}

/// Examples as one types them; the project's name in other places stays.
fn as_typed(help: &str) -> String {
    let mut typed = help.to_owned();
    for subcommand in Cli::command().get_subcommands() {
        let subcommand = subcommand.get_name();
        typed = typed.replace(
            &format!("{OWN} {subcommand}"),
            &format!("{TYPED} {subcommand}"),
        );
    }
    typed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_plugin_is_known_by_its_file_name() {
        for (started, name) in [
            ("/usr/local/bin/kubectl-dind", PLUGIN),
            ("kubectl-dind.exe", PLUGIN),
            ("./dind-injector", OWN),
            ("/kubectl-dind/other", OWN),
        ] {
            assert_eq!(of(Some(OsStr::new(started))), name, "{started}");
        }
        assert_eq!(of(None), OWN);
    }

    #[test]
    fn the_plugins_help_speaks_of_kubectl() {
        for subcommand in Cli::command().get_subcommands() {
            let name = subcommand.get_name().to_owned();
            let mut command = named(PLUGIN);
            command.build();
            let help = command
                .find_subcommand_mut(&name)
                .unwrap()
                .render_help()
                .to_string();
            assert!(
                help.contains(&format!("Usage: kubectl dind {name}")),
                "{help}"
            );
            assert!(!help.contains(&format!("{OWN} {name}")), "{help}");
        }
    }

    #[test]
    fn the_help_is_not_broken_a_second_time() {
        /// Characters of a line that clap leaves whole.
        const WIDTH: usize = 100;
        for subcommand in Cli::command().get_subcommands() {
            let help = subcommand.get_after_help().map(ToString::to_string);
            for line in help.unwrap_or_default().lines() {
                assert!(
                    line.chars().count() < WIDTH,
                    "{}: {line}",
                    subcommand.get_name()
                );
            }
        }
    }
}
