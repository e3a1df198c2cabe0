//! `inject` and back: every manifest of the goldens and of the corpus must come back as it
//! was written, key by key, and so must the Pods that an API server made of it.

use std::fs;
use std::path::Path;

use crate::support::invariants::not_root_first;
use crate::support::{api_server, files};
use dind_injector::decide::Policy;
use dind_injector::decide::rule::TcpAction;
use dind_injector::manifest;
use dind_injector::manifest::pods;
use dind_injector::model::sidecar_mode::SidecarMode;
use dind_injector::model::start::START_SCRIPT;
use dind_injector::names;
use dind_injector::policy_file::Config;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, apply, evaluate};
use dind_injector::uninject::{UninjectError, uninject};
use serde_json::{Value, json};

/// A profile that sets all that a profile can set in a Pod.
const EVERYTHING: &str = r#"
apiVersion: dind-injector.io/v1alpha1
kind: Policy
default:
  hostSockets: Swap
  tcpDockerHost: Replace
  annotation: Honor
  profiles: [everything]
profiles:
- name: everything
  extends: rootless
  hostUsers: true
  sharedTmp: true
  labels: {app: from-the-profile, team: ci}
  annotations: {sidecar.istio.io/inject: "false"}
  caConfigMap: ca
  inheritProxy: true
"#;

/// A Pod with the sidecar of a version that kept no record.
const ALREADY_INJECTED: &str = "corpus/edge/injected.yaml";

fn policies() -> Vec<(&'static str, Policy)> {
    let mut containers = Policy::offline();
    containers.sidecar_mode = SidecarMode::Container;
    let mut replace = Policy::offline();
    replace.otherwise.tcp_docker_host = TcpAction::Replace;
    let everything = Config::from_yaml(EVERYTHING).unwrap().policy().clone();
    let mut userns = Policy::offline();
    userns.otherwise.profiles = not_root_first();
    vec![
        ("offline", Policy::offline()),
        ("userns", userns),
        ("containers", containers),
        ("replace", replace),
        ("everything", everything),
    ]
}

/// Every manifest of the goldens and of the corpus, with what is said where it is none.
fn documents() -> Vec<(String, Value)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = ["golden", "corpus"].map(|folder| files::below(&tests.join(folder)));
    let mut paths = folders.concat();
    let is_input = |path: &str| {
        (path.ends_with(".yaml") || path.ends_with(".json")) && !path.ends_with(".expected.yaml")
    };
    paths.retain(|path| is_input(path.to_str().unwrap()));
    let mut documents = Vec::new();
    let mut unread = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&tests).unwrap().display().to_string();
        match manifest::read(&text) {
            Ok(read) => documents.extend(read.into_iter().map(|d| (name.clone(), d.value))),
            Err(_) => unread.push(name),
        }
    }
    assert!(documents.len() > 250, "only {}", documents.len());
    // Templates, and one that is broken on purpose.
    assert!(unread.len() < 8, "{unread:?}");
    documents
}

/// The document with every Pod injected, and how many were.
fn inject(policy: &Policy, document: &Value) -> (Value, usize) {
    let mut after = document.clone();
    let mut changed = 0;
    for pod in pods(document) {
        let Ok(outcome) = evaluate(policy, &Setting::default(), &pod) else {
            continue;
        };
        changed += usize::from(matches!(outcome.action, Action::Changed(_)));
        apply(&mut after, &pod.pointer, &outcome).unwrap();
    }
    (after, changed)
}

fn take_back(document: &Value) -> Result<Value, UninjectError> {
    let mut after = document.clone();
    for pod in pods(document) {
        if pod.pod.is_err() {
            continue;
        }
        for operation in uninject(document.pointer(&pod.pointer).unwrap())? {
            operation.below(&pod.pointer).apply(&mut after)?;
        }
    }
    Ok(after)
}

#[test]
fn every_manifest_comes_back_key_by_key() {
    let documents = documents();
    for (policy_name, policy) in policies() {
        let mut changed = 0;
        for (name, document) in &documents {
            let (injected, count) = inject(&policy, document);
            changed += count;
            if name == ALREADY_INJECTED {
                let error = take_back(&injected).unwrap_err();
                assert!(matches!(error, UninjectError::NoRecord { .. }), "{error}");
                continue;
            }
            let back = take_back(&injected)
                .unwrap_or_else(|error| panic!("{policy_name}: {name}: {error}"));
            assert_eq!(
                serde_json::to_string_pretty(&back).unwrap(),
                serde_json::to_string_pretty(document).unwrap(),
                "{policy_name}: {name}"
            );
        }
        assert!(changed > 80, "{policy_name} changed only {changed} Pods");
    }
}

/// As `kubectl get -o yaml` prints it.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let sorted_entries = entries.into_iter().map(|(k, v)| (k.clone(), sorted(v)));
            Value::Object(sorted_entries.collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

#[test]
fn every_live_pod_comes_back_as_it_was_sent() {
    let mut changed = 0;
    for (policy_name, policy) in policies() {
        for (name, document) in &documents() {
            for pod in pods(document) {
                let Ok(template) = pod.pod else { continue };
                let made = api_server::pod_of(pod.kind, pod.name.unwrap_or("pod"), template);
                if serde_json::from_value::<k8s_openapi::api::core::v1::Pod>(made.clone()).is_err()
                {
                    // Never sent: the API server does not take it.
                    continue;
                }
                let mut sent = api_server::stored(&made);
                // The token that the API server mounts before any webhook is asked.
                let token = json!({"name": "kube-api-access-x7k2p", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
                mount_everywhere(&mut sent, &token);
                let (injected, count) = inject(&policy, &sent);
                changed += count;
                if name == ALREADY_INJECTED {
                    continue;
                }
                let live = sorted(&api_server::stored(&injected));
                let back = take_back(&live)
                    .unwrap_or_else(|error| panic!("{policy_name}: {name}: {error}"));
                assert_eq!(
                    serde_json::to_string_pretty(&sorted(&back)).unwrap(),
                    serde_json::to_string_pretty(&sorted(&sent)).unwrap(),
                    "{policy_name}: {name}"
                );
            }
        }
    }
    assert!(changed > 300, "only {changed}");
}

fn mount_everywhere(pod: &mut Value, mount: &Value) {
    let spec = pod["spec"].as_object_mut().unwrap();
    let volume = json!({"name": mount["name"], "projected": {"defaultMode": 420, "sources": []}});
    append(spec.entry("volumes").or_insert(json!([])), volume);
    for list in ["initContainers", "containers"] {
        let Some(Value::Array(containers)) = spec.get_mut(list) else {
            continue;
        };
        for container in containers {
            let mounts = container.as_object_mut().unwrap();
            append(
                mounts.entry("volumeMounts").or_insert(json!([])),
                mount.clone(),
            );
        }
    }
}

fn append(list: &mut Value, item: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(item);
}

#[test]
fn two_passes_are_undone_as_one() {
    let mut twice = 0;
    for (name, document) in &documents() {
        for pod in pods(document) {
            let Ok(template) = pod.pod else { continue };
            let sent = api_server::pod_of("Pod", pod.name.unwrap_or("pod"), template);
            let (first, count) = inject(&Policy::offline(), &sent);
            if count == 0 {
                continue;
            }
            // Another webhook comes between, with a container that wants the node's socket.
            let with_another = |pod: &Value| {
                let mut pod = pod.clone();
                let volume = json!({"hostPath": {"path": "/run"}, "name": "another"});
                let spec = pod["spec"].as_object_mut().unwrap();
                append(spec.entry("volumes").or_insert(json!([])), volume);
                append(
                    &mut spec["containers"],
                    json!({"name": "another", "image": "another", "env": [], "volumeMounts":
                        [{"subPath": "docker.sock", "mountPath": "/s/docker.sock", "name": "another"}]}),
                );
                pod
            };
            let (second, count) = inject(&Policy::offline(), &with_another(&first));
            if count == 0 {
                continue;
            }
            twice += 1;
            let back = take_back(&second).unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected = with_another(&sent);
            assert_eq!(sorted(&back), sorted(&expected), "{name}");
        }
    }
    assert!(twice > 50, "only {twice}");
}

fn example() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {
        "containers": [{"name": "app", "image": "docker:cli",
            "volumeMounts": [{"mountPath": "/var/run/docker.sock", "name": "docker"}]}],
        "volumes": [{"name": "docker", "hostPath": {"path": "/var/run/docker.sock"}}]}})
}

fn sidecar(pod: &mut Value) -> &mut Value {
    &mut pod["spec"]["initContainers"][0]
}

fn record(pod: &mut Value) -> &mut Value {
    let env = sidecar(pod)["env"].as_array_mut().unwrap();
    let record = env
        .iter_mut()
        .find(|var| var["name"] == names::env::ORIGINAL);
    &mut record.expect("a record")["value"]
}

#[test]
fn a_pod_without_the_sidecar_is_left_alone() {
    assert_eq!(uninject(&example()).unwrap(), []);
}

#[test]
fn a_pod_from_which_nothing_was_taken_has_no_record() {
    let mut pod = example();
    pod["metadata"]["annotations"] = json!({names::INJECT: "true"});
    pod["spec"]["volumes"] = json!([{"name": "docker", "emptyDir": {}}]);
    let (injected, count) = inject(&Policy::offline(), &pod);
    assert_eq!(count, 1);
    assert!(!injected.to_string().contains(names::env::ORIGINAL));
    assert_eq!(take_back(&injected).unwrap().to_string(), pod.to_string());
}

#[test]
fn an_older_versions_script_is_known_by_its_shape() {
    let pod = example();
    let (mut injected, _) = inject(&Policy::offline(), &pod);
    let script = &mut sidecar(&mut injected)["command"][2];
    assert_eq!(*script, START_SCRIPT);
    *script = json!("#!/bin/sh\nexec dockerd --host=unix:///dind/docker.sock\n");
    assert_eq!(take_back(&injected).unwrap().to_string(), pod.to_string());
}

#[test]
fn a_volume_of_the_authors_that_is_named_like_ours_stays() {
    let mut pod = example();
    pod["metadata"]["annotations"] = json!({names::INJECT: "true"});
    pod["spec"]["volumes"] =
        json!([{"name": "dind-tmp", "emptyDir": {}}, {"name": "dind-socket", "emptyDir": {}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([
        {"name": "dind-tmp", "mountPath": "/tmp"}, {"name": "dind-socket", "mountPath": "/var/run"}]);
    let (injected, count) = inject(&Policy::offline(), &pod);
    assert_eq!(count, 1);
    assert_eq!(take_back(&injected).unwrap().to_string(), pod.to_string());
}

/// Another webhook, or a person, may write to the Pod once it is stored.
#[test]
fn what_others_added_beside_a_profiles_labels_and_annotations_stays() {
    let policy = Config::from_yaml(EVERYTHING).unwrap().policy().clone();
    for was in [
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!({"app": "mine"})),
    ] {
        let mut pod = example();
        pod["metadata"] = json!({"name": "job"});
        if let Some(was) = &was {
            pod["metadata"]["labels"] = was.clone();
            pod["metadata"]["annotations"] = was.clone();
        }
        let (mut injected, count) = inject(&policy, &pod);
        assert_eq!(count, 1);
        assert_eq!(take_back(&injected).unwrap(), pod);
        for map in ["labels", "annotations"] {
            injected["metadata"][map]["example.org/theirs"] = json!("yes");
            let now = &mut pod["metadata"][map];
            if now.is_null() {
                *now = json!({});
            }
            now["example.org/theirs"] = json!("yes");
        }
        assert_eq!(take_back(&injected).unwrap(), pod, "{was:?}");
    }
}

#[test]
fn without_its_record_a_swapped_mount_is_not_guessed_at() {
    let mut pod = example();
    pod["spec"]["volumes"][0]["hostPath"]["path"] = json!("/var/run");
    pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = json!("/host/run");
    let (mut injected, count) = inject(&Policy::offline(), &pod);
    assert_eq!(count, 1);
    let env = sidecar(&mut injected)["env"].as_array_mut().unwrap();
    env.retain(|var| var["name"] != names::env::ORIGINAL);
    let error = take_back(&injected).unwrap_err();
    assert!(matches!(error, UninjectError::NoRecord { .. }), "{error}");
}

#[test]
fn a_record_is_bounded_and_says_so() {
    let mut pod = example();
    let path = format!("/{}", "x/".repeat(5000));
    pod["spec"]["volumes"][0]["hostPath"] = json!({"path": "/var/run/docker.sock", "type": path});
    let (mut injected, count) = inject(&Policy::offline(), &pod);
    assert_eq!(count, 1);
    assert_eq!(*record(&mut injected), json!(r#"{"incomplete":true}"#));
    assert_eq!(take_back(&injected), Err(UninjectError::Incomplete));
}

#[test]
fn a_forged_record_changes_nothing_but_what_a_patch_changes() {
    let (injected, _) = inject(&Policy::offline(), &example());
    for forged in [
        "",
        "null",
        "{",
        r#"{"unknown":[]}"#,
        r#"{"fields":{"/spec/hostNetwork":true}}"#,
        r#"{"fields":{"/spec/containers/0/image":"evil"}}"#,
        r#"{"fields":{"/metadata/labels/a/b":"x"}}"#,
        r#"{"fields":{"":{}}}"#,
        r#"{"added":["/spec"]}"#,
        r#"{"added":["/spec/containers"]}"#,
        r#"{"mounts":[["nobody",{"name":"host","mountPath":"/var/run/docker.sock"}]]}"#,
        r#"{"mounts":[["app",{"name":"host","mountPath":"/elsewhere"}]]}"#,
        r#"{"env":[["app",0,{"name":"PATH","value":"/evil"}]]}"#,
        r#"{"env":[["app",0,{"name":"DOCKER_HOST","valueFrom":"x"}],["app",0,{}]]}"#,
        r#"{"volumes":[[-1,{}]]}"#,
    ] {
        let mut pod = injected.clone();
        *record(&mut pod) = json!(forged);
        assert!(take_back(&pod).is_err(), "{forged}");
    }
}

#[test]
fn the_webhook_is_not_moved_by_a_record() {
    let (injected, _) = inject(&Policy::offline(), &example());
    for forged in ["", "{", r#"{"incomplete":true}"#, r#"{"volumes":[[0,{}]]}"#] {
        let mut pod = injected.clone();
        *record(&mut pod) = json!(forged);
        assert_eq!(
            inject(&Policy::offline(), &pod),
            (pod.clone(), 0),
            "{forged}"
        );
    }
}
