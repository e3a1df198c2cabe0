//! `dind-injector completions`: what a shell needs to complete this command's words.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError, Exit, invoked};

/// The flags of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector completions bash > /etc/bash_completion.d/dind-injector
  dind-injector completions zsh > \"${fpath[1]}/_dind-injector\"
  dind-injector completions fish > ~/.config/fish/completions/dind-injector.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// Where the output cannot be written.
pub fn run(args: CompletionsArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    let CompletionsArgs { shell } = args;
    // The generator takes a failed write for a reason to panic.
    let mut script = Vec::new();
    let name = invoked::name();
    clap_complete::generate(shell, &mut Cli::command().name(name), name, &mut script);
    out.write_all(&script)?;
    Ok(Exit::Done)
}
