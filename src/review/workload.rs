//! A review of an object that creates Pods.
//!
//! Controllers create Pods, so no person reads the warnings about a Pod. A person does apply the workload:
//! its answer always allows it, and warns of a denial that awaits its Pods.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::budget::{Excess, LONGEST_NAME, has_too_many_values};
use crate::decide::Policy;
use crate::decide::denial::Denial;
use crate::decide::reason::Reason;
use crate::json;
use crate::json::Text;
use crate::manifest::{PodRef, pods};
use crate::model::scope::Scope;
use crate::model::subject::{CONTROLLER_GROUPS, Requester, Subject, controller_of};
use crate::model::view::Pod;
use crate::names::audit;
use crate::review;
use crate::review::offline::owner_of;
use crate::review::{Action, INJECTED};

use crate::decode::admission::{Request, Review, ReviewError, enveloped};
use crate::model::cluster::Cluster;
use crate::respond::Response;
use crate::respond::message::messages;
use crate::respond::record::Record;
use crate::review::pod::{Failure, Reviewed, denied, told as told_containers};
use crate::text::beginning;

/// The workloads of this path, by the names of [`pods`].
const KINDS: [&str; 6] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
];

/// What will happen to a workload's Pods.
struct Lookahead {
    reason: &'static str,
    rule: String,
    profile: String,
    containers: Vec<String>,
    warnings: Vec<String>,
    steps: usize,
}

/// Answers the review of a workload in `body`.
///
/// # Errors
/// If the body is not a review of a workload, or for a fault of this program.
pub fn warn(
    policy: &Policy,
    cluster: &dyn Cluster,
    body: &[u8],
) -> Result<Reviewed<'static>, Failure> {
    if has_too_many_values(body) {
        let review: Review<'_, IgnoredAny> =
            json::from_slice(body).map_err(ReviewError::Malformed)?;
        let request = asked(review)?;
        return answer(
            &request,
            None,
            Lookahead::refused(policy, "workload", &Excess::Values.into()),
        );
    }
    let review: Review<'_, Value, Value> =
        json::from_slice(body).map_err(ReviewError::Malformed)?;
    let request = asked(review)?;
    let object = request.object.as_ref().ok_or(ReviewError::NoObject)?;
    let makes = pods(object);
    let [makes] = makes.as_slice() else {
        return Err(ReviewError::NotAWorkload(request.kind.to_string()).into());
    };
    if !KINDS.contains(&makes.kind) {
        return Err(ReviewError::NotAWorkload(request.kind.to_string()).into());
    }
    let lookahead = if is_unchanged(&request, makes) {
        Lookahead::nothing(Reason::NotACreation)
    } else {
        look_ahead(policy, cluster, &request.namespace, makes)?
    };
    answer(&request, Some(makes), lookahead)
}

/// # Errors
/// If nothing is created or updated.
fn asked<O, P>(review: Review<'_, O, P>) -> Result<Request<'_, O, P>, ReviewError> {
    let request = enveloped(review)?;
    match &*request.operation {
        "CREATE" | "UPDATE" => Ok(request),
        other => Err(ReviewError::WrongOperation(beginning(other, 40).to_owned())),
    }
}

/// Whether the template is unchanged, so that its warnings were shown before.
fn is_unchanged(request: &Request<'_, Value, Value>, makes: &PodRef<'_>) -> bool {
    let before = request.old_object.as_ref();
    let before = before.and_then(|object| object.pointer(&makes.pointer));
    let now = request.object.as_ref();
    before.is_some() && before == now.and_then(|object| object.pointer(&makes.pointer))
}

fn look_ahead(
    policy: &Policy,
    cluster: &dyn Cluster,
    namespace: &str,
    makes: &PodRef<'_>,
) -> Result<Lookahead, Failure> {
    let template = match &makes.pod {
        Ok(template) => template,
        // The API server refuses it anyway, and says why.
        Err(_) => return Ok(Lookahead::nothing(Reason::NothingToDo)),
    };
    let json = serde_json::to_string(template).map_err(Failure::Internal)?;
    let pod: Pod<'_> = json::from_str(&json).map_err(ReviewError::MalformedPod)?;
    let labels = cluster.labels(namespace);
    let owner = owner_of(makes.kind).unwrap_or(makes.kind);
    let user = controller_of(owner).unwrap_or_default();
    let groups: Vec<Text<'_>> = CONTROLLER_GROUPS.map(Text::from).to_vec();
    let requester = Requester {
        user,
        groups: &groups,
    };
    let subject = Subject::new(&pod, namespace, labels.as_deref(), requester, Some(owner))
        .placed(cluster.placement());
    let outcome = review::pass(policy, &subject, &pod, Scope::Creation)?;
    let mut warnings: Vec<String> = Vec::new();
    let (reason, change) = match outcome.action {
        Action::Left(reason) => (reason.name(), None),
        Action::Denied(denial) => {
            warnings.extend(refusal(policy, makes.kind, &denial));
            (denial.reason(), None)
        }
        Action::Changed(change) => (INJECTED, Some(change)),
    };
    let told = outcome
        .notices
        .with_topics()
        .flat_map(|(text, topic)| messages(&policy.docs, &format!("in its Pods: {text}"), topic));
    warnings.extend(told);
    Ok(Lookahead {
        reason,
        rule: outcome.rule.unwrap_or_default().to_owned(),
        profile: change
            .as_ref()
            .and_then(|change| change.profile)
            .unwrap_or_default()
            .to_owned(),
        containers: change.map_or_else(Vec::new, |change| told_containers(&change.containers)),
        warnings,
        steps: outcome.steps,
    })
}

fn answer<O, P>(
    request: &Request<'_, O, P>,
    makes: Option<&PodRef<'_>>,
    lookahead: Lookahead,
) -> Result<Reviewed<'static>, Failure> {
    let Lookahead {
        reason,
        rule,
        profile,
        containers,
        warnings,
        steps,
    } = lookahead;
    let outcome = if warnings.is_empty() {
        "left"
    } else {
        "warned"
    };
    let response = Response {
        uid: &request.uid,
        patch: None,
        denial: None,
        warnings: &warnings,
        audit: &[(audit::OUTCOME, outcome), (audit::REASON, reason)],
    };
    let json = response.to_json().map_err(Failure::Internal)?;
    let kind = makes.map_or(&*request.kind.kind, |makes| makes.kind);
    let name = makes.and_then(|makes| makes.name).unwrap_or(&request.name);
    let [kind, name] = [kind, name].map(|text| beginning(text, LONGEST_NAME));
    let kept = |text: &Text<'_>| Cow::Owned(beginning(text, LONGEST_NAME).to_owned());
    Ok(Reviewed {
        json,
        steps,
        record: Record {
            uid: Cow::Owned(request.uid.to_string()),
            namespace: kept(&request.namespace),
            name: Cow::Owned(format!("{kind}/{name}")),
            user: kept(&request.user_info.username),
            dry_run: request.dry_run,
            outcome,
            reason,
            rule: Cow::Owned(rule),
            profile: Cow::Owned(profile),
            passed_over: Vec::new(),
            containers,
            warnings,
            denial: None,
            owner: None,
        },
    })
}

impl Lookahead {
    fn nothing(reason: Reason) -> Self {
        Self {
            reason: reason.name(),
            rule: String::new(),
            profile: String::new(),
            containers: Vec::new(),
            warnings: Vec::new(),
            steps: 0,
        }
    }

    /// For a workload that is too large to be reviewed.
    fn refused(policy: &Policy, kind: &str, denial: &Denial) -> Self {
        Self {
            reason: denial.reason(),
            warnings: refusal(policy, kind, denial),
            ..Self::nothing(Reason::NothingToDo)
        }
    }
}

/// Warnings that the Pods of a workload will be refused, as many as the text needs.
fn refusal(policy: &Policy, kind: &str, denial: &Denial) -> Vec<String> {
    let text = format!(
        "the Pods of this {kind} will be refused: {}",
        denied(denial)
    );
    messages(&policy.docs, &text, &denial.reason().to_lowercase())
}
