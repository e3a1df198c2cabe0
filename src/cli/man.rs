//! `dind-injector man`: the manual, a page for the command and for each of its commands.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::cli::{Cli, Exit, invoked};

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
    match write_pages(&dir) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(ManError { dir, error }),
    }
}

fn write_pages(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let name = invoked::name();
    let mut command = Cli::command().name(name).disable_help_subcommand(true);
    command.build();
    let version = command.get_version().unwrap_or_default();
    let source = format!("{name} {version}");
    for page in std::iter::once(&command).chain(command.get_subcommands()) {
        let page = Man::new(page.clone()).source(&source);
        let mut text = Vec::new();
        page.render(&mut text)?;
        // What is behind the flags starts with examples, and is named after them.
        let text = String::from_utf8_lossy(&text).replace(EXTRA, ".SH EXAMPLES\n");
        fs::write(dir.join(page.get_filename()), text)?;
    }
    Ok(())
}

/// How clap_mangen starts what stands behind the flags.
const EXTRA: &str = ".SH EXTRA\nExamples:\n";
