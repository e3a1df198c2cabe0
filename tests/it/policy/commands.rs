//! `check-config` and `explain`, run as an admin runs them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use dind_injector::policy_file::schema;
use serde_json::Value;

use super::golden;
use crate::support::scratch;

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("DIND_INJECTOR_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended before.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const HEAD: &str = "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\n";

#[test]
fn check_config_ends_with_0_for_policies() {
    let presets = ["audit", "migrate", "enforce"].map(|n| format!("manifests/presets/{n}.yaml"));
    let mut arguments = vec!["check-config"];
    for preset in &presets {
        arguments.extend(["-f", preset]);
    }
    let output = run(&arguments, "");
    assert_eq!(output.status.code(), Some(0));
    let out = text(&output.stdout);
    assert_eq!(out.lines().count(), 3, "{out}");
    for (line, preset) in out.lines().zip(&presets) {
        assert!(line.starts_with(&format!("{preset}: ok, ")), "{line}");
    }
}

#[test]
fn check_config_names_file_line_and_column_and_ends_with_1() {
    let output = run(
        &["check-config", "-f", "-"],
        &format!("{HEAD}defalt: {{}}\n"),
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "stdin:3:1: defalt is not a field; did you mean default?\n"
    );
}

#[test]
fn check_config_writes_json_for_programs() {
    let arguments = ["check-config", "-o", "json", "-f", "-"];
    let output = run(
        &arguments,
        &format!("{HEAD}default: {{hostSockets: swap}}\n"),
    );
    assert_eq!(output.status.code(), Some(1));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all[0]["file"], "stdin");
    assert_eq!(all[0]["valid"], false);
    let error = &all[0]["errors"][0];
    assert_eq!(error["line"], 3);
    assert_eq!(error["column"], 24);
    assert_eq!(error["field"], "default.hostSockets");
    let output = run(&arguments, HEAD);
    assert_eq!(output.status.code(), Some(0));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all[0]["valid"], true);
    assert_eq!(all[0]["version"].as_str().unwrap().len(), 16);
}

#[test]
fn check_config_ends_with_2_for_a_file_that_is_not_there() {
    let output = run(&["check-config", "-f", "no/such/file.yaml"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no/such/file.yaml"));
}

#[test]
fn check_config_prints_the_schema() {
    let output = run(&["check-config", "--schema"], "");
    assert_eq!(output.status.code(), Some(0));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, schema());
}

#[test]
fn explain_says_what_was_found_where_and_which_rule_judged_it() {
    for (format, file) in [
        ("text", "tests/policy/explain/agent.txt"),
        ("json", "tests/policy/explain/agent.json"),
    ] {
        let output = run(
            &[
                "explain",
                "-f",
                "tests/policy/explain/agent.yaml",
                "--config",
                "manifests/presets/enforce.yaml",
                "--namespace",
                "ci",
                "--namespace-label",
                "dind-injector.io/injection=enabled",
                "--as",
                "alice",
                "-o",
                format,
            ],
            "",
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        golden(file, &text(&output.stdout));
    }
}

#[test]
fn explain_takes_who_asks_into_account() {
    let policy = scratch::folder("policy").join("policy.yaml");
    let rule = "rules: [{name: admins, match: {groups: [admins]}, hostSockets: Allow}]\n";
    let default = "default: {hostSockets: Deny}\n";
    std::fs::write(&policy, format!("{HEAD}{default}{rule}")).unwrap();
    let pod = "{apiVersion: v1, kind: Pod, spec: {containers: [{name: c, image: x, volumeMounts: \
               [{name: v, mountPath: /s}]}], volumes: [{name: v, hostPath: {path: /run/docker.sock}}]}}";
    let file = policy.to_str().unwrap();
    let base = ["explain", "-f", "-", "--config", file];
    let outcome = |more: &[&str]| {
        let arguments = [&base[..], &["-o", "json"], more].concat();
        let output = run(&arguments, pod);
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        all[0]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(&[]), "denied");
    assert_eq!(outcome(&["--as-group", "admins"]), "left");
    std::fs::remove_dir_all(policy.parent().unwrap()).unwrap();
}

#[test]
fn explain_says_which_profile_was_passed_over_and_why() {
    let at = "tests/golden/userns/host-path.yaml";
    let policy = "tests/golden/userns/policy.yaml";
    let output = run(&["explain", "-f", at, "--config", policy], "");
    let out = text(&output.stdout);
    let said = "  passed over: hostPath /srv/data rules out userns\n";
    assert!(out.contains(said), "{out}");
}

/// As `kubectl get nodes,runtimeclasses -o yaml` writes them, of a cluster with one node.
fn nodes(has_user_namespaces: bool) -> String {
    format!(
        "apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata: {{name: a, labels: {{kubernetes.io/os: linux}}}}
  status:
    nodeInfo: {{operatingSystem: linux}}
    runtimeHandlers: [{{name: '', features: {{userNamespaces: {has_user_namespaces}}}}}]
"
    )
}

#[test]
fn every_offline_command_passes_over_what_the_nodes_that_it_is_given_cannot_run() {
    let at = "tests/golden/userns/plain.yaml";
    let policy = [
        "--config",
        "tests/golden/userns/policy.yaml",
        "--nodes",
        "-",
    ];
    for (command, told) in [
        (
            &["explain", "-f", at][..],
            "  passed over: no node has user namespaces, which rules out userns\n",
        ),
        (&["inject", "-f", at][..], "      privileged: true\n"),
        (
            &["convert", "-f", at, "--to", "sidecar"][..],
            "    privileged: true\n",
        ),
        (
            &["scan", at, "-o", "json"][..],
            "no node has user namespaces",
        ),
    ] {
        let command = [command, &policy[..]].concat();
        let able = text(&run(&command, &nodes(true)).stdout);
        let unable = text(&run(&command, &nodes(false)).stdout);
        assert!(unable.contains(told), "{command:?}: {unable}");
        assert!(!able.contains(told), "{command:?}: {able}");
        let unknown = run(&command[..command.len() - 2], "");
        assert_eq!(text(&unknown.stdout), able, "{command:?}");
    }
}

#[test]
fn a_list_of_nodes_that_is_something_else_says_what_to_give() {
    let at = "tests/golden/userns/plain.yaml";
    for (input, told) in [
        (
            "",
            "--nodes stdin: it is empty; give it what `kubectl get nodes,runtimeclasses -o yaml` writes",
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: p}}",
            "--nodes stdin: v1 Pod p is no Node and no RuntimeClass; give it",
        ),
        ("a: [", "stdin:1"),
    ] {
        let output = run(&["explain", "-f", at, "--nodes", "-"], input);
        assert_eq!(output.status.code(), Some(2));
        let err = text(&output.stderr);
        assert!(err.contains(told), "{err}");
    }
    let output = run(&["explain", "-f", "-", "--nodes", "-"], "");
    assert_eq!(output.status.code(), Some(2));
    let err = text(&output.stderr);
    assert!(
        err.contains("only one of --nodes and the manifests can be standard input"),
        "{err}"
    );
}

#[test]
fn explain_lets_no_name_steer_the_terminal() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a\u001b[2Jb"}, "spec": {
        "containers": [{"name": "c\n\u202ed", "volumeMounts": [{"name": "v", "mountPath": "/s"}]}],
        "volumes": [{"name": "v", "hostPath": {"path": "/run/docker.sock"}}]}}"#;
    let output = run(&["explain", "-f", "-"], pod);
    let out = text(&output.stdout);
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    assert!(out.contains(r"Pod a\u{1b}[2Jb in namespace"), "{out:?}");
    assert!(out.contains(r"c\u{a}\u{202e}d mounts"), "{out:?}");
}

#[test]
fn no_name_steers_the_terminal_from_a_warning() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a\u001b[2Jb",
        "annotations": {"dind-injector.io/containers": "c\u001b[2J"}}, "spec": {
        "containers": [{"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/s"}]}],
        "volumes": [{"name": "v", "hostPath": {"path": "/run/docker.sock"}}]}}"#;
    let output = run(&["inject", "-f", "-"], pod);
    let err = text(&output.stderr);
    assert!(err.contains(r"Pod/a\u{1b}[2Jb"), "{err:?}");
    assert!(!err.contains('\u{1b}'), "{err:?}");
}

#[test]
fn explain_refuses_a_policy_with_faults() {
    let file = "tests/policy/bad/unknown-values.yaml";
    let output = run(&["explain", "-f", "-", "--config", file], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("3:14: sidecarMode is \"native\""));
}

#[test]
fn a_flag_takes_no_name_that_nothing_can_have() {
    for (arguments, told) in [
        (
            &["inject", "-f", "-", "-n", "Bad NS"][..],
            "invalid value 'Bad NS' for '--namespace <NAME>': a namespace's name is lower-case letters",
        ),
        (
            &["explain", "-f", "-", "-n", "CI"],
            "invalid value 'CI' for '--namespace <NAME>'",
        ),
        (
            &["certs", "--dir", "/nowhere/certs", "--dns-name", "bad name"],
            "invalid value 'bad name' for '--dns-name <NAME>': a server's name is letters",
        ),
    ] {
        let output = run(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let err = text(&output.stderr);
        assert!(err.contains(told), "{err}");
    }
}
