//! The nodes and RuntimeClasses of a cluster, as `kubectl get nodes,runtimeclasses -o yaml` lists them.
//!
//! An offline command that knows no nodes shows a profile that a webhook which watches them would pass over. With
//! this list both decide by the same: what it does not have, the cluster does not have.

use std::sync::Arc;

use k8s_openapi::api::node::v1::RuntimeClass as ApiClass;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::node_object::NodeObject;
use crate::cluster::placement;
use crate::model::cluster::Placement;

/// Why documents are no such list.
#[derive(Debug, thiserror::Error)]
pub enum ListedError {
    /// There is no document at all.
    #[error("it is empty")]
    Empty,
    /// Something else.
    #[error("{kind} {name} is no Node and no RuntimeClass")]
    Kind {
        /// With its `apiVersion`.
        kind: String,
        name: String,
    },
    #[error("{kind} {name}: {error}")]
    Object {
        kind: &'static str,
        name: String,
        error: serde_json::Error,
    },
}

/// Both kinds, in lists or alone.
#[derive(Default)]
struct Listed {
    nodes: Vec<NodeObject>,
    runtime_classes: Vec<ApiClass>,
}

/// What documents list.
///
/// # Errors
/// If there are none, or one is or has something else.
pub fn listed<'d>(
    documents: impl IntoIterator<Item = &'d Value>,
) -> Result<Placement, ListedError> {
    let mut found = Listed::default();
    let mut is_empty = true;
    for document in documents.into_iter().filter(|one| !one.is_null()) {
        is_empty = false;
        let kind = document.get("kind").and_then(Value::as_str);
        let of_items = kind.and_then(|kind| kind.strip_suffix("List"));
        match (of_items, document.get("items")) {
            (Some(kind), Some(Value::Array(items))) => {
                let version = document.get("apiVersion").and_then(Value::as_str);
                for item in items {
                    found.add(item, kind, version.unwrap_or_default())?;
                }
            }
            // Go writes an empty list as null.
            (Some(_), Some(Value::Null) | None) => {}
            (Some(_), Some(_)) | (None, _) => found.add(document, "", "")?,
        }
    }
    if is_empty {
        return Err(ListedError::Empty);
    }
    let Listed {
        nodes,
        runtime_classes,
    } = found;
    Ok(Placement {
        nodes: Some(Arc::new(placement::nodes(nodes))),
        runtime_classes: Some(Arc::new(placement::runtime_classes(runtime_classes))),
    })
}

impl Listed {
    /// Adds an object; of a typed list, what it does not say itself is what the list says.
    fn add(&mut self, object: &Value, kind: &str, version: &str) -> Result<(), ListedError> {
        let text = |key, of_list| object.get(key).and_then(Value::as_str).unwrap_or(of_list);
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        match (text("apiVersion", version), text("kind", kind)) {
            ("v1", "Node") => self.nodes.push(read("Node", name, object)?),
            ("node.k8s.io/v1", "RuntimeClass") => {
                self.runtime_classes
                    .push(read("RuntimeClass", name, object)?);
            }
            (version, kind) => {
                let kind = format!("{version} {kind}").trim().to_owned();
                return Err(ListedError::Kind { kind, name });
            }
        }
        Ok(())
    }
}

fn read<'d, T: Deserialize<'d>>(
    kind: &'static str,
    name: String,
    object: &'d Value,
) -> Result<T, ListedError> {
    T::deserialize(object).map_err(|error| ListedError::Object { kind, name, error })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    fn node(name: &str, has: bool) -> Value {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {
            "runtimeHandlers": [{"name": "", "features": {"userNamespaces": has}}]}})
    }

    fn class(name: &str) -> Value {
        json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "h"})
    }

    fn names(placement: &Placement) -> Vec<String> {
        let classes = placement.runtime_classes.as_ref().unwrap();
        classes.keys().cloned().collect()
    }

    #[test]
    fn a_list_of_both_and_lists_of_each_and_single_objects_are_the_same() {
        let mut bare = class("a");
        bare.as_object_mut()
            .unwrap()
            .retain(|key, _| key == "metadata" || key == "handler");
        let forms = [
            vec![
                json!({"apiVersion": "v1", "kind": "List", "items": [node("n", true), class("a")]}),
            ],
            vec![
                json!({"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "n"}}]}),
                json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClassList", "items": [bare]}),
            ],
            vec![Value::Null, node("n", false), class("a")],
        ];
        for form in forms {
            let placement = listed(&form).unwrap();
            assert_eq!(names(&placement), ["a"]);
            assert_eq!(placement.nodes.unwrap().iter().len(), 1);
        }
    }

    #[test]
    fn what_a_list_does_not_have_the_cluster_does_not_have() {
        let empty = json!({"apiVersion": "v1", "kind": "List", "items": []});
        let placement = listed([&empty]).unwrap();
        assert_eq!(names(&placement), Vec::<String>::new());
        assert_eq!(placement.nodes.unwrap().iter().len(), 0);
    }

    #[test]
    fn a_text_that_is_no_such_list_says_what_it_has() {
        let told = |documents: &[Value]| listed(documents).unwrap_err().to_string();
        assert_eq!(told(&[]), "it is empty");
        assert_eq!(told(&[Value::Null]), "it is empty");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
        assert_eq!(told(&[pod]), "v1 Pod p is no Node and no RuntimeClass");
        let of_storage =
            json!({"apiVersion": "longhorn.io/v1beta2", "kind": "Node", "metadata": {"name": "n"}});
        assert_eq!(
            told(&[of_storage]),
            "longhorn.io/v1beta2 Node n is no Node and no RuntimeClass"
        );
        let odd = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": 1});
        assert!(told(&[odd]).starts_with("Node n: invalid type"));
    }
}
