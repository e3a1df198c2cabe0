//! `dind-injector serve`: the HTTPS webhook.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;

use base64_simd::STANDARD;
use clap::Args;

use crate::cluster::ClusterError;
use crate::reload::ReloadError;
use crate::server::webhook::Webhook;
use crate::server::{Ended, Server, ServerArgs, ServerError, Shutdown};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;
use crate::telemetry::traces::{CollectorError, TraceArgs, open as open_traces};
use crate::tls::CertError;

use crate::cli::Exit;
use crate::cli::background::{BackgroundArgs, BackgroundTasks, instance};
use crate::cli::logs::{LogArgs, LogFilters};
use crate::cli::runtime;

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
    background: BackgroundArgs,
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    trace: TraceArgs,
}

/// Why the webhook cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A followed file: the policy, or the filter of log lines.
    #[error(transparent)]
    File(#[from] ReloadError),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The collector of spans.
    #[error(transparent)]
    Traces(#[from] CollectorError),
    /// The certificate.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Something that keeps the server up to date has ended.
    #[error("{0} ended, which is a fault of this program: restart it")]
    BackgroundTasks(String),
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
        background,
        logs,
        trace,
    } = args;
    let logging = logs.start();
    let ended = runtime::run(serve(server, background, logging.filter, trace, out))??;
    Ok(exit(ended))
}

/// How a command ends whose server ended so.
pub(super) fn exit(ended: Ended) -> Exit {
    match ended {
        Ended::Drained => Exit::Done,
        Ended::Deadline | Ended::AtOnce => Exit::Findings,
    }
}

async fn serve(
    args: ServerArgs,
    background: BackgroundArgs,
    logs: LogFilters,
    trace: TraceArgs,
    out: &mut dyn Write,
) -> Result<Ended, ServeError> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    let (stopper, shutdown) = Shutdown::on_signals()?;
    let log_filter = logs.follow(Arc::clone(&metrics)).await?;
    let BackgroundTasks {
        certs,
        ca_pem,
        policy,
        cluster,
        events,
        mut tasks,
    } = background.start(&metrics, &readiness).await?;
    if let Some(followed) = log_filter {
        tasks.spawn("the log filter", followed.run());
    }
    let traces = open_traces(&trace, instance(), Arc::clone(&metrics))?;
    let tracer = traces.map(|(tracer, exporter)| {
        tasks.spawn("spans", exporter.run());
        tracer
    });
    let webhook = Webhook {
        policy,
        cluster,
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
    .await?
    .traced(tracer);
    if let Some(pem) = ca_pem {
        writeln!(out, "caBundle: {}", STANDARD.encode_to_string(pem))?;
        out.flush()?;
    }
    tracing::info!(
        address = %bound.address(),
        admin_address = %bound.admin_address(),
        "serving"
    );
    let mut serving = pin!(bound.serve(webhook, shutdown));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        name = tasks.failed() => {
            tracing::error!(task = name, "ending: a task has ended that never should");
            // As after a signal: what is under way is no worse for it.
            stopper.gracefully();
            serving.await;
            return Err(ServeError::BackgroundTasks(name));
        }
    };
    tracing::info!(?ended, "stopped");
    Ok(ended)
}
