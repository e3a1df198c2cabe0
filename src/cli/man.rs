//! `dind-injector man`: the manual, a page for the command and for each of its commands.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, Exit, invoked};

/// The flags of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector man --dir /usr/local/share/man/man1
  man dind-injector-inject")]
pub struct ManArgs {
    /// Directory for the pages, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Why the pages are not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the manual to --dir {}: {error}", dir.display())]
pub struct ManError {
    dir: PathBuf,
    error: io::Error,
}

/// Runs the command.
///
/// # Errors
/// Where the directory cannot be written to.
pub fn run(args: ManArgs) -> Result<Exit, ManError> {
    let ManArgs { dir } = args;
    let pages = Cli::command().name(invoked::name());
    let written =
        std::fs::create_dir_all(&dir).and_then(|()| clap_mangen::generate_to(pages, &dir));
    match written {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(ManError { dir, error }),
    }
}
