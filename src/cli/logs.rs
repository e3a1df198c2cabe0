//! The flags of logging: how lines are written, and which.
//!
//! Which ones can be told by a file too, a mounted ConfigMap say, that is followed by its
//! content: an operator who needs more lines of a running webhook gets them without a restart,
//! which might take away what they were needed for.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::reload::{Followed, ReloadError, Source};
use crate::telemetry::logs::{Lines, panic_text};
use crate::telemetry::metrics::{FollowedFile, Metrics};

/// The flags of logging.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// How log lines are written, on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Json, env = "DIND_INJECTOR_LOG_FORMAT")]
    log_format: LogFormat,
    /// Which log lines are written, such as `info` or `warn,dind_injector=debug`; `debug` has one for
    /// each Pod that has nothing to do with Docker
    #[arg(
        long,
        default_value = "info",
        env = "DIND_INJECTOR_LOG",
        value_name = "FILTER"
    )]
    log: LogFilter,
    /// File with a filter that is used in place of --log and read again when its content
    /// changes
    #[arg(long, env = "DIND_INJECTOR_LOG_FILTER_FILE", value_name = "FILE")]
    log_filter_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// Which log lines are written.
#[derive(Clone, Debug)]
struct LogFilter(Targets);

/// Why a text is no filter.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no filter of log lines; try info or warn,dind_injector=debug")]
pub struct LogFilterError(String);

impl FromStr for LogFilter {
    type Err = LogFilterError;

    /// Reads levels and `target=level`, with commas between them. What is neither is refused:
    /// a level with a typing error would otherwise be a target, and all else silent.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || LogFilterError(text.to_owned());
        let mut targets = Targets::new();
        for part in text.trim().split(',') {
            let (target, level) = match part.trim().rsplit_once('=') {
                None => ("", part.trim()),
                Some(("", _)) => return Err(wrong()),
                Some(both) => both,
            };
            if level.is_empty() {
                return Err(wrong());
            }
            let level: LevelFilter = level.parse().map_err(|_| wrong())?;
            targets = match target {
                "" => targets.with_default(level),
                target => targets.with_target(target, level),
            };
        }
        Ok(Self(targets))
    }
}

/// Logging that has begun, and ends with this: its last lines are written then.
pub(super) struct Logging {
    /// Which lines are written, for who follows the file.
    pub(super) filter: LogFilters,
    _lines: Lines,
}

/// The filter that is in force.
pub(super) struct LogFilters {
    filter: Handle<Targets, Registry>,
    file: Option<PathBuf>,
}

impl LogArgs {
    /// Begins to log for the whole process, by `--log` until the file is read.
    pub(super) fn start(self) -> Logging {
        let Self {
            log_format,
            log: LogFilter(targets),
            log_filter_file: file,
        } = self;
        let (targets, filter) = reload::Layer::new(targets);
        let lines = Lines::start(io::stderr());
        let written = match log_format {
            LogFormat::Json => lines.json().boxed(),
            LogFormat::Text => lines.text().boxed(),
        };
        tracing_subscriber::registry()
            .with(targets)
            .with(written)
            .init();
        log_panics();
        Logging {
            filter: LogFilters { filter, file },
            _lines: lines,
        }
    }
}

/// A panic is a line like any other. Written straight to standard error it would hold up its thread,
/// and with it reviews, where nobody reads that.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        tracing::error!(
            at,
            panic = panic_text(panic.payload()),
            "a fault of this program"
        );
    }));
}

impl LogFilters {
    /// Reads the file's filter, where there is a file; what is returned is to be run.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub(super) async fn follow(
        self,
        metrics: Arc<Metrics>,
    ) -> Result<Option<Followed<()>>, ReloadError> {
        let Self { filter, file } = self;
        let Some(path) = file else { return Ok(None) };
        let source = Source {
            flag: "--log-filter-file",
            path,
            file: FollowedFile::LogFilter,
        };
        let parse = move |text: &str| {
            let LogFilter(targets) = text
                .parse()
                .map_err(|error: LogFilterError| error.to_string())?;
            filter.reload(targets).map_err(|error| error.to_string())
        };
        Followed::open(source, parse, metrics).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tracing::Level;

    use super::*;

    #[test]
    fn a_filter_is_of_levels_and_targets() {
        let LogFilter(targets) = " warn, dind_injector=debug\n".parse().unwrap();
        assert!(targets.would_enable("kube", &Level::WARN));
        assert!(!targets.would_enable("kube", &Level::INFO));
        assert!(targets.would_enable("dind_injector::reload", &Level::DEBUG));
        assert!(!targets.would_enable("dind_injector::reload", &Level::TRACE));
        let LogFilter(targets) = "off".parse().unwrap();
        assert!(!targets.would_enable("kube", &Level::ERROR));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for wrong in [
            "",
            " \n",
            "debgu",
            "info,",
            "=info",
            "kube=",
            "kube=loud",
            "a b",
        ] {
            let error = wrong.parse::<LogFilter>().unwrap_err().to_string();
            assert!(error.contains("is no filter of log lines"), "{error}");
        }
    }
}
