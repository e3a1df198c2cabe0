//! Nodes and RuntimeClasses from watches, and what reviews make of them.

use std::sync::Arc;

use base64_simd::STANDARD;
use dind_injector::cluster::{KnownCluster, watch_placement};
use dind_injector::decide::Policy;
use dind_injector::model::cluster::Cluster as _;
use dind_injector::policy_file::Config;
use dind_injector::review::pod::review;
use dind_injector::review::verify::verify;
use dind_injector::review::workload::warn;
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::readiness::Readiness;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::Api;
use super::impatient;
use crate::support::api_server::{self, Request};
use crate::support::invariants::applied;
use crate::support::patience::until;

const NODES: &str = "/api/v1/nodes";
const CLASSES: &str = "/apis/node.k8s.io/v1/runtimeclasses";

/// A node as a kubelet of today writes it, in what is read and in what is not.
fn node(name: &str, has: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "pool": "ci"},
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
        },
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-11-30T00:00:00Z"}],
            "images": [{"names": ["a", "b"], "sizeBytes": 1}],
            "nodeInfo": {
                "operatingSystem": "linux", "kernelVersion": "6.12.9", "kubeletVersion": "v1.36.2",
                "containerRuntimeVersion": "containerd://2.2.9",
            },
            "runtimeHandlers": [
                {"name": "", "features": {"recursiveReadOnlyMounts": true, "userNamespaces": has}},
                {"name": "runc", "features": {"userNamespaces": has}},
            ],
        },
    })
}

fn runtime_class(name: &str, selector: Value) -> Value {
    json!({
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name},
        "handler": "runc", "scheduling": {"nodeSelector": selector},
    })
}

fn policy(profiles: &str) -> Policy {
    let text = format!(
        "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\nprofiles:\n\
         - {{name: delegated, extends: userns, runtimeClassName: delegated}}\n\
         default: {{hostSockets: Swap, profiles: {profiles}}}\n"
    );
    Config::from_yaml(&text).unwrap().policy().clone()
}

fn socket_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ci"},
        "spec": {
            "containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "s", "mountPath": "/s"}]}],
            "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}],
        },
    })
}

struct Watched {
    api: Api,
    known: KnownCluster,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    policy: Policy,
    /// Ends the watches with the test.
    _tasks: JoinSet<()>,
}

fn watched(api: Api) -> Watched {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    let (placement, watch) = watch_placement(api.client(), &metrics, &readiness, impatient());
    let mut tasks = JoinSet::new();
    tasks.spawn(watch.run());
    let known = KnownCluster {
        placement: Some(placement),
        ..KnownCluster::default()
    };
    Watched {
        api,
        known,
        metrics,
        readiness,
        policy: policy("[delegated, userns, privileged]"),
        _tasks: tasks,
    }
}

impl Watched {
    async fn is_ready(&self) {
        until(|| self.readiness.report().ready).await;
    }

    /// The profile that a Pod gets now, and what was passed over for it.
    fn given(&self) -> (String, String) {
        let body = api_server::review("u", &socket_pod(), Request::Create).to_string();
        let reviewed = review(&self.policy, &self.known, body.as_bytes()).unwrap();
        let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
        let audit = &answer["response"]["auditAnnotations"];
        let text = |key: &str| audit[key].as_str().unwrap_or_default().to_owned();
        (text("profile"), text("profiles-passed-over"))
    }

    async fn gives(&self, profile: &str, over: &[&str]) {
        let expected = (profile.to_owned(), over.join("; "));
        until(|| self.given() == expected).await;
    }
}

const NO_CLASS: &str = "there is no RuntimeClass delegated, which rules out delegated";

#[tokio::test]
async fn a_profile_is_given_once_the_cluster_can_run_it() {
    let api = Api::default();
    for name in ["a", "b", "c"] {
        api.put(NODES, node(name, true));
    }
    let watched = watched(api);
    watched.is_ready().await;
    assert_eq!(
        watched.given(),
        ("userns".to_owned(), NO_CLASS.to_owned()),
        "lists were complete"
    );
    let api = &watched.api;

    api.put(CLASSES, runtime_class("delegated", json!({"pool": "ci"})));
    watched.gives("delegated", &[]).await;

    api.put(NODES, node("b", false));
    let some = |profile| format!("1 of 3 nodes lacks user namespaces, which rules out {profile}");
    watched
        .gives("privileged", &[&some("delegated"), &some("userns")])
        .await;

    // The class leads elsewhere, where no node is yet.
    api.put(CLASSES, runtime_class("delegated", json!({"pool": "new"})));
    watched.gives("delegated", &[]).await;
    api.remove(CLASSES, "delegated");
    watched
        .gives("privileged", &[NO_CLASS, &some("userns")])
        .await;

    // Cordoned, then gone.
    let mut cordoned = node("b", false);
    cordoned["spec"]["unschedulable"] = json!(true);
    api.put(NODES, cordoned);
    watched.gives("userns", &[NO_CLASS]).await;
    api.put(NODES, node("b", false));
    watched
        .gives("privileged", &[NO_CLASS, &some("userns")])
        .await;
    api.remove(NODES, "b");
    watched.gives("userns", &[NO_CLASS]).await;
    let mut windows = node("w", false);
    windows["status"]["nodeInfo"]["operatingSystem"] = json!("windows");
    api.put(NODES, windows);
    let mut old = node("old", false);
    old["status"]["nodeInfo"]["kubeletVersion"] = json!("v1.29.4");
    old["status"]
        .as_object_mut()
        .unwrap()
        .remove("runtimeHandlers");
    api.put(NODES, old);
    watched
        .gives("privileged", &[NO_CLASS, &some("userns")])
        .await;
}

#[tokio::test]
async fn a_sign_of_life_changes_nothing() {
    let api = Api::default();
    api.put(NODES, node("a", true));
    let watched = watched(api);
    watched.is_ready().await;
    until(|| watched.api.watches() == 2).await;
    let nodes = || watched.known.placement().nodes.unwrap();
    let before = nodes();
    let mut later = node("a", true);
    later["status"]["conditions"][0]["lastHeartbeatTime"] = json!("2026-11-30T00:05:00Z");
    watched.api.put(NODES, later);
    watched.api.put(NODES, node("b", true));
    until(|| nodes().named("b").is_some()).await;
    // Two nodes of one kind, which only the second has changed.
    let (old, new) = (before.named("a").unwrap().clone(), nodes());
    assert!(Arc::ptr_eq(&old.kind, &new.named("a").unwrap().kind));
    assert_eq!(new.kinds().map(|(_, count)| count).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn what_is_not_listed_yet_is_not_ready_and_rules_nothing_out() {
    let api = Api::default();
    api.put(NODES, node("a", false));
    api.go_away(403, "nodes is forbidden: no list for you");
    let watched = watched(api);
    let text = || watched.readiness.report().text;
    for check in ["nodes", "runtime-classes"] {
        let failed = format!("[-]{check} failed: not listed yet: nodes is forbidden");
        until(|| text().contains(&failed)).await;
    }
    assert_eq!(watched.given(), ("delegated".to_owned(), String::new()));
    watched.api.come_back();
    watched.is_ready().await;
    let over = [
        NO_CLASS,
        "no node has user namespaces, which rules out userns",
    ];
    watched.gives("privileged", &over).await;
    // The last state stays in use.
    watched.api.go_away(503, "etcd is away");
    until(|| text().contains("the watch is down")).await;
    watched.gives("privileged", &over).await;
    assert!(watched.readiness.report().ready);
    let metrics = watched.metrics.encode().unwrap();
    for watch in ["nodes", "runtime_classes"] {
        let series = format!("dind_injector_watch_errors_total{{watch=\"{watch}\"}} ");
        assert!(metrics.contains(&series), "{metrics}");
    }
}

/// Two replicas, of which one has heard of other nodes: a Pod keeps the sidecar that it got first.
#[tokio::test]
async fn a_pod_that_has_its_sidecar_keeps_it_whatever_becomes_of_the_nodes() {
    let replica = async |has| {
        let api = Api::default();
        api.put(NODES, node("a", has));
        let watched = watched(api);
        watched.is_ready().await;
        watched
    };
    let (able, unable) = (replica(true).await, replica(false).await);
    let response = |watched: &Watched, pod: &Value, is_last: bool| -> Value {
        let body = api_server::review("u", pod, Request::Create).to_string();
        let (policy, known) = (&watched.policy, &watched.known);
        let reviewed = match is_last {
            false => review(policy, known, body.as_bytes()).unwrap(),
            true => verify(policy, known, body.as_bytes()).unwrap(),
        };
        let mut answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
        answer["response"].take()
    };
    let changed = |pod: &Value, response: &Value| {
        let patch = STANDARD.decode_to_vec(response["patch"].as_str().unwrap());
        applied(pod, &patch.unwrap()).unwrap()
    };
    for (first, second, profile) in [(&able, &unable, "userns"), (&unable, &able, "privileged")] {
        let pod = socket_pod();
        let response_of_first = response(first, &pod, false);
        assert_eq!(response_of_first["auditAnnotations"]["profile"], profile);
        let injected = changed(&pod, &response_of_first);
        let host_users = injected["spec"]["hostUsers"].clone();
        assert_eq!(host_users == false, profile == "userns");
        for is_last in [false, true] {
            let again = response(second, &injected, is_last);
            assert_eq!(again["allowed"], true, "{again}");
            assert!(again["patch"].is_null(), "{again}");
            assert_eq!(again["auditAnnotations"]["reason"], "AlreadyInjected");
        }
        // Another webhook adds a container with the socket in between.
        let mut later = injected.clone();
        let containers = later["spec"]["containers"].as_array_mut().unwrap();
        containers.push(json!({
            "name": "late", "image": "x", "volumeMounts": [{"name": "late", "mountPath": "/s"}],
        }));
        let volumes = later["spec"]["volumes"].as_array_mut().unwrap();
        volumes.push(json!({"name": "late", "hostPath": {"path": "/var/run/docker.sock"}}));
        let again = response(second, &later, false);
        let swapped = changed(&later, &again);
        assert_eq!(swapped["spec"]["hostUsers"], host_users);
        let sidecar = |pod: &Value| {
            let sidecar = &pod["spec"]["initContainers"][0];
            ["image", "securityContext", "resources"].map(|field| sidecar[field].clone())
        };
        assert_eq!(sidecar(&swapped), sidecar(&injected));
        assert_eq!(
            swapped["spec"]["runtimeClassName"],
            injected["spec"]["runtimeClassName"]
        );
        assert_eq!(response(first, &swapped, true)["allowed"], true);
    }
}

#[tokio::test]
async fn a_denial_says_how_many_nodes_and_what_to_change() {
    let api = Api::default();
    for (name, has) in [("a", true), ("b", false), ("c", true)] {
        api.put(NODES, node(name, has));
    }
    let watched = Watched {
        policy: policy("[userns]"),
        ..watched(api)
    };
    watched.is_ready().await;
    let body = api_server::review("u", &socket_pod(), Request::Create).to_string();
    let reviewed = review(&watched.policy, &watched.known, body.as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
    let response = &answer["response"];
    assert_eq!(response["auditAnnotations"]["reason"], "NodeUserNamespaces");
    assert_eq!(
        response["status"]["message"],
        "dind-injector: profile \"userns\" puts the Pod into a user namespace, which is not supported by 1 of the 3 \
         nodes on which it may run. Choose nodes that support it with nodeSelector, or have an admin add another \
         profile to rule \"default\""
    );
    let workload = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "namespace": "ci", "operation": "CREATE", "userInfo": {"username": "ann"},
            "object": {
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "p"},
                "spec": {"template": {"spec": socket_pod()["spec"]}},
            },
        },
    })
    .to_string();
    let reviewed = warn(&watched.policy, &watched.known, workload.as_bytes()).unwrap();
    let answer = String::from_utf8(reviewed.json).unwrap();
    assert!(
        answer.contains("the Pods of this Deployment will be refused: "),
        "{answer}"
    );
    assert!(answer.contains("1 of the 3 nodes"), "{answer}");
}
