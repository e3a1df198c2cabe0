//! `check --pre`: every check, in a cluster that is fine and in one that is not.

use dind_injector::check::{Outcome, Report};
use dind_injector::inspect::api::Api as Asker;
use dind_injector::inspect::before;
use serde_json::{Value, json};

use super::api::{Api, State};
use super::{found, outcome};

const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const NODE: &str = "/api/v1/nodes/one";
const KUBELET: &str = "/api/v1/nodes/one/proxy/metrics";
const RUNTIME_CLASSES: &str = "/apis/node.k8s.io/v1/runtimeclasses";

fn fine() -> State {
    let mut state = State::default();
    let resources = [
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
    ];
    let resources: Vec<Value> = resources.iter().map(|name| json!({"name": name})).collect();
    state
        .objects
        .insert(ADMISSION.to_owned(), json!({"resources": resources}));
    for name in ["ci", "default", "kube-system"] {
        state.put("/api/v1/namespaces", json!({"metadata": {"name": name}}));
    }
    state.put(
        "/api/v1/nodes",
        json!({
            "metadata": {"name": "one"},
            "status": {
                "nodeInfo": {
                    "architecture": "amd64", "operatingSystem": "linux", "kernelVersion": "6.12.9",
                    "kubeletVersion": "v1.36.2", "containerRuntimeVersion": "containerd://2.2.0",
                },
                "runtimeHandlers": [{"name": "", "features": {"userNamespaces": true}}],
            },
        }),
    );
    state
        .texts
        .insert(KUBELET.to_owned(), "kubelet_cgroup_version 2\n".to_owned());
    state.empty.push(RUNTIME_CLASSES.to_owned());
    state
}

async fn checked(change: impl FnOnce(&mut State)) -> Report {
    let mut state = fine();
    change(&mut state);
    before(&Asker::new(Api::of(state).client())).await.checks()
}

/// That this check alone is not ok, and says so.
async fn alone(name: &str, wanted: Outcome, text: &str, change: impl FnOnce(&mut State)) {
    let report = checked(change).await;
    assert_eq!(outcome(&report, name), wanted, "{name}: {report:#?}");
    assert!(
        found(&report, name).contains(text),
        "{name}: {}",
        found(&report, name)
    );
    let others = report
        .checks
        .iter()
        .filter(|check| check.question.name != name)
        // What is too old for the sidecar is too old for these, too.
        .filter(|check| name != "nodes" || check.question.name != "user-namespaces");
    for other in others {
        assert_eq!(other.outcome, Outcome::Ok, "beside {name}: {other:?}");
    }
}

#[tokio::test]
async fn a_cluster_that_is_fine_is_all_green() {
    let report = checked(|_| {}).await;
    assert_eq!(report.worst(), Outcome::Ok, "{report:#?}");
    assert_eq!(report.checks.len(), 9);
}

#[tokio::test]
async fn every_check_can_fail() {
    use Outcome::{CouldNotAsk, Failed, Warning};
    let node = |field: &'static str, value: &'static str| {
        move |state: &mut State| state.object(NODE)["status"]["nodeInfo"][field] = json!(value)
    };
    let version = |minor: &'static str| {
        move |state: &mut State| drop(state.objects.insert("/version".to_owned(), json!(minor)))
    };
    let resources = |keep: &'static str| {
        move |state: &mut State| {
            let all = state.object(ADMISSION)["resources"].as_array_mut().unwrap();
            all.retain(|resource| resource["name"].as_str().unwrap().contains(keep));
        }
    };
    alone(
        "api-server",
        Failed,
        "1.27 does not evaluate",
        version("27"),
    )
    .await;
    alone(
        "api-server",
        Warning,
        "1.28 has no native sidecars",
        version("28+"),
    )
    .await;
    alone("admission", Failed, "drops matchConditions", |state| {
        state.is_old = true
    })
    .await;
    alone(
        "admission-policies",
        Warning,
        "not served",
        resources("webhookconfigurations"),
    )
    .await;
    let gone = checked(|state| drop(state.objects.remove(ADMISSION))).await;
    assert_eq!(outcome(&gone, "admission"), Failed);
    alone(
        "install-rights",
        Failed,
        "create clusterroles.rbac.authorization.k8s.io",
        |state| {
            state.denied.push("create clusterroles".to_owned());
        },
    )
    .await;
    alone("pod-security", Warning, "ci (restricted)", |state| {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        state.object("/api/v1/namespaces/ci")["metadata"]["labels"] = labels;
    })
    .await;
    alone(
        "nodes",
        Warning,
        "kubelet v1.28.1",
        node("kubeletVersion", "v1.28.1"),
    )
    .await;
    alone(
        "nodes",
        Warning,
        "kernel 4.18.0",
        node("kernelVersion", "4.18.0-553.el8"),
    )
    .await;
    alone(
        "nodes",
        Warning,
        "Docker itself",
        node("containerRuntimeVersion", "docker://28"),
    )
    .await;
    alone(
        "nodes",
        Warning,
        "no image for s390x",
        node("architecture", "s390x"),
    )
    .await;
    alone(
        "nodes",
        Failed,
        "no Linux node",
        node("operatingSystem", "windows"),
    )
    .await;
    let version_1 = checked(|state| {
        let says = "kubelet_cgroup_version 1\n".to_owned();
        state.texts.insert(KUBELET.to_owned(), says);
    })
    .await;
    for (name, text) in [
        ("cgroups", "version 1 on one"),
        ("user-namespaces", "no node has them"),
    ] {
        assert_eq!(outcome(&version_1, name), Warning, "{version_1:#?}");
        assert!(found(&version_1, name).contains(text), "{version_1:#?}");
    }
    alone("cgroups", CouldNotAsk, "no kubelet says it", |state| {
        state
            .texts
            .insert(KUBELET.to_owned(), "other 1\n".to_owned());
    })
    .await;
    alone("cgroups", CouldNotAsk, "not allowed", |state| {
        state.refused.insert(KUBELET.to_owned(), 403);
    })
    .await;
    for (field, value) in [
        ("runtimeHandlers", json!([])),
        (
            "runtimeHandlers",
            json!([{"name": "kata", "features": {"userNamespaces": true}}]),
        ),
    ] {
        alone("user-namespaces", Warning, "no node has them", |state| {
            state.object(NODE)["status"][field] = value;
        })
        .await;
    }
    alone("user-namespaces", Warning, "no node has them", |state| {
        state.object(NODE)["status"]["nodeInfo"]["kernelVersion"] = json!("6.1.0");
    })
    .await;
    alone("runtime-classes", CouldNotAsk, "is refused", |state| {
        state.refused.insert(RUNTIME_CLASSES.to_owned(), 403);
    })
    .await;
}

#[tokio::test]
async fn the_nodes_on_which_the_daemon_is_not_root_are_named() {
    let none = checked(|_| {}).await;
    let told = found(&none, "user-namespaces");
    assert!(
        told.contains("works on 1 of 1 nodes; docker run -m is kept on none"),
        "{told}"
    );
    let some = checked(|state| {
        let mut other = state.object(NODE).clone();
        other["metadata"]["name"] = json!("two");
        let handlers = other["status"]["runtimeHandlers"].as_array_mut().unwrap();
        handlers
            .push(json!({"name": "dind-injector-userns", "features": {"userNamespaces": true}}));
        let mut old = other.clone();
        old["metadata"]["name"] = json!("three");
        old["status"]["nodeInfo"]["kubeletVersion"] = json!("v1.32.1");
        state.put("/api/v1/nodes", other);
        state.put("/api/v1/nodes", old);
    })
    .await;
    let told = found(&some, "user-namespaces");
    assert!(
        told.contains("works on 2 of 3 nodes, not on three; docker run -m is kept on two"),
        "{told}"
    );
    let few = checked(|state| {
        let mut old = state.object(NODE).clone();
        old["metadata"]["name"] = json!("two");
        old["status"]["runtimeHandlers"] = json!(null);
        state.put("/api/v1/nodes", old);
    })
    .await;
    let told = found(&few, "user-namespaces");
    assert!(told.contains("works on 1 of 2 nodes, one; "), "{told}");
}

#[tokio::test]
async fn what_may_not_be_read_is_said_of_that_check_alone() {
    for (path, name) in [
        ("/api/v1/nodes", "nodes"),
        ("/api/v1/namespaces", "pod-security"),
        (RUNTIME_CLASSES, "runtime-classes"),
        (
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "install-rights",
        ),
        ("/version", "api-server"),
    ] {
        alone(name, Outcome::CouldNotAsk, "", |state| {
            state.refused.insert(path.to_owned(), 403);
        })
        .await;
    }
}
