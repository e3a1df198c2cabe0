//! What another policy changes for whom, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::names;
use crate::render::sentence::counted;
use crate::scan::compare::{Shift, Side};
use crate::scan::finding::Spot;
use crate::scan::result::{Gap, Report};
use crate::text::visible;

/// What a policy has no word on.
const NOTHING: &str = "not found";

/// The changes as a table: the summary first. `files` are the two policies.
pub fn table(shifts: &[Shift], files: [&str; 2], after: &Report) -> String {
    let mut out = String::new();
    let [first, second] = files.map(visible);
    let count = counted(shifts.len(), "workload", "workloads");
    let pods = counted(
        after.seen.pods,
        "Pod or Pod template",
        "Pods and Pod templates",
    );
    let _ = writeln!(
        out,
        "{pods} looked at: {} under {second} than under {first}.",
        match shifts.len() {
            0 => "none is treated differently".to_owned(),
            1 => format!("{count} is treated differently"),
            _ => format!("{count} are treated differently"),
        }
    );
    if !after.is_complete() {
        let places = counted(after.gaps.len(), "place", "places");
        let _ = writeln!(out, "Incomplete: {places} could not be looked at.");
    }
    if shifts.is_empty() {
        return out;
    }
    let rows: Vec<[String; 4]> = shifts.iter().map(row).collect();
    let titles = ["WORKLOAD", "NOW", "THEN", "WHERE"].map(str::to_owned);
    let width = |column: usize| {
        let cells = std::iter::once(&titles).chain(&rows);
        cells
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2].map(width);
    out.push('\n');
    for row in std::iter::once(&titles).chain(&rows) {
        let [name, now, then, at] = row;
        let [a, b, c] = widths;
        let _ = writeln!(out, "{name:a$}  {now:b$}  {then:c$}  {at}");
    }
    out
}

fn row(shift: &Shift) -> [String; 4] {
    let workload = &shift.workload;
    let namespace = match workload.namespace.as_str() {
        "" => String::new(),
        namespace => format!("{namespace}/"),
    };
    let at = match &workload.spot {
        Some(Spot { file, line, .. }) => format!("{file}:{line}"),
        None => String::new(),
    };
    let cells = [
        format!("{namespace}{}/{}", workload.kind, workload.name),
        shown(shift.before.as_ref()),
        shown(shift.after.as_ref()),
        at,
    ];
    cells.map(|cell| visible(&cell).into_owned())
}

fn shown(side: Option<&Side>) -> String {
    match side {
        Some(side) if side.reason.eq_ignore_ascii_case(side.verdict.name()) => {
            side.verdict.name().to_owned()
        }
        Some(side) => format!("{} ({})", side.verdict.name(), side.reason),
        None => NOTHING.to_owned(),
    }
}

/// The changes as one object.
pub fn document(shifts: &[Shift], files: [&str; 2], after: &Report) -> Value {
    let changes = shifts.iter().map(|shift| {
        let workload = &shift.workload;
        let mut value = json!({
            "kind": workload.kind,
            "name": workload.name,
            "now": side(shift.before.as_ref()),
            "then": side(shift.after.as_ref()),
        });
        if !workload.namespace.is_empty() {
            value["namespace"] = workload.namespace.as_str().into();
        }
        if let Some(Spot { file, line, column }) = &workload.spot {
            value["source"] = json!({"file": file, "line": line, "column": column});
        }
        value
    });
    let gap =
        |gap: &Gap| json!({"place": gap.place, "reason": gap.why.name(), "message": gap.message});
    json!({
        "apiVersion": names::API_VERSION,
        "kind": "PolicyComparison",
        "policies": files,
        "complete": after.is_complete(),
        "changes": changes.collect::<Vec<_>>(),
        "incomplete": after.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

fn side(side: Option<&Side>) -> Value {
    match side {
        Some(Side {
            verdict,
            reason,
            rule,
        }) => json!({"verdict": verdict.name(), "reason": reason, "rule": rule}),
        None => Value::Null,
    }
}
