//! The webhook: the pure reviewer behind the server's [`Handler`].
//!
//! It gives the reviewer its policy and namespaces, turns failures into HTTP statuses, and
//! leaves one log line and one count for each review.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admission::reviewer::{Failure, Namespaces, Record, Reviewed, review};
use crate::admission::workload::warn;
use crate::cluster::EventQueue;
use crate::metrics::{Metrics, ReviewLabels};
use crate::names::span;
use crate::policy::Policy;
use crate::server::{Handler, Reply, Route, StatusCode};
use crate::trace::Words;

/// Answers reviews under a policy that can be replaced at any time.
pub struct Webhook {
    /// The policy in force.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Where the labels of namespaces are known from.
    pub namespaces: Arc<dyn Namespaces + Send + Sync>,
    /// Where reviews are counted.
    pub metrics: Arc<Metrics>,
    /// Where denials and changes are told to the cluster; none where nobody is to be told.
    pub events: Option<EventQueue>,
}

impl Handler for Webhook {
    fn handle(&self, route: Route, body: &[u8]) -> Reply {
        let policy = self.policy.load();
        self.answer(self.review(&policy, route, body))
    }

    fn handle_traced(&self, route: Route, body: &[u8]) -> (Reply, Words) {
        let policy = self.policy.load();
        let reviewed = self.review(&policy, route, body);
        let words = reviewed.as_ref().map(|reviewed| words(&reviewed.record));
        let words = words.unwrap_or_default();
        (self.answer(reviewed), words)
    }
}

/// What a span says of a review.
fn words(record: &Record<'_>) -> Words {
    [
        (span::UID, &*record.uid),
        (span::NAMESPACE, &record.namespace),
        (span::NAME, &record.name),
        (span::OUTCOME, record.outcome),
        (span::REASON, record.reason),
        (span::RULE, &record.rule),
        (span::PROFILE, &record.profile),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .to_vec()
}

impl Webhook {
    fn review<'r>(
        &self,
        policy: &'r Policy,
        route: Route,
        body: &'r [u8],
    ) -> Result<Reviewed<'r>, Failure> {
        let namespaces = &*self.namespaces;
        match route {
            Route::Mutate => review(policy, namespaces, body),
            Route::Warn => warn(policy, namespaces, body),
        }
    }

    fn answer(&self, reviewed: Result<Reviewed<'_>, Failure>) -> Reply {
        match reviewed {
            Ok(reviewed) => {
                self.leave_word(&reviewed.record);
                Reply {
                    status: StatusCode::OK,
                    body: reviewed.json,
                }
            }
            Err(failure) => {
                let status = match &failure {
                    Failure::Review(error) if error.is_wrong_review() => {
                        StatusCode::UNPROCESSABLE_ENTITY
                    }
                    Failure::Review(_) => StatusCode::BAD_REQUEST,
                    Failure::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
                };
                let status_code = status.as_u16();
                tracing::warn!(status = status_code, error = %failure, "review not answered");
                Reply::error(status, &failure.to_string())
            }
        }
    }

    fn leave_word(&self, record: &Record<'_>) {
        let Record {
            uid,
            namespace,
            name,
            user,
            dry_run,
            outcome,
            reason,
            rule,
            profile,
            containers,
            warnings,
            denial,
            owner,
        } = record;
        if let Some(events) = &self.events {
            events.offer(record);
        }
        self.metrics.review(&ReviewLabels {
            outcome,
            reason,
            rule: (&**rule).into(),
            profile: (&**profile).into(),
        });
        tracing::info!(
            uid = &**uid,
            namespace = &**namespace,
            name = &**name,
            user = &**user,
            dry_run,
            outcome,
            reason,
            rule = &**rule,
            profile = &**profile,
            containers = containers.join(","),
            warnings = warnings.join("; "),
            denial,
            owner = owner.as_ref().map(tracing::field::display),
            "review"
        );
    }
}
