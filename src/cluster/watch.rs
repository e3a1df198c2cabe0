//! One list and watch that never ends.
//!
//! In a quiet cluster a watch that is down looks like one without changes. Bookmarks and restarts are the
//! only signs of life there, and `kube::runtime`'s watcher hides them, so this counts each one. After any
//! error everything is listed again, so a change in between is never missed.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, TryStreamExt as _};
use kube::api::{ListParams, ObjectList, WatchEvent, WatchParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::client::describe;
use crate::cluster::pace::Backoff;
use crate::telemetry::metrics::{Metrics, Watch};

/// Objects on one page of a list, as in client-go.
const PAGE: u32 = 500;

pub(crate) enum Change<T> {
    /// The complete list.
    All(Vec<T>),
    /// A new or changed object.
    Applied(T),
    Removed(T),
}

/// Timeouts of a watch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// How long the API server is asked to keep a watch open. A new watch is a sign of life, so this bounds a
    /// healthy watch's age; bookmarks are more frequent.
    pub watch: Duration,
    /// The longest wait for the start of an answer, and for the end of a watch after its time.
    pub answer: Duration,
    /// The first wait after an error.
    pub first_retry: Duration,
    /// The longest wait after errors.
    pub last_retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            watch: Duration::from_secs(120),
            answer: Duration::from_secs(15),
            first_retry: Duration::from_millis(500),
            last_retry: Duration::from_secs(30),
        }
    }
}

/// Whether a watch works.
pub(crate) struct Health {
    watch: Watch,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    synced: bool,
    /// The last sign of life, or the start.
    heard: Instant,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    text: String,
}

impl Health {
    pub(crate) fn new(watch: Watch, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.gauges().watch_begun(watch);
        Arc::new(Self {
            watch,
            metrics,
            state: Mutex::new(State {
                synced: false,
                heard: Instant::now(),
                trouble: None,
            }),
        })
    }

    /// For a readiness check: fails before the first list, and afterwards only informs.
    pub(crate) fn report(&self) -> Result<Option<String>, String> {
        let state = self.state();
        match (&state.trouble, state.synced) {
            (None, true) => Ok(None),
            (None, false) => Err("not listed yet".to_owned()),
            (Some(Trouble { text, .. }), false) => Err(format!("not listed yet: {text}")),
            (Some(Trouble { since, text }), true) => Ok(Some(format!(
                "the watch is down for {} s, the last state stays in use: {text}",
                since.elapsed().as_secs()
            ))),
        }
    }

    /// Whether the last known state is current.
    pub(crate) fn is_up(&self) -> bool {
        let state = self.state();
        state.synced && state.trouble.is_none()
    }

    /// Time since the last sign of life.
    pub(crate) fn silent_for(&self) -> Duration {
        self.state().heard.elapsed()
    }

    fn alive(&self) {
        self.metrics.gauges().watch_alive(self.watch);
        let mut state = self.state();
        state.heard = Instant::now();
        if let Some(Trouble { since, .. }) = state.trouble.take() {
            let down = since.elapsed();
            tracing::info!(watch = self.watch.as_str(), ?down, "a watch is up again");
        }
    }

    fn synced(&self) {
        self.state().synced = true;
        self.alive();
    }

    fn failed(&self, text: String) {
        self.metrics.gauges().watch_failed(self.watch);
        let mut state = self.state();
        let watch = self.watch.as_str();
        let since = match &state.trouble {
            None => {
                tracing::warn!(watch, error = text, "a watch is down");
                Instant::now()
            }
            Some(Trouble { since, .. }) => {
                tracing::debug!(watch, error = text, "a watch is still down");
                *since
            }
        };
        state.trouble = Some(Trouble { since, text });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("watch", &self.watch)
            .field("state", &*self.state())
            .finish_non_exhaustive()
    }
}

/// Objects that can be listed and watched.
pub(crate) trait Source: Send {
    type Object: Resource + Clone + Send + 'static;

    fn list(
        &self,
        params: &ListParams,
    ) -> impl Future<Output = kube::Result<ObjectList<Self::Object>>> + Send;

    fn watch(
        &self,
        params: &WatchParams,
        version: &str,
    ) -> impl Future<
        Output = kube::Result<impl Stream<Item = kube::Result<WatchEvent<Self::Object>>> + Send>,
    > + Send;
}

impl<K> Source for Api<K>
where
    K: Resource + Clone + DeserializeOwned + fmt::Debug + Send + Sync + 'static,
{
    type Object = K;

    async fn list(&self, params: &ListParams) -> kube::Result<ObjectList<K>> {
        Api::list(self, params).await
    }

    async fn watch(
        &self,
        params: &WatchParams,
        version: &str,
    ) -> kube::Result<impl Stream<Item = kube::Result<WatchEvent<K>>> + Send> {
        Api::watch(self, params, version).await
    }
}

/// Objects' metadata without the rest.
pub(crate) struct MetadataOf<K>(pub(crate) Api<K>);

impl<K> Source for MetadataOf<K>
where
    K: Resource + Clone + DeserializeOwned + fmt::Debug + Send + Sync + 'static,
{
    type Object = PartialObjectMeta<K>;

    async fn list(&self, params: &ListParams) -> kube::Result<ObjectList<Self::Object>> {
        self.0.list_metadata(params).await
    }

    async fn watch(
        &self,
        params: &WatchParams,
        version: &str,
    ) -> kube::Result<impl Stream<Item = kube::Result<WatchEvent<Self::Object>>> + Send> {
        self.0.watch_metadata(params, version).await
    }
}

/// Lists and watches until it is dropped. `name` limits it to the object with that name.
pub(crate) async fn follow<S: Source>(
    source: S,
    name: Option<&str>,
    health: &Health,
    timing: Timing,
    mut sink: impl FnMut(Change<S::Object>) + Send,
) {
    let fields = name.map(|name| format!("metadata.name={name}"));
    let mut follower = Follower {
        source,
        fields,
        health,
        timing,
        version: None,
        retry: Backoff::new(timing.first_retry, timing.last_retry),
    };
    loop {
        let began = Instant::now();
        match follower.round(&mut sink).await {
            // If an API server ends watches at once, do not ask it in a busy loop.
            Ok(()) if began.elapsed() >= timing.first_retry => continue,
            Ok(()) => {}
            Err(Failure::Gone) => follower.version = None,
            Err(Failure::Other(text)) => {
                follower.version = None;
                health.failed(text);
            }
        }
        tokio::time::sleep(follower.retry.wait()).await;
    }
}

struct Follower<'a, S> {
    source: S,
    fields: Option<String>,
    health: &'a Health,
    timing: Timing,
    /// The resource version to continue from.
    version: Option<String>,
    retry: Backoff,
}

enum Failure {
    /// The resource version is too old, which is normal.
    Gone,
    Other(String),
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 410 => Self::Gone,
            _ => Self::Other(describe(&error)),
        }
    }
}

impl<S: Source> Follower<'_, S> {
    /// A list, if one is due, and one watch to its end.
    async fn round(
        &mut self,
        sink: &mut (impl FnMut(Change<S::Object>) + Send),
    ) -> Result<(), Failure> {
        let version = match self.version.take() {
            Some(version) => version,
            None => self.list(sink).await?,
        };
        self.version = Some(version.clone());
        let seconds = u32::try_from(self.timing.watch.as_secs().max(1)).unwrap_or(u32::MAX);
        let params = WatchParams {
            field_selector: self.fields.clone(),
            ..WatchParams::default().timeout(seconds)
        };
        let watch = self.source.watch(&params, &version);
        let mut events = std::pin::pin!(patiently(self.timing.answer, watch).await?);
        self.health.alive();
        let quiet = self.timing.watch + self.timing.answer;
        while let Some(event) = patiently(quiet, events.try_next()).await? {
            let version = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let version = object.meta().resource_version.clone();
                    sink(Change::Applied(object));
                    version
                }
                WatchEvent::Deleted(object) => {
                    let version = object.meta().resource_version.clone();
                    sink(Change::Removed(object));
                    version
                }
                WatchEvent::Bookmark(mark) => Some(mark.metadata.resource_version),
                WatchEvent::Error(status) => return Err(kube::Error::Api(status).into()),
            };
            // Without a resource version, the next round lists again.
            self.version = version;
            self.health.alive();
            self.retry.reset();
        }
        Ok(())
    }

    /// Lists everything, and returns the resource version to watch from.
    async fn list(
        &mut self,
        sink: &mut (impl FnMut(Change<S::Object>) + Send),
    ) -> Result<String, Failure> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let params = ListParams {
                field_selector: self.fields.clone(),
                limit: Some(PAGE),
                continue_token: next,
                ..ListParams::default()
            };
            let page = patiently(self.timing.answer, self.source.list(&params)).await?;
            all.extend(page.items);
            next = page.metadata.continue_.filter(|token| !token.is_empty());
            if next.is_none() {
                sink(Change::All(all));
                self.health.synced();
                return page.metadata.resource_version.ok_or_else(|| {
                    Failure::Other("the API server's list has no resourceVersion".to_owned())
                });
            }
        }
    }
}

async fn patiently<T>(
    wait: Duration,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(wait, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Other(format!(
            "the API server said nothing for {wait:?}"
        ))),
    }
}
