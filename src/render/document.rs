//! A scan's result for programs: one object, the same in JSON and YAML.
//!
//! Field names and fixed words are an interface: they are added to, never changed.

use serde_json::{Map, Value, json};

use crate::names;
use crate::scan::baseline::Known;
use crate::scan::finding::{Finding, Spot, Verdict, Workload};
use crate::scan::result::{Basis, Gap, Ignored, OFFLINE, PolicyFile, Report};
use crate::scan::risk::Risk;

/// The result as one object.
pub fn document(report: &Report) -> Value {
    let summary = report.summary();
    let mut verdicts = Map::new();
    for verdict in Verdict::ALL {
        verdicts.insert(verdict.name().to_owned(), summary.of(verdict).into());
    }
    let mut value = json!({
        "apiVersion": names::API_VERSION,
        "kind": names::REPORT_KIND,
        "complete": report.is_complete(),
        "summary": {
            "files": report.seen.files,
            "documents": report.seen.documents,
            "pods": report.seen.pods,
            "workloads": report.workloads.len(),
            "findings": summary.findings,
            "verdicts": verdicts,
            "needHand": summary.by_hand,
            "swappedToNoUse": summary.useless,
        },
        "workloads": report.workloads.iter().map(workload).collect::<Vec<_>>(),
        "incomplete": report.gaps.iter().map(gap).collect::<Vec<_>>(),
    });
    if let Some(basis) = &report.basis {
        let Basis {
            policy,
            source,
            made,
        } = basis;
        value["policy"] = match policy {
            Some(PolicyFile { path, sha256 }) => json!({"file": path, "sha256": sha256}),
            None => json!({"builtIn": "offline", "means": OFFLINE}),
        };
        value["scanned"] = source.as_str().into();
        value["version"] = env!("CARGO_PKG_VERSION").into();
        value["time"] = made.as_str().into();
    }
    if let Some(Known { findings, gaps }) = report.known {
        value["summary"]["inBaseline"] = json!({"findings": findings, "incomplete": gaps});
    }
    if !report.ignored.is_empty() {
        value["ignored"] = report.ignored.iter().map(ignored).collect();
    }
    if let Some(pods) = report.live_pods() {
        value["summary"]["livePods"] = pods.into();
    }
    value
}

fn workload(workload: &Workload) -> Value {
    let Workload {
        namespace,
        kind,
        name,
        base,
        spot,
        verdict,
        reason,
        message,
        rule,
        manual_work,
        findings,
        notices,
        risks,
        change: _,
    } = workload;
    let mut value = json!({
        "kind": kind,
        "name": name,
        "verdict": verdict.name(),
        "reason": reason,
        "message": message,
        "podPointer": base,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if !namespace.is_empty() {
        value["namespace"] = namespace.as_str().into();
    }
    if let Some(spot) = spot {
        value["source"] = source(spot);
    }
    if let Some(rule) = rule {
        value["rule"] = rule.as_str().into();
    }
    if let Some(manual_work) = manual_work {
        value["needsHand"] = json!({"reason": manual_work.name(), "advice": manual_work.advice()});
    }
    if !notices.is_empty() {
        value["notices"] = notices.as_slice().into();
    }
    if !risks.is_empty() {
        value["risks"] = risks.iter().map(risk).collect();
    }
    value
}

fn finding(finding: &Finding) -> Value {
    let Finding {
        container,
        how,
        target,
        mount_path,
        pointer,
        spot,
        verdict,
        manual_work,
    } = finding;
    let mut value = json!({
        "reach": how.name(),
        "target": target,
        "verdict": verdict.name(),
        "pointer": pointer,
    });
    if let Some(container) = container {
        value["container"] = container.as_str().into();
    }
    if let Some(path) = mount_path {
        value["mountPath"] = path.as_str().into();
    }
    if let Some(runtime) = how.runtime() {
        value["runtime"] = runtime.into();
    }
    if let Some(spot) = spot {
        value["source"] = source(spot);
    }
    if let Some(manual_work) = manual_work {
        value["needsHand"] = manual_work.name().into();
    }
    value
}

fn risk(risk: &Risk) -> Value {
    let Risk {
        rule,
        container,
        seen,
    } = risk;
    json!({
        "id": rule.id,
        "weight": rule.weight.name(),
        "container": container,
        "seen": seen,
        "title": rule.title,
        "help": rule.help,
    })
}

fn source(spot: &Spot) -> Value {
    json!({"file": spot.file, "line": spot.line, "column": spot.column})
}

fn ignored(ignored: &Ignored) -> Value {
    let Ignored {
        place,
        line,
        reason,
        what,
        object: _,
    } = ignored;
    json!({"place": place, "line": line, "reason": reason, "what": what})
}

fn gap(gap: &Gap) -> Value {
    let Gap {
        place,
        line,
        why,
        message,
        mentions,
    } = gap;
    let mut value = json!({"place": place, "reason": why.name(), "message": message});
    if let Some(line) = line {
        value["line"] = (*line).into();
    }
    if let Some(line) = mentions {
        value["mentionsSocketOnLine"] = (*line).into();
    }
    value
}
