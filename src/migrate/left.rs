//! What a scan still finds in a text that was changed: the forms that are not edited.

use crate::names;
use crate::scan::evaluator::Evaluator;
use crate::scan::finding::{Finding, How, Verdict, Workload};
use crate::scan::text;
use crate::scan::text::Syntax;

use crate::migrate::{ByHand, Court};

/// What the policy would swap in `text`.
pub(super) fn swapped(court: &Court<'_>, text: &str, syntax: Syntax) -> Vec<ByHand> {
    let evaluator = Evaluator {
        policy: court.policy.clone(),
        setting: court.setting.clone(),
        changes: false,
    };
    let reading = text::read(&evaluator, court.namespaces, "", text, syntax);
    reading.workloads.iter().filter_map(by_hand).collect()
}

fn by_hand(workload: &Workload) -> Option<ByHand> {
    let is_swapped = |finding: &&Finding| {
        finding.verdict == Verdict::Swapped && finding.how != How::TcpDockerHost
    };
    let swapped: Vec<&Finding> = workload.findings.iter().filter(is_swapped).collect();
    let first = swapped.first()?;
    let mut containers: Vec<&str> = Vec::new();
    for name in swapped
        .iter()
        .filter_map(|finding| finding.container.as_deref())
    {
        if !containers.contains(&name) {
            containers.push(name);
        }
    }
    Some(ByHand {
        line: first.spot.as_ref().map_or(1, |spot| spot.line),
        what: format!("{}/{}", workload.kind, workload.name),
        message: format!(
            "by hand: this form is not edited. Remove the mounts of {} and their volume, and give the Pods the \
             annotations {}: \"true\" and {}: {:?}",
            first.target,
            names::INJECT,
            names::CONTAINERS,
            containers.join(",")
        ),
    })
}
