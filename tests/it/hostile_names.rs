//! Names that would steer a terminal or a CI system, through every command and the review: each text of
//! somebody else's stays inside its line, and shows what it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dind_injector::decide::Policy;
use dind_injector::decode::creation::{From, creation};
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::policy_file::Config;
use dind_injector::review::pod::review;
use serde_json::{Value, json};

/// A line feed and a command of GitHub's runner, colors, a carriage return, and a turned line.
const HOSTILE: &str = "x\n::stop-commands::y\r\u{1b}[31m\u{85}\u{202e}\u{2066}z";

const POLICIES: [&str; 3] = [
    "{hostSockets: Swap, annotation: Honor, ancestors: Warn, tcpDockerHost: Warn, otherRuntimes: Warn}",
    "{hostSockets: Warn, ancestors: Warn}",
    "{hostSockets: Deny, ancestors: Deny, otherRuntimes: Deny, tcpDockerHost: Deny}",
];

fn policy(default: &str) -> String {
    format!("apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {default}\n")
}

/// Pods with the text wherever an author may write one, each reaching the node in another way.
fn pods() -> Vec<Value> {
    let path = |path: &str| format!("{path}/{HOSTILE}");
    let pod = |volume: &str, mount: Value, env: Value| {
        let mut mount = mount;
        mount["name"] = json!(HOSTILE);
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": HOSTILE, "namespace": HOSTILE, "labels": {"a": HOSTILE},
                "annotations": {"dind-injector.io/inject": "true", "dind-injector.io/containers": HOSTILE}},
            "spec": {
                "volumes": [{"name": HOSTILE, "hostPath": {"path": volume}}],
                "containers": [{"name": HOSTILE, "image": HOSTILE, "env": env, "volumeMounts": [mount]}],
            },
        })
    };
    let tcp = json!([{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "DOCKER_HOST", "value": format!("tcp://$(NODE):2375{HOSTILE}")}]);
    let mounted = json!({"mountPath": path("/m")});
    let mut all = vec![
        pod("/run/docker.sock", mounted.clone(), json!([])),
        pod("/var/run", mounted.clone(), json!([])),
        pod("/", mounted.clone(), json!([])),
        pod(
            "/",
            json!({"mountPath": "/m", "subPathExpr": path("$(X)")}),
            json!([]),
        ),
        pod(
            "/run/containerd/containerd.sock",
            mounted.clone(),
            json!([]),
        ),
        pod(&path("/srv"), mounted, tcp),
    ];
    for (key, value) in [
        ("dind-injector.io/inject", HOSTILE),
        ("dind-injector.io/profile", HOSTILE),
        ("dind-injector.io/memory", HOSTILE),
        (&*format!("dind-injector.io/{HOSTILE}"), "true"),
        ("ax_ea_docker_enable", HOSTILE),
    ] {
        let mut asks = all[0].clone();
        asks["metadata"]["annotations"] = json!({"dind-injector.io/inject": "true", key: value});
        all.push(asks);
    }
    all
}

/// Fails where a text has what steers, or begins a line with a command.
fn is_calm(what: &str, text: &str) {
    let steers = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!text.contains(steers), "{what}: {text:?}");
    let commands = |line: &&str| line.trim_start().starts_with("::");
    assert_eq!(text.lines().find(commands), None, "{what}");
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-names");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn no_command_lets_a_name_begin_a_line() {
    let folder = folder();
    let mut spoken = 0;
    for (number, pod) in pods().iter().enumerate() {
        // The file's name is somebody else's too.
        let file = folder.join(format!("{number}\n::stop-commands::x.yaml"));
        fs::write(&file, pod.to_string()).unwrap();
        for default in POLICIES {
            let config = folder.join("policy.yaml");
            fs::write(&config, policy(default)).unwrap();
            let commands: [&[&str]; 9] = [
                &["inject", "--config", "POLICY", "-f", "FILE"],
                &["inject", "--config", "POLICY", "--diff", "-f", "FILE"],
                &["uninject", "-f", "FILE"],
                &["convert", "--config", "POLICY", "--check", "FILE"],
                &["explain", "--config", "POLICY", "-f", "FILE"],
                &["scan", "--config", "POLICY", "FILE"],
                &["scan", "--config", "POLICY", "--diff", "FILE"],
                &["check-config", "-f", "FILE"],
                &["inject", "--config", "FILE", "-f", "FILE"],
            ];
            for command in commands {
                let words = command.iter().map(|word| match *word {
                    "POLICY" => config.as_os_str(),
                    "FILE" => file.as_os_str(),
                    word => word.as_ref(),
                });
                let words: Vec<_> = words.collect();
                let ended = Command::new(env!("CARGO_BIN_EXE_dind-injector"))
                    .args(&words)
                    .output();
                let ended = ended.unwrap();
                let what = format!("{} of {number} under {default}", command[0]);
                is_calm(&what, &String::from_utf8_lossy(&ended.stdout));
                is_calm(&what, &String::from_utf8_lossy(&ended.stderr));
                spoken += usize::from(!ended.stderr.is_empty());
            }
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(spoken > 50, "only {spoken} had something to say");
}

#[test]
fn no_answer_lets_a_name_begin_a_line() {
    let (mut told, mut denied) = (0, 0);
    for pod in pods() {
        for default in POLICIES {
            let config = Config::from_yaml(&policy(default)).unwrap();
            let from = From {
                uid: "u",
                namespace: HOSTILE,
                owner: None,
            };
            let body = creation(pod.as_object().unwrap(), from).to_string();
            let policy: &Policy = config.policy();
            let reviewed = review(policy, &NoNamespaces, body.as_bytes()).unwrap();
            let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
            let response = &answer["response"];
            let message = response["status"]["message"].as_str().unwrap_or_default();
            let warnings = response["warnings"].as_array().into_iter().flatten();
            let audit = response["auditAnnotations"]
                .as_object()
                .into_iter()
                .flatten();
            let texts = warnings
                .chain(audit.map(|(_, value)| value))
                .map(|text| text.as_str().unwrap());
            for text in texts.chain([message]) {
                is_calm("an answer", text);
                assert!(!text.contains('\n'), "{text:?}");
                told += 1;
            }
            denied += usize::from(!message.is_empty());
        }
    }
    assert!(told > 50 && denied > 5, "{told} texts, {denied} denials");
}
