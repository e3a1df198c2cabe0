//! A scan's result for people at a terminal: a table, and what to do about it.
//!
//! Columns shrink to the terminal's width, long names lose their middle, and a narrow
//! terminal gets one block a workload. Without a width nothing is cut, so that `grep`
//! finds whole names. Text from manifests cannot steer the terminal.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::scan::baseline::Known;
use crate::scan::finding::{Finding, Spot, Verdict, Workload};
use crate::scan::result::{Gap, Report};
use crate::scan::risk::{Rule, Weight};

use crate::render::columns::{GUTTER, fit, shortened};
use crate::render::diff::Paint;
use crate::render::sentence::{counted, sentence};
use crate::text::{push_visible, push_visible_lines, visible};

/// Below this many columns a table is hard to read.
const NARROWEST_TABLE: usize = 72;

const HEAD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Writes the summary alone.
pub fn summary(report: &Report, width: Option<usize>, paint: Paint) -> String {
    let mut page = Page {
        out: String::new(),
        paint,
        width,
    };
    page.summary(report);
    page.out
}

/// Writes the summary and the table, the worst first. `width` is the terminal's, none where the output
/// is no terminal.
pub fn table(report: &Report, width: Option<usize>, paint: Paint) -> String {
    of_listed(report, report, width, paint)
}

/// Writes the summary of `report`, and the table of what of it is `listed`: where an earlier scan has the rest.
pub fn of_listed(report: &Report, listed: &Report, width: Option<usize>, paint: Paint) -> String {
    let mut page = Page {
        out: String::new(),
        paint,
        width,
    };
    page.summary(report);
    let report = listed;
    if !report.workloads.is_empty() {
        page.out.push('\n');
        match width {
            Some(width) if width < NARROWEST_TABLE => page.blocks(report),
            Some(_) | None => page.rows(report),
        }
        page.hands(report);
        page.risks(report);
    }
    page.gaps(report);
    page.ignored(report);
    page.out
}

fn color(verdict: Verdict) -> Style {
    let color = match verdict {
        Verdict::Swapped => AnsiColor::Green,
        Verdict::Allowed => AnsiColor::Blue,
        Verdict::Warned => AnsiColor::Yellow,
        Verdict::Unseen => AnsiColor::Magenta,
        Verdict::Denied => AnsiColor::Red,
    };
    color.on_default()
}

/// A rule's weight and name.
type HeaviestFirst<'r> = (Reverse<Weight>, &'r str);

struct Page {
    out: String,
    paint: Paint,
    width: Option<usize>,
}

/// One row: a way to a runtime.
struct Row {
    verdict: Verdict,
    cells: [String; 5],
}

/// The columns. What is in files is not in a cluster yet: it would be swapped.
fn titles(report: &Report) -> [&'static str; 5] {
    let verdict = match report.cluster {
        Some(_) => "VERDICT",
        None => "WOULD BE",
    };
    [verdict, "WORKLOAD", "CONTAINER", "REACHES", "WHERE"]
}

/// The worst verdict first; otherwise as they were read.
fn sorted(report: &Report) -> Vec<&Workload> {
    let mut workloads: Vec<&Workload> = report.workloads.iter().collect();
    workloads.sort_by_key(|workload| Reverse(workload.verdict));
    workloads
}

impl Page {
    fn rows(&mut self, report: &Report) {
        let mut rows = Vec::new();
        for workload in sorted(report) {
            for (index, finding) in workload.findings.iter().enumerate() {
                rows.push(row(workload, finding, index > 0));
            }
        }
        let titles = titles(report);
        let mut widths = titles.map(UnicodeWidthStr::width);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.width());
            }
        }
        if let Some(width) = self.width {
            fit(&mut widths, width);
        }
        let titles = titles.map(str::to_owned);
        self.row(&titles, &widths, HEAD, HEAD);
        for row in &rows {
            self.row(&row.cells, &widths, color(row.verdict), Style::new());
        }
    }

    fn row(&mut self, cells: &[String; 5], widths: &[usize; 5], first: Style, rest: Style) {
        let last = cells.len() - 1;
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let text = shortened(cell, *width);
            let style = if index == 0 { first } else { rest };
            self.styled(style, &text);
            if index < last {
                let blanks = width.saturating_sub(text.width()) + GUTTER;
                self.out.extend(std::iter::repeat_n(' ', blanks));
            }
        }
        self.out.push('\n');
    }

    fn blocks(&mut self, report: &Report) {
        for workload in sorted(report) {
            self.styled(color(workload.verdict), workload.verdict.name());
            self.text("  ");
            self.styled(HEAD, &title(workload));
            self.out.push('\n');
            for finding in &workload.findings {
                let container = finding.container.as_deref().unwrap_or("-");
                self.text(&format!(
                    "  {}: {}\n",
                    visible(container),
                    visible(&reaches(finding))
                ));
                if let Some(spot) = &finding.spot {
                    self.text("  ");
                    self.styled(FAINT, &place(spot));
                    self.out.push('\n');
                }
            }
        }
    }

    fn hands(&mut self, report: &Report) {
        let mut by_advice: BTreeMap<&str, (&str, Vec<String>)> = BTreeMap::new();
        for workload in &report.workloads {
            if let Some(manual_work) = &workload.manual_work {
                let entry = by_advice.entry(manual_work.name());
                let (_, names) = entry.or_insert((manual_work.advice(), Vec::new()));
                names.push(title(workload));
            }
        }
        if by_advice.is_empty() {
            return;
        }
        self.heading("Needs manual work");
        for (name, (advice, workloads)) in by_advice {
            self.item(&format!("{name}: {}", listed(&workloads)), advice);
        }
    }

    fn risks(&mut self, report: &Report) {
        let mut by_rule: BTreeMap<HeaviestFirst<'_>, (&Rule, Vec<String>)> = BTreeMap::new();
        for workload in &report.workloads {
            for risk in &workload.risks {
                let key = (Reverse(risk.rule.weight), risk.rule.id);
                let (_, names) = by_rule.entry(key).or_insert((risk.rule, Vec::new()));
                let name = title(workload);
                if names.last() != Some(&name) {
                    names.push(name);
                }
            }
        }
        if by_rule.is_empty() {
            return;
        }
        self.heading("Works differently with a daemon of its own");
        for ((_, id), (rule, workloads)) in by_rule {
            let what = format!("{id}: {} ({})", rule.title, listed(&workloads));
            self.item(&what, rule.help);
        }
    }

    fn gaps(&mut self, report: &Report) {
        if report.gaps.is_empty() {
            return;
        }
        self.heading("Not looked at");
        let mut gaps: Vec<&Gap> = report.gaps.iter().collect();
        // What names a socket matters most.
        gaps.sort_by_key(|gap| gap.mentions.is_none());
        for gap in gaps {
            let line = gap.line.map(|line| format!(":{line}")).unwrap_or_default();
            self.text("  ");
            self.text(&visible(&format!("{}{line}: {}", gap.place, gap.message)));
            if let Some(line) = gap.mentions.filter(|line| gap.line != Some(*line)) {
                self.styled(
                    color(Verdict::Warned),
                    &format!(" (line {line} names a runtime's socket)"),
                );
            }
            self.out.push('\n');
        }
    }

    fn ignored(&mut self, report: &Report) {
        if report.ignored.is_empty() {
            return;
        }
        self.heading("Ignored by a comment");
        for one in &report.ignored {
            self.text(&format!(
                "  {}:{}: {} ({})\n",
                one.place, one.line, one.what, one.reason
            ));
        }
    }

    fn summary(&mut self, report: &Report) {
        for line in self.lines(&sentence(report)) {
            self.text(&format!("{line}\n"));
        }
        match report.live_pods() {
            None => {}
            Some(1) => self.text("1 Pod reaches it as it is stored now.\n"),
            Some(pods) => self.text(&format!("{pods} Pods reach it as they are stored now.\n")),
        }
        if let Some(Known { findings, gaps }) = report.known {
            let findings = counted(findings, "way", "ways");
            let gaps = counted(gaps, "gap", "gaps");
            self.text(&format!(
                "The baseline has {findings} to a runtime and {gaps} of these, which are not listed.\n"
            ));
        }
        if !report.is_complete() {
            let count = counted(report.gaps.len(), "place", "places");
            self.styled(
                color(Verdict::Denied),
                &format!("Incomplete: {count} could not be looked at."),
            );
            self.out.push('\n');
        }
        if let Some(basis) = &report.basis {
            let by = [
                format!("Policy: {}", basis.policy()),
                format!(
                    "Scanned: {}, by dind-injector {} at {}",
                    basis.source,
                    env!("CARGO_PKG_VERSION"),
                    basis.made
                ),
            ];
            for text in by {
                for line in self.lines(&text) {
                    self.styled(FAINT, &line);
                    self.out.push('\n');
                }
            }
        }
    }

    fn heading(&mut self, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.styled(HEAD, text);
        self.out.push('\n');
    }

    /// What it is about, and below it what to do.
    fn item(&mut self, what: &str, advice: &str) {
        for line in self.wrapped(what, 2) {
            self.text(&format!("  {}\n", visible(&line)));
        }
        for line in self.wrapped(advice, 4) {
            self.text("    ");
            self.styled(FAINT, &line);
            self.out.push('\n');
        }
    }

    /// `text` in lines of the terminal's width; as it is where there is none.
    fn lines(&self, text: &str) -> Vec<String> {
        match self.width {
            Some(_) => self.wrapped(text, 0),
            None => vec![text.to_owned()],
        }
    }

    /// `text` in lines of the terminal's width, less `indent`.
    fn wrapped(&self, text: &str, indent: usize) -> Vec<String> {
        let most = self.width.unwrap_or(100).saturating_sub(indent).max(20);
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let Some(line) = lines.last_mut() else { break };
            if !line.is_empty() && line.width() + 1 + word.width() > most {
                lines.push(word.to_owned());
            } else {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines
    }

    fn text(&mut self, text: &str) {
        push_visible_lines(&mut self.out, text);
    }

    fn styled(&mut self, style: Style, text: &str) {
        match self.paint {
            Paint::Plain => push_visible(&mut self.out, text),
            Paint::Color => {
                let _ = write!(self.out, "{style}");
                push_visible(&mut self.out, text);
                let _ = write!(self.out, "{style:#}");
            }
        }
    }
}

fn row(workload: &Workload, finding: &Finding, again: bool) -> Row {
    let name = if again {
        String::new()
    } else {
        title(workload)
    };
    let spot = finding.spot.as_ref().or(workload.spot.as_ref());
    let cells = [
        finding.verdict.name().to_owned(),
        name,
        finding.container.clone().unwrap_or_else(|| "-".to_owned()),
        reaches(finding),
        spot.map_or_else(|| finding.pointer.clone(), place),
    ];
    Row {
        verdict: finding.verdict,
        cells: cells.map(|cell| visible(&cell).into_owned()),
    }
}

fn reaches(finding: &Finding) -> String {
    match finding.how.runtime() {
        Some(runtime) => format!("{runtime} {}", finding.target),
        None => format!("{} {}", finding.how.name(), finding.target),
    }
}

fn title(workload: &Workload) -> String {
    let Workload {
        namespace,
        kind,
        name,
        ..
    } = workload;
    if namespace.is_empty() {
        format!("{kind}/{name}")
    } else {
        format!("{namespace}/{kind}/{name}")
    }
}

fn place(spot: &Spot) -> String {
    format!("{}:{}", spot.file, spot.line)
}

/// A few names, and how many more.
fn listed(names: &[String]) -> String {
    const MOST: usize = 5;
    let mut text = names[..names.len().min(MOST)].join(", ");
    if names.len() > MOST {
        let _ = write!(text, " and {} more", names.len() - MOST);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let spot = |line| {
            Some(Spot {
                file: "deploy/a/rather/long/way/down/builder.yaml".to_owned(),
                line,
                column: 1,
            })
        };
        let finding = Finding {
            container: Some("\u{1b}[31mdocker".to_owned()),
            how: crate::scan::finding::How::Socket,
            target: "/var/run/docker.sock".to_owned(),
            mount_path: None,
            pointer: "/spec/containers/0/volumeMounts/0".to_owned(),
            spot: spot(22),
            verdict: Verdict::Swapped,
            manual_work: None,
        };
        Report {
            workloads: vec![Workload {
                namespace: "continuous-integration".to_owned(),
                kind: "Deployment".to_owned(),
                name: "builder-of-everything-there-is".to_owned(),
                base: String::new(),
                spot: spot(1),
                verdict: Verdict::Swapped,
                reason: "Swapped",
                message: String::new(),
                rule: None,
                manual_work: None,
                findings: vec![finding],
                notices: Vec::new(),
                risks: Vec::new(),
                change: None,
            }],
            ..Report::default()
        }
    }

    #[test]
    fn rows_fit_the_terminal_and_are_whole_without_one() {
        for width in [72, 80, 100, 120] {
            for row in table(&report(), Some(width), Paint::Plain).lines().take(2) {
                assert!(row.width() <= width, "{width}: {row}");
            }
        }
        let whole = table(&report(), None, Paint::Plain);
        assert!(whole.contains("continuous-integration/Deployment/builder-of-everything-there-is"));
        assert!(whole.contains("deploy/a/rather/long/way/down/builder.yaml:22"));
    }

    #[test]
    fn a_narrow_terminal_gets_blocks() {
        let text = table(&report(), Some(40), Paint::Plain);
        assert!(!text.contains("VERDICT"), "{text}");
        assert!(text.contains("socket /var/run/docker.sock"), "{text}");
    }

    #[test]
    fn names_cannot_steer_the_terminal_and_colors_add_nothing_else() {
        let plain = table(&report(), Some(100), Paint::Plain);
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        let colored = table(&report(), Some(100), Paint::Color);
        assert!(colored.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }
}
