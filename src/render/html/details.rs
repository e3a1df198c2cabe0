//! What a page's script shows below a row: data, from which the details are rendered when they are
//! looked at.
//!
//! Every text is in the data once. Most of a diff is the sidecar, the same for every workload, and so are
//! advice and paths: without this a page of 3,000 workloads would have 30 MB.

use std::collections::HashMap;

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use crate::manifest::to_yaml;
use crate::render::diff::{Paint, unified};
use crate::render::fold::fold_script;
use crate::render::html::rows::capital;
use crate::scan::finding::{Change, Finding, Spot, Workload};
use crate::scan::risk::Risk;
use crate::text::visible;

/// The details of a page's workloads. `page.js` reads it, and has the same names.
#[derive(Debug, Default)]
pub struct Details {
    numbers: HashMap<String, usize>,
    texts: Vec<String>,
    workloads: Vec<Value>,
}

impl Details {
    /// Adds those of the next row.
    pub fn push(&mut self, workload: &Workload) {
        let Workload {
            message,
            manual_work,
            findings,
            notices,
            risks,
            rule,
            change,
            verdict,
            ..
        } = workload;
        let full_stop = if message.ends_with('.') { "" } else { "." };
        let mut details = json!({
            "verdict": self.id(&capital(verdict.name())),
            "message": self.id(&format!("{}{full_stop}", capital(message))),
            "ways": findings.iter().map(|one| self.way(one)).collect::<Vec<_>>(),
        });
        if let Some(manual_work) = manual_work {
            details["hand"] = json!([self.id(manual_work.name()), self.id(manual_work.advice())]);
        }
        if !risks.is_empty() {
            details["risks"] = risks.iter().map(|risk| self.risk(risk)).collect();
        }
        let own = notices
            .iter()
            .filter(|notice| !message.contains(notice.as_str()));
        let own: Vec<usize> = own
            .map(|notice| self.id(&format!("{}.", capital(notice))))
            .collect();
        if !own.is_empty() {
            details["notices"] = own.into();
        }
        if let Some(rule) = rule {
            details["rule"] = self.id(rule).into();
        }
        if let Some(change) = change {
            details["diff"] = self.diff(change).into();
        }
        self.workloads.push(details);
    }

    /// Verdict, reach, path, place and pointer, and then container and mount path; 0 is none.
    fn way(&mut self, finding: &Finding) -> Value {
        let how = finding.how.runtime().unwrap_or_else(|| finding.how.name());
        let spot = finding.spot.as_ref();
        let place = spot.map(|Spot { file, line, .. }| format!("{file}:{line}"));
        json!([
            self.id(finding.verdict.name()),
            self.id(how),
            self.id(&finding.target),
            self.id(&place.unwrap_or_default()),
            self.id(&finding.pointer),
            self.id(finding.container.as_deref().unwrap_or_default()),
            self.id(finding.mount_path.as_deref().unwrap_or_default()),
        ])
    }

    fn risk(&mut self, risk: &Risk) -> Value {
        let rule = risk.rule;
        json!([
            self.id(rule.weight.name()),
            self.id(&risk.container),
            self.id(rule.title),
            self.id(&risk.seen),
            self.id(rule.help),
        ])
    }

    /// The lines of a diff: `7`, and `3-9` for those that follow each other.
    fn diff(&mut self, change: &Change) -> String {
        let (before, mut after) = (change.before.clone(), change.after.clone());
        fold_script(&mut after);
        let text = unified(
            &to_yaml(&before),
            &to_yaml(&after),
            ("before", "after"),
            Paint::Plain,
        );
        let lines: Vec<&str> = text.lines().skip(2).collect();
        self.runs(&lines)
    }

    fn runs(&mut self, lines: &[&str]) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for line in lines {
            let number = self.id(line);
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => runs.push((number, number)),
            }
        }
        let runs = runs.into_iter().map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        });
        runs.collect::<Vec<_>>().join(" ")
    }

    /// The number of a text; 0 is the empty one.
    fn id(&mut self, text: &str) -> usize {
        if self.texts.is_empty() {
            self.texts.push(String::new());
            self.numbers.insert(String::new(), 0);
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len();
        self.numbers.insert(text.to_owned(), number);
        // Nothing in it can hide, or reorder it.
        self.texts.push(visible(text).into_owned());
        number
    }

    /// The data; no text in it can end the element.
    pub fn markup(&self) -> Markup {
        let data = json!({"texts": self.texts, "workloads": self.workloads});
        let data = data.to_string().replace('<', "\\u003c");
        html! { script type="application/json" id="details" { (PreEscaped(data)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_follow_each_other_are_one_run() {
        let mut details = Details::default();
        assert_eq!(details.runs(&["a", "b", "c"]), "1-3");
        assert_eq!(details.runs(&["x", "b", "c", "a"]), "4 2-3 1");
    }

    #[test]
    fn a_text_cannot_end_the_element() {
        let mut details = Details::default();
        details.id("</script><img src=x>");
        let page = details.markup().into_string();
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(page.contains("\\u003c/script>"));
    }
}
