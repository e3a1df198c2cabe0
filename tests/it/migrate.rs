//! `convert` to the annotation, over every file of the goldens and of the corpus: the webhook makes the same
//! Pod of what is written as it made of what was there, and nothing that is left is left in silence.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dind_injector::decide::Policy;
use dind_injector::manifest::kinds::KINDS;
use dind_injector::manifest::{Document, PodRef, pods, read, to_yaml};
use dind_injector::migrate::{Context, Migrated, migrate};
use dind_injector::policy_file::Config;
use dind_injector::render::patch::patch;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, apply, evaluate};
use dind_injector::scan::evaluator::Evaluator;
use dind_injector::scan::files::{read_as, syntax_of};
use dind_injector::scan::finding::Verdict;
use dind_injector::scan::result::Namespaces;
use dind_injector::scan::text::{Syntax, read as scan};
use dind_injector::uninject::uninject;
use serde_json::{Map, Value};

use crate::support::files;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn setting() -> Setting {
    Setting {
        namespace: "default".to_owned(),
        ..Setting::default()
    }
}

/// A file of the goldens or the corpus, and the policy that it is judged by.
struct Case {
    name: String,
    text: String,
    syntax: Syntax,
    policy: Policy,
}

fn cases() -> Vec<Case> {
    let folders = ["golden", "corpus", "convert"].map(|folder| files::below(&tests().join(folder)));
    let cases = folders.into_iter().flatten().filter_map(|path| {
        let name = path.strip_prefix(tests()).unwrap().display().to_string();
        let is_other = name.contains(".expected") || name.ends_with("/policy.yaml");
        let text = fs::read_to_string(&path).ok().filter(|_| !is_other)?;
        let policy = fs::read_to_string(path.with_file_name("policy.yaml"));
        Some(Case {
            syntax: syntax_of(&path).unwrap_or(Syntax::Manifest),
            policy: match policy {
                Ok(text) => Config::from_yaml(&text).unwrap().policy().clone(),
                Err(_) => Policy::offline(),
            },
            name,
            text,
        })
    });
    cases.collect()
}

impl Case {
    fn migrated(&self, text: &str) -> Migrated {
        let context = Context {
            policy: &self.policy,
            setting: &setting(),
            namespaces: &Namespaces::new(),
            patches: &[],
        };
        migrate(&context, text, self.syntax)
    }

    /// What the webhook makes of a Pod in its first and its second pass; none where it changes nothing.
    fn injected(&self, pod: &PodRef<'_>) -> Option<Value> {
        let mut now = Value::Object((*pod.pod.as_ref().ok()?).clone());
        let mut is_changed = false;
        for _ in 0..2 {
            let before = now.clone();
            let found = PodRef {
                pointer: String::new(),
                pod: Ok(before.as_object().unwrap()),
                ..pod.clone()
            };
            let outcome = evaluate(&self.policy, &setting(), &found).ok()?;
            if let Action::Changed(_) = outcome.action {
                is_changed = true;
                apply(&mut now, "", &outcome).unwrap();
            }
        }
        is_changed.then_some(now)
    }

    /// The places at which the policy would still swap something.
    fn swapped(&self, text: &str) -> Vec<(String, u32)> {
        let context = Evaluator {
            policy: self.policy.clone(),
            setting: setting(),
            changes: false,
        };
        let reading = scan(&context, &Namespaces::new(), &self.name, text, self.syntax);
        let workloads = reading.workloads.into_iter();
        let swapped = workloads.flat_map(|workload| {
            let what = format!("{}/{}", workload.kind, workload.name);
            let findings = workload.findings.into_iter();
            let found = findings.filter(|finding| {
                finding.verdict == Verdict::Swapped && finding.how.name() != "tcp-docker-host"
            });
            found.map(move |finding| (what.clone(), finding.spot.unwrap().line))
        });
        swapped.collect()
    }
}

/// The documents of a stream; where one cannot be read, the others.
fn documents(text: &str) -> Vec<Document> {
    read(text).unwrap_or_else(|_| {
        let documents = text.split("\n---\n");
        documents
            .filter_map(|text| read(text).ok())
            .flatten()
            .collect()
    })
}

/// A Pod as the property compares it. It names every difference that there may be:
/// the annotations of this project, which say why the daemon is there; the record of what a swap took
/// away; the order of mounts and volumes, which the API server keeps by path and name; a list that is
/// empty in place of one that is missing; and defaults of a mount that it says itself.
fn comparable(mut pod: Value) -> Value {
    let by = |list: Option<&mut Value>, key: &str| {
        if let Some(Value::Array(list)) = list {
            list.sort_by_key(|item| item[key].as_str().unwrap_or_default().to_owned());
        }
    };
    if let Some(annotations) = pod.pointer_mut("/metadata/annotations") {
        let annotations = annotations.as_object_mut().unwrap();
        annotations.retain(|key, _| !key.starts_with("dind-injector.io/"));
    }
    by(pod.pointer_mut("/spec/volumes"), "name");
    for list in ["/spec/initContainers", "/spec/containers"] {
        let Some(Value::Array(containers)) = pod.pointer_mut(list) else {
            continue;
        };
        for container in containers {
            by(container.get_mut("volumeMounts"), "mountPath");
            let mounts = container.get_mut("volumeMounts");
            for mount in mounts.and_then(Value::as_array_mut).into_iter().flatten() {
                mount.as_object_mut().unwrap().retain(|key, value| {
                    !matches!((key.as_str(), &*value), ("readOnly", Value::Bool(false)))
                        && !matches!(
                            (key.as_str(), value.as_str()),
                            ("mountPropagation", Some("None"))
                        )
                });
            }
            // In images, `/var/run` is `/run`: a second mount there is the first.
            if let Some(Value::Array(mounts)) = container.get_mut("volumeMounts") {
                let all = mounts.clone();
                mounts.retain(|mount| {
                    let mut twin = mount.clone();
                    let path = mount["mountPath"].as_str().unwrap();
                    twin["mountPath"] = format!("/var{path}").into();
                    !path.starts_with("/run") || !all.contains(&twin)
                });
            }
            if let Some(Value::Array(env)) = container.get_mut("env") {
                env.retain(|var| {
                    var["name"]
                        .as_str()
                        .is_none_or(|name| !name.starts_with("DIND_ORIGINAL"))
                });
            }
        }
    }
    without_empty(pod)
}

fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map
                .into_iter()
                .map(|(key, value)| (key, without_empty(value)));
            let kept = entries.filter(|(key, value)| {
                let is_list =
                    ["volumes", "volumeMounts", "env", "initContainers"].contains(&key.as_str());
                let is_metadata = ["metadata", "annotations", "labels"].contains(&key.as_str());
                let is_empty = value.is_null()
                    || value == &serde_json::json!([])
                    || value == &serde_json::json!({});
                !((is_list || is_metadata) && is_empty)
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_empty).collect()),
        other => other,
    }
}

#[test]
fn the_webhook_makes_the_same_pod_of_what_is_converted() {
    let mut count = 0;
    let mut failures = Vec::new();
    for case in cases() {
        let done = case.migrated(&case.text);
        if done.changed.is_empty() || case.syntax != Syntax::Manifest {
            continue;
        }
        let (before, after) = (documents(&case.text), documents(&done.text));
        assert_eq!(before.len(), after.len(), "{}", case.name);
        for (before, after) in before.iter().zip(&after) {
            let (was, now) = (pods(&before.value), pods(&after.value));
            assert_eq!(was.len(), now.len(), "{}", case.name);
            for (was, now) in was.iter().zip(&now) {
                if was.pod == now.pod {
                    continue;
                }
                count += 1;
                let made = [was, now].map(|pod| case.injected(pod).map(comparable));
                let [Some(was), Some(now)] = made else {
                    failures.push(format!("{}: not changed: {was}", case.name));
                    continue;
                };
                if was != now {
                    let [was, now] =
                        [was, now].map(|pod| serde_json::to_string_pretty(&pod).unwrap());
                    failures.push(format!("{}\n{}", case.name, patch(&was, &now, "pod")));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(count > 150, "only {count} Pods are converted");
}

#[test]
fn what_would_be_swapped_is_changed_or_named() {
    let mut changed = 0;
    let mut failures = Vec::new();
    for case in cases() {
        let done = case.migrated(&case.text);
        changed += done.changed.len();
        let left = case.swapped(&done.text);
        let before = case.swapped(&case.text);
        let named: BTreeSet<&str> = done.refused.iter().map(|one| one.what.as_str()).collect();
        for (what, line) in &left {
            if !named.contains(what.as_str()) {
                failures.push(format!(
                    "{}:{line}: {what} is left in silence; {named:?}",
                    case.name
                ));
            }
        }
        let known = done.changed.len() + done.refused.len();
        if !before.is_empty() && known == 0 {
            failures.push(format!("{}: nothing is said of {before:?}", case.name));
        }
        let again = case.migrated(&done.text);
        if again.text != done.text || !again.changed.is_empty() {
            failures.push(format!("{}: changes a second time", case.name));
        }
        if done.changed.is_empty() != (done.text == case.text) {
            failures.push(format!("{}: {:?}", case.name, done.changed));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(changed > 170, "only {changed} are changed");
}

/// The diff of each file of the corpus, and what is said of it, as `tests/migrate` has it.
#[test]
fn every_file_of_the_corpus_becomes_what_is_expected() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let root = tests().join("migrate");
    let mut expected: BTreeSet<PathBuf> = match root.exists() {
        true => files::below(&root).into_iter().collect(),
        false => BTreeSet::new(),
    };
    let mut failures = Vec::new();
    for case in cases() {
        let Some(short) = case.name.strip_prefix("corpus/") else {
            continue;
        };
        let done = case.migrated(&case.text);
        let mut told = String::new();
        for one in &done.changed {
            writeln!(
                told,
                "{}: {} ({}): converted",
                one.line, one.what, one.namespace
            )
            .unwrap();
        }
        for one in &done.refused {
            // A denial's own words are held by the goldens.
            let message = match one.message.starts_with("denied: ") {
                true => "denied",
                false => &one.message,
            };
            writeln!(told, "{}: {}: {}", one.line, one.what, message).unwrap();
        }
        told.push_str(&patch(&case.text, &done.text, short));
        if told.is_empty() {
            continue;
        }
        let path = root.join(format!("{short}.diff"));
        expected.remove(&path);
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &told).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        if known != told {
            failures.push(format!("{short}\n{}", patch(&known, &told, short)));
        }
        assert_eq!(
            applied(&case.text, &patch(&case.text, &done.text, short)),
            done.text,
            "{short}"
        );
    }
    assert!(
        failures.is_empty(),
        "UPDATE_GOLDENS=1 writes these; read them:\n{}",
        failures.join("\n")
    );
    assert!(expected.is_empty() || update, "no test reads {expected:?}");
}

/// Applies a unified diff as `patch` does without any fuzz: each context and removed line must be there.
pub fn applied(text: &str, diff: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut out = String::new();
    let mut at = 0;
    let mut last: Option<char> = None;
    for line in diff
        .split_inclusive('\n')
        .skip_while(|line| !line.starts_with("@@"))
    {
        if let Some(range) = line.strip_prefix("@@ -") {
            let start = range.split([' ', ',']).next().unwrap();
            let start: usize = start.parse().unwrap();
            let empty = range.split(' ').next().unwrap().ends_with(",0");
            let start = if empty { start } else { start - 1 };
            out.extend(lines[at..start].iter().copied());
            at = start;
            continue;
        }
        if line.starts_with('\\') {
            // The line before has no end.
            if matches!(last, Some('+' | ' ')) {
                out.truncate(out.len() - 1);
            }
            continue;
        }
        let (sign, content) = line.split_at(1);
        let sign = sign.chars().next().unwrap();
        match sign {
            '+' => out.push_str(content),
            ' ' | '-' => {
                assert_eq!(
                    lines[at].trim_end_matches('\n'),
                    content.trim_end_matches('\n'),
                    "line {}",
                    at + 1
                );
                at += 1;
                if sign == ' ' {
                    out.push_str(content);
                }
            }
            other => panic!("{other:?} begins no line of a diff: {line}"),
        }
        last = Some(sign);
    }
    out.extend(lines[at..].iter().copied());
    out
}

#[test]
fn a_file_of_any_name_is_read_as_a_scan_reads_it() {
    let context = Evaluator {
        policy: Policy::offline(),
        setting: setting(),
        changes: false,
    };
    let reading = read_as(
        &context,
        &Namespaces::new(),
        "notes.md",
        "mount /var/run/docker.sock",
    );
    assert!(!reading.gaps.is_empty());
}

/// One registry: each kind that has a Pod template is known to every command.
#[test]
fn every_kind_with_a_template_is_known_to_every_command() {
    let policy = Policy::offline();
    for kind in KINDS {
        // Its Pods are node agents.
        if kind.name == "DaemonSet" {
            continue;
        }
        let group = kind.groups[0];
        let version = if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        };
        let pod = serde_json::json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "s", "mountPath": "/var/run/docker.sock"}]}],
            "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]}});
        let body = kind
            .path
            .iter()
            .rev()
            .fold(pod, |inner, key| serde_json::json!({*key: inner}));
        let mut object = serde_json::json!({"apiVersion": version, "kind": kind.name});
        object
            .as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        let case = Case {
            name: kind.name.to_owned(),
            text: to_yaml(&object),
            syntax: Syntax::Manifest,
            policy: policy.clone(),
        };
        // scan, convert
        assert_eq!(case.swapped(&case.text).len(), 1, "{}", case.name);
        let done = case.migrated(&case.text);
        assert_eq!(
            (done.changed.len(), done.refused.len()),
            (1, 0),
            "{}",
            case.name
        );
        assert_eq!(case.swapped(&done.text), [], "{}", case.name);
        // inject, explain, uninject
        let found = pods(&object);
        let [pod] = found.as_slice() else {
            panic!("{}", case.name)
        };
        let injected = case.injected(pod).unwrap();
        let mut back = injected.clone();
        for operation in uninject(&injected).unwrap() {
            operation.apply(&mut back).unwrap();
        }
        assert_eq!(Some(&back), object.pointer(&pod.pointer), "{}", case.name);
    }
}
