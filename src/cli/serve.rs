//! `dind-injector serve`: the HTTPS webhook.

use std::io::{self, Write};
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::admission::reviewer::{Namespaces, NoNamespaces};
use crate::certs::{CertArgs, CertError, Opened};
use crate::cluster::{
    ClusterArgs, ClusterError, Timing, in_cluster, server_version, watch_namespaces,
};
use crate::metrics::{FollowedFile, Metrics};
use crate::policy::Policy;
use crate::policy::config::Config;
use crate::reload::{Followed, ReloadError, Source};
use crate::server::{Ended, Readiness, Server, ServerArgs, ServerError, Shutdown};
use crate::sidecar::container::SidecarMode;
use crate::webhook::Webhook;

use super::Exit;
use super::policy::PolicyArgs;

/// The flags of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector serve
      A certificate made in memory; the CA to trust is printed as a caBundle.
  dind-injector serve --tls-cert /certs/tls.crt --tls-key /certs/tls.key
      Mounted files, read again when their content changes.

Exit status: 0 stopped by a signal and drained, 1 connections were cut, 2 it could not serve.")]
pub struct ServeArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    certs: CertArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
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
        certs,
        policy,
        cluster,
        log_format,
        log,
    } = args;
    start_logs(log_format, &log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(server, certs, policy, cluster, out))?;
    Ok(match ended {
        Ended::Drained => Exit::Done,
        Ended::Deadline | Ended::AtOnce => Exit::Findings,
    })
}

async fn serve(
    args: ServerArgs,
    certs: CertArgs,
    policy: PolicyArgs,
    cluster: ClusterArgs,
    out: &mut dyn Write,
) -> Result<Ended, ServeError> {
    let metrics = Arc::new(Metrics::new());
    let Opened {
        store,
        ca_pem,
        keeper,
    } = certs.open(Arc::clone(&metrics)).await?;
    tokio::spawn(keeper.run());
    let shutdown = Shutdown::on_signals()?;
    let readiness = Readiness::new();
    let known = surroundings(&cluster, &metrics, &readiness).await?;
    let webhook = Webhook {
        policy: in_force(&policy, known.sidecar_mode, &metrics).await?,
        namespaces: known.namespaces,
        metrics: Arc::clone(&metrics),
        events: None,
    };
    let bound = Server {
        args,
        certs: store,
        metrics,
        readiness,
    }
    .bind()
    .await?;
    if let Some(pem) = ca_pem {
        writeln!(out, "caBundle: {}", STANDARD.encode(pem))?;
        out.flush()?;
    }
    tracing::info!(
        address = %bound.address(),
        admin_address = %bound.admin_address(),
        "serving"
    );
    let ended = bound.serve(webhook, shutdown).await;
    tracing::info!(?ended, "stopped");
    Ok(ended)
}

/// What is known of the cluster.
struct Surroundings {
    namespaces: Arc<dyn Namespaces + Send + Sync>,
    sidecar_mode: SidecarMode,
}

/// Looks around: in a cluster, or with a kubeconfig, the namespaces are watched. Elsewhere no
/// namespace has labels, and sidecars are native ones.
async fn surroundings(
    cluster: &ClusterArgs,
    metrics: &Arc<Metrics>,
    readiness: &Readiness,
) -> Result<Surroundings, ServeError> {
    if cluster.kubeconfig.is_none() && !in_cluster() {
        return Ok(Surroundings {
            namespaces: Arc::new(NoNamespaces),
            sidecar_mode: SidecarMode::Native,
        });
    }
    let client = cluster.connect().await?;
    let version = server_version(&client).await?;
    tracing::info!(%version, "the API server's version");
    let metrics = Arc::clone(metrics);
    let (namespaces, watch) = watch_namespaces(client, metrics, readiness, Timing::default());
    tokio::spawn(watch.run());
    Ok(Surroundings {
        namespaces: Arc::new(namespaces),
        sidecar_mode: version.sidecar_mode(),
    })
}

/// The policy in force: the file's, followed by its content, or the built-in one.
async fn in_force(
    policy: &PolicyArgs,
    mode: SidecarMode,
    metrics: &Arc<Metrics>,
) -> Result<Arc<ArcSwap<Policy>>, ServeError> {
    let Some(path) = &policy.config else {
        let builtin = Config::builtin().policy_for(mode);
        return Ok(Arc::new(ArcSwap::from_pointee(builtin)));
    };
    let source = Source {
        flag: "--config",
        path: path.clone(),
        file: FollowedFile::Policy,
    };
    let parse = move |text: &str| Config::from_yaml(text).map(|config| config.policy_for(mode));
    let followed = Followed::open(source, parse, Arc::clone(metrics)).await?;
    let current = followed.current();
    tokio::spawn(followed.run());
    Ok(current)
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
