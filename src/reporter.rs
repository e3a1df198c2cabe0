//! The in-cluster reporter: scans again and again, and shows the last result as a page and as metrics.
//!
//! A gap in a scan must not look like an empty cluster. So every place that a scan could not read is listed,
//! and if the API server does not answer, the previous result stays with the reason why it is not current. A
//! scan makes few paged requests at a time. Intervals are shortened at random, so that replicas do not scan
//! together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kube::Client;
use time::OffsetDateTime;

use crate::cluster::{Backoff, jittered};
use crate::decide::Policy;
use crate::names::NO_NAMESPACE;
use crate::render::html::html;
use crate::render::moment::moment;
use crate::review::offline::Setting;
use crate::scan::evaluator::Evaluator;
use crate::scan::live;
use crate::scan::live::AT_EASE;
use crate::scan::result::{Cluster, Report};
use crate::telemetry::metrics::{Metrics, Remaining, ScanResult, Standing};
use crate::telemetry::readiness::Readiness;

/// Wait after the first failed scan. It doubles up to the interval.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The kinds used as metric labels. A Pod's author can write any owner kind, so others are counted as
/// [`OTHER`].
const KINDS: [&str; 25] = [
    "Pod",
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "CronJob",
    "Job",
    "PodTemplate",
    "PersistentVolume",
    "Node",
    "Workflow",
    "WorkflowTemplate",
    "CronWorkflow",
    "Rollout",
    "Task",
    "TaskRun",
    "Pipeline",
    "PipelineRun",
    "AutoscalingRunnerSet",
    "EphemeralRunnerSet",
    "EphemeralRunner",
    "RunnerDeployment",
    "Runner",
    "DeploymentConfig",
];
const OTHER: &str = "Other";

/// Shown before the first result.
const NOT_YET: &str = "the first scan has not ended";

#[derive(Clone, Debug)]
pub struct Settings {
    /// Empty means all namespaces.
    pub namespaces: Vec<String>,
    pub interval: Duration,
    /// Whether the page shows each Pod before and after, with everything written in it.
    pub diffs: bool,
}

pub struct Reporter {
    client: Client,
    policy: Arc<ArcSwap<Policy>>,
    settings: Settings,
    metrics: Arc<Metrics>,
    shown: Arc<Shown>,
    backoff: Backoff,
    last: Option<Last>,
}

/// The last result, and its time.
#[derive(Clone)]
struct Last {
    report: Arc<Report>,
    made: String,
}

#[derive(Default)]
struct Shown {
    page: ArcSwapOption<Bytes>,
    /// What is wrong with the last scan.
    trouble: ArcSwapOption<String>,
}

impl Reporter {
    /// `readiness` fails until the first scan has ended.
    #[must_use]
    pub fn new(
        client: Client,
        policy: Arc<ArcSwap<Policy>>,
        settings: Settings,
        metrics: Arc<Metrics>,
        readiness: &Readiness,
    ) -> Self {
        let shown = Arc::<Shown>::default();
        let asked = Arc::clone(&shown);
        readiness.probe_in_detail("scan", move || {
            let trouble = asked.trouble.load_full().map(|text| (*text).clone());
            match (asked.page.load().is_some(), trouble) {
                (true, trouble) => Ok(trouble),
                (false, Some(trouble)) => Err(trouble),
                (false, None) => Err(NOT_YET.to_owned()),
            }
        });
        Self {
            client,
            policy,
            backoff: Backoff::new(TRY_AGAIN.min(settings.interval), settings.interval),
            settings,
            metrics,
            shown,
            last: None,
        }
    }

    pub fn pages(&self) -> Router {
        let shown = Arc::clone(&self.shown);
        Router::new().route("/", get(async move || page(&shown)))
    }

    /// Scans until it is dropped.
    pub async fn run(mut self) {
        loop {
            let wait = match self.look().await {
                ScanResult::Complete | ScanResult::Incomplete => {
                    self.backoff.reset();
                    jittered(self.settings.interval)
                }
                ScanResult::Failed => self.backoff.wait(),
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Scans once, and publishes the result.
    pub async fn look(&mut self) -> ScanResult {
        let started = Instant::now();
        let evaluator = Evaluator {
            policy: (*self.policy.load_full()).clone(),
            setting: Setting::default(),
            changes: self.settings.diffs,
        };
        let client = self.client.clone();
        let namespaces = &self.settings.namespaces;
        let done = Arc::new(AtomicUsize::new(0));
        let scanned = live::scan(client, evaluator, namespaces, AT_EASE, done).await;
        let result = match scanned {
            Ok(report) if self.last.is_some() && is_broken(&report) => {
                let reason = report.gaps.first().map(|gap| gap.message.clone());
                self.failed(reason.unwrap_or_default()).await
            }
            Ok(report) => self.found(report).await,
            Err(error) => self.failed(error.to_string()).await,
        };
        let took = started.elapsed();
        self.metrics
            .scans()
            .scanned(result, took, SystemTime::now());
        result
    }

    async fn found(&mut self, report: Report) -> ScanResult {
        let gaps = report.gaps.len();
        let workloads = report.workloads.len();
        let result = if report.is_complete() {
            ScanResult::Complete
        } else {
            ScanResult::Incomplete
        };
        self.metrics.scans().gaps(gaps);
        if let Some(cluster) = &report.cluster {
            let standing = |namespace: &str| standing(cluster, namespace);
            let scans = self.metrics.scans();
            scans.remaining(remaining(&report), &cluster.pods, standing);
        }
        let last = Last {
            report: Arc::new(report),
            made: moment(OffsetDateTime::now_utc()),
        };
        self.last = Some(last.clone());
        self.show(last, None).await;
        let trouble = (gaps > 0).then(|| match gaps {
            1 => "incomplete: 1 place could not be looked at".to_owned(),
            gaps => format!("incomplete: {gaps} places could not be looked at"),
        });
        self.shown.trouble.store(trouble.map(Arc::new));
        tracing::info!(workloads, gaps, "scanned");
        result
    }

    async fn failed(&mut self, reason: String) -> ScanResult {
        tracing::warn!(reason, "the cluster could not be scanned");
        let trouble = match self.last.clone() {
            None => reason,
            Some(last) => {
                let stale = format!(
                    "the last scan failed ({reason}); this is the result of {}",
                    last.made
                );
                self.show(last, Some(stale.clone())).await;
                stale
            }
        };
        self.shown.trouble.store(Some(Arc::new(trouble)));
        ScanResult::Failed
    }

    async fn show(&self, Last { report, made }: Last, stale: Option<String>) {
        // Thousands of diffs take a moment.
        let made = tokio::task::spawn_blocking(move || html(&report, &made, stale.as_deref()));
        match made.await {
            Ok(page) => self.shown.page.store(Some(Arc::new(Bytes::from(page)))),
            Err(error) => tracing::error!(%error, "the page could not be made"),
        }
    }
}

/// Whether the API server went away in the middle of the scan.
fn is_broken(report: &Report) -> bool {
    let cluster = report.cluster.as_ref();
    cluster.is_some_and(|cluster| cluster.is_broken)
}

fn remaining(report: &Report) -> BTreeMap<Remaining, usize> {
    let mut counts = BTreeMap::new();
    for workload in &report.workloads {
        let kind = KINDS.into_iter().find(|kind| *kind == workload.kind);
        let namespace = match workload.namespace.as_str() {
            "" => NO_NAMESPACE,
            namespace => namespace,
        };
        let labels = Remaining {
            namespace: namespace.to_owned(),
            kind: kind.unwrap_or(OTHER),
            verdict: workload.verdict.name(),
        };
        *counts.entry(labels).or_default() += 1;
    }
    counts
}

fn standing(cluster: &Cluster, namespace: &str) -> Standing {
    if cluster.is_unseen || cluster.unseen.contains(namespace) {
        Standing::Unseen
    } else if namespace == NO_NAMESPACE
        || cluster.namespaces.is_empty()
        || cluster.namespaces.contains(namespace)
    {
        Standing::Seen
    } else {
        Standing::Gone
    }
}

fn page(shown: &Shown) -> Response {
    /// The page contains its own Content-Security-Policy.
    const HEADERS: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match shown.page.load_full() {
        Some(page) => (HEADERS, (*page).clone()).into_response(),
        None => {
            let trouble = shown.trouble.load_full();
            let text = trouble.map_or_else(
                || format!("{NOT_YET}\n"),
                |text| format!("there is no result yet: {text}\n"),
            );
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}
