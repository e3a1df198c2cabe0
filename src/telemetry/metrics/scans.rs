//! What the reporter found in the cluster, as gauges.
//!
//! A gauge that disappears looks like one that was never read, so it stays at 0 while its namespace exists.
//! If a namespace could not be read, its gauges keep their last values: not looking is not finding nothing.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::names::metric;
use crate::telemetry::metrics::add;
use crate::telemetry::metrics::gauges::unix_seconds;
use crate::telemetry::metrics::labels::label_values;

label_values! {
    /// The result of a scan.
    ScanResult {
        Complete = "complete",
        /// Some places could not be read.
        Incomplete = "incomplete",
        /// The API server did not answer; the previous result is still shown.
        Failed = "failed",
    }
}

/// Labels of workloads that reach a node's runtime.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, EncodeLabelSet)]
pub struct Remaining {
    /// Or [`crate::names::NO_NAMESPACE`].
    pub namespace: String,
    /// From a fixed list.
    pub kind: &'static str,
    /// What the policy does with them.
    pub verdict: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, EncodeLabelSet)]
struct NamespaceLabels {
    namespace: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct ScanLabels {
    result: ScanResult,
}

/// What is known of a namespace in which a scan found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Seen,
    /// It could not be read.
    Unseen,
    /// It no longer exists.
    Gone,
}

#[derive(Debug, Default)]
pub struct Scans {
    workloads: Levels<Remaining>,
    pods: Levels<NamespaceLabels>,
    results: Family<ScanLabels, Counter>,
    last_success: Gauge,
    gaps: Gauge,
    duration: Gauge<f64, AtomicU64>,
}

impl Scans {
    pub(crate) fn show(&self, registry: &mut Registry) {
        add(
            registry,
            metric::REMAINING,
            "Workloads that reach a node's container runtime",
            self.workloads.family.clone(),
        );
        add(
            registry,
            metric::REMAINING_PODS,
            "Pods that reach a node's container runtime as they are stored",
            self.pods.family.clone(),
        );
        add(
            registry,
            metric::SCANS,
            "Scans of the cluster",
            self.results.clone(),
        );
        add(
            registry,
            metric::SCAN_LAST_SUCCESS,
            "When the last scan ended that read the cluster, in seconds since 1970",
            self.last_success.clone(),
        );
        add(
            registry,
            metric::SCAN_GAPS,
            "Places that the last scan could not look at",
            self.gaps.clone(),
        );
        add(
            registry,
            metric::SCAN_DURATION,
            "Seconds that the last scan took",
            self.duration.clone(),
        );
        for result in ScanResult::ALL {
            drop(self.results.get_or_create(&ScanLabels { result }));
        }
    }

    /// `took` is the duration of the scan.
    pub fn scanned(&self, result: ScanResult, took: Duration, now: SystemTime) {
        self.results.get_or_create(&ScanLabels { result }).inc();
        self.duration.set(took.as_secs_f64());
        match result {
            ScanResult::Complete | ScanResult::Incomplete => {
                self.last_success.set(unix_seconds(now));
            }
            ScanResult::Failed => {}
        }
    }

    /// The number of places that could not be read.
    pub fn gaps(&self, gaps: usize) {
        self.gaps.set(level(gaps));
    }

    /// `standing` tells about namespaces in which the scan found nothing.
    pub fn remaining(
        &self,
        workloads: BTreeMap<Remaining, usize>,
        pods: &BTreeMap<String, usize>,
        standing: impl Fn(&str) -> Standing,
    ) {
        self.workloads
            .set(workloads, |labels| standing(&labels.namespace));
        let pods = pods.iter().map(|(namespace, count)| {
            let namespace = namespace.clone();
            (NamespaceLabels { namespace }, *count)
        });
        self.pods
            .set(pods.collect(), |labels| standing(&labels.namespace));
    }
}

#[derive(Debug)]
struct Levels<L> {
    family: Family<L, Gauge>,
    shown: Mutex<BTreeMap<L, i64>>,
}

impl<L: Clone + Hash + Eq> Default for Levels<L> {
    fn default() -> Self {
        Self {
            family: Family::default(),
            shown: Mutex::default(),
        }
    }
}

impl<L: Clone + Hash + Ord> Levels<L> {
    fn set(&self, found: BTreeMap<L, usize>, standing: impl Fn(&L) -> Standing) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|labels, shown| {
            if found.contains_key(labels) {
                return true;
            }
            let is_kept = match standing(labels) {
                Standing::Unseen => return true,
                Standing::Seen => true,
                // Zero is scraped once before the series disappears.
                Standing::Gone => *shown != 0,
            };
            *shown = 0;
            if is_kept {
                self.family.get_or_create(labels).set(0);
            } else {
                self.family.remove(labels);
            }
            is_kept
        });
        for (labels, count) in found {
            self.family.get_or_create(&labels).set(level(count));
            shown.insert(labels, level(count));
        }
    }
}

fn level(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
