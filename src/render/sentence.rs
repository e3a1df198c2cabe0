//! A result in one sentence: how much was looked at, and how much of it reaches a runtime.

use std::fmt::Write as _;

use crate::scan::finding::Verdict;
use crate::scan::result::Report;

/// What was looked at, and how many of each verdict are in it.
pub fn sentence(report: &Report) -> String {
    let seen = report.seen;
    let pods = counted(seen.pods, "Pod or Pod template", "Pods and Pod templates");
    // A cluster has no files.
    let mut text = match seen.files {
        0 => format!("{pods} looked at: "),
        files => format!(
            "{} with {pods} looked at: ",
            counted(files, "file", "files")
        ),
    };
    let summary = report.summary();
    let count = report.workloads.len();
    if count == 0 {
        text.push_str(if report.is_complete() {
            "none reaches a node's container runtime."
        } else {
            "no way to a node's container runtime was found in what could be read."
        });
        return text;
    }
    // What is in files is in no cluster yet.
    let mut would = match report.cluster {
        Some(_) => "",
        None => "would be ",
    };
    let verdicts = Verdict::ALL
        .into_iter()
        .filter(|verdict| summary.of(*verdict) > 0);
    let verdicts: Vec<String> = verdicts
        .map(|verdict| {
            let would = std::mem::take(&mut would);
            format!("{} {would}{}", summary.of(verdict), verdict.name())
        })
        .collect();
    let reach = match count {
        1 => "workload reaches",
        _ => "workloads reach",
    };
    let _ = write!(
        text,
        "{count} {reach} a node's container runtime: {}",
        verdicts.join(", ")
    );
    if summary.by_hand > 0 {
        let verb = if summary.by_hand == 1 {
            "needs"
        } else {
            "need"
        };
        let _ = write!(text, "; {} {verb} manual work", summary.by_hand);
    }
    if summary.useless > 0 {
        let _ = write!(
            text,
            "; {} would be swapped but stop working",
            summary.useless
        );
    }
    text.push('.');
    text
}

/// A number with its noun.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
