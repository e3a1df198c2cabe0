//! What `check` found, for people: one line a check, and below it what to do where it is not ok.

use anstyle::{AnsiColor, Style};

use crate::check::outcome::{Check, Outcome};
use crate::check::report::Report;
use crate::model::docs_url::DocsUrl;
use crate::text::visible;

use crate::render::diff::Paint;

/// As wide as the longest question's name.
const NAME: usize = 20;

/// Writes them, and how many ended how.
pub fn checks(report: &Report, paint: Paint) -> String {
    let mut out = String::new();
    for check in &report.checks {
        line(&mut out, check, &report.docs, paint);
    }
    let counted = [
        (Outcome::Ok, "ok"),
        (Outcome::Warning, "with a warning"),
        (Outcome::Failed, "failed"),
        (Outcome::CouldNotAsk, "could not be asked"),
    ];
    let counted = counted.map(|(outcome, words)| (report.count(outcome), words));
    let counted = counted.iter().filter(|(count, _)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let noun = match report.checks.len() {
        1 => "check",
        _ => "checks",
    };
    out.push_str(&format!(
        "\n{} {noun}: {}\n",
        report.checks.len(),
        counted.join(", ")
    ));
    out
}

fn line(out: &mut String, check: &Check, docs: &DocsUrl, paint: Paint) {
    let Check {
        question,
        outcome,
        found,
        fix,
    } = check;
    let (mark, color) = match outcome {
        Outcome::Ok => ("✓", AnsiColor::Green),
        Outcome::Warning => ("!", AnsiColor::Yellow),
        Outcome::Failed => ("✗", AnsiColor::Red),
        Outcome::CouldNotAsk => ("?", AnsiColor::Yellow),
    };
    match paint {
        Paint::Plain => out.push_str(mark),
        Paint::Color => {
            let style = Style::new().fg_color(Some(color.into())).bold();
            out.push_str(&format!("{style}{mark}{style:#}"));
        }
    }
    out.push_str(&format!(" {:NAME$}  {}\n", question.name, visible(found)));
    if let Some(fix) = fix {
        let indent = NAME + 4;
        out.push_str(&format!("{:indent$}{}\n", "", visible(fix)));
        let link = question.guide.link(docs);
        out.push_str(&format!("{:indent$}see {link}\n", ""));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::check::questions;

    #[test]
    fn a_check_is_one_line_and_what_to_do() {
        let report = Report {
            checks: vec![
                questions::API_SERVER.ok("Kubernetes 1.36 answers"),
                questions::CA_BUNDLE.fails("empty\u{1b}[2J", "set it"),
            ],
            docs: "https://docs.example".parse().unwrap(),
        };
        let text = checks(&report, Paint::Plain);
        assert_eq!(
            text,
            format!(
                "✓ api-server            Kubernetes 1.36 answers\n\
                 ✗ ca-bundle             empty\\u{{1b}}[2J\n\
                 {space}set it\n\
                 {space}see https://docs.example/operations.md#certificates\n\
                 \n2 checks: 1 ok, 1 failed\n",
                space = " ".repeat(24),
            )
        );
        let colored = checks(&report, Paint::Color);
        assert!(
            colored.contains("\u{1b}[32m") && !colored.contains("\u{1b}[2J"),
            "{colored}"
        );
    }

    #[test]
    fn one_check_is_one() {
        let report = Report {
            checks: vec![questions::API_SERVER.ok("Kubernetes 1.36 answers")],
            docs: DocsUrl::default(),
        };
        let text = checks(&report, Paint::Plain);
        assert!(text.ends_with("\n1 check: 1 ok\n"), "{text}");
    }

    #[test]
    fn every_name_fits_its_column() {
        for question in questions::ALL {
            assert!(question.name.len() <= NAME, "{}", question.name);
        }
    }
}
