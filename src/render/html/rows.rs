//! The table's rows: one workload each, with room for its details below.

use maud::{Markup, html};

use crate::render::html::escape::breakable;
use crate::scan::finding::{Finding, Spot, Verdict, Workload};
use crate::scan::result::is_to_no_use;

/// The rows of one workload, as a table body of their own. The second is empty until it is opened: its
/// details are the page's data with this `index`.
pub fn rows(workload: &Workload, index: usize) -> Markup {
    let verdict = workload.verdict;
    let manual_work = workload
        .manual_work
        .as_ref()
        .map(|manual_work| manual_work.name());
    let Workload {
        namespace, kind, ..
    } = workload;
    html! {
        tbody data-verdict=(verdict.name()) data-order=(order(verdict)) data-ns=(namespace) data-kind=(kind)
            data-hand=(u8::from(manual_work.is_some())) {
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
                td class="c-hand" data-label="Manual work" {
                    @if let Some(manual_work) = manual_work { span class="hand" { (manual_work) } }
                    @else if is_to_no_use(workload) { span class="look" { (LOOK) } }
                    @else { (none()) }
                }
                td class="c-where" data-label="Where" { (location(workload)) }
            }
            tr class="detail" id={ "d" (index) } {
                td colspan="6" { div class="inside" {} }
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

/// `text` with a capital letter first.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
