//! `dind-injector serve`: the HTTPS webhook.

use std::io::{self, Write};
use std::sync::Arc;

use base64_simd::STANDARD;
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::certs::CertError;
use crate::cluster::ClusterError;
use crate::metrics::Metrics;
use crate::reload::ReloadError;
use crate::server::{Ended, Readiness, Server, ServerArgs, ServerError, Shutdown};
use crate::webhook::Webhook;

use super::Exit;
use super::beside::{Beside, BesideArgs};

/// The flags of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector serve
      In a Pod: a CA in the Secret --ca-secret, and in the caBundle of the webhook
      configurations. Elsewhere: a certificate made in memory; the CA to trust is printed.
  dind-injector serve --tls-cert /certs/tls.crt --tls-key /certs/tls.key
      Mounted files, read again when their content changes.

Exit status: 0 stopped by a signal and drained, 1 connections were cut, 2 it could not serve.")]
pub struct ServeArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    beside: BesideArgs,
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

/// Why the webhook cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The log filter.
    #[error("--log {filter:?} is no filter: {error}; try info or warn,dind_injector=debug")]
    Log {
        /// As given.
        filter: String,
        /// What is wrong with it.
        error: tracing_subscriber::filter::ParseError,
    },
    /// The policy file.
    #[error(transparent)]
    Policy(#[from] ReloadError),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The certificate.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Something that keeps the server up to date has ended.
    #[error("{0} ended, which is a fault of this program: restart it")]
    Beside(String),
    /// The runtime, or its signals.
    #[error("cannot start: {0}")]
    Runtime(#[from] io::Error),
}

/// Runs the command until a signal ends it.
///
/// # Errors
/// Where it cannot serve.
pub fn run(args: ServeArgs, out: &mut dyn Write) -> Result<Exit, ServeError> {
    let ServeArgs {
        server,
        beside,
        log_format,
        log,
    } = args;
    start_logs(log_format, &log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(server, beside, out))?;
    Ok(match ended {
        Ended::Drained => Exit::Done,
        Ended::Deadline | Ended::AtOnce => Exit::Findings,
    })
}

async fn serve(
    args: ServerArgs,
    beside: BesideArgs,
    out: &mut dyn Write,
) -> Result<Ended, ServeError> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    let shutdown = Shutdown::on_signals()?;
    let Beside {
        certs,
        ca_pem,
        policy,
        namespaces,
        events,
        mut tasks,
    } = beside.start(&metrics, &readiness).await?;
    let webhook = Webhook {
        policy,
        namespaces,
        metrics: Arc::clone(&metrics),
        events,
    };
    let bound = Server {
        args,
        certs,
        metrics,
        readiness,
    }
    .bind()
    .await?;
    if let Some(pem) = ca_pem {
        writeln!(out, "caBundle: {}", STANDARD.encode_to_string(pem))?;
        out.flush()?;
    }
    tracing::info!(
        address = %bound.address(),
        admin_address = %bound.admin_address(),
        "serving"
    );
    let ended = tokio::select! {
        ended = bound.serve(webhook, shutdown) => ended,
        name = tasks.failed() => {
            tracing::error!(task = name, "a task has ended that never should");
            return Err(ServeError::Beside(name));
        }
    };
    tracing::info!(?ended, "stopped");
    Ok(ended)
}

fn start_logs(format: LogFormat, filter: &str) -> Result<(), ServeError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| ServeError::Log {
        filter: filter.to_owned(),
        error,
    })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Json => logs.json().flatten_event(true).with_target(false).init(),
        LogFormat::Text => logs.init(),
    }
    Ok(())
}
