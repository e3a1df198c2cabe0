//! All checks of a run, and what they come to.

use serde_json::{Value, json};

use crate::check::outcome::{Check, Outcome};
use crate::model::docs_url::DocsUrl;
use crate::names;

/// `kind` of a report in JSON.
pub const REPORT_KIND: &str = "CheckReport";

/// Checks, in the order in which they were asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// One for each question.
    pub checks: Vec<Check>,
    /// What links begin with.
    pub docs: DocsUrl,
}

impl Report {
    /// How many ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        let ended = self.checks.iter().filter(|check| check.outcome == outcome);
        ended.count()
    }

    /// The worst that is known: a failed check counts before one that could not be asked.
    pub fn worst(&self) -> Outcome {
        let worst = [Outcome::Failed, Outcome::CouldNotAsk, Outcome::Warning];
        let mut worst = worst.into_iter();
        worst
            .find(|outcome| self.count(*outcome) > 0)
            .unwrap_or(Outcome::Ok)
    }

    /// One object for programs.
    pub fn to_json(&self) -> Value {
        let checks = self.checks.iter().map(|check| {
            json!({
                "name": check.question.name,
                "asked": check.question.asked,
                "outcome": check.outcome.name(),
                "found": check.found,
                "fix": check.fix,
                "see": check.question.guide.link(&self.docs),
            })
        });
        json!({
            "apiVersion": names::API_VERSION,
            "kind": REPORT_KIND,
            "outcome": self.worst().name(),
            "checks": checks.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::questions;

    #[test]
    fn a_failed_check_counts_before_one_that_could_not_be_asked() {
        let ok = questions::API_SERVER.ok("1.36");
        let failed = questions::CA_BUNDLE.fails("empty", "set it");
        let unread = questions::SERVICE.could_not_ask_but("no answer", "ask again");
        let worst = |checks: &[&Check]| {
            let checks = checks.iter().map(|check| (*check).clone()).collect();
            Report {
                checks,
                docs: DocsUrl::default(),
            }
            .worst()
        };
        assert_eq!(worst(&[&ok]), Outcome::Ok);
        assert_eq!(worst(&[&ok, &unread]), Outcome::CouldNotAsk);
        assert_eq!(worst(&[&unread, &failed, &ok]), Outcome::Failed);
    }
}
