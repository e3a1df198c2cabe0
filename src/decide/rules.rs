//! Matching a rule costs a look at labels, users and groups: once a rule, and not once a mount.

use crate::budget::{Budget, Excess};
use crate::model::subject::Subject;

use super::Policy;
use super::matcher::Detection;
use super::rule::Rule;

/// The rules of a policy that match a Pod, as far as they were asked for. A Pod's labels, user and groups
/// are matched once a rule, and not once a mount.
#[derive(Debug, Default)]
pub(super) struct Rules<'p> {
    /// Those that match but for their detections, in order.
    matching: Vec<&'p Rule>,
    /// How many were looked at.
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

    /// The first of the rules that were not looked at yet.
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
