//! The webhook: the pure review behind the server's [`Handler`].
//!
//! It passes the policy and what is known of the cluster to the review, turns failures into HTTP statuses, and makes one
//! count and one log line for each review: at `debug` if nothing was changed or refused.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;

use crate::cluster::EventQueue;
use crate::decide::Policy;
use crate::decide::named::Named as _;
use crate::decide::reason::Reason;
use crate::model::cluster::Cluster;
use crate::names::span;
use crate::respond::record::Record;
use crate::review::pod::{Failure, Reviewed, review};
use crate::review::verify::verify;
use crate::review::workload::warn;
use crate::server::{Handler, Reply, Route, StatusCode};
use crate::telemetry::metrics::{Metrics, PassedOverLabels, ReviewLabels};
use crate::telemetry::queue::LONGEST_NAME;
use crate::telemetry::traces::Words;
use crate::text::{beginning, visible};

/// The longest list or message in a log line, in bytes: names in it may have any length.
const LONGEST_TEXT: usize = 2048;

/// Answers reviews under a policy that can be replaced at any time.
pub struct Webhook {
    pub policy: Arc<ArcSwap<Policy>>,
    pub cluster: Arc<dyn Cluster + Send + Sync>,
    pub metrics: Arc<Metrics>,
    /// Where denials and changes are reported to the cluster, if enabled.
    pub events: Option<EventQueue>,
}

impl Handler for Webhook {
    fn handle(&self, route: Route, body: &[u8]) -> Reply {
        let policy = self.policy.load();
        self.answer(route, self.review(&policy, route, body))
    }

    fn handle_traced(&self, route: Route, body: &[u8]) -> (Reply, Words) {
        let policy = self.policy.load();
        let reviewed = self.review(&policy, route, body);
        let words = reviewed.as_ref().map(|reviewed| words(&reviewed.record));
        let words = words.unwrap_or_default();
        (self.answer(route, reviewed), words)
    }
}

/// Attributes of a review's span.
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
    .map(|(key, value)| (key, beginning(value, LONGEST_NAME).to_owned()))
    .to_vec()
}

impl Webhook {
    fn review<'r>(
        &self,
        policy: &'r Policy,
        route: Route,
        body: &'r [u8],
    ) -> Result<Reviewed<'r>, Failure> {
        let cluster = &*self.cluster;
        match route {
            Route::Mutate => review(policy, cluster, body),
            Route::Verify => verify(policy, cluster, body),
            Route::Warn => warn(policy, cluster, body),
        }
    }

    fn answer(&self, route: Route, reviewed: Result<Reviewed<'_>, Failure>) -> Reply {
        match reviewed {
            Ok(reviewed) => {
                self.leave_word(route, &reviewed.record);
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
                let message = failure.to_string();
                let error = &*told(&message, LONGEST_TEXT);
                tracing::warn!(status = status_code, error, "review not answered");
                Reply::error(status, &message)
            }
        }
    }

    fn leave_word(&self, route: Route, record: &Record<'_>) {
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
            passed_over,
            containers,
            warnings,
            denial,
            owner,
        } = record;
        if let Some(events) = &self.events {
            events.offer(record);
        }
        // Each Pod that it leaves was counted and logged at its first review.
        let is_again = route == Route::Verify && denial.is_none();
        if !is_again {
            self.metrics.review(&ReviewLabels {
                outcome,
                reason,
                rule: label(rule),
                profile: label(profile),
            });
            for over in passed_over {
                self.metrics.profile_passed_over(&PassedOverLabels {
                    rule: label(rule),
                    profile: label(&over.profile.name),
                    reason: over.misfit.cause().name(),
                });
            }
        }
        // The same line at either level. Texts are strings, which both log formats escape; they are cut,
        // since waiting lines are kept in memory.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    path = route.path(),
                    uid = &*told(uid, LONGEST_NAME),
                    namespace = &*told(namespace, LONGEST_NAME),
                    name = &*told(name, LONGEST_NAME),
                    user = &*told(user, LONGEST_NAME),
                    dry_run,
                    outcome,
                    reason,
                    rule = &**rule,
                    profile = &**profile,
                    containers = &*told(&containers.join(","), LONGEST_TEXT),
                    warnings = &*told(&warnings.join("; "), LONGEST_TEXT),
                    denial = denial
                        .as_deref()
                        .map(|text| told(text, LONGEST_TEXT).into_owned()),
                    owner = owner
                        .as_ref()
                        .map(|owner| told(&owner.to_string(), LONGEST_TEXT).into_owned()),
                    "review"
                )
            };
        }
        let mut uneventful = Reason::UNEVENTFUL.iter();
        if is_again || warnings.is_empty() && uneventful.any(|known| known.name() == *reason) {
            line!(debug);
        } else {
            line!(info);
        }
    }
}

/// At most `most` bytes of other people's text, with control characters escaped.
fn told(text: &str, most: usize) -> Cow<'_, str> {
    visible(beginning(text, most))
}

/// A label's value. Most are empty.
fn label(text: &str) -> Arc<str> {
    static NONE: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));
    match text {
        "" => Arc::clone(&NONE),
        text => Arc::from(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Mutex, PoisonError};

    use serde_json::json;
    use tracing::{Event, Level, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;
    use crate::decide::rule::Profiles;
    use crate::decode::creation::{From, creation};
    use crate::model::cluster::Placement;
    use crate::model::namespaces::{Namespaces, NoNamespaces};
    use crate::model::profile::Profile;
    use crate::model::subject::NamespaceLabels;

    #[derive(Clone, Default)]
    struct Levels(Arc<Mutex<Vec<Level>>>);

    impl<S: Subscriber> Layer<S> for Levels {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
    }

    /// Held by each test that reviews: tracing asks once whether anybody wants a line, and an answer that another
    /// thread gets without a subscriber, at the same moment, stays.
    static REVIEWS: Mutex<()> = Mutex::new(());

    fn webhook() -> Webhook {
        Webhook {
            policy: Arc::new(ArcSwap::from_pointee(Policy::offline())),
            cluster: Arc::new(NoNamespaces),
            metrics: Arc::new(Metrics::new()),
            events: None,
        }
    }

    /// A review of a Pod that mounts the first of these volumes, `s`.
    fn body(volumes: &serde_json::Value) -> String {
        let mounts = json!([{"name": "s", "mountPath": "/var/run/docker.sock"}]);
        let pod = json!({"metadata": {}, "spec": {"volumes": volumes,
            "containers": [{"name": "c", "volumeMounts": mounts}]}});
        let from = From {
            uid: "u",
            namespace: "ci",
            owner: None,
        };
        creation(pod.as_object().unwrap(), from).to_string()
    }

    /// The levels of the lines that a review of a Pod with these volumes leaves.
    fn levels(volumes: &serde_json::Value) -> Vec<Level> {
        let webhook = webhook();
        let body = body(volumes);
        let levels = Levels::default();
        let subscriber = tracing_subscriber::registry().with(levels.clone());
        let alone = REVIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = tracing::subscriber::with_default(subscriber, || {
            webhook.handle(Route::Mutate, body.as_bytes())
        });
        drop(alone);
        assert_eq!(reply.status, StatusCode::OK);
        levels.0.lock().unwrap().clone()
    }

    #[test]
    fn a_pod_that_is_no_concern_leaves_its_line_at_debug() {
        assert_eq!(
            levels(&json!([{"name": "s", "emptyDir": {}}])),
            [Level::DEBUG]
        );
        let socket = json!([{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]);
        assert_eq!(levels(&socket), [Level::INFO]);
    }

    #[test]
    fn a_span_keeps_little_of_a_long_name() {
        assert_eq!(beginning("short", LONGEST_NAME), "short");
        assert_eq!(
            beginning(&"é".repeat(1 << 20), LONGEST_NAME),
            "é".repeat(126)
        );
    }

    #[test]
    fn a_profile_that_does_not_fit_is_counted_and_audited() {
        let mut policy = Policy::offline();
        policy.otherwise.profiles = Profiles {
            default: Arc::new(Profile::userns()),
            others: vec![Arc::new(Profile::privileged())],
        };
        let webhook = Webhook {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            ..webhook()
        };
        let volumes = json!([
            {"name": "s", "hostPath": {"path": "/var/run/docker.sock"}},
            {"name": "data", "hostPath": {"path": "/srv"}},
        ]);
        let body = body(&volumes);
        let _alone = REVIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = webhook.handle(Route::Mutate, body.as_bytes());
        let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let audit = &answer["response"]["auditAnnotations"];
        assert_eq!(audit["profile"], "privileged");
        assert_eq!(
            audit["profiles-passed-over"],
            "hostPath /srv rules out userns"
        );
        let text = webhook.metrics.encode().unwrap();
        let counted = r#"dind_injector_profiles_passed_over_total{rule="builtin-offline",profile="userns",reason="UserNamespace"} 1"#;
        assert!(text.contains(counted), "{text}");
    }

    /// A cluster without any RuntimeClass.
    struct Empty;

    impl Namespaces for Empty {
        fn labels(&self, _name: &str) -> Option<Arc<NamespaceLabels>> {
            None
        }
    }

    impl Cluster for Empty {
        fn placement(&self) -> Placement {
            Placement {
                nodes: Some(Arc::default()),
                runtime_classes: Some(Arc::default()),
            }
        }
    }

    #[test]
    fn a_profile_that_the_cluster_cannot_run_is_counted_and_audited() {
        let mut policy = Policy::offline();
        let sysbox = Profile {
            name: "sysbox".to_owned(),
            runtime_class_name: Some("sysbox-runc".to_owned()),
            ..Profile::privileged()
        };
        policy.otherwise.profiles = Profiles {
            default: Arc::new(sysbox),
            others: vec![Arc::new(Profile::userns())],
        };
        let webhook = Webhook {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            cluster: Arc::new(Empty),
            ..webhook()
        };
        let body = body(&json!([{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]));
        let _alone = REVIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = webhook.handle(Route::Mutate, body.as_bytes());
        let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let response = &answer["response"];
        let because = "there is no RuntimeClass sysbox-runc, which rules out sysbox";
        assert_eq!(response["auditAnnotations"]["profile"], "userns");
        assert_eq!(
            response["auditAnnotations"]["profiles-passed-over"],
            because
        );
        let warnings = response["warnings"].to_string();
        let told = format!("profile userns is used, since {because}");
        assert!(warnings.contains(&told), "{warnings}");
        let text = webhook.metrics.encode().unwrap();
        let counted = r#"dind_injector_profiles_passed_over_total{rule="builtin-offline",profile="sysbox",reason="MissingRuntimeClass"} 1"#;
        assert!(text.contains(counted), "{text}");
    }

    #[test]
    fn what_a_pod_calls_itself_is_in_no_metric() {
        let webhook = webhook();
        let _alone = REVIEWS.lock().unwrap_or_else(PoisonError::into_inner);
        for annotation in [
            "dind-injector.io/inject",
            "dind-injector.io/profile",
            "dind-injector.io/containers",
            "dind-injector.io/storage",
            "dind-injector.io/xyzzy",
        ] {
            let pod = json!({
                "metadata": {"name": "xyzzy", "labels": {"xyzzy": "xyzzy"},
                    "annotations": {annotation: "xyzzy"}},
                "spec": {"containers": [{"name": "xyzzy", "image": "xyzzy"}]},
            });
            let from = From {
                uid: "xyzzy",
                namespace: "xyzzy",
                owner: None,
            };
            let body = creation(pod.as_object().unwrap(), from).to_string();
            let reply = webhook.handle(Route::Mutate, body.as_bytes());
            assert_eq!(reply.status, StatusCode::OK);
        }
        let text = webhook.metrics.encode().unwrap();
        let counted = text
            .lines()
            .filter(|line| line.starts_with("dind_injector_reviews_total{"));
        assert!(counted.count() >= 2, "{text}");
        assert!(!text.contains("xyzzy"), "{text}");
    }
}
