//! Self-managed certificates: carries out, on the API server, what [`Rotation`] plans.
//!
//! The CA's Secret and the webhook configurations are watched; whatever happens to them, or
//! with time, is planned for anew. Nothing is written that is as it should be, and what
//! fails or is undone by others is done ever less often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, PostParams};
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::client::describe;
use super::configuration::{Hooks, Kind, send};
use super::pace::Pace;
use super::watch::{Change, Health, Timing, follow};
use crate::certs::{
    Authority, CertError, CertStore, Contents, Moment, Rotation, SecretChange, SecretSeen, Waits,
};
use crate::metrics::{Metrics, Watch, WriteResult};
use crate::server::Readiness;

/// Where self-managed certificates are kept, and who is to trust them.
#[derive(Clone, Debug, Eq, PartialEq, clap::Args)]
pub struct ManagedArgs {
    /// Secret, in this Pod's namespace, that holds the CA of self-managed certificates
    #[arg(
        long,
        value_name = "NAME",
        default_value = "dind-injector-ca",
        env = "DIND_INJECTOR_CA_SECRET"
    )]
    pub ca_secret: String,
    /// Service that the API server reaches this by: certificates are for
    /// <service>.<namespace>.svc
    #[arg(
        long,
        value_name = "NAME",
        default_value = "dind-injector",
        env = "DIND_INJECTOR_SERVICE"
    )]
    pub service: String,
    /// MutatingWebhookConfiguration whose caBundle is kept right; empty for none
    #[arg(
        long,
        value_name = "NAME",
        default_value = "dind-injector",
        env = "DIND_INJECTOR_MUTATING_CONFIGURATION"
    )]
    pub mutating_configuration: String,
    /// ValidatingWebhookConfiguration whose caBundle is kept right; empty for none
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        env = "DIND_INJECTOR_VALIDATING_CONFIGURATION"
    )]
    pub validating_configuration: String,
    /// Namespace of the Secret and the Service; this Pod's own without it
    #[arg(long, value_name = "NAME", env = "DIND_INJECTOR_NAMESPACE")]
    pub namespace: Option<String>,
}

/// How patient the keeper is. The default is for clusters; tests are in more of a hurry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The watches' patience.
    pub timing: Timing,
    /// The rotation's patience.
    pub waits: Waits,
    /// How often to look at the clock.
    pub look: Duration,
    /// The first wait after a write that failed.
    pub first_retry: Duration,
    /// The longest wait after writes that failed, or were undone.
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

/// Keeps the CA, the caBundles and this process's leaf; to be run beside the server.
#[derive(Debug)]
pub struct ManagedCerts {
    secrets: Api<Secret>,
    secret_name: String,
    namespace: String,
    configurations: Vec<Configuration>,
    names: Vec<String>,
    store: Arc<CertStore>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    status: Arc<Mutex<Status>>,
    settings: Settings,
    rotation: Rotation,
    began: Instant,
    secret: Option<Secret>,
    secret_seen: SecretSeen,
    secret_pace: Pace,
}

#[derive(Debug)]
struct Configuration {
    kind: Kind,
    name: String,
    api: Api<DynamicObject>,
    health: Arc<Health>,
    hooks: Hooks,
    pace: Pace,
}

/// What readiness tells.
#[derive(Debug, Default)]
struct Status {
    serving: bool,
    trusted: bool,
    trouble: Option<String>,
}

/// What a watch saw.
enum News {
    Secret(Option<Box<Secret>>),
    Configuration(usize, Hooks),
}

impl ManagedArgs {
    /// Sets up what keeps `store` filled. The readiness check `authority` fails until a leaf
    /// is served. `names` replaces the Service's name in certificates, where it is not empty.
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
        let pace = || Pace::new(settings.first_retry, settings.last_retry);
        let health = Health::new(Watch::CaSecret, Arc::clone(&metrics));
        let configurations: Vec<Configuration> = [
            (Kind::Mutating, mutating_configuration),
            (Kind::Validating, validating_configuration),
        ]
        .into_iter()
        .filter(|(_, name)| !name.is_empty())
        .map(|(kind, name)| Configuration {
            kind,
            name: name.clone(),
            api: kind.api(client.clone()),
            health: Health::new(kind.watch(), Arc::clone(&metrics)),
            hooks: Hooks::Unknown,
            pace: pace(),
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
            secrets: Api::namespaced(client.clone(), namespace),
            secret_name: ca_secret.clone(),
            namespace: namespace.to_owned(),
            configurations,
            names,
            store,
            metrics,
            health,
            status,
            settings,
            rotation: Rotation::new(settings.waits),
            began: Instant::now(),
            secret: None,
            secret_seen: SecretSeen::Unknown,
            secret_pace: pace(),
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
        let (sender, mut news) = mpsc::unbounded_channel();
        let mut watches = JoinSet::new();
        self.watch(&sender, &mut watches);
        loop {
            let wait = self.work().await;
            tokio::select! {
                seen = news.recv() => {
                    let Some(seen) = seen else { return };
                    self.see(seen);
                    while let Ok(seen) = news.try_recv() {
                        self.see(seen);
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn watch(&self, sender: &mpsc::UnboundedSender<News>, watches: &mut JoinSet<()>) {
        let timing = self.settings.timing;
        let news = sender.clone();
        let (api, name) = (self.secrets.clone(), self.secret_name.clone());
        let health = Arc::clone(&self.health);
        watches.spawn(async move {
            let sink = |change| {
                // An error is the keeper's end, and ours comes with it.
                let _ = news.send(News::Secret(the_one(change).map(Box::new)));
            };
            follow(api, Some(&name), &health, timing, sink).await;
        });
        for (index, configuration) in self.configurations.iter().enumerate() {
            let news = sender.clone();
            let (api, name) = (configuration.api.clone(), configuration.name.clone());
            let health = Arc::clone(&configuration.health);
            watches.spawn(async move {
                let sink = |change| {
                    let hooks = Hooks::of(the_one(change).as_ref());
                    let _ = news.send(News::Configuration(index, hooks));
                };
                follow(api, Some(&name), &health, timing, sink).await;
            });
        }
    }

    fn see(&mut self, news: News) {
        match news {
            News::Secret(secret) => self.see_secret(secret.map(|secret| *secret)),
            News::Configuration(index, hooks) => {
                if let Some(configuration) = self.configurations.get_mut(index) {
                    configuration.hooks = hooks;
                }
            }
        }
    }

    fn see_secret(&mut self, secret: Option<Secret>) {
        self.secret_seen = match &secret {
            None => SecretSeen::Missing,
            Some(secret) => match contents(secret) {
                Ok(contents) => {
                    let expires = contents.signer.cert().validity().not_after;
                    self.metrics.upkeep().ca_in_use(expires);
                    SecretSeen::Present(contents)
                }
                Err(error) => {
                    tracing::warn!(secret = self.secret_name, %error, "the Secret holds no CA to sign with");
                    SecretSeen::Broken
                }
            },
        };
        self.secret = secret;
    }

    /// Does all that can be done now, and says how long there is nothing more to do.
    async fn work(&mut self) -> Duration {
        loop {
            let now = self.now();
            let seen: Vec<_> = self
                .configurations
                .iter()
                .map(|configuration| configuration.hooks.seen())
                .collect();
            let plan = self.rotation.plan(&self.secret_seen, &seen, now);
            let mut wait = self.settings.look;
            let mut acted = false;
            let mut idle = plan.leaf.is_none() && plan.secret.is_none();
            if let Some(authority) = plan.leaf {
                acted |= self.serve(authority, now.wall);
            }
            if let Some(change) = plan.secret {
                match self.secret_pace.due_in() {
                    Duration::ZERO => acted |= self.change(change, now.wall).await,
                    due => wait = wait.min(due),
                }
            }
            for index in 0..self.configurations.len() {
                // Without news of the Secret, others may know better whom to trust.
                let Some(bundle) = plan.bundle.as_ref().filter(|_| self.health.is_up()) else {
                    break;
                };
                match self.publish(index, bundle).await {
                    Published::Already => {}
                    Published::Now => acted = true,
                    Published::In(due) => {
                        idle = false;
                        wait = wait.min(due);
                    }
                }
            }
            if idle {
                self.trouble(None);
            }
            self.tell();
            if !acted {
                return wait.max(Duration::from_millis(1));
            }
        }
    }

    /// Takes a new leaf into use.
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

    /// Writes the Secret. Says whether to plan anew: something is known now that was not
    /// before, if only when to try again.
    async fn change(&mut self, change: SecretChange, wall: SystemTime) -> bool {
        let name = change.name();
        let before = match &self.secret_seen {
            SecretSeen::Present(contents) => Some(contents),
            SecretSeen::Unknown | SecretSeen::Missing | SecretSeen::Broken => None,
        };
        let after = match change.apply(before, wall) {
            Ok(Some(after)) => after,
            Ok(None) => return false,
            Err(error) => {
                tracing::error!(%error, "cannot make a CA");
                self.trouble(Some(error.to_string()));
                self.secret_pace.failed();
                return true;
            }
        };
        let written = self.write(&after).await;
        let upkeep = self.metrics.upkeep();
        match written {
            Ok(secret) => {
                upkeep.ca_secret_written(WriteResult::Ok);
                tracing::info!(
                    secret = self.secret_name,
                    change = name,
                    "changed the CA's Secret"
                );
                self.see_secret(Some(secret));
                true
            }
            Err(WriteError::First) => {
                upkeep.ca_secret_written(WriteResult::Conflict);
                tracing::debug!(
                    change = name,
                    "another replica changed the CA's Secret first"
                );
                self.secret_pace.failed();
                match patiently(
                    self.settings.timing,
                    self.secrets.get_opt(&self.secret_name),
                )
                .await
                {
                    Ok(secret) => self.see_secret(secret),
                    Err(WriteError::First) => {}
                    Err(WriteError::Other(error)) => self.trouble(Some(error)),
                }
                true
            }
            Err(WriteError::Other(error)) => {
                upkeep.ca_secret_written(WriteResult::Failed);
                tracing::warn!(
                    secret = self.secret_name,
                    error,
                    "cannot write the CA's Secret"
                );
                self.trouble(Some(format!("cannot write the CA's Secret: {error}")));
                self.secret_pace.failed();
                true
            }
        }
    }

    async fn write(&self, after: &Contents) -> Result<Secret, WriteError> {
        let mut secret = self.secret.clone().unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(self.secret_name.clone()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        });
        let mut data = data_of(&secret);
        after.write(&mut data);
        let data = data
            .into_iter()
            .map(|(key, value)| (key, ByteString(value)));
        secret.data = Some(data.collect());
        let params = PostParams::default();
        let timing = self.settings.timing;
        if self.secret.is_some() {
            let written = self.secrets.replace(&self.secret_name, &params, &secret);
            patiently(timing, written).await
        } else {
            patiently(timing, self.secrets.create(&params, &secret)).await
        }
    }

    /// Makes a configuration's caBundles this one.
    async fn publish(&mut self, index: usize, bundle: &str) -> Published {
        let Some(configuration) = self.configurations.get_mut(index) else {
            return Published::Already;
        };
        let Some(patch) = configuration.hooks.patch_to(bundle) else {
            return Published::Already;
        };
        match configuration.pace.due_in() {
            Duration::ZERO => {}
            due => return Published::In(due),
        }
        let (kind, name) = (configuration.kind.name(), configuration.name.as_str());
        let sent = send(&configuration.api, name, &patch);
        let sent = patiently(self.settings.timing, sent).await;
        let upkeep = self.metrics.upkeep();
        match sent {
            Ok(hooks) => {
                upkeep.ca_bundle_patched(WriteResult::Ok);
                tracing::info!(kind, name, "set the caBundle");
                configuration.hooks = hooks;
                configuration.pace.done();
                Published::Now
            }
            Err(error) => {
                let (result, error) = match error {
                    WriteError::First => (WriteResult::Conflict, "it changed meanwhile".to_owned()),
                    WriteError::Other(error) => (WriteResult::Failed, error),
                };
                upkeep.ca_bundle_patched(result);
                tracing::warn!(kind, name, error, "cannot set the caBundle");
                let trouble = format!("cannot set the caBundle of {kind} {name}: {error}");
                configuration.pace.failed();
                let due = configuration.pace.due_in();
                self.trouble(Some(trouble));
                Published::In(due)
            }
        }
    }

    fn tell(&self) {
        let trusted = self.rotation.is_trusted();
        self.metrics.upkeep().ca_bundle_is_current(trusted);
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
        }
    }
}

enum Published {
    /// There was nothing to do.
    Already,
    /// It was done.
    Now,
    /// It is to be tried after this time.
    In(Duration),
}

enum WriteError {
    /// Somebody else was first.
    First,
    /// Anything else.
    Other(String),
}

async fn patiently<T>(
    timing: Timing,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, WriteError> {
    match tokio::time::timeout(timing.answer, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        // Not there any more is as good as changed: it is looked at again.
        Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => {
            Err(WriteError::First)
        }
        Ok(Err(error)) => Err(WriteError::Other(describe(&error))),
        Err(_) => Err(WriteError::Other(format!(
            "the API server said nothing for {:?}",
            timing.answer
        ))),
    }
}

/// The one object that a watch by name can tell of.
fn the_one<T>(change: Change<T>) -> Option<T> {
    match change {
        Change::All(all) => all.into_iter().next(),
        Change::Applied(one) => Some(one),
        Change::Removed(_) => None,
    }
}

fn data_of(secret: &Secret) -> std::collections::BTreeMap<String, Vec<u8>> {
    let data = secret.data.iter().flatten();
    data.map(|(key, ByteString(value))| (key.clone(), value.clone()))
        .collect()
}

fn contents(secret: &Secret) -> Result<Contents, CertError> {
    Contents::read(&data_of(secret))
}
