//! Reviews of what makes Pods: always allowed, with a word on what awaits the Pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::api_server::spoken;
use dind_injector::decide::Policy;
use dind_injector::decode::admission::ReviewError;
use dind_injector::model::cluster;
use dind_injector::model::namespaces::Namespaces;
use dind_injector::model::subject::NamespaceLabels;
use dind_injector::review::pod::{Failure, Reviewed};
use dind_injector::review::workload::warn;
use serde_json::{Value, json};

/// One namespace where Docker is handed out, and others.
struct Cluster;

impl Namespaces for Cluster {
    fn labels(&self, name: &str) -> Option<Arc<NamespaceLabels>> {
        let mut labels = BTreeMap::new();
        if name == "ci" {
            labels.insert(
                "dind-injector.io/injection".to_owned(),
                "enabled".to_owned(),
            );
        }
        Some(Arc::new(labels))
    }
}

impl cluster::Cluster for Cluster {}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "builder"}},
        "spec": {
            "containers": [{
                "name": "build", "image": "docker:cli",
                "volumeMounts": [{"name": "socket", "mountPath": "/var/run/docker.sock"}],
            }],
            "volumes": [{"name": "socket", "hostPath": {"path": "/var/run/docker.sock"}}],
        },
    })
}

fn workload(kind: &str, template: &Value) -> Value {
    let (api_version, spec) = match kind {
        "CronJob" => (
            "batch/v1",
            json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}),
        ),
        "Job" => ("batch/v1", json!({"template": template})),
        _ => ("apps/v1", json!({"replicas": 1, "template": template})),
    };
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": "builder", "namespace": "ci"}, "spec": spec,
    })
}

fn review(operation: &str, namespace: &str, object: &Value, old: &Value) -> Vec<u8> {
    let (group, version) = object["apiVersion"]
        .as_str()
        .unwrap()
        .split_once('/')
        .unwrap_or(("", "v1"));
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": group, "version": version, "kind": object["kind"]},
            "name": "builder", "namespace": namespace, "operation": operation,
            "userInfo": {"username": "ann", "groups": ["system:authenticated"]},
            "object": object, "oldObject": old, "dryRun": true,
        },
    })
    .to_string()
    .into_bytes()
}

fn answered(body: &[u8]) -> Reviewed<'static> {
    let reviewed = warn(&Policy::builtin(), &Cluster, body).unwrap();
    let json: Value = serde_json::from_slice(&reviewed.json).unwrap();
    let response = &json["response"];
    assert_eq!(response["uid"], "u-1");
    assert_eq!(response["allowed"], true);
    assert!(response.get("patch").is_none() && response.get("status").is_none());
    let warnings = response["warnings"].as_array().cloned().unwrap_or_default();
    assert_eq!(json!(warnings), json!(reviewed.record.warnings));
    for warning in &reviewed.record.warnings {
        assert!(spoken(warning).chars().count() < 120, "{warning}");
    }
    reviewed
}

fn created(kind: &str, namespace: &str, template: &Value) -> Reviewed<'static> {
    let object = workload(kind, template);
    answered(&review("CREATE", namespace, &object, &Value::Null))
}

#[test]
fn each_kind_of_workload_is_told_what_its_pods_will_get() {
    for kind in ["Deployment", "StatefulSet", "ReplicaSet", "Job", "CronJob"] {
        let record = created(kind, "ci", &template()).record;
        assert_eq!(
            (record.outcome, record.reason),
            ("warned", "Injected"),
            "{kind}"
        );
        assert!(
            record.warnings.iter().any(|warning| warning
                == "dind-injector: in its Pods: container build: docker.sock now leads to this Pod's own Docker daemon"),
            "{kind}: {:?}",
            record.warnings
        );
        assert_eq!(record.name, format!("{kind}/builder"));
        assert_eq!(record.containers, ["build"]);
        assert!(record.dry_run && record.owner.is_none());
    }
}

#[test]
fn a_daemon_set_is_judged_as_the_node_agent_that_it_may_be() {
    let daemon_set = created("DaemonSet", "ci", &template()).record;
    let deployment = created("Deployment", "ci", &template()).record;
    assert_ne!(daemon_set.reason, deployment.reason);
    // With the words before it, too long for one warning, and never cut.
    let lines: Vec<_> = daemon_set
        .warnings
        .iter()
        .map(|line| spoken(line))
        .collect();
    let text = lines.join(" ");
    assert!(text.ends_with("; it was left alone"), "{text}");
}

#[test]
fn the_namespace_decides() {
    let record = created("Deployment", "elsewhere", &template()).record;
    assert_eq!(record.outcome, "warned");
    assert_ne!(record.reason, "Injected");
}

#[test]
fn a_denial_that_awaits_the_pods_is_said_whole_and_denies_nothing() {
    let mut template = template();
    template["metadata"]["annotations"] = json!({"dind-injector.io/memory": "900Ti"});
    let record = created("Deployment", "ci", &template).record;
    assert_eq!(
        (record.outcome, record.reason),
        ("warned", "SizeAboveMaximum")
    );
    let lines: Vec<_> = record.warnings.iter().map(|line| spoken(line)).collect();
    let text = lines.join(" ");
    assert!(
        text.starts_with("the Pods of this Deployment will be refused: annotation")
            && text.contains("above the maximum"),
        "{text}"
    );
    assert!(record.warnings.len() > 1, "{text}");
    assert_eq!(record.denial, None);
}

#[test]
fn who_needs_no_docker_hears_nothing() {
    let plain = json!({"spec": {"containers": [{"name": "web", "image": "nginx"}]}});
    let record = created("Deployment", "ci", &plain).record;
    assert_eq!((record.outcome, record.reason), ("left", "NothingToDo"));
    assert_eq!(record.warnings, [""; 0]);
}

#[test]
fn an_update_speaks_only_where_the_template_changed() {
    let old = workload("Deployment", &template());
    let mut scaled = old.clone();
    scaled["spec"]["replicas"] = json!(5);
    let record = answered(&review("UPDATE", "ci", &scaled, &old)).record;
    assert_eq!(record.outcome, "left");
    let mut changed = old.clone();
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("docker:28-cli");
    let record = answered(&review("UPDATE", "ci", &changed, &old)).record;
    assert_eq!(record.outcome, "warned");
}

#[test]
fn a_workload_without_a_pod_is_left_to_the_api_server() {
    let record = created("Deployment", "ci", &Value::Null).record;
    assert_eq!(record.outcome, "left");
}

#[test]
fn what_makes_no_pods_is_a_wrong_review() {
    let object = workload("Deployment", &template());
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": []}});
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 2}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [object, object]});
    for other in [&pod, &scale, &list] {
        let body = review("CREATE", "ci", other, &Value::Null);
        let error = wrong(&body);
        assert!(matches!(error, ReviewError::NotAWorkload(_)), "{error}");
        assert!(error.is_wrong_review());
    }
    let error = wrong(&review("DELETE", "ci", &object, &object));
    assert!(matches!(error, ReviewError::WrongOperation(_)), "{error}");
    let error = wrong(&review("CREATE", "ci", &json!({"apiVersion": "v1"}), &Value::Null)[..40]);
    assert!(matches!(error, ReviewError::Malformed(_)), "{error}");
    let mut odd = template();
    odd["spec"]["containers"] = json!("none");
    let error = wrong(&review(
        "CREATE",
        "ci",
        &workload("Job", &odd),
        &Value::Null,
    ));
    assert!(matches!(error, ReviewError::MalformedPod(_)), "{error}");
}

fn wrong(body: &[u8]) -> ReviewError {
    match warn(&Policy::builtin(), &Cluster, body) {
        Err(Failure::Review(error)) => error,
        other => panic!("{other:?}"),
    }
}
