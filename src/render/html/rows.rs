//! The table's rows: one workload each, with its details below.

use maud::{Markup, html};

use crate::manifest::to_yaml;
use crate::render::diff::{Paint, unified};
use crate::render::fold::fold_script;
use crate::render::html::escape::breakable;
use crate::scan::finding::{Change, Finding, Spot, Verdict, Workload};
use crate::scan::result::is_to_no_use;
use crate::scan::risk::Risk;

/// The rows of one workload, as a table body of their own.
pub fn rows(workload: &Workload, index: usize) -> Markup {
    let verdict = workload.verdict;
    let hand = workload.hand.as_ref().map(|hand| hand.name());
    let Workload {
        namespace, kind, ..
    } = workload;
    html! {
        tbody data-verdict=(verdict.name()) data-order=(order(verdict)) data-ns=(namespace) data-kind=(kind)
            data-hand=(u8::from(hand.is_some())) {
            tr class="row" {
                td class="c-verdict" { (badge(verdict)) }
                th scope="row" class="c-name" {
                    button type="button" class="open" aria-expanded="true" aria-controls={ "d" (index) } {
                        span class="chevron" aria-hidden="true" {}
                        span class="name" { (breakable(&workload.name)) }
                    }
                    span class="kind" {
                        (kind)
                        // Read where a narrow screen has no column for it.
                        @if !namespace.is_empty() { span class="in-ns" { " in " (namespace) } }
                    }
                }
                td class="c-ns" data-label="Namespace" {
                    @if namespace.is_empty() { (none()) } @else { (namespace) }
                }
                td class="c-reach" data-label="Reaches" {
                    @if let Some(finding) = workload.main_finding() { (reach(finding)) }
                }
                td class="c-hand" data-label="Needs a hand" {
                    @if let Some(hand) = hand { span class="hand" { (hand) } }
                    @else if is_to_no_use(workload) { span class="look" { (LOOK) } }
                    @else { (none()) }
                }
                td class="c-where" data-label="Where" { (location(workload)) }
            }
            tr class="detail" id={ "d" (index) } {
                td colspan="6" { div class="inside" { (details(workload)) } }
            }
        }
    }
}

/// What stands in the row of a workload that is swapped to no use; the page searches for it.
pub const LOOK: &str = "Look first";

fn none() -> Markup {
    html! { span class="none" { "–" } }
}

/// The worst first.
fn order(verdict: Verdict) -> usize {
    let mut best_first = Verdict::ALL.into_iter();
    let index = best_first.position(|one| one == verdict).unwrap_or(0);
    Verdict::ALL.len() - index
}

/// A verdict's mark: a shape in its color, and its word.
pub fn badge(verdict: Verdict) -> Markup {
    let name = verdict.name();
    html! { span class={ "badge b-" (name) } { (name) } }
}

fn reach(finding: &Finding) -> Markup {
    let how = finding.how.runtime().unwrap_or_else(|| finding.how.name());
    html! { span class="how" { (how) } " " code { (breakable(&finding.target)) } }
}

fn location(workload: &Workload) -> Markup {
    let spot = workload.main_finding().and_then(|f| f.spot.as_ref());
    match spot.or(workload.spot.as_ref()) {
        Some(spot) => file(spot),
        None => none(),
    }
}

fn file(Spot { file, line, .. }: &Spot) -> Markup {
    html! { span class="file" { (breakable(file)) ":" (line) } }
}

fn details(workload: &Workload) -> Markup {
    let Workload { message, risks, .. } = workload;
    let notices = workload.notices.iter();
    let notices: Vec<_> = notices
        .filter(|notice| !message.contains(notice.as_str()))
        .collect();
    html! {
        p class="why" {
            strong { (capital(workload.verdict.name())) "." } " "
            (capital(message)) @if !message.ends_with('.') { "." }
        }
        @if let Some(hand) = &workload.hand {
            p class="advice" { strong { (hand.name()) } " " (hand.advice()) }
        }
        h3 { "Ways to the node's runtime" }
        ul class="ways" { @for finding in &workload.findings { (way(finding)) } }
        @if !risks.is_empty() {
            h3 { "Works differently with a daemon of its own" }
            ul class="risks" { @for risk in risks { (hint(risk)) } }
        }
        @if !notices.is_empty() {
            h3 { "Told to its author" }
            ul { @for notice in notices { li { (capital(notice)) "." } } }
        }
        @if let Some(rule) = &workload.rule {
            p class="rule" { "Decided by rule " code { (rule) } }
        }
        @if let Some(change) = &workload.change { (diff(change)) }
    }
}

fn way(finding: &Finding) -> Markup {
    html! {
        li {
            (badge(finding.verdict))
            span {
                @if let Some(container) = &finding.container { b { (container) } " " }
                (reach(finding))
                @if let Some(path) = &finding.mount_path { " at " code { (breakable(path)) } }
            }
            span {
                @if let Some(spot) = &finding.spot { (file(spot)) " " }
                span class="pointer" { (breakable(&finding.pointer)) }
            }
        }
    }
}

fn hint(risk: &Risk) -> Markup {
    html! {
        li class={ "w-" (risk.rule.weight.name()) } {
            b { (risk.container) } ": " (risk.rule.title) " (" code { (risk.seen) } "). "
            span class="help" { (risk.rule.help) }
        }
    }
}

fn diff(change: &Change) -> Markup {
    let (before, mut after) = (change.before.clone(), change.after.clone());
    fold_script(&mut after);
    let text = unified(
        &to_yaml(&before),
        &to_yaml(&after),
        ("before", "after"),
        Paint::Plain,
    );
    let lines: Vec<&str> = text.lines().skip(2).collect();
    let count = |sign| lines.iter().filter(|line| line.starts_with(sign)).count();
    let class = |line: &str| match line.as_bytes().first() {
        Some(b'+') => "a",
        Some(b'-') => "r",
        Some(b'@') => "h",
        _ => "s",
    };
    html! {
        details class="diff" {
            summary {
                "Before and after " span class="plus" { "+" (count('+')) } " "
                span class="minus" { "−" (count('-')) }
            }
            pre tabindex="0" aria-label="The Pod before and after" {
                @for line in &lines { span class=(class(line)) { (line) "\n" } }
            }
        }
    }
}

/// `text` with a capital letter first.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
