//! The rules that match one Pod.
//!
//! To match a rule is to compare labels, users and groups. A Pod with many mounts asks for a rule once per
//! mount, so this compares once per rule.

use crate::budget::{Budget, Excess};
use crate::model::subject::Subject;

use super::Policy;
use super::matcher::Detection;
use super::rule::Rule;

/// The rules that match, as far as they were needed.
#[derive(Debug, Default)]
pub(super) struct Rules<'p> {
    /// Those that match apart from their detections, in order.
    matching: Vec<&'p Rule>,
    /// How many rules were compared.
    seen: usize,
    known: Vec<(Detection, &'p Rule)>,
}

impl<'p> Rules<'p> {
    pub(super) fn first(
        &mut self,
        policy: &'p Policy,
        subject: &Subject<'_>,
        detection: Detection,
        budget: &Budget,
    ) -> Result<&'p Rule, Excess> {
        let mut known = self.known.iter();
        if let Some((_, rule)) = known.find(|(of, _)| *of == detection) {
            return Ok(rule);
        }
        let rule = match self
            .matching
            .iter()
            .find(|rule| rule.matches.is_for(detection))
        {
            Some(rule) => rule,
            None => self.next(policy, subject, detection, budget)?,
        };
        self.known.push((detection, rule));
        Ok(rule)
    }

    /// The first match among the rules that were not compared yet.
    fn next(
        &mut self,
        policy: &'p Policy,
        subject: &Subject<'_>,
        detection: Detection,
        budget: &Budget,
    ) -> Result<&'p Rule, Excess> {
        for rule in policy.rules.iter().skip(self.seen) {
            self.seen += 1;
            if rule.matches.mismatch_of_subject(subject, budget)?.is_none() {
                self.matching.push(rule);
                if rule.matches.is_for(detection) {
                    return Ok(rule);
                }
            }
        }
        Ok(&policy.otherwise)
    }
}
