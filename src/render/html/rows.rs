//! The table's rows: one workload each, with its details below.

use std::fmt::Write as _;

use crate::manifest::to_yaml;
use crate::render::diff::{Paint, unified};
use crate::render::fold::fold_script;
use crate::scan::finding::{Change, Finding, Verdict, Workload};
use crate::scan::result::is_to_no_use;
use crate::scan::risk::Risk;

use crate::render::html::escape::{breakable, escape};

/// The rows of one workload, as a table body of their own.
pub fn rows(workload: &Workload, index: usize) -> String {
    let verdict = workload.verdict.name();
    let hand = workload.hand.as_ref().map(|hand| hand.name());
    let main = workload.main_finding();
    let mut out = format!(
        "<tbody data-verdict=\"{verdict}\" data-order=\"{}\" data-ns=\"{}\" data-kind=\"{}\" \
         data-hand=\"{}\">",
        order(workload.verdict),
        escape(&workload.namespace),
        escape(&workload.kind),
        if hand.is_some() { "1" } else { "0" },
    );
    let _ = write!(
        out,
        "<tr class=\"row\"><td class=\"c-verdict\">{}</td>\
         <th scope=\"row\" class=\"c-name\"><button type=\"button\" class=\"open\" \
         aria-expanded=\"true\" aria-controls=\"d{index}\"><span class=\"chevron\" \
         aria-hidden=\"true\"></span><span class=\"name\">{}</span></button>\
         <span class=\"kind\">{}{}</span></th>\
         <td class=\"c-ns\" data-label=\"Namespace\">{}</td>\
         <td class=\"c-reach\" data-label=\"Reaches\">{}</td>\
         <td class=\"c-hand\" data-label=\"Needs a hand\">{}</td>\
         <td class=\"c-where\" data-label=\"Where\">{}</td></tr>",
        badge(workload.verdict),
        breakable(&workload.name),
        escape(&workload.kind),
        // Read where a narrow screen has no column for it.
        match workload.namespace.as_str() {
            "" => String::new(),
            namespace => format!("<span class=\"in-ns\"> in {}</span>", escape(namespace)),
        },
        match workload.namespace.as_str() {
            "" => "<span class=\"none\">–</span>".to_owned(),
            namespace => escape(namespace),
        },
        main.map(reach).unwrap_or_default(),
        match hand {
            Some(hand) => format!("<span class=\"hand\">{}</span>", escape(hand)),
            None if is_to_no_use(workload) => format!("<span class=\"look\">{LOOK}</span>"),
            None => "<span class=\"none\">–</span>".to_owned(),
        },
        location(workload),
    );
    let _ = write!(
        out,
        "<tr class=\"detail\" id=\"d{index}\"><td colspan=\"6\"><div class=\"inside\">{}</div></td></tr></tbody>",
        details(workload)
    );
    out
}

/// What stands in the row of a workload that is swapped to no use; the page searches for it.
pub const LOOK: &str = "Look first";

/// The worst first.
fn order(verdict: Verdict) -> usize {
    let mut best_first = Verdict::ALL.into_iter();
    let index = best_first.position(|one| one == verdict).unwrap_or(0);
    Verdict::ALL.len() - index
}

/// A verdict's mark: a shape in its color, and its word.
pub fn badge(verdict: Verdict) -> String {
    let name = verdict.name();
    format!("<span class=\"badge b-{name}\">{name}</span>")
}

fn reach(finding: &Finding) -> String {
    let how = finding.how.runtime().unwrap_or_else(|| finding.how.name());
    format!(
        "<span class=\"how\">{}</span> <code>{}</code>",
        escape(how),
        breakable(&finding.target)
    )
}

fn location(workload: &Workload) -> String {
    let spot = workload.main_finding().and_then(|f| f.spot.as_ref());
    match spot.or(workload.spot.as_ref()) {
        Some(spot) => format!(
            "<span class=\"file\">{}:{}</span>",
            breakable(&spot.file),
            spot.line
        ),
        None => "<span class=\"none\">–</span>".to_owned(),
    }
}

fn details(workload: &Workload) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<p class=\"why\"><strong>{}.</strong> {}{}</p>",
        capital(workload.verdict.name()),
        escape(&capital(&workload.message)),
        if workload.message.ends_with('.') {
            ""
        } else {
            "."
        },
    );
    if let Some(hand) = &workload.hand {
        let _ = write!(
            out,
            "<p class=\"advice\"><strong>{}</strong> {}</p>",
            escape(hand.name()),
            escape(hand.advice())
        );
    }
    let _ = write!(
        out,
        "<h3>Ways to the node's runtime</h3><ul class=\"ways\">"
    );
    for finding in &workload.findings {
        out.push_str(&way(finding));
    }
    out.push_str("</ul>");
    if !workload.risks.is_empty() {
        out.push_str("<h3>Works differently with a daemon of its own</h3><ul class=\"risks\">");
        for risk in &workload.risks {
            out.push_str(&hint(risk));
        }
        out.push_str("</ul>");
    }
    let notices = workload.notices.iter();
    let mut notices = notices
        .filter(|notice| !workload.message.contains(notice.as_str()))
        .peekable();
    if notices.peek().is_some() {
        out.push_str("<h3>Told to its author</h3><ul>");
        for notice in notices {
            let _ = write!(out, "<li>{}.</li>", escape(&capital(notice)));
        }
        out.push_str("</ul>");
    }
    if let Some(rule) = &workload.rule {
        let _ = write!(
            out,
            "<p class=\"rule\">Decided by rule <code>{}</code></p>",
            escape(rule)
        );
    }
    if let Some(change) = &workload.change {
        out.push_str(&diff(change));
    }
    out
}

fn way(finding: &Finding) -> String {
    let mut out = format!("<li>{}<span>", badge(finding.verdict));
    if let Some(container) = &finding.container {
        let _ = write!(out, "<b>{}</b> ", escape(container));
    }
    out.push_str(&reach(finding));
    if let Some(path) = &finding.mount_path {
        let _ = write!(out, " at <code>{}</code>", breakable(path));
    }
    out.push_str("</span><span>");
    if let Some(spot) = &finding.spot {
        let _ = write!(
            out,
            "<span class=\"file\">{}:{}</span> ",
            breakable(&spot.file),
            spot.line
        );
    }
    let _ = write!(
        out,
        "<span class=\"pointer\">{}</span></span></li>",
        breakable(&finding.pointer)
    );
    out
}

fn hint(risk: &Risk) -> String {
    format!(
        "<li class=\"w-{}\"><b>{}</b>: {} (<code>{}</code>). <span class=\"help\">{}</span></li>",
        risk.rule.weight.name(),
        escape(&risk.container),
        escape(risk.rule.title),
        escape(&risk.seen),
        escape(risk.rule.help)
    )
}

fn diff(change: &Change) -> String {
    let (before, mut after) = (change.before.clone(), change.after.clone());
    fold_script(&mut after);
    let text = unified(
        &to_yaml(&before),
        &to_yaml(&after),
        ("before", "after"),
        Paint::Plain,
    );
    let (mut added, mut removed) = (0, 0);
    let mut lines = String::new();
    for line in text.lines().skip(2) {
        let class = match line.as_bytes().first() {
            Some(b'+') => {
                added += 1;
                "a"
            }
            Some(b'-') => {
                removed += 1;
                "r"
            }
            Some(b'@') => "h",
            _ => "s",
        };
        let _ = write!(lines, "<span class=\"{class}\">{}\n</span>", escape(line));
    }
    format!(
        "<details class=\"diff\"><summary>Before and after <span class=\"plus\">+{added}</span> \
         <span class=\"minus\">−{removed}</span></summary>\
         <pre tabindex=\"0\" aria-label=\"The Pod before and after\">{lines}</pre></details>"
    )
}

/// `text` with a capital letter first.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
