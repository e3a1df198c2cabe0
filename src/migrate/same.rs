//! Whether the webhook makes the same Pod of two Pods.
//!
//! Compared is what both passes leave of `spec`, and of labels and annotations but this project's. Not
//! compared: the order of lists that the API server keeps by a key (volumes, mounts), a list that is empty
//! and one that is missing, what a mount says by default, the second of two mounts that images have at one place
//! (`/run` and `/var/run`), and the record of what was taken away, which only a swap leaves.

use serde_json::{Map, Value};

use crate::decide::Policy;
use crate::manifest::PodRef;
use crate::model::path::CleanPath;
use crate::names;
use crate::review::Action;
use crate::review::offline::{OfflineError, Setting, apply, evaluate};

/// Where two Pods differ; the JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference(pub String);

/// What the webhook makes of a Pod in both of its passes; none where it leaves or refuses it.
///
/// # Errors
/// Where it is no Pod.
pub fn injected(
    policy: &Policy,
    setting: &Setting,
    maker: &PodRef<'_>,
    pod: &Map<String, Value>,
) -> Result<Option<Value>, OfflineError> {
    let mut now = Value::Object(pod.clone());
    let mut is_changed = false;
    for _ in 0..2 {
        let Value::Object(map) = &now else {
            return Ok(None);
        };
        let found = PodRef {
            pod: Ok(map),
            pointer: String::new(),
            ..maker.clone()
        };
        let outcome = evaluate(policy, setting, &found)?;
        match &outcome.action {
            Action::Denied(_) => return Ok(None),
            Action::Left(_) => break,
            Action::Changed(_) => {
                is_changed = true;
                let mut after = now.clone();
                apply(&mut after, "", &outcome)?;
                now = after;
            }
        }
    }
    Ok(is_changed.then_some(now))
}

/// Compares two Pods as the webhook made them.
///
/// # Errors
/// The first place at which they differ.
pub fn same(one: &Value, other: &Value) -> Result<(), Difference> {
    match difference(&normal(one), &normal(other), String::new()) {
        None => Ok(()),
        Some(at) => Err(Difference(at)),
    }
}

/// A Pod without what does not count; see the module.
pub fn normal(pod: &Value) -> Value {
    let mut metadata = pod.get("metadata").cloned().unwrap_or(Value::Null);
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.retain(|key, _| !names::ANNOTATIONS.contains(&key.as_str()));
    }
    let mut spec = pod.get("spec").cloned().unwrap_or(Value::Null);
    sort(&mut spec, "volumes", "name");
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            sort(container, "volumeMounts", "mountPath");
            let mounts = container.get_mut("volumeMounts");
            for mount in mounts.and_then(Value::as_array_mut).into_iter().flatten() {
                if let Value::Object(mount) = mount {
                    mount.retain(|key, value| !is_default(key, value));
                }
            }
            if let Some(Value::Array(mounts)) = container.get_mut("volumeMounts") {
                let all = mounts.clone();
                let mut index = 0;
                mounts.retain(|mount| {
                    index += 1;
                    !all[index..]
                        .iter()
                        .any(|later| is_at_one_place(mount, later))
                });
            }
            if let Some(Value::Array(env)) = container.get_mut("env") {
                env.retain(|var| {
                    let name = var.get("name").and_then(Value::as_str).unwrap_or_default();
                    !name.starts_with(names::env::ORIGINAL)
                });
            }
        }
    }
    let mut pod = Map::new();
    pod.insert("metadata".to_owned(), metadata);
    pod.insert("spec".to_owned(), spec);
    without_empty(Value::Object(pod))
}

/// Whether two mounts are the same but for how their place is written.
fn is_at_one_place(one: &Value, other: &Value) -> bool {
    let place = |mount: &Value| {
        let path = mount.get("mountPath")?.as_str()?;
        Some(CleanPath::new(path).unlinked().as_str().to_owned())
    };
    let rest = |mount: &Value| {
        let mut mount = mount.clone();
        mount.as_object_mut()?.remove("mountPath");
        Some(mount)
    };
    let is_at_one = place(one).is_some_and(|at| Some(at) == place(other));
    is_at_one && rest(one) == rest(other)
}

/// Whether a mount says what it would be without that.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "readOnly" => *value == Value::Bool(false),
        "mountPropagation" => *value == "None",
        "recursiveReadOnly" => *value == "Disabled",
        _ => false,
    }
}

fn sort(object: &mut Value, list: &str, key: &str) {
    if let Some(Value::Array(items)) = object.get_mut(list) {
        items.sort_by_key(|item| {
            let key = item.get(key).and_then(Value::as_str);
            key.unwrap_or_default().to_owned()
        });
    }
}

/// Without empty lists and mappings of the Pod's own fields, which are as good as none. An `emptyDir: {}`
/// is something, and so is whatever else stands inside of a list.
fn without_empty(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    let is_listed = |key: &str| {
        matches!(
            key,
            "volumes"
                | "volumeMounts"
                | "env"
                | "initContainers"
                | "annotations"
                | "labels"
                | "metadata"
        )
    };
    match value {
        Value::Object(map) => {
            let entries = map
                .into_iter()
                .map(|(key, value)| (key, without_empty(value)));
            let kept = entries.filter(|(key, value)| !(is_listed(key) && is_empty(value)));
            Value::Object(kept.collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_empty).collect()),
        other => other,
    }
}

fn difference(one: &Value, other: &Value, at: String) -> Option<String> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let (one, other) = (a.get(key), b.get(key));
                let at = format!("{at}/{key}");
                match (one, other) {
                    (Some(one), Some(other)) => difference(one, other, at),
                    _ => Some(at),
                }
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let both = a.iter().zip(b).enumerate();
            both.into_iter()
                .find_map(|(index, (a, b))| difference(a, b, format!("{at}/{index}")))
        }
        (a, b) => (a != b).then_some(at),
    }
}
