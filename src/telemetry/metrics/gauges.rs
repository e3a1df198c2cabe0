//! Metrics outside of a review's path: watches, followed files, the CA, Events and spans.
//!
//! A review only writes two of these counters: dropped Events and dropped spans.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

use crate::names::metric;
use crate::telemetry::metrics::add;
use crate::telemetry::metrics::labels::label_values;

label_values! {
    /// What is watched in the cluster.
    Watch {
        Namespaces = "namespaces",
        Nodes = "nodes",
        RuntimeClasses = "runtime_classes",
        /// The Secret with the CA.
        CaSecret = "ca_secret",
        MutatingConfiguration = "mutating_webhook_configuration",
        ValidatingConfiguration = "validating_webhook_configuration",
    }
}

label_values! {
    /// A file that is followed by its content.
    FollowedFile {
        Policy = "policy",
        /// The CA that issues the clients' certificates.
        ClientCa = "client_ca",
        /// The filter for log lines.
        LogFilter = "log_filter",
    }
}

label_values! {
    /// The result of a file's new content.
    ReloadResult {
        Ok = "ok",
        /// It was refused; the previous content stays in force.
        Failed = "failed",
    }
}

label_values! {
    /// The result of a write to the API server.
    WriteResult {
        Ok = "ok",
        /// Another client was first; the object is read again.
        Conflict = "conflict",
        Failed = "failed",
    }
}

label_values! {
    /// The result of an Event.
    EventResult {
        Sent = "sent",
        Dropped = "dropped",
        /// A repetition, or too many Events.
        Suppressed = "suppressed",
        /// The API server rejected it.
        Failed = "failed",
    }
}

label_values! {
    /// The result of a traced review's span.
    SpanResult {
        Sent = "sent",
        Dropped = "dropped",
        /// The collector rejected it.
        Failed = "failed",
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct WatchLabels {
    watch: Watch,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct FileLabels {
    file: FollowedFile,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ReloadLabels {
    file: FollowedFile,
    result: ReloadResult,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct WriteLabels {
    result: WriteResult,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct EventLabels {
    result: EventResult,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct SpanLabels {
    result: SpanResult,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct PolicyLabels {
    sha256: String,
}

#[derive(Debug)]
pub struct Gauges {
    watch_age: Family<WatchLabels, Age>,
    watch_errors: Family<WatchLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    refused: Family<FileLabels, Gauge>,
    policy: Family<PolicyLabels, Gauge>,
    policy_loaded: Gauge,
    ca_expiry: Late,
    secret_writes: Family<WriteLabels, Counter>,
    bundle_patches: Family<WriteLabels, Counter>,
    bundle_current: Late,
    events: Family<EventLabels, Counter>,
    spans: Family<SpanLabels, Counter>,
}

impl Gauges {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let gauges = Self {
            watch_age: add(
                registry,
                metric::WATCH_AGE,
                "Seconds since a watch showed life",
                Family::default(),
            ),
            watch_errors: add(
                registry,
                metric::WATCH_ERRORS,
                "Failed watches",
                Family::default(),
            ),
            reloads: Family::default(),
            refused: Family::default(),
            policy: Family::default(),
            policy_loaded: Gauge::default(),
            ca_expiry: add(
                registry,
                metric::CA_EXPIRY,
                "When the signing CA expires, in seconds since 1970",
                Late::default(),
            ),
            secret_writes: add(
                registry,
                metric::CA_SECRET_WRITES,
                "Writes of the CA's Secret",
                Family::default(),
            ),
            bundle_patches: add(
                registry,
                metric::CA_BUNDLE_PATCHES,
                "Patches of a caBundle",
                Family::default(),
            ),
            bundle_current: add(
                registry,
                metric::CA_BUNDLE_CURRENT,
                "1 while every webhook configuration trusts what is served",
                Late::default(),
            ),
            events: add(
                registry,
                metric::EVENTS,
                "Kubernetes Events",
                Family::default(),
            ),
            spans: add(
                registry,
                metric::SPANS,
                "Spans of traced reviews",
                Family::default(),
            ),
        };
        gauges.show_files(registry);
        for result in WriteResult::ALL {
            drop(gauges.secret_writes.get_or_create(&WriteLabels { result }));
            drop(gauges.bundle_patches.get_or_create(&WriteLabels { result }));
        }
        for result in EventResult::ALL {
            drop(gauges.events.get_or_create(&EventLabels { result }));
        }
        for result in SpanResult::ALL {
            drop(gauges.spans.get_or_create(&SpanLabels { result }));
        }
        gauges
    }

    /// Registers the metrics of followed files.
    pub(crate) fn show_files(&self, registry: &mut Registry) {
        add(
            registry,
            metric::FILE_RELOADS,
            "New contents of followed files",
            self.reloads.clone(),
        );
        add(
            registry,
            metric::FILE_REFUSED,
            "1 while a file's newest content is refused",
            self.refused.clone(),
        );
        // Not by `add`: this is a gauge, although its name ends like an info's.
        let policy = self.policy.clone();
        registry.register(metric::POLICY_INFO, "The policy in force", policy);
        add(
            registry,
            metric::POLICY_LOADED,
            "When the policy in force was taken, in seconds since 1970",
            self.policy_loaded.clone(),
        );
    }

    /// Registers a watch before its first news.
    pub fn watch_begun(&self, watch: Watch) {
        let labels = WatchLabels { watch };
        drop(self.watch_age.get_or_create(&labels));
        drop(self.watch_errors.get_or_create(&labels));
    }

    pub fn watch_alive(&self, watch: Watch) {
        self.watch_begun(watch);
        self.watch_age.get_or_create(&WatchLabels { watch }).reset();
    }

    pub fn watch_failed(&self, watch: Watch) {
        self.watch_errors
            .get_or_create(&WatchLabels { watch })
            .inc();
    }

    /// Counts a file's new content that is in force now.
    pub fn file_reloaded(&self, file: FollowedFile) {
        self.reloaded(file, ReloadResult::Ok);
    }

    /// Counts a file's new content that was refused.
    pub fn file_refused(&self, file: FollowedFile) {
        self.reloaded(file, ReloadResult::Failed);
    }

    /// A file has the content in force again, without a reload.
    pub fn file_agrees(&self, file: FollowedFile) {
        self.refused.get_or_create(&FileLabels { file }).set(0);
    }

    fn reloaded(&self, file: FollowedFile, result: ReloadResult) {
        for every in ReloadResult::ALL {
            let labels = ReloadLabels {
                file,
                result: every,
            };
            drop(self.reloads.get_or_create(&labels));
        }
        self.reloads
            .get_or_create(&ReloadLabels { file, result })
            .inc();
        let refused = i64::from(result == ReloadResult::Failed);
        self.refused
            .get_or_create(&FileLabels { file })
            .set(refused);
    }

    /// The policy in force since `now`, by its content's hash.
    pub fn policy_in_force(&self, sha256: &str, now: SystemTime) {
        self.policy.clear();
        let labels = PolicyLabels {
            sha256: sha256.to_owned(),
        };
        self.policy.get_or_create(&labels).set(1);
        self.policy_loaded.set(unix_seconds(now));
    }

    /// When the signing CA expires. Not shown before it is set, nor if another program manages the CA.
    pub fn ca_in_use(&self, expires: SystemTime) {
        self.ca_expiry.set(unix_seconds(expires));
    }

    pub fn ca_secret_written(&self, result: WriteResult) {
        self.secret_writes
            .get_or_create(&WriteLabels { result })
            .inc();
    }

    pub fn ca_bundle_patched(&self, result: WriteResult) {
        self.bundle_patches
            .get_or_create(&WriteLabels { result })
            .inc();
    }

    /// Whether every webhook configuration trusts the served certificate. Not shown before it is set, nor if
    /// another program writes the caBundle.
    pub fn ca_bundle_is_current(&self, current: bool) {
        self.bundle_current.set(i64::from(current));
    }

    pub fn event(&self, result: EventResult) {
        self.events.get_or_create(&EventLabels { result }).inc();
    }

    pub fn spans(&self, result: SpanResult, count: u64) {
        self.spans
            .get_or_create(&SpanLabels { result })
            .inc_by(count);
    }
}

pub(crate) fn unix_seconds(moment: SystemTime) -> i64 {
    let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX)
}

/// A gauge that is not shown before it is set: 0 would cause an alert.
#[derive(Clone, Debug, Default)]
struct Late(Arc<OnceLock<Gauge>>);

impl Late {
    fn set(&self, value: i64) {
        self.0.get_or_init(Gauge::default).set(value);
    }
}

impl TypedMetric for Late {
    const TYPE: MetricType = MetricType::Gauge;
}

impl EncodeMetric for Late {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.get().map_or(Ok(()), |gauge| gauge.encode(encoder))
    }

    fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// Seconds since the last reset, computed on each scrape.
#[derive(Clone, Debug)]
struct Age(Arc<Mutex<Instant>>);

impl Default for Age {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Age {
    fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn elapsed(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.elapsed()
    }
}

impl TypedMetric for Age {
    const TYPE: MetricType = MetricType::Gauge;
}

impl EncodeMetric for Age {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.elapsed().as_secs_f64())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
