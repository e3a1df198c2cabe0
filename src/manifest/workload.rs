//! Where a manifest holds Pods: the templates of workloads, Pods themselves, and both in Lists.
//!
//! A kind is known by its API group and its name, as the API server knows it; every other document
//! passes through. A known kind that does not hold a Pod where it must is reported, never skipped.

use std::fmt;

use serde_json::{Map, Value};

use crate::manifest::kinds;
use crate::manifest::pointer::below;
use crate::names::NO_NAME;

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

/// `Deployment/web`, as `kubectl` names it.
impl fmt::Display for PodRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name.unwrap_or(NO_NAME))
    }
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
/// Known are the kinds of [`kinds::KINDS`], in any version. A document without an `apiVersion` counts
/// by its kind alone.
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
    if let Some(known) = kinds::kind(api_version, kind) {
        let (pointer, pod) = pod_at(map, pointer, known.path);
        if pod.is_ok() || known.always {
            found.push(entry(pointer, pod));
        }
    }
}

type PodAt<'d> = Result<&'d Map<String, Value>, ShapeError>;

/// Follows `path` from `pointer`. The pointer that comes back is the whole way also where the way
/// is broken.
fn pod_at<'d>(root: &'d Map<String, Value>, pointer: String, path: &[&str]) -> (String, PodAt<'d>) {
    let mut at = pointer;
    let mut pod = Ok(root);
    for key in path {
        at = below(&at, key);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn found(document: &Value) -> Vec<(&str, Option<&str>, Option<&str>, &str)> {
        let refs = pods(document).into_iter();
        refs.map(|pod| {
            let at = document.pointer(&pod.pointer).unwrap();
            assert_eq!(
                pod.pod.as_ref().ok().copied(),
                at.as_object(),
                "{}",
                pod.pointer
            );
            let pointer = POINTERS
                .iter()
                .find(|known| **known == pod.pointer)
                .copied();
            (
                pod.kind,
                pod.name,
                pod.namespace,
                pointer.unwrap_or("elsewhere"),
            )
        })
        .collect()
    }

    const POINTERS: &[&str] = &[
        "",
        "/template",
        "/spec/template",
        "/spec/jobTemplate/spec/template",
        "/items/0",
        "/items/1/spec/template",
        "/items/2/items/0",
    ];

    fn workload(api_version: &str, kind: &str, path: &[&str]) -> Value {
        let pod = json!({"metadata": {"name": "inner"}, "spec": {"containers": []}});
        let body = path
            .iter()
            .rev()
            .fold(pod, |inner, key| json!({*key: inner}));
        let mut document = json!({"apiVersion": api_version, "kind": kind});
        let map = document.as_object_mut().unwrap();
        map.extend(body.as_object().unwrap().clone());
        map.insert(
            "metadata".into(),
            json!({"name": "outer", "namespace": "ns"}),
        );
        document
    }

    #[test]
    fn each_kind_has_its_template() {
        let template = ["spec", "template"].as_slice();
        for (api_version, kind, path) in [
            ("v1", "Pod", [].as_slice()),
            ("v1", "PodTemplate", &["template"]),
            ("v1", "ReplicationController", template),
            ("apps/v1", "Deployment", template),
            ("apps/v1beta2", "StatefulSet", template),
            ("apps/v1", "DaemonSet", template),
            ("apps/v1", "ReplicaSet", template),
            ("extensions/v1beta1", "Deployment", template),
            ("batch/v1", "Job", template),
            (
                "batch/v1",
                "CronJob",
                &["spec", "jobTemplate", "spec", "template"],
            ),
            (
                "batch/v1beta1",
                "CronJob",
                &["spec", "jobTemplate", "spec", "template"],
            ),
        ] {
            let document = workload(api_version, kind, path);
            let pointer: String = path.iter().map(|key| format!("/{key}")).collect();
            assert_eq!(
                found(&document),
                [(kind, Some("outer"), Some("ns"), pointer.as_str())],
                "{api_version} {kind}"
            );
        }
    }

    #[test]
    fn a_kind_of_another_group_passes_through() {
        for (api_version, kind) in [
            ("serving.knative.dev/v1", "Service"),
            ("example.com/v1", "Deployment"),
            ("apps/v1", "Pod"),
            ("v1", "Job"),
            ("v1", "ConfigMap"),
        ] {
            assert_eq!(
                found(&workload(api_version, kind, &["spec", "template"])),
                [],
                "{api_version} {kind}"
            );
        }
        for document in [
            json!(null),
            json!([1]),
            json!("x"),
            json!({}),
            json!({"kind": 1}),
            json!({"spec": {}}),
        ] {
            assert_eq!(found(&document), []);
        }
    }

    #[test]
    fn a_kind_of_others_has_its_template_or_passes_through() {
        let template = ["spec", "template"].as_slice();
        for (api_version, kind) in [
            ("apps.openshift.io/v1", "DeploymentConfig"),
            ("argoproj.io/v1alpha1", "Rollout"),
            ("actions.github.com/v1alpha1", "AutoscalingRunnerSet"),
        ] {
            let document = workload(api_version, kind, template);
            let expected = [(kind, Some("outer"), Some("ns"), "/spec/template")];
            assert_eq!(found(&document), expected, "{api_version} {kind}");
            let without = json!({"apiVersion": api_version, "kind": kind, "spec": {}});
            assert_eq!(found(&without), [], "{api_version} {kind}");
        }
    }

    #[test]
    fn a_kind_without_a_version_counts() {
        assert_eq!(
            found(&json!({"kind": "Pod", "spec": {}})),
            [("Pod", None, None, "")]
        );
    }

    #[test]
    fn lists_are_walked_and_lend_their_type() {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {}}}},
            {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "b"}, "spec": {}}]},
            {"metadata": {"name": "untyped"}, "spec": {}},
            null,
        ]});
        assert_eq!(
            found(&list),
            [
                ("Pod", Some("a"), None, "/items/0"),
                ("Deployment", None, None, "/items/1/spec/template"),
                ("Pod", Some("b"), None, "/items/2/items/0"),
            ]
        );
        assert_eq!(
            found(&json!({"apiVersion": "v1", "kind": "List", "items": null})),
            []
        );
    }

    #[test]
    fn a_wrong_shape_is_reported_where_it_is() {
        let report = |document: Value| {
            let found = pods(&document);
            assert_eq!(found.len(), 1, "{document}");
            let pod = &found[0];
            format!(
                "{} {}: {}",
                pod.kind,
                pod.pointer,
                pod.pod.as_ref().unwrap_err()
            )
        };
        let must = "it must be a mapping";
        for (document, expected) in [
            (
                json!({"kind": "Pod"}),
                format!("Pod : `/spec` is missing; {must}"),
            ),
            (
                json!({"kind": "Pod", "spec": null}),
                format!("Pod : `/spec` is null; {must}"),
            ),
            (
                json!({"kind": "Pod", "spec": [1]}),
                format!("Pod : `/spec` is a list; {must}"),
            ),
            (
                json!({"kind": "Job", "spec": {"template": "x"}}),
                format!("Job /spec/template: `/spec/template` is a string; {must}"),
            ),
            (
                json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": 3}}}),
                format!(
                    "CronJob /spec/jobTemplate/spec/template: `/spec/jobTemplate/spec` is a number; {must}"
                ),
            ),
            (
                json!({"kind": "Deployment", "spec": {"template": {"spec": true}}}),
                format!(
                    "Deployment /spec/template: `/spec/template/spec` is true or false; {must}"
                ),
            ),
            (
                json!({"kind": "List", "items": {"a": 1}}),
                "List : `/items` is a mapping; it must be a list".to_owned(),
            ),
        ] {
            assert_eq!(report(document), expected);
        }
    }

    #[test]
    fn lists_in_lists_end_somewhere() {
        let pod = json!({"kind": "Pod", "spec": {}});
        let nested = (0..50).fold(pod, |inner, _| json!({"kind": "List", "items": [inner]}));
        let found = pods(&nested);
        assert_eq!(found.len(), 1);
        assert!(found[0].pod.is_err());
    }
}
