//! Self-managed certificates: does on the API server what [`Rotation`] plans.
//!
//! The CA's Secret and the webhook configurations are watched, and every change of them, and the passing of
//! time, leads to a new plan. Nothing that is already right is written, and a write that fails or is undone
//! by others is retried less and less often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::cluster::pace::Pace;
use crate::cluster::watch::{Change, Health, Timing, follow};
use crate::names;
use crate::telemetry::metrics::{Metrics, Watch};
use crate::telemetry::readiness::Readiness;
use crate::tls::ca_secret::CaSecret;
use crate::tls::webhook_configuration::{Configuration, Hooks, Kind, Published};
use crate::tls::{Authority, CertStore, Moment, Rotation, Waits};

/// Where self-managed certificates are kept, and which configurations trust them.
#[derive(Clone, Debug, Eq, PartialEq, clap::Args)]
pub struct ManagedArgs {
    /// Secret, in this Pod's namespace, that holds the CA of self-managed certificates
    #[arg(
        long,
        value_name = "NAME",
        default_value = names::CA_SECRET,
        env = "DIND_INJECTOR_CA_SECRET"
    )]
    pub ca_secret: String,
    /// Service that the API server calls: certificates are for `<service>.<namespace>.svc`
    #[arg(
        long,
        value_name = "NAME",
        default_value = names::SERVICE,
        env = "DIND_INJECTOR_SERVICE"
    )]
    pub service: String,
    /// MutatingWebhookConfiguration whose caBundle is kept up to date; empty for none
    #[arg(
        long,
        value_name = "NAME",
        default_value = names::SERVICE,
        env = "DIND_INJECTOR_MUTATING_CONFIGURATION"
    )]
    pub mutating_configuration: String,
    /// ValidatingWebhookConfiguration whose caBundle is kept up to date; empty for none
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        env = "DIND_INJECTOR_VALIDATING_CONFIGURATION"
    )]
    pub validating_configuration: String,
    /// Namespace of the Secret and the Service; if omitted, this Pod's own
    #[arg(long, value_name = "NAME", env = "DIND_INJECTOR_NAMESPACE")]
    pub namespace: Option<String>,
}

/// Intervals and timeouts. The defaults are for clusters; tests use shorter ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    pub timing: Timing,
    pub waits: Waits,
    /// How often to check the time.
    pub look: Duration,
    /// The first wait after a failed write.
    pub first_retry: Duration,
    /// The longest wait after writes that failed or were undone.
    pub last_retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            waits: Waits::default(),
            look: Duration::from_secs(5),
            first_retry: Duration::from_millis(250),
            last_retry: Duration::from_secs(30),
        }
    }
}

/// Keeps the CA, the caBundles and this process's leaf. Runs beside the server.
#[derive(Debug)]
pub struct ManagedCerts {
    secret: CaSecret,
    configurations: Vec<Configuration>,
    names: Vec<String>,
    store: Arc<CertStore>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    status: Arc<Mutex<Status>>,
    settings: Settings,
    rotation: Rotation,
    began: Instant,
}

#[derive(Debug, Default)]
struct Status {
    serving: bool,
    trusted: bool,
    trouble: Option<String>,
}

enum News {
    Secret(Option<Box<Secret>>),
    Configuration(usize, Hooks),
}

impl News {
    /// The configuration that it is about; `None` for the Secret.
    fn configuration(&self) -> Option<usize> {
        match self {
            Self::Secret(_) => None,
            Self::Configuration(index, _) => Some(*index),
        }
    }
}

/// Unread reports of the watches: only the last one of each object, so that it stays small while the API
/// server is slow to accept a change and fast to report others.
#[derive(Default)]
struct Unread {
    news: Mutex<Vec<News>>,
    some: Notify,
}

impl Unread {
    fn put(&self, seen: News) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others = news.iter_mut();
        match others.find(|other| other.configuration() == seen.configuration()) {
            Some(older) => *older = seen,
            None => news.push(seen),
        }
        self.some.notify_one();
    }

    /// Returns once there is a report. May return too early.
    async fn wait(&self) {
        self.some.notified().await;
    }

    fn take(&self) -> Vec<News> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ManagedArgs {
    /// Sets up what fills `store`. The readiness check `authority` fails until a leaf is served. `names`
    /// replaces the Service's name in certificates, unless it is empty.
    #[must_use]
    pub fn open(
        &self,
        client: &Client,
        names: &[String],
        store: Arc<CertStore>,
        metrics: Arc<Metrics>,
        readiness: &Readiness,
        settings: Settings,
    ) -> ManagedCerts {
        let Self {
            ca_secret,
            service,
            mutating_configuration,
            validating_configuration,
            namespace,
        } = self;
        let namespace = namespace.as_deref().unwrap_or(client.default_namespace());
        let timing = settings.timing;
        let pace = || Pace::new(settings.first_retry, settings.last_retry);
        let health = Health::new(Watch::CaSecret, Arc::clone(&metrics));
        let secret = CaSecret::new(
            client.clone(),
            namespace,
            ca_secret,
            timing,
            pace(),
            Arc::clone(&metrics),
        );
        let configurations: Vec<Configuration> = [
            (Kind::Mutating, mutating_configuration),
            (Kind::Validating, validating_configuration),
        ]
        .into_iter()
        .filter(|(_, name)| !name.is_empty())
        .map(|(kind, name)| {
            Configuration::new(kind, name, client, timing, pace(), Arc::clone(&metrics))
        })
        .collect();
        let names = match names {
            [] => vec![format!("{service}.{namespace}.svc")],
            names => names.to_vec(),
        };
        let status = Arc::new(Mutex::new(Status::default()));
        let watches: Vec<_> = configurations
            .iter()
            .map(|configuration| (configuration.kind.name(), Arc::clone(&configuration.health)))
            .chain([("Secret", Arc::clone(&health))])
            .collect();
        let asked = Arc::clone(&status);
        readiness.probe_in_detail("authority", move || report(&asked, &watches));
        ManagedCerts {
            secret,
            configurations,
            names,
            store,
            metrics,
            health,
            status,
            settings,
            rotation: Rotation::new(settings.waits),
            began: Instant::now(),
        }
    }
}

fn report(
    status: &Mutex<Status>,
    watches: &[(&'static str, Arc<Health>)],
) -> Result<Option<String>, String> {
    let Status {
        serving,
        trusted,
        trouble,
    } = &*status.lock().unwrap_or_else(PoisonError::into_inner);
    let mut details: Vec<String> = trouble.iter().cloned().collect();
    for (what, health) in watches {
        match health.report() {
            Ok(detail) => details.extend(detail.map(|detail| format!("{what}: {detail}"))),
            Err(error) => details.push(format!("{what}: {error}")),
        }
    }
    if *serving && !*trusted {
        details.push("a caBundle does not trust the certificate that is served".to_owned());
    }
    let details = details.join("; ");
    match (*serving, details.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Ok(Some(details)),
        (false, true) => Err("waiting for the caBundles to trust the CA".to_owned()),
        (false, false) => Err(format!("no certificate yet: {details}")),
    }
}

impl ManagedCerts {
    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let unread = Arc::new(Unread::default());
        let mut watches = JoinSet::new();
        self.watch(&unread, &mut watches);
        loop {
            let wait = self.work().await;
            tokio::select! {
                // A watch that ended because of a bug would leave an outdated view.
                _ = watches.join_next() => return,
                () = unread.wait() => {
                    for seen in unread.take() {
                        self.see(seen);
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn watch(&self, unread: &Arc<Unread>, watches: &mut JoinSet<()>) {
        let timing = self.settings.timing;
        let news = Arc::clone(unread);
        let (api, name) = (self.secret.api.clone(), self.secret.name.clone());
        let health = Arc::clone(&self.health);
        watches.spawn(async move {
            let sink = |change| news.put(News::Secret(the_one(change).map(Box::new)));
            follow(api, Some(&name), &health, timing, sink).await;
        });
        for (index, configuration) in self.configurations.iter().enumerate() {
            let news = Arc::clone(unread);
            let (api, name) = (configuration.api.clone(), configuration.name.clone());
            let health = Arc::clone(&configuration.health);
            watches.spawn(async move {
                let sink = |change| {
                    let hooks = Hooks::of(the_one(change).as_ref());
                    news.put(News::Configuration(index, hooks));
                };
                follow(api, Some(&name), &health, timing, sink).await;
            });
        }
    }

    fn see(&mut self, news: News) {
        match news {
            News::Secret(secret) => self.secret.see(secret.map(|secret| *secret)),
            News::Configuration(index, hooks) => {
                if let Some(configuration) = self.configurations.get_mut(index) {
                    configuration.hooks = hooks;
                }
            }
        }
    }

    /// Does everything that is possible now, and returns how long there is nothing more to do.
    async fn work(&mut self) -> Duration {
        loop {
            let now = self.now();
            let seen: Vec<_> = self
                .configurations
                .iter()
                .map(|configuration| configuration.hooks.seen())
                .collect();
            let plan = self.rotation.plan(&self.secret.seen, &seen, now);
            let mut wait = self.settings.look;
            let mut acted = false;
            let mut troubles = Vec::new();
            let mut idle = plan.leaf.is_none() && plan.secret.is_none();
            if let Some(authority) = plan.leaf {
                acted |= self.serve(authority, now.wall);
            }
            if let Some(change) = plan.secret {
                match self.secret.pace.due_in() {
                    Duration::ZERO => {
                        let changed = self.secret.change(change, now.wall).await;
                        self.trouble(changed.err());
                        // Something new is known, even if only when to retry.
                        acted = true;
                    }
                    due => wait = wait.min(due),
                }
            }
            // Without news of the Secret, other replicas may know better which CAs to trust.
            if let Some(bundle) = plan.bundle.as_ref().filter(|_| self.health.is_up()) {
                for configuration in &mut self.configurations {
                    match configuration.publish(bundle).await {
                        Published::Already => {}
                        Published::Now => acted = true,
                        Published::In { due, trouble } => {
                            idle = false;
                            wait = wait.min(due);
                            troubles.extend(trouble);
                        }
                    }
                }
            }
            if !troubles.is_empty() {
                self.trouble(Some(troubles.join("; ")));
            }
            if idle {
                self.trouble(None);
            }
            self.tell();
            if !acted {
                return wait.max(Duration::from_millis(1));
            }
            tokio::task::yield_now().await;
        }
    }

    /// Puts a new leaf into use.
    fn serve(&mut self, authority: Arc<Authority>, wall: SystemTime) -> bool {
        match authority.leaf(&self.names, wall) {
            Ok(pair) => {
                let leaf = pair.validity();
                self.store.swap(pair);
                self.rotation.served(authority, leaf);
                tracing::info!(names = self.names.join(","), "took a new leaf into use");
                true
            }
            Err(error) => {
                self.store.refused();
                tracing::error!(%error, "cannot make a leaf");
                self.trouble(Some(error.to_string()));
                false
            }
        }
    }

    fn tell(&self) {
        let trusted = self.rotation.is_trusted();
        self.metrics.gauges().ca_bundle_is_current(trusted);
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.serving = self.store.current().is_some();
        status.trusted = trusted;
    }

    fn trouble(&self, trouble: Option<String>) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.trouble = trouble;
    }

    fn now(&self) -> Moment {
        Moment {
            wall: SystemTime::now(),
            ticks: self.began.elapsed(),
            silent: self.health.silent_for(),
        }
    }
}

/// The object of a watch for a single name.
fn the_one<T>(change: Change<T>) -> Option<T> {
    match change {
        Change::All(all) => all.into_iter().next(),
        Change::Applied(one) => Some(one),
        Change::Removed(_) => None,
    }
}
