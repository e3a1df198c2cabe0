//! Where a manifest holds Pods: the templates of workloads, Pods themselves, and both in Lists.
//!
//! A kind is known by its API group and its name, as the API server knows it; every other document
//! passes through. A known kind that does not hold a Pod where it must is reported, never skipped.

use serde_json::{Map, Value};

use super::position::push_token;

/// Something in a document that makes Pods.
#[derive(Debug, Clone, PartialEq)]
pub struct PodRef<'d> {
    /// `Pod`, `Deployment`, …; `List` or the like where `pod` says that the list has a wrong shape.
    pub kind: &'d str,
    /// `metadata.name` of the object that has this kind.
    pub name: Option<&'d str>,
    /// `metadata.namespace` of the object that has this kind.
    pub namespace: Option<&'d str>,
    /// The JSON pointer, from the document's root, to the object that holds the Pod's `metadata` and
    /// `spec`: `""` for a Pod, `/spec/template` for a Deployment, `/items/2/…` in a List.
    pub pointer: String,
    /// The Pod-like object at `pointer`; its `spec` is a mapping.
    pub pod: Result<&'d Map<String, Value>, ShapeError>,
}

/// A field on the way to a Pod is not what its kind demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}` is {found}; it must be {expected}")]
pub struct ShapeError {
    /// The field's JSON pointer.
    pub pointer: String,
    /// What stands there: `missing`, `null`, `a string`, …
    pub found: &'static str,
    /// What must stand there.
    pub expected: &'static str,
}

/// Every Pod of a document, in the document's order.
///
/// Known are Pod, PodTemplate and ReplicationController of the core group; Deployment, StatefulSet,
/// DaemonSet and ReplicaSet of `apps` (and of `extensions`, as old manifests have it); Job and
/// CronJob of `batch`; in any version. A document without an `apiVersion` counts by its kind alone.
/// `List`, `PodList` and the like are walked item by item; what an item of a typed list leaves out,
/// its list gives.
pub fn pods(document: &Value) -> Vec<PodRef<'_>> {
    let mut found = Vec::new();
    walk(document, String::new(), None, 0, &mut found);
    found
}

/// Lists in lists end here; `kubectl` makes none at all.
const MAX_LIST_DEPTH: usize = 8;

/// The type that an item without one has from its list: `PodList` of `v1` holds Pods of `v1`.
#[derive(Clone, Copy)]
struct ItemType<'d> {
    api_version: Option<&'d str>,
    kind: &'d str,
}

fn walk<'d>(
    object: &'d Value,
    pointer: String,
    inherited: Option<ItemType<'d>>,
    depth: usize,
    found: &mut Vec<PodRef<'d>>,
) {
    let Value::Object(map) = object else {
        return;
    };
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let (kind, api_version) = match (text("kind"), inherited) {
        (Some(kind), _) => (kind, text("apiVersion")),
        (None, Some(item)) => (item.kind, text("apiVersion").or(item.api_version)),
        (None, None) => return,
    };
    let metadata = |key: &str| map.get("metadata")?.get(key)?.as_str();
    let entry = |pointer: String, pod| PodRef {
        kind,
        name: metadata("name"),
        namespace: metadata("namespace"),
        pointer,
        pod,
    };
    if let (Some(item_kind), Some(items)) = (kind.strip_suffix("List"), map.get("items")) {
        let inherited = (!item_kind.is_empty()).then_some(ItemType {
            api_version,
            kind: item_kind,
        });
        match items {
            Value::Array(items) if depth < MAX_LIST_DEPTH => {
                for (index, item) in items.iter().enumerate() {
                    walk(
                        item,
                        format!("{pointer}/items/{index}"),
                        inherited,
                        depth + 1,
                        found,
                    );
                }
            }
            // Go writes an empty list as null.
            Value::Null => {}
            other => {
                let expected = if other.is_array() {
                    "no list in so many lists"
                } else {
                    "a list"
                };
                let error = shape(format!("{pointer}/items"), Some(other), expected);
                found.push(entry(pointer, Err(error)));
            }
        }
        return;
    }
    if let Some(path) = template_path(api_version, kind) {
        let (pointer, pod) = pod_at(map, pointer, path);
        found.push(entry(pointer, pod));
    }
}

/// The way from a workload to its Pod template, or `None` for a kind that has none.
fn template_path(api_version: Option<&str>, kind: &str) -> Option<&'static [&'static str]> {
    let group = api_version.map(|version| version.split_once('/').map_or("", |(group, _)| group));
    let is = |groups: &[&str]| group.is_none_or(|group| groups.contains(&group));
    match kind {
        "Pod" if is(&[""]) => Some(&[]),
        "PodTemplate" if is(&[""]) => Some(&["template"]),
        "ReplicationController" if is(&[""]) => Some(&["spec", "template"]),
        "StatefulSet" if is(&["apps"]) => Some(&["spec", "template"]),
        "Deployment" | "DaemonSet" | "ReplicaSet" if is(&["apps", "extensions"]) => {
            Some(&["spec", "template"])
        }
        "Job" if is(&["batch"]) => Some(&["spec", "template"]),
        "CronJob" if is(&["batch"]) => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

type PodAt<'d> = Result<&'d Map<String, Value>, ShapeError>;

/// Follows `path` from `pointer`. The pointer that comes back is the whole way also where the way
/// is broken.
fn pod_at<'d>(root: &'d Map<String, Value>, pointer: String, path: &[&str]) -> (String, PodAt<'d>) {
    let mut at = pointer;
    let mut pod = Ok(root);
    for key in path {
        at.push('/');
        push_token(&mut at, key);
        pod = pod.and_then(|map| mapping_at(map, key, &at));
    }
    let checked = pod.and_then(|pod| mapping_at(pod, "spec", &format!("{at}/spec")).map(|_| pod));
    (at, checked)
}

fn mapping_at<'d>(map: &'d Map<String, Value>, key: &str, pointer: &str) -> PodAt<'d> {
    match map.get(key) {
        Some(Value::Object(map)) => Ok(map),
        other => Err(shape(pointer.to_owned(), other, "a mapping")),
    }
}

fn shape(pointer: String, found: Option<&Value>, expected: &'static str) -> ShapeError {
    let found = match found {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "a mapping",
    };
    ShapeError {
        pointer,
        found,
        expected,
    }
}
