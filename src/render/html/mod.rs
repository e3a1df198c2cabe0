//! A scan's result as one page: no network, no other file, no cookie.
//!
//! Everything is in the markup; the script only filters, sorts and folds, so the page can
//! be read and printed without it. The page's own policy lets nothing run or load but the
//! style and the script below, known by their hashes, and everything from manifests is
//! escaped.

pub mod chart;
pub mod escape;
pub mod rows;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64_simd::STANDARD;

use crate::names::NO_NAMESPACE;
use crate::scan::finding::{Verdict, Workload};
use crate::scan::result::{Gap, Report};

use crate::render::html::escape::{breakable, escape};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page. `made` says when, or of what; it stands below the title. `stale` says why it is not
/// of now.
pub fn html(report: &Report, made: &str, stale: Option<&str>) -> String {
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let _ = write!(
        page,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>Node runtime report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        content_security_policy()
    );
    head(&mut page, report, made, stale);
    page.push_str("<main id=\"main\">\n");
    if report.workloads.is_empty() {
        nothing(&mut page, report);
    } else {
        tiles(&mut page, report);
        page.push_str("<div class=\"charts\">");
        let workloads = &report.workloads;
        page.push_str(&chart::chart("By namespace", "ns", workloads, |w| {
            w.namespace.as_str()
        }));
        page.push_str(&chart::chart("By kind", "kind", workloads, |w| {
            w.kind.as_str()
        }));
        page.push_str("</div>\n");
        table(&mut page, workloads);
    }
    gaps(&mut page, report);
    let _ = write!(
        page,
        "</main>\n<footer>Made by dind-injector {}. The verdicts are the webhook’s own, under the \
         same policy. Hints on what works differently are guesses to be checked.</footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    page
}

/// Nothing runs or loads but this page's own style and script.
fn content_security_policy() -> String {
    let hash = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        format!("'sha256-{}'", STANDARD.encode_to_string(digest))
    };
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn head(page: &mut String, report: &Report, made: &str, stale: Option<&str>) {
    let seen = report.seen;
    let counted = |count: usize, one: &str, many: &str| {
        format!("{} {}", grouped(count), if count == 1 { one } else { many })
    };
    let mut looked = counted(seen.pods, "Pod or Pod template", "Pods and Pod templates");
    if seen.files > 0 {
        let _ = write!(looked, " in {}", counted(seen.files, "file", "files"));
    }
    looked.push_str(" looked at");
    if let Some(pods) = report.live_pods() {
        let verb = if pods == 1 { "reaches" } else { "reach" };
        let _ = write!(
            looked,
            " · {} {verb} it as stored now",
            counted(pods, "Pod", "Pods")
        );
    }
    let _ = write!(
        page,
        "<a class=\"skip\" href=\"#workloads\">To the workloads</a>\n<header class=\"top\">\
         <p class=\"eyebrow\">dind-injector scan</p>\
         <h1>{}</h1><p class=\"sub\">{looked}{}{}</p></header>\n",
        headline(report),
        if made.is_empty() { "" } else { " · " },
        escape(made),
    );
    if let Some(stale) = stale {
        let _ = writeln!(
            page,
            "<p class=\"incomplete\" role=\"status\"><strong>Not of now.</strong> {}.</p>",
            escape(&rows::capital(stale))
        );
    }
    if !report.is_complete() {
        let count = report.gaps.len();
        let _ = writeln!(
            page,
            "<p class=\"incomplete\" role=\"status\"><strong>Incomplete.</strong> {count} {} could not \
             be looked at. <a href=\"#gaps\">See which</a></p>",
            if count == 1 { "place" } else { "places" }
        );
    }
}

fn headline(report: &Report) -> String {
    match report.workloads.len() {
        0 if report.is_complete() => "Nothing reaches a node’s container runtime".to_owned(),
        0 => "Nothing was found in what could be read".to_owned(),
        1 => "1 workload reaches a node’s container runtime".to_owned(),
        count => format!(
            "{} workloads reach a node’s container runtime",
            grouped(count)
        ),
    }
}

fn nothing(page: &mut String, report: &Report) {
    let text = if report.is_complete() {
        "No mount, no volume and no variable leads to a container runtime of a node."
    } else {
        "In what could be looked at, nothing leads to a container runtime of a node."
    };
    let _ = writeln!(
        page,
        "<section class=\"card nothing\"><p>{text}</p></section>"
    );
}

fn tiles(page: &mut String, report: &Report) {
    let summary = report.summary();
    let _ = write!(
        page,
        "<section class=\"card whole\" aria-labelledby=\"verdicts\">\
         <h2 id=\"verdicts\">Under the policy</h2>{}<div class=\"tiles\">",
        chart::whole(&report.workloads)
    );
    for verdict in Verdict::ALL {
        let count = summary.of(verdict);
        if count == 0 {
            continue;
        }
        let name = verdict.name();
        let _ = write!(
            page,
            "<button type=\"button\" class=\"tile t-{name}\" data-facet=\"verdict\" data-value=\"{name}\">\
             <span class=\"count\">{}</span> <span class=\"badge b-{name}\">{name}</span> \
             <span class=\"means\">{}</span></button>",
            grouped(count),
            escape(short(verdict))
        );
    }
    if summary.by_hand > 0 {
        let _ = write!(
            page,
            "<button type=\"button\" class=\"tile t-hand\" data-facet=\"hand\" data-value=\"1\">\
             <span class=\"count\">{}</span> <span class=\"badge b-hand\">{}</span> \
             <span class=\"means\">a person must change or exempt them</span></button>",
            grouped(summary.by_hand),
            if summary.by_hand == 1 {
                "needs a hand"
            } else {
                "need a hand"
            }
        );
    }
    page.push_str("</div>");
    if summary.useless > 0 {
        let _ = write!(
            page,
            "<p class=\"useless\"><strong>Look before you enforce.</strong> {} of the swapped look at the \
             node’s own containers, and would see none in a daemon of their own. \
             <button type=\"button\" class=\"show\" id=\"look\" data-search=\"{}\" hidden>Show them</button></p>",
            grouped(summary.useless),
            rows::LOOK
        );
    }
    page.push_str("</section>\n");
}

/// A verdict in a few words.
fn short(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Swapped => "get a daemon of their own",
        Verdict::Allowed => "keep the node’s, by a rule",
        Verdict::Warned => "keep the node’s, with a warning",
        Verdict::Unseen => "out of the webhook’s sight",
        Verdict::Denied => "are refused",
    }
}

fn table(page: &mut String, workloads: &[Workload]) {
    let namespaces: BTreeSet<&str> = workloads.iter().map(|w| w.namespace.as_str()).collect();
    let kinds: BTreeSet<&str> = workloads.iter().map(|w| w.kind.as_str()).collect();
    let verdicts: BTreeSet<Verdict> = workloads.iter().map(|w| w.verdict).collect();
    let options = |values: &mut dyn Iterator<Item = &str>| {
        values.fold(String::new(), |mut out, value| {
            // An empty value would stand for all.
            let value = if value.is_empty() {
                NO_NAMESPACE
            } else {
                value
            };
            let _ = write!(
                out,
                "<option value=\"{}\">{}</option>",
                escape(value),
                escape(value)
            );
            out
        })
    };
    let _ = writeln!(
        page,
        "<section class=\"card list\" id=\"workloads\" aria-labelledby=\"list\"><div class=\"bar-top\">\
         <h2 id=\"list\">Workloads</h2><p id=\"shown\" role=\"status\" aria-live=\"polite\"></p></div>\
         <div class=\"filters\" id=\"filters\" hidden>\
         <label class=\"f-search\">Search<input type=\"search\" id=\"q\" placeholder=\"Name, path, container, file\" \
         autocomplete=\"off\" spellcheck=\"false\"></label>\
         <label>Verdict<select id=\"verdict\"><option value=\"\">All</option>{}</select></label>\
         <label>Namespace<select id=\"ns\"><option value=\"\">All</option>{}</select></label>\
         <label>Kind<select id=\"kind\"><option value=\"\">All</option>{}</select></label>\
         <label class=\"f-hand\"><input type=\"checkbox\" id=\"hand\"> Needs a hand</label>\
         <button type=\"button\" id=\"reset\" disabled>Reset</button></div>",
        options(&mut verdicts.iter().map(|verdict| verdict.name())),
        options(&mut namespaces.into_iter()),
        options(&mut kinds.into_iter()),
    );
    page.push_str("<table id=\"table\"><thead><tr>");
    for (title, key) in [
        ("Verdict", "order"),
        ("Workload", "name"),
        ("Namespace", "ns"),
        ("Reaches", "reach"),
        ("Needs a hand", "hand"),
        ("Where", "where"),
    ] {
        let sorted = if key == "order" {
            " aria-sort=\"ascending\""
        } else {
            ""
        };
        let _ = write!(
            page,
            "<th scope=\"col\" data-key=\"{key}\"{sorted}><button type=\"button\" class=\"sort\">{title}\
             <span class=\"arrow\" aria-hidden=\"true\"></span></button></th>"
        );
    }
    page.push_str("</tr></thead>\n");
    // What stands in the way of enforcement comes first.
    let mut workloads: Vec<&Workload> = workloads.iter().collect();
    workloads.sort_by_key(|workload| std::cmp::Reverse(workload.verdict));
    for (index, workload) in workloads.into_iter().enumerate() {
        page.push_str(&rows::rows(workload, index));
        page.push('\n');
    }
    page.push_str(
        "</table><p id=\"none\" class=\"empty\" hidden>No workload matches the filters.</p></section>\n",
    );
}

fn gaps(page: &mut String, report: &Report) {
    if report.gaps.is_empty() {
        return;
    }
    page.push_str(
        "<section class=\"card gaps\" id=\"gaps\" aria-labelledby=\"gaps-title\">\
         <h2 id=\"gaps-title\">Not looked at</h2><ul>",
    );
    let mut gaps: Vec<&Gap> = report.gaps.iter().collect();
    gaps.sort_by_key(|gap| gap.mentions.is_none());
    for gap in gaps {
        let line = gap.line.map(|line| format!(":{line}"));
        let mentions = gap.mentions.filter(|line| gap.line != Some(*line));
        let mentions = mentions.map(|line| {
            format!(" <strong class=\"mentions\">Line {line} names a runtime’s socket.</strong>")
        });
        let _ = write!(
            page,
            "<li><span class=\"file\">{}{}</span> <span class=\"gap\">{}.</span>{}</li>",
            breakable(&gap.place),
            line.unwrap_or_default(),
            escape(&rows::capital(&gap.message)),
            mentions.unwrap_or_default()
        );
    }
    page.push_str("</ul></section>\n");
}

/// `12 345`, with a thin space.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lets_nothing_load() {
        let policy = content_security_policy();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("unsafe"));
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</"), "it would end its element");
            assert!(!text.contains("http"), "it would load something");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(12_345), "12\u{2009}345");
        assert_eq!(grouped(123), "123");
    }
}
