//! `check` as a process: what it prints, and how it ends.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::api::{Api, State};
use super::installed::{MUTATING, fine};
use crate::support::scratch;

/// Runs the command against the server.
async fn run(state: State, args: &[&str]) -> Output {
    let address = Api::of(state).listen().await;
    let directory = scratch::folder("check");
    let kubeconfig = directory.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "ci"}}],
        "users": [{"name": "me", "user": {}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dind-injector"));
    command
        .arg("check")
        .args(args)
        .arg("--kubeconfig")
        .arg(&kubeconfig);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    output
}

#[tokio::test]
async fn all_green_ends_with_0_in_plain_text() {
    let output = run(fine(), &[]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.starts_with("✓ api-server            Kubernetes 1.36 answers\n"),
        "{text}"
    );
    assert!(text.ends_with("\n18 checks: 18 ok\n"), "{text}");
    assert!(
        !text.contains('\u{1b}'),
        "colors without a terminal: {text}"
    );
}

#[tokio::test]
async fn a_failed_check_ends_with_1_and_says_what_to_do() {
    let mut state = fine();
    state.object(&format!("{MUTATING}/dind-injector"))["webhooks"][0]["clientConfig"]["caBundle"] =
        Value::Null;
    let output = run(state, &["-n", "ci"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("✗ ca-bundle             pods.dind-injector.io has no caBundle"),
        "{text}"
    );
    assert!(text.contains("docs/operations.md#certificates"), "{text}");
}

#[tokio::test]
async fn what_could_not_be_asked_ends_with_2() {
    let mut state = fine();
    state.refused.insert(MUTATING.to_owned(), 403);
    let output = run(state, &["-o", "json"]).await;
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["kind"], "CheckReport");
    assert_eq!(report["outcome"], "could-not-ask");
    let mutating = &report["checks"][1];
    assert_eq!(mutating["name"], "mutating-webhook");
    assert_eq!(mutating["outcome"], "could-not-ask");
}

#[tokio::test]
async fn an_api_server_that_is_away_ends_with_2() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let directory = scratch::folder("check-away");
    let kubeconfig = directory.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://{nobody}")}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    for mode in [&["--pre"][..], &["--run", "-n", "ci"], &[]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dind-injector"));
        command
            .arg("check")
            .args(mode)
            .arg("--kubeconfig")
            .arg(&kubeconfig);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{mode:?}: {text}");
        assert!(text.starts_with("? api-server"), "{mode:?}: {text}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}
