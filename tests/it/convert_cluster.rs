//! `convert --cluster` as a process: what it asks the API server, and what it makes of the answer.

use std::process::{Command, Output};
use std::sync::Arc;

use dind_injector::decide::Policy;
use serde_json::{Value, json};

use crate::check::{Api, State};
use crate::scan_command::SWAPPED as POD;
use crate::support::scratch;

const POLICY: &str = "\
apiVersion: dind-injector.io/v1alpha1
kind: Policy
rules:
  - name: honored
    match: {namespaceLabels: {dind-injector.io/injection: enabled}}
    hostSockets: Swap
    annotation: Honor
default:
  hostSockets: Swap
  annotation: Ignore
";

/// A cluster with the built-in policy's webhook, and these labels on its namespace `ci`.
fn cluster(labels: Value) -> State {
    let mut state = State {
        policy: Some(Arc::new(Policy::builtin())),
        ..State::default()
    };
    let namespace =
        |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
    state.put("/api/v1/namespaces", namespace("ci", labels));
    for other in ["a", "b"] {
        state.put("/api/v1/namespaces", namespace(other, json!({})));
    }
    state
}

/// What `convert --cluster` of the Pod with these `args` ends with, the file then, and what was asked.
async fn convert(state: State, args: &[&str]) -> (Output, String, Vec<String>) {
    let api = Api::of(state);
    let address = api.listen().await;
    let folder = scratch::folder("convert-cluster");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    });
    std::fs::write(folder.join("kubeconfig"), kubeconfig.to_string()).unwrap();
    std::fs::write(folder.join("pod.yaml"), POD).unwrap();
    std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dind-injector"));
    command
        .args(["convert", "-f", "pod.yaml", "--write", "--cluster"])
        .args(["--kubeconfig", "kubeconfig"])
        .args(args)
        .env_remove("DIND_INJECTOR_CONFIG")
        .current_dir(&folder);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = std::fs::read_to_string(folder.join("pod.yaml")).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let requests = api.state().requests.clone();
    (output, text, requests)
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const DRY_RUN: &str = "POST /api/v1/namespaces/ci/pods?&dryRun=All";

#[tokio::test]
async fn a_namespace_in_which_the_webhook_honors_the_annotation_is_said_and_the_file_written() {
    let labels = json!({"dind-injector.io/injection": "enabled"});
    let (output, text, requests) = convert(cluster(labels), &[]).await;
    let told = told(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("namespace ci: the cluster's webhook honors the annotation\n"),
        "{told}"
    );
    assert!(text.contains("dind-injector.io/inject: \"true\""), "{text}");
    // Nothing is stored, and only the namespace of a Pod that changes is asked about.
    let posts: Vec<_> = requests
        .iter()
        .filter(|one| !one.starts_with("GET "))
        .collect();
    assert_eq!(posts, [DRY_RUN]);
}

#[tokio::test]
async fn an_annotation_that_the_clusters_webhook_would_ignore_is_an_error_and_no_file_is_written() {
    let (output, text, _) = convert(cluster(json!({})), &[]).await;
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains(
            "error: namespace ci: the cluster's webhook ignores the annotation here, and the Pods would start \
             without Docker: label the namespace dind-injector.io/injection=enabled"
        ),
        "{told}"
    );
    assert_eq!(text, POD);
}

#[tokio::test]
async fn the_labels_of_the_clusters_namespaces_decide_under_a_policy_file() {
    let args = ["--config", "policy.yaml"];
    let labels = json!({"dind-injector.io/injection": "enabled"});
    let (output, text, _) = convert(cluster(labels), &args).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(text.contains("dind-injector.io/inject: \"true\""), "{text}");
    let (output, text, requests) = convert(cluster(json!({})), &args).await;
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: pod.yaml:1: Pod/builder: the policy ignores the annotation here"),
        "{told}"
    );
    assert_eq!(text, POD);
    assert!(
        !requests.iter().any(|one| one.starts_with("POST ")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn labels_that_the_cluster_does_not_show_are_told() {
    let mut state = cluster(json!({"dind-injector.io/injection": "enabled"}));
    state.refused.insert("/api/v1/namespaces".to_owned(), 403);
    let (output, text, _) = convert(state, &[]).await;
    let told = told(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("warning: the cluster: not allowed to see labels of namespaces: "),
        "{told}"
    );
    assert!(text.contains("dind-injector.io/inject: \"true\""), "{text}");
}

#[tokio::test]
async fn what_the_api_server_refuses_is_an_error_and_no_file_is_written() {
    let mut state = cluster(json!({}));
    state
        .refused
        .insert("/api/v1/namespaces/ci/pods".to_owned(), 403);
    let (output, text, _) = convert(state, &[]).await;
    let told = told(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: namespace ci: it could not be asked: "),
        "{told}"
    );
    assert_eq!(text, POD);
}

#[tokio::test]
async fn the_form_without_an_annotation_has_nothing_to_ask() {
    let (output, text, requests) = convert(cluster(json!({})), &["--to", "sidecar"]).await;
    assert_eq!(output.status.code(), Some(2));
    let told = told(&output);
    assert!(told.contains("--to sidecar writes none"), "{told}");
    assert_eq!(text, POD);
    assert_eq!(requests, [""; 0]);
}
