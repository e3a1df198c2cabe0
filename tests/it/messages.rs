//! Messages as `kubectl` prints them: who speaks, what happened, and where to read on.

use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use dind_injector::review::workload::warn;
use serde_json::{Value, json};

use crate::support::api_server::{self, Request};
use crate::support::model;

const PAGE: &str = "https://go.example.com/dind/messages.md";

/// The offline policy, with links.
fn policy() -> Policy {
    Policy {
        docs: "https://go.example.com/dind".parse().unwrap(),
        ..Policy::offline()
    }
}

fn pod(spec: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ci"},
    "spec": {
        "containers": [{"name": "build", "image": "docker:28-cli",
            "volumeMounts": [{"name": "s", "mountPath": "/var/run/docker.sock"}]}],
        "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}],
    }});
    let fields = spec.as_object().unwrap().clone();
    pod["spec"].as_object_mut().unwrap().extend(fields);
    pod
}

#[test]
fn a_warning_ends_in_a_link_and_the_log_has_the_text_alone() {
    let body = api_server::review("u", &pod(json!({})), Request::Create).to_string();
    let policy = policy();
    let reviewed = review(&policy, &NoNamespaces, body.as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
    let text = "container build: docker.sock now leads to this Pod's own Docker daemon";
    let said = format!("dind-injector: {text}; see {PAGE}#swapped");
    assert_eq!(answer["response"]["warnings"], json!([said]));
    assert_eq!(reviewed.record.warnings, [text]);
}

#[test]
fn a_denial_ends_in_a_link() {
    let body = api_server::review("u", &pod(json!({"hostPID": true})), Request::Create).to_string();
    let policy = policy();
    let reviewed = review(&policy, &NoNamespaces, body.as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("dind-injector: container \"build\" of a node agent"),
        "{message}"
    );
    assert!(
        message.ends_with(&format!("; see {PAGE}#nodeagent")),
        "{message}"
    );
    assert!(
        message.contains("owners: [\"Pod\"], users: [\"system:"),
        "{message}"
    );
}

/// Its text is told in several warnings; the last has the link.
#[test]
fn a_workload_whose_pods_will_be_refused_is_told_where_to_read() {
    let template = pod(json!({"hostPID": true}));
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "name": "d", "namespace": "ci", "operation": "CREATE", "userInfo": {"username": "ann"},
        "object": {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"template": {"metadata": {}, "spec": template["spec"]}}},
    }});
    let reviewed = warn(&policy(), &NoNamespaces, body.to_string().as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
    let lines: Vec<_> = model::list(&answer["response"], "warnings").collect();
    let linked = |line: &&&Value| {
        line.as_str()
            .unwrap()
            .ends_with(&format!("; see {PAGE}#nodeagent"))
    };
    assert!(lines.len() > 1);
    assert_eq!(lines.iter().filter(linked).count(), 1);
    assert!(lines.last().iter().all(linked));
}
