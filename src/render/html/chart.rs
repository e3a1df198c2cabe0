//! Bar charts: one line a group, its workloads by verdict, drawn as inline SVG.
//!
//! Each line says its number in text too, so that a chart needs no eyes.

use std::collections::HashMap;

use maud::{Markup, html};

use crate::scan::finding::{Verdict, Workload};

/// More groups than this are put together.
const MOST_GROUPS: usize = 8;

/// How many workloads of each verdict, in the order of [`Verdict::ALL`].
type Counts = [usize; Verdict::ALL.len()];

/// A chart of `workloads`, grouped by `group`. `facet` is what the page's filter calls it.
pub fn chart<'w>(
    title: &str,
    facet: &str,
    workloads: &'w [Workload],
    group: impl Fn(&'w Workload) -> &'w str,
) -> Markup {
    let mut groups: HashMap<&str, Counts> = HashMap::new();
    for workload in workloads {
        let counts = groups.entry(group(workload)).or_default();
        count(counts, workload.verdict);
    }
    let mut groups: Vec<(&str, Counts)> = groups.into_iter().collect();
    let sum = |counts: &Counts| counts.iter().sum::<usize>();
    groups.sort_by(|a, b| sum(&b.1).cmp(&sum(&a.1)).then(a.0.cmp(b.0)));
    let rest = groups.split_off(groups.len().min(MOST_GROUPS));
    let most = groups.iter().map(|(_, counts)| sum(counts)).max();
    let most = most.unwrap_or(1).max(1);
    let in_rest: usize = rest.iter().map(|(_, counts)| sum(counts)).sum();
    html! {
        section class="card chart" {
            h2 { (title) }
            ul {
                @for (name, counts) in &groups {
                    @let shown = if name.is_empty() { "(none)" } else { name };
                    li {
                        button type="button" class="label" data-facet=(facet) data-value=(name) title=(shown) {
                            (shown)
                        }
                        (bar(counts, most, shown))
                        span class="n" { (sum(counts)) }
                    }
                }
            }
            @if !rest.is_empty() {
                p class="rest" { "and " (in_rest) " in " (rest.len()) " more" }
            }
        }
    }
}

/// The bar of all workloads.
pub fn whole(workloads: &[Workload]) -> Markup {
    let mut counts = Counts::default();
    for workload in workloads {
        count(&mut counts, workload.verdict);
    }
    bar(&counts, workloads.len().max(1), "All workloads")
}

fn count(counts: &mut Counts, verdict: Verdict) {
    for (count, one) in counts.iter_mut().zip(Verdict::ALL) {
        *count += usize::from(one == verdict);
    }
}

/// A bar of which 1000 units stand for `most` workloads.
fn bar(counts: &Counts, most: usize, name: &str) -> Markup {
    let mut words = Vec::new();
    let mut parts = Vec::new();
    let (mut before, mut start) = (0, 0);
    for (verdict, count) in Verdict::ALL.into_iter().zip(counts) {
        if *count == 0 {
            continue;
        }
        words.push(format!("{count} {}", verdict.name()));
        before += count;
        let end = before * 1000 / most;
        parts.push((verdict.name(), start, (end - start).max(1)));
        start = end;
    }
    let label = format!("{name}: {}", words.join(", "));
    html! {
        svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            @for (verdict, start, width) in parts {
                rect class={ "f-" (verdict) } x=(start) width=(width) height="10" {}
            }
        }
    }
}
