//! What runs beside the server of `serve`: certificates, policy, watches of the cluster, Events.
//!
//! Each task keeps something fresh for as long as the server serves. One that ends by itself
//! has failed, and the process with it: a webhook that no longer hears of changes must not
//! look as if it did.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use kube::Client;
use tokio::task::JoinSet;

use crate::cluster::{
    ClusterArgs, EventArgs, EventQueue, KnownCluster, PlacementArgs, Timing, open_events,
    server_version, watch_namespaces, watch_placement,
};
use crate::decide::Policy;
use crate::model::cluster::Cluster;
use crate::model::docs_url::DocsUrl;
use crate::model::namespaces::NoNamespaces;
use crate::model::sidecar_mode::SidecarMode;
use crate::names::PROGRAM;
use crate::names::metric::POLICY_BUILTIN;
use crate::policy_file::{Config, SidecarChoice};
use crate::reload::{Followed, Source};
use crate::telemetry::metrics::{FollowedFile, Metrics};
use crate::telemetry::readiness::Readiness;
use crate::tls::managed::{ManagedArgs, Settings};
use crate::tls::{CertArgs, CertStore, Opened};

use crate::cli::policy::PolicyArgs;
use crate::cli::serve::ServeError;

/// Between two questions for the API server's version.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The flags of what runs beside the server.
#[derive(Debug, clap::Args)]
pub struct BackgroundArgs {
    #[command(flatten)]
    certs: CertArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Where links in warnings and denials lead: the directory of docs/messages.md, at most 80
    /// characters; if omitted, there are no links
    #[arg(
        long,
        env = "DIND_INJECTOR_DOCS_URL",
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    docs_url: DocsUrl,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    managed: ManagedArgs,
    #[command(flatten)]
    placement: PlacementArgs,
    #[command(flatten)]
    events: EventArgs,
}

/// What the server is given.
pub(super) struct BackgroundTasks {
    pub(super) certs: Arc<CertStore>,
    /// The CA to trust, where it is nobody else's to tell.
    pub(super) ca_pem: Option<String>,
    pub(super) policy: Arc<ArcSwap<Policy>>,
    pub(super) cluster: Arc<dyn Cluster + Send + Sync>,
    pub(super) events: Option<EventQueue>,
    pub(super) tasks: Tasks,
}

/// Tasks that run for as long as this lives.
#[derive(Default)]
pub(super) struct Tasks(JoinSet<&'static str>);

impl Tasks {
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        // Boxed, as whatever is spawned here: each kind of runtime there is would have a copy
        // of the code of a future otherwise.
        let task: BoxFuture<'static, ()> = Box::pin(task);
        self.0.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until a task ends, which none does but by a fault, and says which.
    pub(super) async fn failed(&mut self) -> String {
        match self.0.join_next().await {
            Some(Ok(name)) => name.to_owned(),
            Some(Err(error)) => error.to_string(),
            None => std::future::pending().await,
        }
    }
}

impl BackgroundArgs {
    /// Opens everything and starts what keeps it fresh.
    pub(super) async fn start(
        self,
        metrics: &Arc<Metrics>,
        readiness: &Readiness,
    ) -> Result<BackgroundTasks, ServeError> {
        let Self {
            certs,
            policy,
            docs_url,
            cluster,
            managed,
            placement,
            events,
        } = self;
        let mut tasks = Tasks::default();
        let client = cluster.client().await?;
        let policy = in_force(
            &policy,
            docs_url,
            client.as_ref(),
            metrics,
            readiness,
            &mut tasks,
        )
        .await?;
        let (certs, ca_pem) = match &client {
            Some(client) if certs.tls_cert.is_none() && certs.tls_key.is_none() => {
                let store = Arc::new(CertStore::new(Arc::clone(metrics)));
                let keeper = managed.open(
                    client,
                    &certs.tls_dns_name,
                    Arc::clone(&store),
                    Arc::clone(metrics),
                    readiness,
                    Settings::default(),
                );
                tasks.spawn("self-managed certificates", keeper.run());
                (store, None)
            }
            Some(_) | None => {
                let Opened {
                    store,
                    ca_pem,
                    keeper,
                } = certs.open(Arc::clone(metrics)).await?;
                tasks.spawn("certificates", keeper.run());
                (store, ca_pem)
            }
        };
        let Some(client) = client else {
            return Ok(BackgroundTasks {
                certs,
                ca_pem,
                policy,
                cluster: Arc::new(NoNamespaces),
                events: None,
                tasks,
            });
        };
        let timing = Timing::default();
        let (namespaces, watch) =
            watch_namespaces(client.clone(), Arc::clone(metrics), readiness, timing);
        tasks.spawn("the watch of namespaces", watch.run());
        let placement = placement.watch_nodes.then(|| {
            let (known, watch) = watch_placement(client.clone(), metrics, readiness, timing);
            tasks.spawn("the watch of nodes", watch.run());
            known
        });
        let events = events.events.then(|| {
            let known = namespaces.clone();
            let (queue, writer) = open_events(client, instance(), known, Arc::clone(metrics));
            tasks.spawn("Events", writer.run());
            queue
        });
        Ok(BackgroundTasks {
            certs,
            ca_pem,
            policy,
            cluster: Arc::new(KnownCluster {
                namespaces,
                placement,
            }),
            events,
            tasks,
        })
    }
}

/// What this replica is called in Events and spans: its Pod's name, which is its host's.
pub(super) fn instance() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| PROGRAM.to_owned())
}

/// The policy in force: the file's, followed by its content, or the built-in one. Where it
/// leaves the sidecars' mode to the cluster, readiness waits for the cluster's word.
pub(super) async fn in_force(
    args: &PolicyArgs,
    docs: DocsUrl,
    client: Option<&Client>,
    metrics: &Arc<Metrics>,
    readiness: &Readiness,
    tasks: &mut Tasks,
) -> Result<Arc<ArcSwap<Policy>>, ServeError> {
    let cluster: Arc<OnceLock<SidecarMode>> = Arc::default();
    let config = Arc::new(ArcSwap::from_pointee(Config::builtin()));
    let policy_of = move |config: &Config, cluster: &OnceLock<SidecarMode>| Policy {
        docs: docs.clone(),
        ..config.policy_for(cluster.get().copied().unwrap_or_default())
    };
    let (current, followed) = match &args.config {
        None => {
            let policy = policy_of(&config.load(), &cluster);
            let now = std::time::SystemTime::now();
            metrics.gauges().policy_in_force(POLICY_BUILTIN, now);
            readiness.probe_in_detail("policy", || Ok(Some("the built-in one".to_owned())));
            (Arc::new(ArcSwap::from_pointee(policy)), None)
        }
        Some(path) => {
            let source = Source {
                flag: "--config",
                path: path.clone(),
                file: FollowedFile::Policy,
            };
            let (last, known) = (Arc::clone(&config), Arc::clone(&cluster));
            let policy_of = policy_of.clone();
            let parse = move |text: &str| {
                let config = Config::from_yaml(text)?;
                let policy = policy_of(&config, &known);
                last.store(Arc::new(config));
                Ok::<_, crate::policy_file::ConfigErrors>(policy)
            };
            let followed = Followed::open(source, parse, Arc::clone(metrics)).await?;
            let report = followed.report();
            readiness.probe_in_detail("policy", move || Ok(Some(report())));
            (followed.current(), Some(followed))
        }
    };
    let client = client.cloned();
    let in_use = Arc::clone(&current);
    let check = client.as_ref().map(|_| readiness.check("sidecar-mode"));
    tasks.spawn("the policy", async move {
        if let (Some(client), Some(check)) = (client, check) {
            // Before the file is followed, so that nothing is read in between with another
            // mode.
            let mode = ask_mode(&client, &config, &check).await;
            if cluster.set(mode).is_ok() {
                in_use.store(Arc::new(policy_of(&config.load(), &cluster)));
            }
            check.pass();
        }
        match followed {
            Some(followed) => followed.run().await,
            None => std::future::pending().await,
        }
    });
    Ok(current)
}

/// How the cluster runs sidecars; asked until it answers, but where the policy says it itself.
async fn ask_mode(
    client: &Client,
    config: &ArcSwap<Config>,
    check: &crate::telemetry::readiness::Check,
) -> SidecarMode {
    loop {
        match (server_version(client).await, config.load().sidecar_mode()) {
            (Ok(version), _) => {
                tracing::info!(%version, "the API server's version");
                return version.sidecar_mode();
            }
            (Err(error), SidecarChoice::Fixed(mode)) => {
                tracing::warn!(%error, "the policy's sidecarMode is used without asking");
                return mode;
            }
            (Err(error), SidecarChoice::Auto) => {
                tracing::warn!(%error, "asking again for the API server's version");
                check.fail(error.to_string());
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}
