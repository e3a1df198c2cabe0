//! The AdmissionReview that an API server sends for the creation of a Pod.
//!
//! `demo`, tests and load generators have no API server. They get the same fields in the same order as
//! `k8s.io/api/admission/v1/types.go`.

use serde_json::{Map, Value, json};

use crate::decode::admission::{API_VERSION, KIND};

/// The metadata of a review that the Pod does not contain.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    pub uid: &'a str,
    pub namespace: &'a str,
    /// The kind and name of the Pod's owner; `None` for a Pod without one.
    pub owner: Option<(&'a str, &'a str)>,
}

/// `pod` has `metadata` and `spec`.
pub fn creation(pod: &Map<String, Value>, from: From<'_>) -> Value {
    let mut object = json!({"kind": "Pod", "apiVersion": "v1"});
    let mut metadata = pod.get("metadata").cloned().unwrap_or_default();
    if !metadata.is_object() {
        metadata = json!({});
    }
    metadata["namespace"] = json!(from.namespace);
    if let Some((kind, name)) = from.owner {
        metadata["generateName"] = json!(format!("{name}-"));
        metadata["ownerReferences"] = json!([{
            "apiVersion": if kind == "Job" { "batch/v1" } else { "apps/v1" },
            "kind": kind,
            "name": name,
            "uid": "00000000-0000-0000-0000-000000000000",
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    let name = metadata.get("name").cloned().unwrap_or_default();
    object["metadata"] = metadata;
    object["spec"] = pod.get("spec").cloned().unwrap_or_default();
    let mut request = json!({
        "uid": from.uid,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
    });
    if name.is_string() {
        request["name"] = name;
    }
    request["namespace"] = json!(from.namespace);
    request["operation"] = json!("CREATE");
    request["userInfo"] = json!({
        "username": "kubernetes-admin",
        "groups": ["kubeadm:cluster-admins", "system:authenticated"],
    });
    request["object"] = object;
    request["oldObject"] = Value::Null;
    request["dryRun"] = json!(false);
    request["options"] = json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"});
    json!({"kind": KIND, "apiVersion": API_VERSION, "request": request})
}
