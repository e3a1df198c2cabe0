//! An earlier scan as the measure: only what it does not have counts as new.
//!
//! A way to a runtime is known by its workload, its container and its path, and a gap by its file and
//! what is said of it: never by a line, which moves.

use std::collections::HashSet;

use serde_json::Value;

use crate::names;
use crate::scan::finding::{Finding, Workload};
use crate::scan::result::{Gap, Report};

/// The key in SARIF of what a way to a runtime is known by.
pub const WAY: &str = "wayToTheRuntime/v1";
/// The key in SARIF of what a gap is known by.
pub const GAP: &str = "gap/v1";

/// What an earlier scan found.
#[derive(Clone, Debug, Default)]
pub struct Baseline(HashSet<String>);

/// How much of a report an earlier scan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Ways to a runtime.
    pub findings: usize,
    /// Gaps.
    pub gaps: usize,
}

/// A text that is no scan's result.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// No JSON.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON of another kind.
    #[error("neither a ScanReport (scan -o json) nor SARIF (scan -o sarif)")]
    Kind,
}

impl Baseline {
    /// Reads what `scan -o json` or `scan -o sarif` wrote.
    ///
    /// # Errors
    /// Where `text` is neither.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let document: Value = serde_json::from_str(text)?;
        if document.get("kind").and_then(Value::as_str) == Some(names::REPORT_KIND) {
            return Ok(Self::of_report(&document));
        }
        if document.get("runs").is_some_and(Value::is_array) {
            return Ok(Self::of_sarif(&document));
        }
        Err(BaselineError::Kind)
    }

    fn of_report(document: &Value) -> Self {
        let mut known = HashSet::new();
        for workload in list(document, "workloads") {
            let object = [
                text(workload, "namespace"),
                text(workload, "kind"),
                text(workload, "name"),
            ];
            for finding in list(workload, "findings") {
                let parts = ["container", "reach", "target", "mountPath"];
                known.insert(print(&object, &parts.map(|part| text(finding, part))));
            }
        }
        for gap in list(document, "incomplete") {
            let parts = ["place", "reason", "message"].map(|part| text(gap, part));
            known.insert(print_of_gap(parts[0], parts[1], parts[2]));
        }
        Self(known)
    }

    fn of_sarif(document: &Value) -> Self {
        let mut known = HashSet::new();
        for run in list(document, "runs") {
            for result in list(run, "results") {
                let print = result.get("partialFingerprints").map(|all| text(all, WAY));
                known.extend(print.map(str::to_owned));
            }
            for invocation in list(run, "invocations") {
                for notification in list(invocation, "toolExecutionNotifications") {
                    let print = notification.get("properties").map(|all| text(all, GAP));
                    known.extend(print.map(str::to_owned));
                }
            }
        }
        Self(known)
    }

    /// Whether the earlier scan has this way to a runtime.
    pub fn has(&self, workload: &Workload, finding: &Finding) -> bool {
        self.0.contains(&way(workload, finding))
    }

    /// Whether the earlier scan has this gap.
    pub fn has_gap(&self, gap: &Gap) -> bool {
        self.0.contains(&of_gap(gap))
    }

    /// What of `report` it does not have.
    pub fn rest(&self, report: &Report) -> Report {
        let mut rest = report.clone();
        rest.workloads.retain_mut(|workload| {
            let all = std::mem::take(&mut workload.findings);
            let is_new = |finding: &Finding| !self.has(workload, finding);
            let new: Vec<Finding> = all.into_iter().filter(is_new).collect();
            workload.findings = new;
            !workload.findings.is_empty()
        });
        rest.gaps.retain(|gap| !self.has_gap(gap));
        rest
    }

    /// How much of `report` it has.
    pub fn known(&self, report: &Report) -> Known {
        let findings = report.workloads.iter().map(|workload| {
            let findings = workload.findings.iter();
            findings
                .filter(|finding| self.has(workload, finding))
                .count()
        });
        Known {
            findings: findings.sum(),
            gaps: report.gaps.iter().filter(|gap| self.has_gap(gap)).count(),
        }
    }
}

/// What a way to a runtime is known by.
pub fn way(workload: &Workload, finding: &Finding) -> String {
    let object = [workload.namespace.as_str(), &workload.kind, &workload.name];
    let parts = [
        finding.container.as_deref().unwrap_or_default(),
        finding.how.name(),
        &finding.target,
        finding.mount_path.as_deref().unwrap_or_default(),
    ];
    print(&object, &parts)
}

/// What a gap is known by.
pub fn of_gap(gap: &Gap) -> String {
    print_of_gap(&gap.place, gap.why.name(), &gap.message)
}

fn print(object: &[&str; 3], parts: &[&str; 4]) -> String {
    format!("{}|{}", object.join("/"), parts.join("|"))
}

fn print_of_gap(place: &str, why: &str, message: &str) -> String {
    let place = place.strip_prefix("./").unwrap_or(place);
    format!("{place}|{why}|{message}")
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
