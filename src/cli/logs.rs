//! The log lines of a command that serves, on standard error.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// The flags of log lines.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// How log lines are written, on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Json, env = "DIND_INJECTOR_LOG_FORMAT")]
    log_format: LogFormat,
    /// Which log lines are written, such as `info` or `warn,dind_injector=debug`
    #[arg(
        long,
        default_value = "info",
        env = "DIND_INJECTOR_LOG",
        value_name = "FILTER"
    )]
    log: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
#[error("--log {filter:?} is no filter: {error}; try info or warn,dind_injector=debug")]
pub struct LogError {
    filter: String,
    error: tracing_subscriber::filter::ParseError,
}

impl LogArgs {
    /// Writes log lines from now on.
    ///
    /// # Errors
    /// Where the filter is none.
    pub(super) fn start(&self) -> Result<(), LogError> {
        let Self { log_format, log } = self;
        let filter = EnvFilter::try_new(log).map_err(|error| LogError {
            filter: log.clone(),
            error,
        })?;
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr);
        match log_format {
            LogFormat::Json => logs.json().flatten_event(true).with_target(false).init(),
            LogFormat::Text => logs.init(),
        }
        Ok(())
    }
}
