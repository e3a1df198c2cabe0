//! The `dind-injector` command: process-wide choices, and nothing else.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use dind_injector::cli::{Cli, Exit, Terminal};

fn main() -> ExitCode {
    let cli = Cli::from_command_line();
    // A reader that has seen enough (`| head`) is not an error.
    let mut out = BufWriter::new(io::stdout().lock());
    let mut err = Terminal::new(io::stderr());
    let ended = cli.run(&mut out, &mut err);
    let flushed = out.flush();
    match ended.and_then(|exit| flushed.map(|()| exit).map_err(Into::into)) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, the error cannot be reported.
            let _ = writeln!(err, "error: {}", error.told());
            Exit::Failed.into()
        }
    }
}
