//! Files that `scan` wrote itself: a report in a directory names every way that was found, and hides none.
//!
//! A file is one only as a whole. What a marker alone would hide is read: a stream with a manifest behind a report, a
//! table whose cells have lines, a page that goes on. Whoever names a file has it read. Pure.

use std::path::Path;

use csv::ReaderBuilder;
use serde_json::Value;

use crate::names;
use crate::scan::finding::Verdict;

/// The columns of a result as CSV.
pub const COLUMNS: [&str; 14] = [
    "verdict",
    "namespace",
    "kind",
    "name",
    "container",
    "reach",
    "target",
    "mountPath",
    "file",
    "line",
    "reason",
    "rule",
    "needsManualWork",
    "risks",
];

/// What a row of CSV says of a place that could not be looked at, where others have a verdict.
pub const INCOMPLETE: &str = "incomplete";

/// What made a page, as the page says.
pub const GENERATOR: &str = "dind-injector scan";

/// The fields of a result as JSON.
const FIELDS: [&str; 11] = [
    "apiVersion",
    "kind",
    "complete",
    "summary",
    "workloads",
    "incomplete",
    "ignored",
    "policy",
    "scanned",
    "version",
    "time",
];

/// Whether a file of this name and text is a result of `scan`.
pub fn is_result(path: &Path, text: &str) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match text.as_bytes().first() {
        Some(b'{') => is_json(text),
        Some(b'v') => is_csv(text),
        Some(b'<') => matches!(extension, Some("html" | "htm")) && is_html(text),
        _ => false,
    }
}

fn is_json(text: &str) -> bool {
    // Most files are none, and are not parsed for this.
    if !text.contains(names::REPORT_KIND) && !text.contains("\"runs\"") {
        return false;
    }
    let Ok(Value::Object(document)) = serde_json::from_str(text) else {
        return false;
    };
    let is = |key: &str, value: &str| document.get(key).and_then(Value::as_str) == Some(value);
    if is("kind", names::REPORT_KIND) {
        let mut keys = document.keys();
        return is("apiVersion", names::API_VERSION) && keys.all(|key| FIELDS.contains(&&**key));
    }
    let runs = document.get("runs").and_then(Value::as_array);
    let is_own = |run: &Value| {
        let name = run.pointer("/tool/driver/name").and_then(Value::as_str);
        name == Some(names::PROGRAM)
    };
    let mut keys = document.keys();
    is("version", "2.1.0")
        && keys.all(|key| matches!(key.as_str(), "$schema" | "version" | "runs"))
        && runs.is_some_and(|runs| !runs.is_empty() && runs.iter().all(is_own))
}

/// A table of one row a line.
fn is_csv(text: &str) -> bool {
    let mut lines = text.lines();
    if lines.next() != Some(&*COLUMNS.join(",")) {
        return false;
    }
    let is_first =
        |word: &str| word == INCOMPLETE || Verdict::ALL.iter().any(|one| one.name() == word);
    lines.all(|line| {
        let mut reader = ReaderBuilder::new();
        let reader = reader.has_headers(false).from_reader(line.as_bytes());
        let rows: Result<Vec<_>, _> = reader.into_records().collect();
        match rows.as_deref() {
            Ok([row]) => row.len() == COLUMNS.len() && row.get(0).is_some_and(is_first),
            Ok(_) | Err(_) => false,
        }
    })
}

/// One page, from its head to its end, and no stream of documents.
fn is_html(text: &str) -> bool {
    let head = text.find("</head>").and_then(|end| text.get(..end));
    let marker = format!("<meta name=\"generator\" content=\"{GENERATOR}\">");
    text.starts_with("<!doctype html>\n<html ")
        && head.is_some_and(|head| head.contains(&marker))
        && text.trim_end().ends_with("</html>")
        && text.matches("</html>").count() == 1
        && !text.contains("\n---")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SARIF: &str =
        r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "dind-injector"}}}]}"#;

    #[test]
    fn a_file_is_a_result_only_as_a_whole() {
        let head = COLUMNS.join(",");
        let row = format!("swapped{}\n", ",x".repeat(13));
        let report = format!(
            "{{\"apiVersion\": \"{}\", \"kind\": \"ScanReport\", \"workloads\": []}}",
            names::API_VERSION
        );
        let page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta name=\"generator\" content=\"{GENERATOR}\"></head></html>\n"
        );
        for (name, text) in [
            ("a.json", report.clone()),
            ("a.sarif", SARIF.to_owned()),
            ("a.csv", format!("{head}\n{row}")),
            ("a.html", page.clone()),
        ] {
            assert!(is_result(Path::new(name), &text), "{text}");
        }
        let pod = "\n---\nkind: Pod\n";
        for (name, text) in [
            ("a.json", format!("{report}{pod}")),
            ("a.json", report.replace("\"workloads\"", "\"spec\"")),
            ("a.json", report.replace("v1alpha1", "v1")),
            ("a.sarif", format!("{SARIF}{pod}")),
            ("a.sarif", SARIF.replace("dind-injector", "trivy")),
            ("a.csv", format!("{head}\n{row}{pod}")),
            (
                "a.csv",
                format!("{head}\n\"swapped\n---\nkind: Pod\n\"{}\n", ",x".repeat(13)),
            ),
            (
                "a.csv",
                format!("{head}\ndocker run -v /run:/run x{}\n", ",x".repeat(13)),
            ),
            ("a.html", format!("{page}{pod}")),
            (
                "a.html",
                page.replace("</head>", "\n---\nkind: Pod\n</head>"),
            ),
            ("a.yaml", page.clone()),
            ("a.html", page.replace(GENERATOR, "x")),
        ] {
            assert!(!is_result(Path::new(name), &text), "{text}");
        }
    }
}
