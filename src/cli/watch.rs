//! `dind-injector scan --watch`: the in-cluster reporter.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::model::docs_url::DocsUrl;
use crate::reporter::{Reporter, Settings};
use crate::server::{Ended, Grace, PlainServer, Shutdown, duration};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

use crate::cli::background::{Tasks, in_force};
use crate::cli::live::LiveArgs;
use crate::cli::logs::{LogArgs, LogFilters};
use crate::cli::policy::PolicyArgs;
use crate::cli::runtime;
use crate::cli::scan::ScanError;
use crate::cli::serve::{ServeError, exit};
use crate::cli::{CliError, Exit};

/// A shorter interval would have the API server list the cluster without a pause.
const SHORTEST: Duration = Duration::from_secs(10);
/// Nothing waits for a reporter, so it is gone as soon as its answers are out.
const GRACE: Grace = Grace {
    shutdown_delay: Duration::ZERO,
    drain_timeout: Duration::from_secs(5),
};

/// The flags of the reporter.
#[derive(Debug, Args)]
#[command(next_help_heading = "As a reporter in a cluster")]
pub struct WatchArgs {
    /// Scan a cluster again and again, and serve the page, /metrics, /livez and /readyz. Without
    /// --config the policy is that of `serve` without one
    #[arg(long, conflicts_with_all = ["paths", "output", "fail_on", "allow_incomplete", "nodes"])]
    watch: bool,
    /// Address of the page, health checks and metrics (plain HTTP)
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8080")]
    listen: SocketAddr,
    /// Time between two scans, which is shortened by up to a quarter at random
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = interval)]
    interval: Duration,
    /// Show each Pod before and after on the page: whoever sees it reads all that is written in
    /// them, environment variables too
    #[arg(long)]
    diffs: bool,
    #[command(flatten)]
    logs: LogArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < SHORTEST {
        return Err(format!("the shortest interval is {}s", SHORTEST.as_secs()));
    }
    Ok(interval)
}

impl WatchArgs {
    /// Whether a reporter is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.watch
    }

    /// Reports until a signal ends it.
    ///
    /// # Errors
    /// Where no cluster is known, the policy is refused, or the port is taken.
    pub(super) fn run(
        self,
        live: &LiveArgs,
        policy: &PolicyArgs,
        namespaces: Vec<String>,
    ) -> Result<Exit, CliError> {
        let Self {
            watch: _,
            listen,
            interval,
            diffs,
            logs,
        } = self;
        let logging = logs.start();
        let settings = Settings {
            namespaces,
            interval,
            diffs,
        };
        let work = report(listen, settings, live, policy, logging.filter);
        let ended = runtime::run(work).map_err(ServeError::from)??;
        Ok(exit(ended))
    }
}

async fn report(
    listen: SocketAddr,
    settings: Settings,
    live: &LiveArgs,
    policy: &PolicyArgs,
    logs: LogFilters,
) -> Result<Ended, CliError> {
    let metrics = Arc::new(Metrics::for_reporter());
    let readiness = Readiness::new();
    let (_stopper, shutdown) = Shutdown::on_signals().map_err(ServeError::from)?;
    let client = live.connect().await.map_err(ScanError::from)?;
    let mut tasks = Tasks::default();
    let log_filter = logs.follow(Arc::clone(&metrics)).await;
    if let Some(followed) = log_filter.map_err(ServeError::from)? {
        tasks.spawn("the log filter", followed.run());
    }
    let policy = in_force(
        policy,
        DocsUrl::default(),
        Some(&client),
        &metrics,
        &readiness,
        &mut tasks,
    )
    .await?;
    let reporter = Reporter::new(client, policy, settings, Arc::clone(&metrics), &readiness);
    let bound = PlainServer {
        listen,
        grace: GRACE,
        metrics,
        readiness,
        pages: reporter.pages(),
    }
    .bind()
    .await
    .map_err(ServeError::from)?;
    tasks.spawn("the scans", reporter.run());
    tracing::info!(address = %bound.address(), "reporting");
    let ended = tokio::select! {
        ended = bound.serve(shutdown) => ended,
        name = tasks.failed() => {
            tracing::error!(task = name, "a task has ended that never should");
            return Err(ServeError::BackgroundTasks(name).into());
        }
    };
    tracing::info!(?ended, "stopped");
    Ok(ended)
}
