//! One pass over one Pod: detect, decide, plan, patch.
//!
//! The webhook, the offline commands and the tests all start here, so what is reported and what is done can
//! never differ. Pure: no I/O, no clock, no cluster.

pub mod offline;
pub mod pod;
pub mod verify;
pub mod workload;

use crate::budget;
use crate::budget::{Budget, Excess};
use crate::decide::Policy;
use crate::decide::decision::{Decision, Verdict, decide, not_ours};
use crate::decide::denial::Denial;
use crate::decide::misfit::PassedOver;
use crate::decide::reason::Reason;
use crate::decide::rule_match::RuleMatch;
use crate::detect::installed::installed;
use crate::detect::mounts::{Finding, detect};
use crate::model::notice::Notices;
use crate::model::scope::Scope;
use crate::model::subject::Subject;
use crate::model::view::Pod;
use crate::patch::{Patch, patch};
use crate::plan::pod::{PlanError, plan};

/// The result of a pass.
#[derive(Debug)]
pub struct Outcome<'p> {
    pub action: Action<'p>,
    /// The rule that decided, if any did.
    pub rule: Option<&'p str>,
    /// Warnings for the author, in order.
    pub notices: Notices,
    /// Every way to the node's runtime that was found.
    pub findings: Vec<Finding>,
    /// What the policy does with each way to a daemon.
    pub rule_matches: Vec<RuleMatch<'p>>,
    /// The rule's profiles that do not fit the Pod, if it gets another.
    pub passed_over: Vec<PassedOver<'p>>,
    /// Steps taken, of [`budget::MOST_STEPS`].
    pub steps: usize,
}

impl Outcome<'_> {
    /// For a Pod that was not read.
    pub fn left(reason: Reason) -> Self {
        Self::without_looking(Action::Left(reason))
    }

    /// For a Pod that is too large to be reviewed.
    pub fn refused(excess: Excess) -> Self {
        Self::without_looking(Action::Denied(excess.into()))
    }

    fn without_looking(action: Action<'static>) -> Self {
        Self {
            action,
            rule: None,
            notices: Notices::default(),
            findings: Vec::new(),
            rule_matches: Vec::new(),
            passed_over: Vec::new(),
            steps: 0,
        }
    }
}

#[derive(Debug)]
pub enum Action<'p> {
    Left(Reason),
    Denied(Denial),
    Changed(Change<'p>),
}

/// The reason word of a change.
pub const INJECTED: &str = "Injected";

impl Action<'_> {
    /// The outcome (`left`, `denied` or `changed`) and the reason, as fixed words.
    pub fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Left(reason) => ("left", reason.name()),
            Self::Denied(denial) => ("denied", denial.reason()),
            Self::Changed(_) => ("changed", INJECTED),
        }
    }
}

#[derive(Debug)]
pub struct Change<'p> {
    pub patch: Patch,
    /// The profile of the sidecar; `None` if the Pod had one before, which its author may have written.
    pub profile: Option<&'p str>,
    /// The containers that use the Pod's own daemon now.
    pub containers: Vec<String>,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// A fault of this program: a plan that cannot be written as JSON.
    #[error("internal error: {0}")]
    Internal(#[from] serde_json::Error),
}

/// Passes over `pod` once. A Pod that costs more than a review may is denied, whatever the policy says.
///
/// # Errors
/// Only for a fault of this program; see [`PassError`].
pub fn pass<'p>(
    policy: &'p Policy,
    subject: &Subject<'_>,
    pod: &Pod<'_>,
    scope: Scope,
) -> Result<Outcome<'p>, PassError> {
    let budget = Budget::new();
    let outcome = match within(&budget, policy, subject, pod, scope) {
        Ok(outcome) => outcome,
        Err(PlanError::Excess(excess)) => match not_ours(pod) {
            Some(reason) => Outcome::left(reason),
            None => Outcome::refused(excess),
        },
        Err(PlanError::Json(error)) => return Err(PassError::Internal(error)),
    };
    Ok(Outcome {
        steps: budget.spent(),
        ..outcome
    })
}

fn within<'p>(
    budget: &Budget,
    policy: &'p Policy,
    subject: &Subject<'_>,
    pod: &Pod<'_>,
    scope: Scope,
) -> Result<Outcome<'p>, PlanError> {
    budget::check(pod)?;
    let findings = detect(pod, &policy.sockets, policy.watch(), budget)?;
    let installed = installed(pod, budget)?;
    let Decision {
        verdict,
        rule,
        mut notices,
        rule_matches,
        passed_over,
    } = decide(
        policy,
        subject,
        pod,
        scope,
        &findings,
        installed.as_ref(),
        budget,
    );
    let action = match verdict {
        Verdict::AnnotationPolicy(reason) => Action::Left(reason),
        Verdict::Deny(denial) => Action::Denied(denial),
        Verdict::Change(injection) => {
            let plan = plan(pod, &findings, &injection, installed.as_ref(), budget)?;
            let patch = patch(pod, &plan)?;
            let touched = plan.edits.iter().map(|edit| edit.place);
            let containers = touched
                .filter(|place| installed.as_ref().is_none_or(|i| i.place != *place))
                .map(|place| pod.container(place).name.to_string())
                .collect();
            let is_new = installed.is_none();
            let profile = is_new.then_some(injection.profile.name.as_str());
            notices = plan.notices.then(notices);
            if patch.is_empty() {
                Action::Left(Reason::AlreadyInjected)
            } else {
                Action::Changed(Change {
                    patch,
                    profile,
                    containers,
                })
            }
        }
    };
    Ok(Outcome {
        action,
        rule,
        notices,
        findings,
        rule_matches,
        passed_over,
        steps: budget.spent(),
    })
}
