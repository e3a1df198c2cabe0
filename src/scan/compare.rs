//! Two scans of the same under two policies: what becomes different for which workload.
//!
//! A way to the node that a policy has no word on is in no result; it is shown as `not found`.

use std::collections::BTreeMap;

use crate::scan::finding::{Spot, Verdict, Workload};
use crate::scan::result::Report;

/// A workload for which something changes.
#[derive(Clone, Debug)]
pub struct Shift {
    /// The workload, under the policy that has it; the second where both have.
    pub workload: Workload,
    /// What becomes of it under the first policy.
    pub before: Option<Side>,
    /// And under the second.
    pub after: Option<Side>,
}

/// What a policy makes of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, as a fixed word.
    pub reason: &'static str,
    /// The rule that decided.
    pub rule: Option<String>,
}

impl From<&Workload> for Side {
    fn from(workload: &Workload) -> Self {
        Self {
            verdict: workload.verdict,
            reason: workload.reason,
            rule: workload.rule.clone(),
        }
    }
}

impl Side {
    /// Whether a person would notice the difference: a rule by another name decides no less.
    fn differs(&self, other: &Self) -> bool {
        (self.verdict, self.reason) != (other.verdict, other.reason)
    }
}

/// What a workload is known by in both results.
type Key<'r> = (&'r str, &'r str, &'r str, &'r str, Option<&'r Spot>);

fn key(workload: &Workload) -> Key<'_> {
    (
        &workload.namespace,
        &workload.kind,
        &workload.name,
        &workload.base,
        workload.spot.as_ref(),
    )
}

fn by_key(report: &Report) -> BTreeMap<Key<'_>, usize> {
    let all = report.workloads.iter().enumerate();
    all.map(|(index, workload)| (key(workload), index))
        .collect()
}

/// The workloads for which the second policy does something else than the first, in the order of the
/// results.
pub fn compare(before: &Report, after: &Report) -> Vec<Shift> {
    let (old, new) = (by_key(before), by_key(after));
    let mut shifts = Vec::new();
    for workload in &after.workloads {
        let first = old
            .get(&key(workload))
            .and_then(|index| before.workloads.get(*index));
        let (first, second) = (first.map(Side::from), Side::from(workload));
        if first.as_ref().is_none_or(|first| first.differs(&second)) {
            shifts.push(Shift {
                workload: workload.clone(),
                before: first,
                after: Some(second),
            });
        }
    }
    for workload in &before.workloads {
        if !new.contains_key(&key(workload)) {
            shifts.push(Shift {
                workload: workload.clone(),
                before: Some(workload.into()),
                after: None,
            });
        }
    }
    shifts
}
