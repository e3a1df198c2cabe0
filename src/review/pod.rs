//! One review, from bytes to bytes, with a record of it for logs and metrics.
//!
//! A fault of this program must not reject a Pod: it is an error that becomes an HTTP 5xx, never a denial.
//! Pure: the policy and what is known of the cluster are passed in.

use std::borrow::Cow;

use crate::budget::LONGEST_NAME;
use crate::decide::Policy;
use crate::decide::denial::Denial;
use crate::decide::misfit::PassedOver;
use crate::decide::reason::Reason;
use crate::json::Text;
use crate::model::subject::{Requester, Subject};
use crate::model::view::OwnerReference;
use crate::names::audit;
use crate::review;
use crate::review::{Action, Outcome, PassError};

use crate::text::{beginning, shortened, visible};

use crate::decode::admission::{Object, PodReview, ReviewError, decode};
use crate::model::cluster::Cluster;
use crate::respond::Response;
use crate::respond::message::message;
use crate::respond::record::{Owner, Record};

/// An answer, and its record.
#[derive(Debug)]
pub struct Reviewed<'r> {
    /// The AdmissionReview to send back.
    pub json: Vec<u8>,
    pub record: Record<'r>,
    /// Steps taken, of [`crate::budget::MOST_STEPS`].
    pub steps: usize,
}

/// The longest denial, in characters: an author's names and paths may have any length.
const LONGEST_DENIAL: usize = 1000;

/// How many containers are named in logs, Events and audit annotations.
const MOST_NAMES: usize = 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Review(#[from] ReviewError),
    #[error("the answer cannot be written: {0}")]
    Internal(serde_json::Error),
}

impl From<PassError> for Failure {
    fn from(error: PassError) -> Self {
        match error {
            PassError::Internal(error) => Self::Internal(error),
        }
    }
}

/// Answers the review in `body`.
///
/// # Errors
/// If the body is not a review of a Pod, or for a fault of this program.
pub fn review<'r>(
    policy: &'r Policy,
    cluster: &dyn Cluster,
    body: &'r [u8],
) -> Result<Reviewed<'r>, Failure> {
    let review = decode(body)?;
    let outcome = decide(policy, cluster, &review)?;
    answer(policy, &review, outcome)
}

pub(super) fn decide<'p>(
    policy: &'p Policy,
    cluster: &dyn Cluster,
    review: &PodReview<'_>,
) -> Result<Outcome<'p>, Failure> {
    Ok(match (review.scope, &review.pod) {
        (Some(_), Object::TooMuch(excess)) => Outcome::refused(excess.clone()),
        (Some(scope), Object::Pod(pod)) => {
            let labels = cluster.labels(&review.namespace);
            let requester = Requester {
                user: &review.user,
                groups: &review.groups,
            };
            let subject = Subject::new(pod, &review.namespace, labels.as_deref(), requester, None)
                .placed(cluster.placement());
            review::pass(policy, &subject, pod, scope)?
        }
        (Some(_), Object::NoConcern(_)) => Outcome::left(Reason::NothingToDo),
        (None, _) => Outcome::left(Reason::NotACreation),
    })
}

pub(super) fn answer<'r>(
    policy: &Policy,
    review: &PodReview<'r>,
    outcome: Outcome<'r>,
) -> Result<Reviewed<'r>, Failure> {
    let (word, reason) = outcome.action.words();
    let (change, denial) = match &outcome.action {
        Action::Left(_) => (None, None),
        Action::Denied(denial) => (None, Some(denied(denial))),
        Action::Changed(change) => (Some(change), None),
    };
    let refusal = |text: &str| message(&policy.docs, text, &reason.to_lowercase());
    let refusal = denial.as_deref().map(refusal);
    let notices: Vec<_> = outcome.notices.with_topics().collect();
    let messages: Vec<String> = notices
        .iter()
        .map(|(text, topic)| message(&policy.docs, text, topic))
        .collect();
    let warnings: Vec<String> = notices.into_iter().map(|(text, _)| text).collect();
    let containers = change.map_or_else(Vec::new, |change| told(&change.containers));
    let audited = containers.join(",");
    let rule = outcome.rule.unwrap_or_default();
    let profile = change.and_then(|change| change.profile).unwrap_or_default();
    let over: Vec<String> = outcome
        .passed_over
        .iter()
        .map(PassedOver::because)
        .collect();
    let over = over.join("; ");
    let audit = [
        (audit::OUTCOME, word),
        (audit::REASON, reason),
        (audit::RULE, rule),
        (audit::PROFILE, profile),
        (audit::PASSED_OVER, &over),
        (audit::CONTAINERS, &audited),
    ];
    let response = Response {
        uid: &review.uid,
        patch: change.map(|change| &change.patch),
        denial: refusal.as_deref(),
        warnings: &messages,
        audit: &audit,
    };
    let json = response.to_json().map_err(Failure::Internal)?;
    let metadata = review.pod.metadata();
    let name = [&review.name, &metadata.name, &metadata.generate_name];
    let name = name.into_iter().find(|name| !name.is_empty());
    let owner = metadata.controller().and_then(owner);
    Ok(Reviewed {
        json,
        steps: outcome.steps,
        record: Record {
            uid: text(&review.uid),
            namespace: text(&review.namespace),
            name: name.map(text).unwrap_or_default(),
            user: text(&review.user),
            dry_run: review.dry_run,
            outcome: word,
            reason,
            rule: Cow::Borrowed(rule),
            profile: Cow::Borrowed(profile),
            passed_over: outcome.passed_over,
            containers,
            warnings,
            denial,
            owner,
        },
    })
}

pub(crate) fn denied(denial: &Denial) -> String {
    shortened(&denial.to_string(), LONGEST_DENIAL).into_owned()
}

/// The text, borrowed, and cut if it is longer than any name of Kubernetes: a Pod comes here before the API
/// server validates its names.
pub(crate) fn text<'r>(text: &Text<'r>) -> Cow<'r, str> {
    match &text.0 {
        Cow::Borrowed(text) => Cow::Borrowed(beginning(text, LONGEST_NAME)),
        Cow::Owned(text) => Cow::Owned(beginning(text, LONGEST_NAME).to_owned()),
    }
}

/// The Pod's owner; `None` if the API server would not accept its names.
fn owner<'r>(owner: &OwnerReference<'r>) -> Option<Owner<'r>> {
    let OwnerReference {
        api_version,
        kind,
        name,
        uid,
        controller: _,
    } = owner;
    let texts = [api_version, kind, name, uid];
    if texts.iter().any(|text| text.len() > LONGEST_NAME) {
        return None;
    }
    let [api_version, kind, name, uid] = texts.map(text);
    Some(Owner {
        api_version,
        kind,
        name,
        uid,
    })
}

/// The names of containers for a log line: the first ones, and the number of the others.
pub(crate) fn told(containers: &[String]) -> Vec<String> {
    let names = containers.iter().take(MOST_NAMES);
    let more = containers.len().saturating_sub(MOST_NAMES);
    let more = (more > 0).then(|| format!("and {more} more"));
    let names = names.map(|name| visible(beginning(name, LONGEST_NAME)).into_owned());
    names.chain(more).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::decode::creation::{From, creation};
    use crate::model::namespaces::NoNamespaces;

    #[test]
    fn a_uid_that_no_api_server_makes_is_refused() {
        let policy = Policy::offline();
        let answer = |uid: &str| {
            let from = From {
                uid,
                namespace: "ci",
                owner: None,
            };
            let pod = serde_json::json!({"metadata": {}, "spec": {"containers": []}});
            let body = creation(pod.as_object().unwrap(), from).to_string();
            review(&policy, &NoNamespaces, body.as_bytes()).map(|reviewed| reviewed.json.len())
        };
        assert!(answer(&"u".repeat(128)).unwrap() < 400);
        assert_eq!(
            answer(&"u".repeat(1 << 20)).unwrap_err().to_string(),
            "the uid of the AdmissionReview has 1048576 bytes: Kubernetes' have 36"
        );
    }

    #[test]
    fn a_fault_is_told_by_the_same_path_whenever_it_is_read() {
        let policy = Policy::offline();
        let body = |containers: &str, volume: &str| {
            format!(
                r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u",
                "kind":{{"group":"","version":"v1","kind":"Pod"}},"operation":"CREATE","object":{{"spec":{{
                "volumes":[{{"name":{volume},"hostPath":{{"path":"/run/docker.sock"}}}}],
                "containers":{containers}}}}}}}}}"#
            )
        };
        let mount = r#""volumeMounts":[{"name":"s"}]"#;
        for (containers, volume, field) in [
            (
                format!(r#"[{{{mount},"name":1}}]"#),
                r#""s""#,
                "containers[0].name",
            ),
            (
                format!(r#"[{{{mount},"env":[{{"name":1}}]}}]"#),
                r#""s""#,
                "containers[0].env[0].name",
            ),
            ("[{}]".to_owned(), "1", "volumes[0].name"),
        ] {
            let body = body(&containers, volume);
            let error = review(&policy, &NoNamespaces, body.as_bytes()).map(|_| ());
            let error = error.map_err(|error| error.to_string());
            let told = format!("request.object.spec.{field}: a string was expected");
            assert!(
                error.as_ref().is_err_and(|error| error.contains(&told)),
                "{error:?}"
            );
        }
    }
}
