//! Events on the owners of Pods, written beside the reviews.

use std::sync::Arc;

use dind_injector::cluster::{EventQueue, KnownNamespaces, open_events};
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use dind_injector::telemetry::metrics::Metrics;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::Api;
use crate::support::patience::until;

const PATH: &str = "/api/v1/namespaces/ci/events";

/// The one namespace that is known.
fn known() -> KnownNamespaces {
    [("ci".to_owned(), Default::default())]
        .into_iter()
        .collect()
}

/// Reviews a Pod that mounts the socket, and offers what happened to `queue`.
fn offer(queue: &EventQueue, owner: Option<&str>, size: &str, dry_run: bool) {
    offer_in(queue, "ci", "build", owner, size, dry_run);
}

fn offer_in(
    queue: &EventQueue,
    namespace: &str,
    container: &str,
    owner: Option<&str>,
    size: &str,
    dry_run: bool,
) {
    let owners = owner.map(|name| {
        json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": format!("u-{name}"),
            "controller": true,
        }])
    });
    let body = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": namespace, "operation": "CREATE", "dryRun": dry_run, "userInfo": {},
            "object": {
                "metadata": {"generateName": "builder-", "ownerReferences": owners,
                    "annotations": {"dind-injector.io/memory": size}},
                "spec": {
                    "containers": [{
                        "name": container,
                        "volumeMounts": [{"name": "s", "mountPath": "/var/run/docker.sock"}],
                    }],
                    "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}],
                },
            },
        },
    });
    let (policy, body) = (Policy::offline(), body.to_string());
    let reviewed = review(&policy, &NoNamespaces, body.as_bytes());
    queue.offer(&reviewed.unwrap().record);
}

struct Written {
    api: Api,
    queue: EventQueue,
    metrics: Arc<Metrics>,
    _tasks: JoinSet<()>,
}

fn writing() -> Written {
    let api = Api::default();
    let metrics = Arc::new(Metrics::new());
    let (queue, writer) = open_events(
        api.client(),
        "replica-1".to_owned(),
        known(),
        Arc::clone(&metrics),
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run());
    Written {
        api,
        queue,
        metrics,
        _tasks: tasks,
    }
}

impl Written {
    fn count(&self, result: &str) -> u64 {
        let text = self.metrics.encode().unwrap();
        let series = format!("dind_injector_events_total{{result=\"{result}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_change_and_a_denial_are_told_to_the_owner() {
    let written = writing();
    offer(&written.queue, Some("a"), "1Gi", false);
    offer(&written.queue, Some("b"), "900Ti", false);
    until(|| written.count("sent") == 2).await;
    let events = written.api.all(PATH);
    let of = |name: &str| {
        let mut events = events.iter();
        events
            .find(|event| event["involvedObject"]["name"] == name)
            .unwrap()
    };
    let changed = of("a");
    assert_eq!(changed["type"], "Normal");
    assert_eq!(changed["reason"], "DockerInjected");
    assert_eq!(
        changed["message"],
        "a Pod got its own Docker daemon (profile privileged) for: build"
    );
    assert_eq!(
        changed["involvedObject"],
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a", "namespace": "ci", "uid": "u-a",
        })
    );
    assert_eq!(changed["metadata"]["namespace"], "ci");
    assert_eq!(changed["reportingInstance"], "replica-1");
    assert!(changed["firstTimestamp"].is_string());
    let denied = of("b");
    assert_eq!(denied["type"], "Warning");
    assert_eq!(denied["reason"], "DockerDenied");
    let message = denied["message"].as_str().unwrap();
    assert!(
        message.starts_with("a Pod was refused: annotation"),
        "{message}"
    );
}

#[tokio::test]
async fn nothing_is_told_of_dry_runs_nor_where_there_is_no_owner() {
    let written = writing();
    offer(&written.queue, Some("a"), "1Gi", true);
    offer(&written.queue, None, "1Gi", false);
    // A name that no object can have, and that would be kept.
    offer(&written.queue, Some(&"a".repeat(1 << 20)), "1Gi", false);
    offer(&written.queue, Some("last"), "1Gi", false);
    until(|| written.count("sent") == 1).await;
    let events: Vec<Value> = written.api.all(PATH);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["involvedObject"]["name"], "last");
}

#[tokio::test]
async fn nothing_is_told_to_what_the_cluster_does_not_have() {
    let written = writing();
    for namespace in [
        "",
        "../../../apis/apps/v1/namespaces/ci/deployments?",
        "..",
        "ci/pods",
        "ci%2f",
        "CI",
        "not-there",
    ] {
        offer_in(&written.queue, namespace, "build", Some("a"), "1Gi", false);
    }
    for owner in ["..", "a/b", "a\nb", "A", ""] {
        offer(&written.queue, Some(owner), "1Gi", false);
    }
    offer(&written.queue, Some("last"), "1Gi", false);
    until(|| written.count("sent") == 1).await;
    assert_eq!(written.api.requests(), [format!("POST {PATH}")]);
    assert_eq!(written.api.all(PATH).len(), 1);
}

#[tokio::test]
async fn a_change_says_nothing_in_the_sender_s_words() {
    let written = writing();
    let container = "a: click http://evil.example\n::stop-commands::x";
    offer_in(&written.queue, "ci", container, Some("a"), "1Gi", false);
    until(|| written.count("sent") == 1).await;
    assert_eq!(
        written.api.all(PATH)[0]["message"],
        "a Pod got its own Docker daemon (profile privileged) for: some of its containers"
    );
}

#[tokio::test]
async fn the_pods_of_one_owner_are_told_once() {
    let written = writing();
    for _ in 0..5 {
        offer(&written.queue, Some("a"), "1Gi", false);
    }
    until(|| written.count("suppressed") == 4).await;
    assert_eq!(written.count("sent"), 1);
}

#[tokio::test]
async fn a_full_queue_drops_and_a_review_never_waits() {
    let metrics = Arc::new(Metrics::new());
    // Nobody writes.
    let (queue, _writer) = open_events(
        Api::default().client(),
        "replica-1".to_owned(),
        known(),
        Arc::clone(&metrics),
    );
    for _ in 0..300 {
        offer(&queue, Some("a"), "1Gi", false);
    }
    let text = metrics.encode().unwrap();
    assert!(
        text.contains("dind_injector_events_total{result=\"dropped\"} 44\n"),
        "{text}"
    );
}

#[tokio::test]
async fn an_event_that_is_refused_is_counted_and_the_next_one_written() {
    let written = writing();
    written.api.refuse_write(403);
    offer(&written.queue, Some("a"), "1Gi", false);
    offer(&written.queue, Some("b"), "1Gi", false);
    until(|| written.count("failed") == 1 && written.count("sent") == 1).await;
}
