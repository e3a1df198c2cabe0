//! `dind-injector completions`: what a shell needs to complete this command's words.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Cli, CliError, Exit, invoked};

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
    if shell == Shell::Bash {
        script = with_one_spelling(script, name);
    }
    out.write_all(&script)?;
    Ok(Exit::Done)
}

/// The generator spells a hyphen of the binary's name in two ways in bash's script, and nothing
/// behind a command is ever completed (clap-rs/clap#6421).
fn with_one_spelling(script: Vec<u8>, name: &str) -> Vec<u8> {
    let script = String::from_utf8_lossy(&script);
    let wrong = name.replace('-', "__subcmd__");
    script
        .replace(&wrong, &name.replace('-', "__"))
        .into_bytes()
}
