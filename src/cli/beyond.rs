//! What a text holds for the node's runtime where `inject` and `explain` do not reach, and what no daemon takes
//! the place of: told, and with a status that a script sees.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::cli::terminal::line;
use crate::decide::Policy;
use crate::manifest::{Document, pods};
use crate::names::NO_NAME;
use crate::review::offline::Setting;
use crate::scan::evaluator::Evaluator;
use crate::scan::finding::{Finding, How, Verdict, Workload};
use crate::scan::result::Namespaces;
use crate::scan::text::{Syntax, read};

/// Tells what of `text` reaches a node's runtime and is no Pod of `documents`, and, where Pods
/// are to be changed, what of one keeps doing so. Returns whether there was anything.
pub fn tell(
    policy: &Policy,
    setting: &Setting,
    (name, text): (&str, &str),
    documents: &[Document],
    is_changed: bool,
    err: &mut dyn Write,
) -> io::Result<bool> {
    let evaluator = Evaluator {
        policy: policy.clone(),
        setting: setting.clone(),
        changes: false,
    };
    let known: BTreeSet<(&str, &str)> = documents
        .iter()
        .flat_map(|document| pods(&document.value))
        .map(|pod| (pod.kind, pod.name.unwrap_or(NO_NAME)))
        .collect();
    let reading = read(&evaluator, &Namespaces::new(), name, text, Syntax::Manifest);
    let mut found = false;
    for workload in &reading.workloads {
        let (kind, object) = (workload.kind.as_str(), workload.name.as_str());
        if known.contains(&(kind, object)) {
            if is_changed {
                found |= still(policy, name, workload, err)?;
            }
            continue;
        }
        let at = workload.spot.as_ref().map_or(1, |spot| spot.line);
        line(
            err,
            format_args!(
                "warning: {name}:{at}: {kind}/{object} reaches the node's container runtime, and is \
             not changed: no whole Pod stands there. The webhook sees its Pods when they are made"
            ),
        )?;
        found = true;
    }
    for gap in reading
        .gaps
        .iter()
        .filter(|gap| gap.is_named() && known.is_empty())
    {
        let at = gap.line.unwrap_or(1);
        line(err, format_args!("warning: {name}:{at}: {}", gap.message))?;
        found = true;
    }
    Ok(found)
}

/// Tells what of a Pod no daemon takes the place of, where no rule but the last one lets it.
fn still(
    policy: &Policy,
    name: &str,
    workload: &Workload,
    err: &mut dyn Write,
) -> io::Result<bool> {
    let Workload {
        kind,
        name: object,
        rule,
        findings,
        ..
    } = workload;
    let is_exempt = rule
        .as_ref()
        .is_some_and(|rule| *rule != policy.otherwise.name);
    let is_left = |finding: &&Finding| match finding.verdict {
        Verdict::Allowed | Verdict::Warned => !is_exempt,
        // A denied Pod is told by whoever asked to have it injected.
        Verdict::Swapped | Verdict::Unseen | Verdict::Denied => false,
    };
    // Another hostPath is no way to a runtime, and the Pod's own warnings tell of it.
    let is_way = |finding: &&Finding| finding.how != How::HostPath;
    let mut told = Vec::new();
    for finding in findings.iter().filter(is_left).filter(is_way) {
        let at = finding.spot.as_ref().or(workload.spot.as_ref());
        let at = at.map_or(1, |spot| spot.line);
        if told.contains(&&finding.target) {
            continue;
        }
        told.push(&finding.target);
        let what = format!("{kind}/{object}");
        let still = still_reaches(workload, Some(finding), &what);
        line(err, format_args!("warning: {name}:{at}: {still}"))?;
    }
    Ok(!told.is_empty())
}

/// That a workload still reaches a node's runtime, and what a person can do about it.
pub fn still_reaches(workload: &Workload, finding: Option<&Finding>, what: &str) -> String {
    let advice = manual_work(workload, finding)
        .unwrap_or_else(|| format!("{}: {}", workload.reason, workload.message));
    let target = finding.map_or("", |finding| finding.target.as_str());
    format!("{what} still reaches the node's runtime ({target}). {advice}")
}

/// What a person can do about it, where something is left to do.
pub fn manual_work(workload: &Workload, finding: Option<&Finding>) -> Option<String> {
    let of_finding = finding.and_then(|finding| finding.manual_work.as_ref());
    let manual_work = of_finding.or(workload.manual_work.as_ref())?;
    Some(format!("by hand: {}", manual_work.advice()))
}
