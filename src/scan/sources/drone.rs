//! Drone pipelines (`.drone.yml`): of the Kubernetes runner a Pod, of the Docker runner
//! containers beside it, at whatever daemon the runner itself uses.
//!
//! Source: drone-runners/drone-runner-kube and drone-runner-docker, `engine/resource/pipeline.go`.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::manifest::below;
use crate::model::sockets::Sockets;
use crate::names::NO_NAME;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::finding::{Finding, How, ManualWork, Verdict, Workload};
use crate::scan::sources::assembly::{Assembly, items};

/// What its pipelines are shown as.
const KIND: &str = "Drone pipeline";
/// What starts containers.
const PARTS: [&str; 2] = ["steps", "services"];

/// Whether an object is a pipeline, and of which runner; the Docker runner is Drone's default.
fn runner<'d>(object: &'d Value, head: Object<'d>) -> Option<&'d str> {
    let is_pipeline = head.kind == "pipeline" && head.group.is_none();
    let kind = object.get("type").and_then(Value::as_str);
    is_pipeline.then_some(kind.unwrap_or("docker"))
}

fn name(object: &Value) -> &str {
    let name = object.get("name").and_then(Value::as_str);
    name.unwrap_or(NO_NAME)
}

/// The Pod of a pipeline of the Kubernetes runner; none for any other object.
pub fn candidates<'d>(
    object: &'d Value,
    head: Object<'d>,
    pointer: &str,
) -> Option<Vec<Candidate<'d>>> {
    if runner(object, head)? != "kubernetes" {
        return None;
    }
    let mut pod = Assembly::at(pointer);
    let mut scripts = String::new();
    for part in PARTS {
        for (index, step) in items(object.get(part)).enumerate() {
            let at = format!("{pointer}/{part}/{index}");
            let container = json!({"name": step.get("name"), "image": step.get("image"),
                                   "env": variables(step)});
            let index = pod.container(&container, &format!("{part}-{index}"), &at);
            let mounts: Vec<Value> = items(step.get("volumes"))
                .map(|mount| json!({"name": mount.get("name"), "mountPath": mount.get("path")}))
                .collect();
            pod.mounts(index, Some(&mounts.into()), &below(&at, "volumes"));
            for line in items(step.get("commands")).filter_map(Value::as_str) {
                scripts.push_str(line);
                scripts.push('\n');
            }
        }
    }
    let volumes: Vec<Value> = items(object.get("volumes"))
        .map(|volume| match volume.get("host") {
            Some(host) => {
                json!({"name": volume.get("name"), "hostPath": {"path": host.get("path")}})
            }
            None => json!({"name": volume.get("name"), "emptyDir": {}}),
        })
        .collect();
    pod.volumes(Some(&volumes.into()), &below(pointer, "volumes"));
    pod.metadata(object.get("metadata"));
    let shown = Object {
        kind: KIND,
        name: name(object),
        namespace: object
            .pointer("/metadata/namespace")
            .and_then(Value::as_str),
        ..head
    };
    let pod = pod.finish(shown, "Pod", None, Cow::Owned(scripts));
    Some(pod.into_iter().collect())
}

fn variables(step: &Value) -> Value {
    let variables = step.get("environment").and_then(Value::as_object);
    let variables = variables.into_iter().flatten();
    let variables =
        variables.filter_map(|(name, value)| Some(json!({"name": name, "value": value.as_str()?})));
    Value::Array(variables.collect())
}

/// The volumes of a pipeline of the Docker runner that hold a socket: no Pod is made of them, so
/// the webhook does not see them.
pub fn volumes(object: &Value, pointer: &str, sockets: &Sockets) -> Option<Workload> {
    let head = Object::of(object);
    if runner(object, head)? != "docker" {
        return None;
    }
    let mut findings = Vec::new();
    for (index, volume) in items(object.get("volumes")).enumerate() {
        let Some(path) = volume.pointer("/host/path").and_then(Value::as_str) else {
            continue;
        };
        let Some(how) = How::of_volume(sockets, path) else {
            continue;
        };
        findings.push(Finding {
            container: user(object, volume),
            how,
            target: path.to_owned(),
            mount_path: None,
            pointer: format!("{pointer}/volumes/{index}/host/path"),
            spot: None,
            verdict: Verdict::Unseen,
            manual_work: Some(ManualWork::DockerRunner),
        });
    }
    (!findings.is_empty()).then(|| Workload {
        namespace: String::new(),
        kind: KIND.to_owned(),
        name: name(object).to_owned(),
        base: pointer.to_owned(),
        spot: None,
        verdict: Verdict::Unseen,
        reason: ManualWork::DockerRunner.name(),
        message: "its containers are made by the runner's Docker daemon, and no Pod".to_owned(),
        rule: None,
        manual_work: Some(ManualWork::DockerRunner),
        findings,
        notices: Vec::new(),
        risks: Vec::new(),
        change: None,
    })
}

/// The first step or service that mounts a volume.
fn user(object: &Value, volume: &Value) -> Option<String> {
    let mounts = |step: &&Value| {
        items(step.get("volumes")).any(|mount| mount.get("name") == volume.get("name"))
    };
    let mut steps = PARTS.into_iter().flat_map(|part| items(object.get(part)));
    let step = steps.find(mounts)?;
    step.get("name")?.as_str().map(str::to_owned)
}
