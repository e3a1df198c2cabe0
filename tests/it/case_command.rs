//! The `test` command: a team's cases against a policy, and what a script learns of them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

struct Ended {
    status: i32,
    out: String,
    err: String,
}

/// `dind-injector test` in the repository's folder, with `input` as standard input.
fn test(args: &[&str], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
        .arg("test")
        .args(args)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .env_remove("DIND_INJECTOR_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const CASES: &str = "
pods:
  build: &build
    spec:
      containers:
        - name: build
          image: docker:28-cli
          volumeMounts: [{name: docker, mountPath: /var/run/docker.sock}]
      volumes: [{name: docker, hostPath: {path: /var/run/docker.sock}}]
cases:
  - name: a build gets its own daemon
    pod: *build
    expect: {outcome: changed, profile: privileged}
  - name: an agent is refused
    pod: *build
    owner: DaemonSet
    expect: {outcome: denied, message: [DaemonSet]}
";

#[test]
fn the_cases_of_this_repository_pass() {
    let ended = test(&["-f", "tests/policy_cases.yaml"], "");
    assert_eq!(ended.status, 0, "{}{}", ended.out, ended.err);
    let last = ended.out.lines().last().unwrap();
    assert!(last.ends_with(" passed, 0 failed"), "{last}");
    assert!(ended.out.lines().count() > 80, "{last}");
}

#[test]
fn a_case_that_comes_out_otherwise_is_named_with_the_difference() {
    assert_eq!(test(&["-f", "-"], CASES).status, 0);
    // Under a policy that lets Pods keep the node's socket.
    let audit = ["-f", "-", "--config", "manifests/presets/audit.yaml"];
    let ended = test(&audit, CASES);
    assert_eq!(ended.status, 1, "{}", ended.err);
    assert!(
        ended.out.contains("FAIL  a build gets its own daemon"),
        "{}",
        ended.out
    );
    assert!(
        ended
            .out
            .contains("stdin: outcome: expected \"changed\", found \"left\""),
        "{}",
        ended.out
    );
    let as_json = test(&[&audit[..], &["-o", "json"]].concat(), CASES);
    let report: Value = serde_json::from_str(&as_json.out).unwrap();
    assert_eq!(report["summary"]["failed"], 2);
    assert_eq!(report["cases"][0]["differences"][0]["field"], "outcome");
}

#[test]
fn one_case_can_be_run_by_its_name() {
    let ended = test(&["-f", "-", "--run", "agent"], CASES);
    assert_eq!(
        ended.out,
        "ok    an agent is refused\n1 case: 1 passed, 0 failed\n"
    );
    let none = test(&["-f", "-", "--run", "nothing"], CASES);
    assert_eq!(none.status, 2);
    assert!(
        none.err.contains("no case has this in its name"),
        "{}",
        none.err
    );
}

#[test]
fn a_wrong_field_is_named_with_its_place() {
    let wrong = CASES.replace("owner: DaemonSet", "controller: DaemonSet");
    let ended = test(&["-f", "-"], &wrong);
    assert_eq!(ended.status, 2);
    assert!(
        ended.err.contains("cases[1]") && ended.err.contains("controller"),
        "{}",
        ended.err
    );
    let unknown = CASES.replace(
        "    pod: *build\n    owner",
        "    policy: strict\n    pod: *build\n    owner",
    );
    let ended = test(&["-f", "-"], &unknown);
    assert!(
        ended.err.contains("policy strict: write builtin, offline"),
        "{}",
        ended.err
    );
}

#[test]
fn a_reason_or_rule_that_is_none_is_an_error_of_the_file() {
    let with = |field: &str| CASES.replace("profile: privileged", field);
    for (field, told) in [
        (
            "reason: HostSockets",
            "stdin: case a build gets its own daemon: expect.reason is \"HostSockets\", which is none; \
             docs/policy.md lists them; did you mean HostSocket?",
        ),
        (
            "rule: builtin-ofline",
            "stdin: case a build gets its own daemon: expect.rule is \"builtin-ofline\", which its policy does not \
             have; there are: builtin-offline; did you mean builtin-offline?",
        ),
        (
            "rule: builds",
            "which its policy does not have; there are: builtin-offline\n",
        ),
    ] {
        let ended = test(&["-f", "-"], &with(field));
        assert_eq!(ended.status, 2, "{}", ended.out);
        assert!(ended.err.contains(told), "{}", ended.err);
    }
    for field in ["reason: Injected", "rule: builtin-offline"] {
        assert_eq!(test(&["-f", "-"], &with(field)).status, 0, "{field}");
    }
}

#[test]
fn two_cases_of_one_name_are_an_error_of_the_file() {
    let twice = CASES.replace("an agent is refused", "a build gets its own daemon");
    let ended = test(&["-f", "-"], &twice);
    assert_eq!(ended.status, 2);
    assert!(
        ended.err.contains(
            "stdin: case a build gets its own daemon is there twice; give one of the two another name"
        ),
        "{}",
        ended.err
    );
}
