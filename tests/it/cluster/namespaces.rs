//! Namespace labels from a watch, through everything that happens to watches.

use std::sync::Arc;
use std::time::Duration;

use dind_injector::cluster::{
    KnownNamespaces, NATIVE_SIDECARS, Timing, server_version, watch_namespaces,
};
use dind_injector::model::namespaces::Namespaces as _;
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::readiness::Readiness;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::Api;
use super::impatient;
use crate::support::patience::until;

const PATH: &str = "/api/v1/namespaces";

fn namespace(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": {"name": name, "labels": labels, "annotations": {"big": "and not kept"}},
    })
}

struct Watched {
    api: Api,
    known: KnownNamespaces,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    /// Ends the watch with the test.
    _tasks: JoinSet<()>,
}

fn watched(api: Api) -> Watched {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    start(api, metrics, readiness, impatient())
}

fn start(api: Api, metrics: Arc<Metrics>, readiness: Readiness, timing: Timing) -> Watched {
    let (known, watch) = watch_namespaces(api.client(), Arc::clone(&metrics), &readiness, timing);
    let mut tasks = JoinSet::new();
    tasks.spawn(watch.run());
    Watched {
        api,
        known,
        metrics,
        readiness,
        _tasks: tasks,
    }
}

impl Watched {
    fn label(&self, name: &str) -> Option<String> {
        self.known.labels(name)?.get("team").cloned()
    }

    async fn label_is(&self, name: &str, team: Option<&str>) {
        until(|| self.label(name).as_deref() == team).await;
    }

    async fn is_ready(&self) {
        until(|| self.readiness.report().ready).await;
    }

    fn errors(&self) -> u64 {
        let text = self.metrics.encode().unwrap();
        let series = r#"dind_injector_watch_errors_total{watch="namespaces"} "#;
        let value = text.lines().find_map(|line| line.strip_prefix(series));
        value.unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn labels_follow_the_cluster() {
    let api = Api::default();
    for name in ["a", "b", "c"] {
        api.put(PATH, namespace(name, json!({"team": name})));
    }
    let watched = watched(api);
    watched.is_ready().await;
    assert_eq!(watched.label("c").as_deref(), Some("c"), "the second page");
    let api = &watched.api;
    api.put(PATH, namespace("b", json!({"team": "moved"})));
    watched.label_is("b", Some("moved")).await;
    api.put(PATH, namespace("d", json!({"team": "new"})));
    watched.label_is("d", Some("new")).await;
    api.put(PATH, namespace("d", Value::Null));
    watched.label_is("d", None).await;
    assert!(watched.known.labels("d").unwrap().is_empty());
    api.remove(PATH, "a");
    until(|| watched.known.labels("a").is_none()).await;
    assert_eq!(watched.errors(), 0);
}

#[tokio::test]
async fn only_a_first_list_makes_ready() {
    let api = Api::default();
    api.go_away(403, "namespaces is forbidden: no list for you");
    let watched = watched(api);
    until(|| watched.errors() >= 3).await;
    let report = watched.readiness.report();
    assert!(!report.ready);
    assert!(
        report.text.contains(
            "[-]namespaces failed: not listed yet: namespaces is forbidden: no list for you"
        ),
        "{}",
        report.text
    );
    watched.api.come_back();
    watched.is_ready().await;
}

#[tokio::test]
async fn the_last_state_outlives_the_watch_and_readiness_says_so() {
    let api = Api::default();
    api.put(PATH, namespace("a", json!({"team": "a"})));
    let watched = watched(api);
    watched.is_ready().await;
    watched.api.go_away(503, "etcd is away");
    until(|| watched.errors() >= 2).await;
    let report = watched.readiness.report();
    assert!(report.ready);
    assert!(
        report
            .text
            .contains("[+]namespaces ok: the watch is down for 0 s")
            && report.text.contains("etcd is away"),
        "{}",
        report.text
    );
    assert_eq!(watched.label("a").as_deref(), Some("a"));
    watched.api.remove(PATH, "a");
    watched.api.put(PATH, namespace("b", json!({"team": "b"})));
    watched.api.come_back();
    watched.label_is("b", Some("b")).await;
    assert_eq!(
        watched.label("a"),
        None,
        "what was missed is caught up with"
    );
    assert_eq!(
        watched.readiness.report().text,
        "[+]namespaces ok\nreadyz check passed\n"
    );
}

#[tokio::test]
async fn a_watch_that_ends_in_time_goes_on_without_a_list() {
    let api = Api::default();
    api.put(PATH, namespace("a", json!({"team": "a"})));
    let watched = watched(api);
    watched.is_ready().await;
    until(|| watched.api.watches() == 1).await;
    let asked = watched.api.count("GET", PATH);
    watched.api.end_watches();
    watched
        .api
        .put(PATH, namespace("a", json!({"team": "later"})));
    watched.label_is("a", Some("later")).await;
    assert_eq!(watched.api.count("GET", PATH), asked + 1);
    assert_eq!(watched.errors(), 0);
}

#[tokio::test]
async fn an_expired_version_is_no_trouble() {
    let api = Api::default();
    let watched = watched(api);
    watched.is_ready().await;
    until(|| watched.api.watches() == 1).await;
    watched.api.expire_watches();
    watched.api.put(PATH, namespace("a", json!({"team": "a"})));
    watched.label_is("a", Some("a")).await;
    assert_eq!(watched.errors(), 0);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_noticed() {
    let api = Api::default();
    let timing = Timing {
        watch: Duration::from_millis(20),
        answer: Duration::from_millis(20),
        first_retry: Duration::from_millis(5),
        last_retry: Duration::from_millis(50),
    };
    let watched = start(api, Arc::new(Metrics::new()), Readiness::new(), timing);
    watched.is_ready().await;
    watched.api.fall_silent();
    until(|| watched.errors() >= 2).await;
    assert!(
        watched.readiness.report().text.contains("said nothing for"),
        "{}",
        watched.readiness.report().text
    );
    watched.api.come_back();
    watched.api.put(PATH, namespace("a", json!({"team": "a"})));
    watched.label_is("a", Some("a")).await;
}

#[tokio::test]
async fn the_servers_version_is_read() {
    let api = Api::default();
    let version = server_version(&api.client()).await.unwrap();
    assert_eq!(version.to_string(), "1.36");
    assert!(version > NATIVE_SIDECARS);
    api.go_away(503, "starting");
    let error = server_version(&api.client()).await.unwrap_err();
    assert!(error.to_string().contains("starting"), "{error}");
}
