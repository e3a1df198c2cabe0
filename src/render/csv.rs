//! A scan's result as a table for spreadsheets: one row for each way to a runtime, and one for each
//! place that could not be looked at.
//!
//! A cell that a spreadsheet would take for a formula starts with an apostrophe (OWASP, "CSV
//! Injection"). The columns are an interface: they are added to, never changed. Source: RFC 4180.

use std::io;

use csv::Writer;

use crate::scan::finding::{Finding, Spot, Workload};
use crate::scan::result::{Gap, Report};
use crate::scan::written::{COLUMNS, INCOMPLETE};
use crate::text::visible;

/// The result as CSV, with a head.
///
/// # Errors
/// Where the text cannot be written.
pub fn csv(report: &Report) -> io::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for workload in &report.workloads {
        for finding in &workload.findings {
            writer.write_record(way(workload, finding).iter().map(|cell| safe(cell)))?;
        }
    }
    for one in &report.gaps {
        writer.write_record(gap(one).iter().map(|cell| safe(cell)))?;
    }
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}

fn way(workload: &Workload, finding: &Finding) -> [String; 14] {
    let spot = finding.spot.as_ref().or(workload.spot.as_ref());
    let (file, line) = spot.map_or(
        (String::new(), String::new()),
        |Spot { file, line, .. }| (file.clone(), line.to_string()),
    );
    let container = finding.container.as_deref();
    let mut risks: Vec<&str> = workload
        .risks
        .iter()
        .filter(|risk| Some(risk.container.as_str()) == container)
        .map(|risk| risk.rule.id)
        .collect();
    risks.dedup();
    let manual_work = finding
        .manual_work
        .as_ref()
        .or(workload.manual_work.as_ref());
    [
        finding.verdict.name().to_owned(),
        workload.namespace.clone(),
        workload.kind.clone(),
        workload.name.clone(),
        container.unwrap_or_default().to_owned(),
        finding.how.name().to_owned(),
        finding.target.clone(),
        finding.mount_path.clone().unwrap_or_default(),
        file,
        line,
        workload.reason.to_owned(),
        workload.rule.clone().unwrap_or_default(),
        manual_work
            .map_or("", |manual_work| manual_work.name())
            .to_owned(),
        risks.join(" "),
    ]
}

fn gap(gap: &Gap) -> [String; 14] {
    let mut cells = [const { String::new() }; 14];
    let line = gap.line.map(|line| line.to_string());
    for (column, cell) in [
        ("verdict", INCOMPLETE.to_owned()),
        ("target", gap.message.clone()),
        ("file", gap.place.clone()),
        ("line", line.unwrap_or_default()),
        ("reason", gap.why.name().to_owned()),
    ] {
        if let Some(index) = COLUMNS.iter().position(|one| *one == column) {
            cells[index] = cell;
        }
    }
    cells
}

/// A cell that is a text, whatever it starts with.
fn safe(cell: &str) -> String {
    let cell = visible(cell);
    if cell.starts_with(['=', '+', '-', '@', '\t']) {
        return format!("'{cell}");
    }
    cell.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_moves_no_cursor() {
        assert_eq!(safe("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(safe("@x"), "'@x");
        assert_eq!(safe("a=b"), "a=b");
        assert!(!safe("\u{1b}[31m").contains('\u{1b}'));
    }
}
