//! The program's metrics, as text for Prometheus.
//!
//! A label whose values come from clients could fill a monitoring system's memory. So every label has a
//! bounded set of values; only the reporter's contain the cluster's namespaces. A review writes atomics; the
//! only lock is a read lock, which only a new label set takes for writing.

pub mod counts;
pub mod gauges;
pub mod labels;
pub mod latency;
pub mod scans;

use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

pub use crate::telemetry::metrics::gauges::{
    EventResult, FollowedFile, Gauges, SpanResult, Watch, WriteResult,
};
pub use crate::telemetry::metrics::labels::{
    DropReason, HandshakeFailure, PassedOverLabels, RequestLabels, ReviewLabels,
    Route as RouteLabel, ShedReason,
};
pub use crate::telemetry::metrics::latency::Latency;
pub use crate::telemetry::metrics::scans::{Remaining, ScanResult, Scans, Standing};

use crate::names::metric;
use crate::telemetry::metrics::counts::Counts;
use crate::telemetry::metrics::gauges::unix_seconds;
use crate::telemetry::metrics::labels::{DropLabels, HandshakeLabels, RouteLabels, ShedLabels};

/// All metrics of one process. Shared in an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reviews: Counts<ReviewLabels>,
    passed_over: Family<PassedOverLabels, Counter>,
    requests: Counts<RequestLabels>,
    /// One histogram per route, in the order of [`RouteLabel::ALL`].
    durations: [Latency; RouteLabel::ALL.len()],
    sheds: Family<ShedLabels, Counter>,
    panics: Counter,
    connections: Gauge,
    dropped: Family<DropLabels, Counter>,
    accept_errors: Counter,
    handshake_failures: Family<HandshakeLabels, Counter>,
    certificate_expiry: Gauge,
    certificate_reloads: Counter,
    certificate_reload_failures: Counter,
    gauges: Gauges,
    scans: Scans,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All zero. Series with known label values exist from the start, so that `rate()` sees the first event.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register(stem(metric::BUILD_INFO), "The program's version", version);

        let durations: Family<RouteLabels, Latency> = Family::default();
        let metrics = Self {
            reviews: Counts::mostly(
                ReviewLabels::unconcerned(),
                add(
                    &mut registry,
                    metric::REVIEWS,
                    "Reviews answered",
                    Family::default(),
                ),
            ),
            passed_over: add(
                &mut registry,
                metric::PROFILES_PASSED_OVER,
                "Profiles that did not fit a Pod, which got another of its rule",
                Family::default(),
            ),
            requests: Counts::mostly(
                RequestLabels {
                    route: RouteLabel::Mutate,
                    code: 200,
                },
                add(
                    &mut registry,
                    metric::REQUESTS,
                    "HTTP requests answered",
                    Family::default(),
                ),
            ),
            durations: RouteLabel::ALL
                .map(|route| durations.get_or_create_owned(&RouteLabels { route })),
            sheds: add(
                &mut registry,
                metric::SHEDS,
                "Requests answered 503 to protect the rest",
                Family::default(),
            ),
            panics: add(
                &mut registry,
                metric::PANICS,
                "Panics caught while a review was handled",
                Counter::default(),
            ),
            connections: add(
                &mut registry,
                metric::CONNECTIONS,
                "Connections open now",
                Gauge::default(),
            ),
            dropped: add(
                &mut registry,
                metric::CONNECTIONS_DROPPED,
                "Connections closed on purpose",
                Family::default(),
            ),
            accept_errors: add(
                &mut registry,
                metric::ACCEPT_ERRORS,
                "Failed accepts",
                Counter::default(),
            ),
            handshake_failures: add(
                &mut registry,
                metric::HANDSHAKE_FAILURES,
                "TLS handshakes that failed",
                Family::default(),
            ),
            certificate_expiry: add(
                &mut registry,
                metric::CERTIFICATE_EXPIRY,
                "When the serving certificate expires, in seconds since 1970",
                Gauge::default(),
            ),
            certificate_reloads: add(
                &mut registry,
                metric::CERTIFICATE_RELOADS,
                "Serving certificates taken into use",
                Counter::default(),
            ),
            certificate_reload_failures: add(
                &mut registry,
                metric::CERTIFICATE_RELOAD_FAILURES,
                "New certificates refused, the old one kept",
                Counter::default(),
            ),
            gauges: Gauges::register(&mut registry),
            scans: Scans::default(),
            registry: Registry::default(),
        };
        add(
            &mut registry,
            metric::REQUEST_DURATION,
            "Seconds from a request's head to its answer",
            durations,
        );
        // Looking up a series creates it.
        for reason in ShedReason::ALL {
            drop(metrics.sheds.get_or_create(&ShedLabels { reason }));
        }
        for reason in DropReason::ALL {
            drop(metrics.dropped.get_or_create(&DropLabels { reason }));
        }
        for reason in HandshakeFailure::ALL {
            let labels = HandshakeLabels { reason };
            drop(metrics.handshake_failures.get_or_create(&labels));
        }
        Self {
            registry,
            ..metrics
        }
    }

    /// The metrics of the reporter. It does not show the webhook's: their zeros would look like an expired
    /// certificate, and their presence like a running webhook.
    #[must_use]
    pub fn for_reporter() -> Self {
        let metrics = Self::new();
        let mut registry = Registry::default();
        metrics.scans.show(&mut registry);
        metrics.gauges.show_files(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }

    pub fn review(&self, labels: &ReviewLabels) {
        self.reviews.inc(labels);
    }

    pub fn profile_passed_over(&self, labels: &PassedOverLabels) {
        self.passed_over.get_or_create(labels).inc();
    }

    pub fn request(&self, labels: &RequestLabels, took: Duration) {
        self.requests.inc(labels);
        if let Some(latency) = self.durations.get(labels.route as usize) {
            latency.observe(took);
        }
    }

    /// Counts a request that was answered 503 to protect others.
    pub fn shed(&self, reason: ShedReason) {
        self.sheds.get_or_create(&ShedLabels { reason }).inc();
    }

    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts a connection until the guard is dropped.
    #[must_use]
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    pub fn dropped(&self, reason: DropReason) {
        self.dropped.get_or_create(&DropLabels { reason }).inc();
    }

    pub fn accept_failed(&self) {
        self.accept_errors.inc();
    }

    pub fn handshake_failed(&self, reason: HandshakeFailure) {
        self.handshake_failures
            .get_or_create(&HandshakeLabels { reason })
            .inc();
    }

    /// Counts a certificate that is used now, and shows its expiry.
    pub fn certificate_in_use(&self, expires: SystemTime) {
        self.certificate_expiry.set(unix_seconds(expires));
        self.certificate_reloads.inc();
    }

    /// Counts a new certificate that was refused.
    pub fn certificate_refused(&self) {
        self.certificate_reload_failures.inc();
    }

    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    #[must_use]
    pub fn scans(&self) -> &Scans {
        &self.scans
    }

    /// Text for a scrape.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// An open connection until it is dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(stem(name), help, metric.clone());
    metric
}

/// A metric's name without the suffix that the encoder adds.
fn stem(name: &str) -> &str {
    name.strip_suffix("_total")
        .or_else(|| name.strip_suffix("_info"))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests;
