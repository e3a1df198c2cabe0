//! `# dind-injector:ignore REASON` beside a line: what is found there is set aside, and told.
//!
//! A comment on a line of its own counts for the line below. Without a reason it counts for nothing,
//! and is a gap.

use std::collections::BTreeMap;

use crate::scan::result::{Gap, Ignored, Reading, Why};

/// What such a comment begins with.
pub const MARK: &str = "dind-injector:ignore";

/// Whether a text may have such a comment.
pub fn may_be_in(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_some()
}

/// Sets aside what `text` says is to be ignored in its `reading`.
pub fn set_aside(text: &str, reading: &mut Reading) {
    if !may_be_in(text) {
        return;
    }
    let (reasons, mut gaps) = reasons(text);
    let Reading {
        workloads,
        gaps: found,
        ignored,
        ..
    } = reading;
    workloads.retain_mut(|workload| {
        let title = (workload.kind.clone(), workload.name.clone());
        workload.findings.retain(|finding| {
            let line = finding.spot.as_ref().map(|spot| spot.line);
            let reason = line.and_then(|line| Some((line, reasons.get(&line)?)));
            if let Some((line, reason)) = reason {
                ignored.push(Ignored {
                    place: String::new(),
                    line,
                    reason: reason.clone(),
                    what: what(&title.0, &title.1, &finding.target),
                    object: Some(format!("{}/{}", title.0, title.1)),
                });
            }
            reason.is_none()
        });
        let worst = workload
            .findings
            .iter()
            .map(|finding| finding.verdict)
            .max();
        if let Some(worst) = worst {
            workload.verdict = worst;
        }
        worst.is_some()
    });
    found.retain(|gap| {
        let lines = [gap.line, gap.mentions];
        let reason = lines
            .into_iter()
            .flatten()
            .find_map(|line| Some((line, reasons.get(&line)?)));
        if let Some((line, reason)) = reason {
            ignored.push(Ignored {
                place: String::new(),
                line,
                reason: reason.clone(),
                what: gap.message.clone(),
                object: None,
            });
        }
        reason.is_none()
    });
    found.append(&mut gaps);
}

/// What is told of a workload that is set aside.
fn what(kind: &str, name: &str, target: &str) -> String {
    format!("{kind} {name} reaches {target}")
}

/// Whether a comment set this aside of an object whose name became `name`.
pub fn is_of(ignored: &Ignored, kind: &str, name: &str, target: &str) -> bool {
    let (before, after) = (what(kind, "", target), format!(" reaches {target}"));
    let head = before.strip_suffix(&after);
    let own = head.and_then(|head| ignored.what.strip_prefix(head)?.strip_suffix(&after));
    own.is_some_and(|own| name.contains(own))
}

/// The lines that are ignored, each with the reason; and the comments that give none.
fn reasons(text: &str) -> (BTreeMap<u32, String>, Vec<Gap>) {
    let mut reasons = BTreeMap::new();
    let mut gaps = Vec::new();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let Some((before, after)) = line.split_once(MARK) else {
            continue;
        };
        let before = before.trim_end();
        let opener = ["#", "//", "/*", "<!--", "--"];
        let Some(code) = opener.iter().find_map(|mark| before.strip_suffix(mark)) else {
            continue;
        };
        let reason = after.trim_end_matches("*/").trim_end_matches("-->").trim();
        if reason.is_empty() {
            gaps.push(Gap {
                place: String::new(),
                line: Some(number),
                why: Why::Ignore,
                message: format!("{MARK} says no reason and ignores nothing; write one behind it"),
                mentions: None,
            });
            continue;
        }
        reasons.insert(number, reason.to_owned());
        if code.trim().is_empty() {
            reasons.insert(number.saturating_add(1), reason.to_owned());
        }
    }
    (reasons, gaps)
}
