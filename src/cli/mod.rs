//! The command line: one file a command, each thin.
//!
//! Commands write to the writers that they are given and return how they ended; only
//! `main` touches the process.

mod background;
mod beyond;
mod certs;
mod check;
mod check_config;
mod client;
mod completions;
mod convert;
mod demo;
mod explain;
mod flag_name;
mod inject;
mod input;
mod invoked;
mod live;
mod logs;
mod man;
mod nodes;
mod output;
mod policy;
mod progress;
mod replace;
mod rewrite;
mod runtime;
mod scan;
mod serve;
mod terminal;
mod test;
mod uninject;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};

use crate::text::{visible, visible_lines};

pub use crate::cli::terminal::Terminal;

/// Gives each Pod that needs Docker a Docker daemon of its own, in place of the node's.
#[derive(Debug, Parser)]
#[command(name = "dind-injector", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the admission webhook
    Serve(Box<serve::ServeArgs>),
    /// Show what the webhook does to a Pod, through a real HTTPS server, without a cluster
    Demo(demo::DemoArgs),
    /// Rewrite manifests as the webhook would, for `kubectl apply -f -`
    Inject(inject::InjectArgs),
    /// Rewrite files in place: an annotation, or the sidecar itself, in place of the node's socket
    Convert(convert::ConvertArgs),
    /// Take injected manifests or live Pods back to what their authors wrote
    Uninject(uninject::UninjectArgs),
    /// Check that a cluster can have the webhook, that it works, and that a Pod with its own daemon runs
    Check(check::CheckArgs),
    /// Check a policy file, or print its JSON Schema
    CheckConfig(check_config::CheckConfigArgs),
    /// Say what the webhook would do with Pods, and which rule says so
    Explain(explain::ExplainArgs),
    /// Make a development CA and a serving certificate, as files
    Certs(certs::CertsArgs),
    /// Find what reaches a node's container runtime, and what the webhook would make of it
    Scan(scan::ScanArgs),
    /// Check a team's own cases against a policy: which Pods it swaps, leaves or denies, and why
    Test(test::TestArgs),
    /// Print a shell's completions for this command
    Completions(completions::CompletionsArgs),
    /// Write the manual's pages, one for each command
    Man(man::ManArgs),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As it was asked.
    Done,
    /// It found or refused something; what, was said.
    Findings,
    /// It could not do its work.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Findings => Self::from(1),
            Exit::Failed => Self::from(2),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// An input that cannot be read.
    #[error(transparent)]
    Input(#[from] input::InputError),
    /// The nodes.
    #[error(transparent)]
    Nodes(#[from] nodes::NodesError),
    /// The policy.
    #[error(transparent)]
    Policy(#[from] policy::PolicyError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// The demonstration.
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    /// The development certificates.
    #[error(transparent)]
    Certs(#[from] crate::tls::DevelopmentError),
    /// The scan.
    #[error(transparent)]
    Scan(#[from] scan::ScanError),
    /// The cluster of a check.
    #[error(transparent)]
    Check(#[from] check::CheckError),
    /// The cases.
    #[error(transparent)]
    Test(#[from] test::TestError),
    /// The rewritten manifests.
    #[error(transparent)]
    Convert(#[from] convert::ConvertError),
    /// The manifests that are taken back.
    #[error(transparent)]
    Uninject(#[from] uninject::UninjectFileError),
    /// The manual.
    #[error(transparent)]
    Man(#[from] man::ManError),
    /// An output that cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl CliError {
    /// What to tell of it: one line, but for what is wrong with a policy, which has a line each.
    pub fn told(&self) -> String {
        let text = self.to_string();
        let has_lines = matches!(
            self,
            Self::Policy(policy::PolicyError::Refused { .. })
                | Self::Serve(serve::ServeError::File(_))
        );
        match has_lines {
            true => visible_lines(&text),
            false => visible(&text).into_owned(),
        }
    }

    /// Whether the reader of the output has gone.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl Cli {
    /// Reads the command line; with `--help`, `--version` or a mistake, says so and exits.
    ///
    /// Where the binary is named `kubectl-dind`, as a plugin of kubectl, all text speaks of
    /// `kubectl dind`.
    pub fn from_command_line() -> Self {
        let mut matches = invoked::command().get_matches();
        Self::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Where it cannot do its work.
    pub fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
        match self.command {
            Command::Serve(args) => serve::run(*args, out).map_err(CliError::from),
            Command::Demo(args) => demo::run(args, out, err),
            Command::Inject(args) => inject::run(args, out, err),
            Command::Convert(args) => convert::run(args, out, err),
            Command::Uninject(args) => uninject::run(args, out, err),
            Command::Check(args) => check::run(args, out),
            Command::CheckConfig(args) => check_config::run(args, out),
            Command::Explain(args) => explain::run(args, out, err),
            Command::Certs(args) => certs::run(args, out),
            Command::Scan(args) => scan::run(args, out),
            Command::Test(args) => test::run(args, out),
            Command::Completions(args) => completions::run(args, out),
            Command::Man(args) => man::run(args).map_err(CliError::from),
        }
    }
}
