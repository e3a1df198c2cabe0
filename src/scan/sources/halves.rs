//! Halves of Tekton's Pods, where the other half is in another text: what to do about both. Pure.

use serde_json::Value;

use crate::names;

use crate::scan::candidate::{Object, each_item};
use crate::scan::mentions::Words;
use crate::scan::sources::assembly::items;
use crate::scan::sources::tekton::GROUP;

/// The halves of Pods whose other half is in another text: a mount in a task whose runs give it the volume, and a
/// volume in a run. Each is the pointer to its path, and what to do about both.
pub fn halves(document: &Value, words: &Words) -> Vec<(String, String)> {
    let mut found = Vec::new();
    each_item(document, &mut |item, pointer| {
        let head = Object::of(item);
        let Some(spec) = item.get("spec").filter(|_| head.is_of(GROUP)) else {
            return;
        };
        let at = format!("{pointer}/spec");
        match head.kind {
            "Task" | "ClusterTask" => mounts(spec, &at, words, &mut found),
            "Pipeline" => {
                for key in ["tasks", "finally"] {
                    for (index, task) in items(spec.get(key)).enumerate() {
                        let at = format!("{at}/{key}/{index}/taskSpec");
                        if let Some(task) = task.get("taskSpec") {
                            mounts(task, &at, words, &mut found);
                        }
                    }
                }
            }
            "TaskRun" | "PipelineRun" => {
                volumes(spec, &at, words, &mut found);
                if let Some(run) = spec.get("taskRunTemplate") {
                    volumes(run, &format!("{at}/taskRunTemplate"), words, &mut found);
                }
                for (index, run) in items(spec.get("taskRunSpecs")).enumerate() {
                    volumes(
                        run,
                        &format!("{at}/taskRunSpecs/{index}"),
                        words,
                        &mut found,
                    );
                }
            }
            _ => {}
        }
    });
    found
}

/// The mounts of a task whose volume it does not have.
fn mounts(task: &Value, at: &str, words: &Words, found: &mut Vec<(String, String)>) {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let own: Vec<_> = items(task.get("volumes"))
        .filter_map(|volume| text(volume, "name"))
        .collect();
    let mut look = |container: &Value, at: &str, called: &str| {
        for (index, mount) in items(container.get("volumeMounts")).enumerate() {
            let (Some(name), Some(path)) = (text(mount, "name"), text(mount, "mountPath")) else {
                continue;
            };
            if words.lead(&path) && !own.contains(&name) {
                let advice = format!(
                    "its runs give it the volume {name} (podTemplate). By hand: take the mount out here and the volume \
                     out of the runs, and give this {inject}: \"true\" and {containers}: {called} as annotations",
                    inject = names::INJECT,
                    containers = names::CONTAINERS,
                );
                found.push((format!("{at}/volumeMounts/{index}/mountPath"), advice));
            }
        }
    };
    for (key, prefix) in [("steps", "step"), ("sidecars", "sidecar")] {
        for (index, container) in items(task.get(key)).enumerate() {
            let name = text(container, "name").unwrap_or_else(|| format!("unnamed-{index}"));
            look(
                container,
                &format!("{at}/{key}/{index}"),
                &format!("{prefix}-{name}"),
            );
        }
    }
    if let Some(template) = task.get("stepTemplate") {
        look(
            template,
            &format!("{at}/stepTemplate"),
            "the names of its steps",
        );
    }
}

/// The volumes of the node that a run gives to its task.
fn volumes(run: &Value, at: &str, words: &Words, found: &mut Vec<(String, String)>) {
    for key in ["podTemplate", "taskPodTemplate"] {
        let list = run.get(key).and_then(|template| template.get("volumes"));
        for (index, volume) in items(list).enumerate() {
            let path = volume.pointer("/hostPath/path").and_then(Value::as_str);
            if path.is_some_and(|path| words.lead(path)) {
                let advice = format!(
                    "what it runs mounts it, and is not in this text. By hand: take the volume out here and the mount \
                     out of the Task, and give the Task {}: \"true\" as an annotation",
                    names::INJECT
                );
                found.push((format!("{at}/{key}/volumes/{index}/hostPath/path"), advice));
            }
        }
    }
}
