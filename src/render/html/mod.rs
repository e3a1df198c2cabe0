//! A scan's result as one page: no network, no other file, no cookie.
//!
//! Every workload is a row of the markup, so the page can be read without its script, which filters, sorts and
//! opens the details. Those are rendered when they are looked at: 3,000 workloads open in two seconds. The page's own policy lets nothing run or load but the
//! style and the script below, known by their hashes. What is from manifests is text by its type
//! and not markup, so that it cannot be put into the page without being escaped.

pub mod chart;
mod details;
pub mod escape;
pub mod rows;

use std::collections::BTreeSet;

use base64_simd::STANDARD;
use maud::{Markup, PreEscaped, html as markup};

use crate::names::NO_NAMESPACE;

use crate::render::html::details::Details;
use crate::render::html::escape::breakable;
use crate::render::html::rows::capital;
use crate::scan::finding::{Verdict, Workload};
use crate::scan::result::{Gap, Report};
use crate::scan::written::GENERATOR;
use crate::text::visible_lines;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page. `made` says when, or of what; it stands below the title. `stale` says why it is not
/// of now.
pub fn html(report: &Report, made: &str, stale: Option<&str>) -> String {
    let workloads = &report.workloads;
    let workloads = sorted(workloads);
    let mut details = Details::default();
    for workload in &workloads {
        details.push(workload);
    }
    let page = markup! {
        (PreEscaped("<!doctype html>\n"))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(content_security_policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                meta name="generator" content=(GENERATOR);
                title { "Node runtime report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report, made, stale))
                main id="main" {
                    @if workloads.is_empty() { (nothing(report)) } @else {
                        (tiles(report))
                        div class="charts" {
                            (chart::chart("By namespace", "ns", &report.workloads, |w| w.namespace.as_str()))
                            (chart::chart("By kind", "kind", &report.workloads, |w| w.kind.as_str()))
                        }
                        (table(&workloads))
                    }
                    (gaps(report))
                }
                footer {
                    "Made by dind-injector " (env!("CARGO_PKG_VERSION")) ". The verdicts are the webhook’s own, \
                     under the same policy. Hints on what works differently are guesses to be checked."
                }
                (details.markup())
                script { (PreEscaped(SCRIPT)) }
            }
        }
        "\n"
    };
    // Nothing in the page can hide, or reorder it.
    visible_lines(&page.into_string())
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

fn head(report: &Report, made: &str, stale: Option<&str>) -> Markup {
    let seen = report.seen;
    let counted = |count: usize, one: &str, many: &str| {
        format!("{} {}", grouped(count), if count == 1 { one } else { many })
    };
    let gaps = report.gaps.len();
    markup! {
        a class="skip" href="#workloads" { "To the workloads" }
        header class="top" {
            p class="eyebrow" { "dind-injector scan" }
            h1 { (headline(report)) }
            p class="sub" {
                (counted(seen.pods, "Pod or Pod template", "Pods and Pod templates"))
                @if seen.files > 0 { " in " (counted(seen.files, "file", "files")) }
                " looked at"
                @if let Some(pods) = report.live_pods() {
                    " · " (counted(pods, "Pod", "Pods"))
                    (if pods == 1 { " reaches" } else { " reach" }) " it as stored now"
                }
                @if !made.is_empty() { " · " (made) }
            }
            @if let Some(basis) = &report.basis {
                p class="sub" {
                    "Scanned: " (basis.source) " · Policy: " (basis.policy())
                }
            }
            noscript { p class="sub" { "The details of each workload need the page's script." } }
        }
        @if let Some(stale) = stale {
            p class="incomplete" role="status" { strong { "Not of now." } " " (capital(stale)) "." }
        }
        @if !report.is_complete() {
            p class="incomplete" role="status" {
                strong { "Incomplete." } " " (gaps) " " (if gaps == 1 { "place" } else { "places" })
                " could not be looked at. " a href="#gaps" { "See which" }
            }
        }
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

fn nothing(report: &Report) -> Markup {
    let text = if report.is_complete() {
        "No mount, no volume and no variable leads to a container runtime of a node."
    } else {
        "In what could be looked at, nothing leads to a container runtime of a node."
    };
    markup! { section class="card nothing" { p { (text) } } }
}

fn tiles(report: &Report) -> Markup {
    let summary = report.summary();
    let verdicts = Verdict::ALL.into_iter();
    let verdicts = verdicts.map(|verdict| (verdict, summary.of(verdict)));
    markup! {
        section class="card whole" aria-labelledby="verdicts" {
            h2 id="verdicts" { "Under the policy" }
            (chart::whole(&report.workloads))
            div class="tiles" {
                @for (verdict, count) in verdicts.filter(|(_, count)| *count > 0) {
                    @let name = verdict.name();
                    button type="button" class={ "tile t-" (name) } data-facet="verdict" data-value=(name) {
                        span class="count" { (grouped(count)) } " "
                        (rows::badge(verdict)) " "
                        span class="means" { (short(verdict)) }
                    }
                }
                @if summary.by_hand > 0 {
                    button type="button" class="tile t-hand" data-facet="hand" data-value="1" {
                        span class="count" { (grouped(summary.by_hand)) } " "
                        span class="badge b-hand" { "manual work" } " "
                        span class="means" { "a person must change or exempt them" }
                    }
                }
            }
            @if summary.useless > 0 {
                p class="useless" {
                    strong { "Look before you enforce." } " " (grouped(summary.useless))
                    " of the swapped look at the node’s own containers, and would see none in a daemon of \
                     their own. "
                    button type="button" class="show" id="look" data-search=(rows::LOOK) hidden { "Show them" }
                }
            }
        }
    }
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

/// A filter's choices.
fn options<'t>(values: impl IntoIterator<Item = &'t str>) -> Markup {
    // An empty value would stand for all.
    let named = |value: &'t str| {
        if value.is_empty() {
            NO_NAMESPACE
        } else {
            value
        }
    };
    markup! {
        option value="" { "All" }
        @for value in values.into_iter().map(named) { option value=(value) { (value) } }
    }
}

/// What stands in the way of enforcement comes first.
fn sorted(workloads: &[Workload]) -> Vec<&Workload> {
    let mut workloads: Vec<&Workload> = workloads.iter().collect();
    workloads.sort_by_key(|workload| std::cmp::Reverse(workload.verdict));
    workloads
}

fn table(workloads: &[&Workload]) -> Markup {
    let namespaces: BTreeSet<&str> = workloads.iter().map(|w| w.namespace.as_str()).collect();
    let kinds: BTreeSet<&str> = workloads.iter().map(|w| w.kind.as_str()).collect();
    let verdicts: BTreeSet<Verdict> = workloads.iter().map(|w| w.verdict).collect();
    markup! {
        section class="card list" id="workloads" aria-labelledby="list" {
            div class="bar-top" {
                h2 id="list" { "Workloads" }
                p id="shown" role="status" aria-live="polite" {}
            }
            div class="filters" id="filters" hidden {
                label class="f-search" {
                    "Search" input type="search" id="q" placeholder="Name, path, container, file"
                        autocomplete="off" spellcheck="false";
                }
                label { "Verdict" select id="verdict" { (options(verdicts.iter().map(|verdict| verdict.name()))) } }
                label { "Namespace" select id="ns" { (options(namespaces)) } }
                label { "Kind" select id="kind" { (options(kinds)) } }
                label class="f-hand" { input type="checkbox" id="hand"; " Needs manual work" }
                button type="button" id="reset" disabled { "Reset" }
            }
            table id="table" {
                thead {
                    tr {
                        @for (title, key) in [
                            ("Verdict", "order"),
                            ("Workload", "name"),
                            ("Namespace", "ns"),
                            ("Reaches", "reach"),
                            ("Manual work", "hand"),
                            ("Where", "where"),
                        ] {
                            th scope="col" data-key=(key) aria-sort=[(key == "order").then_some("ascending")] {
                                button type="button" class="sort" {
                                    (title) span class="arrow" aria-hidden="true" {}
                                }
                            }
                        }
                    }
                }
                @for (index, workload) in workloads.iter().enumerate() {
                    (rows::rows(workload, index)) "\n"
                }
            }
            button type="button" id="more" class="show" hidden { "Show more" }
            p id="none" class="empty" hidden { "No workload matches the filters." }
        }
    }
}

fn gaps(report: &Report) -> Markup {
    let mut gaps: Vec<&Gap> = report.gaps.iter().collect();
    gaps.sort_by_key(|gap| gap.mentions.is_none());
    markup! {
        @if !gaps.is_empty() {
            section class="card gaps" id="gaps" aria-labelledby="gaps-title" {
                h2 id="gaps-title" { "Not looked at" }
                ul {
                    @for gap in gaps {
                        li {
                            span class="file" {
                                (breakable(&gap.place)) @if let Some(line) = gap.line { ":" (line) }
                            } " "
                            span class="gap" { (capital(&gap.message)) "." }
                            @if let Some(line) = gap.mentions.filter(|line| gap.line != Some(*line)) {
                                " " strong class="mentions" { "Line " (line) " names a runtime’s socket." }
                            }
                        }
                    }
                }
            }
        }
    }
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
            assert_eq!(visible_lines(text), text, "its hash would be another");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(12_345), "12\u{2009}345");
        assert_eq!(grouped(123), "123");
    }
}
