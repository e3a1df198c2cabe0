//! A review of a Pod after every webhook has changed it: `POST /verify`.
//!
//! The API server calls a mutating webhook again if another one changed the Pod after it. It does not if a
//! match condition excluded the Pod at first, and never calls a third time. So what was added last is checked
//! here by the same pass as everywhere: a Pod from which it would still take the node's daemon is refused.
//!
//! An image can be changed while a Pod runs. The image of our sidecar is the profile's, which only an admin
//! sets, and an update that changes it is refused.

use crate::budget;
use crate::decide::Policy;
use crate::decide::denial::Denial;
use crate::decide::reason::Reason;
use crate::decide::rule_match::{Effect, MatchedPart};
use crate::decode::admission::{Object, PodReview, decode_both};
use crate::detect::mounts::Reach;
use crate::model::cluster::Cluster;
use crate::model::notice::{Notices, told_name, told_path};
use crate::model::view::{Container, Pod};
use crate::names;

use super::pod::{Failure, Reviewed, answer, decide};
use super::{Action, Outcome};

/// Answers the review in `body`.
///
/// # Errors
/// If the body is not a review of a Pod, or for a fault of this program.
pub fn verify<'r>(
    policy: &'r Policy,
    cluster: &dyn Cluster,
    body: &'r [u8],
) -> Result<Reviewed<'r>, Failure> {
    let (review, old) = decode_both(body)?;
    let outcome = match (review.scope, &review.pod, &old) {
        (None, Object::TooMuch(excess), _) => Outcome::refused(excess.clone()),
        (None, Object::Pod(pod), Some(old)) => updated(old, pod),
        // A Pod that does not concern this program has no sidecar of ours.
        (Some(_), _, _) | (None, Object::NoConcern(_), _) | (None, Object::Pod(_), None) => {
            verified(decide(policy, cluster, &review)?, &review)
        }
    };
    answer(policy, &review, outcome)
}

/// Refuses a Pod with something left to swap: nothing can be changed any more.
fn verified<'p>(outcome: Outcome<'p>, review: &PodReview<'_>) -> Outcome<'p> {
    match &outcome.action {
        Action::Left(_) | Action::Denied(_) => outcome,
        Action::Changed(_) => {
            let denial = match &review.pod {
                Object::Pod(pod) => unswapped(&outcome, pod),
                Object::NoConcern(_) | Object::TooMuch(_) => None,
            };
            let action = match denial {
                Some(denial) => Action::Denied(denial),
                // Only the annotation's daemon or the sidecar's repair is missing: the Pod has less than it
                // should, and nothing that it should not.
                None => Action::Left(Reason::NotReached),
            };
            Outcome {
                action,
                // They speak of a change that is not made.
                notices: Notices::default(),
                ..outcome
            }
        }
    }
}

/// The first way to the node's daemon that was to be swapped, or its client: who may write to that one writes a program
/// that the node runs.
fn unswapped(outcome: &Outcome<'_>, pod: &Pod<'_>) -> Option<Denial> {
    let mut rule_matches = outcome.rule_matches.iter();
    let rule_match = rule_matches.find(|rule_match| rule_match.effect == Effect::Swap)?;
    let (place, what) = match rule_match.part {
        MatchedPart::Mount(index) => {
            let finding = outcome.findings.get(index)?;
            let volume = pod.spec.volumes.get(finding.volume)?;
            let path = volume.node_path();
            let path = path.map(told_path).unwrap_or_default();
            let what = match finding.reach == Reach::Client {
                true => format!("its client {path}"),
                false => path.into_owned(),
            };
            (finding.place, what)
        }
        MatchedPart::Variable { place, index: _ } => (place, names::DOCKER_HOST.to_owned()),
        MatchedPart::Annotations => return None,
    };
    Some(Denial::Unswapped {
        container: told_name(&pod.container(place).name),
        what,
        rule: rule_match.rule.name.clone(),
    })
}

/// What is done with an update of a running Pod.
fn updated<'a>(old: &Pod<'a>, new: &Pod<'a>) -> Outcome<'static> {
    if let Err(excess) = budget::check(old).and_then(|()| budget::check(new)) {
        return Outcome::refused(excess);
    }
    // By place: the API server accepts no update that adds, removes or reorders containers.
    let mut changed = old.containers().zip(new.containers());
    let changed = changed.find(|((was_at, was), (is_at, is))| {
        was_at == is_at && was.image != is.image && is_sidecar(was)
    });
    let denial = changed.map(|((_, was), _)| Denial::SidecarImage {
        container: told_name(&was.name),
    });
    match denial {
        Some(denial) => Outcome {
            action: Action::Denied(denial),
            ..Outcome::left(Reason::NotACreation)
        },
        None => Outcome::left(Reason::NotACreation),
    }
}

/// Whether it is a sidecar of this or another version: what starts it never changes.
fn is_sidecar(container: &Container<'_>) -> bool {
    container.env_var(names::env::SOCKETS).is_some()
        && container
            .command
            .last()
            .is_some_and(|word| &**word == names::SCRIPT_NAME)
}
