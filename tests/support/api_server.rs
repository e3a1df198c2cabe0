//! What the API server does to a Pod before and after a webhook: typed decoding, defaults,
//! the Pods that controllers make, and the AdmissionReview around them.
//! Source: kubernetes 1.36, `pkg/apis/core/v1/defaults.go` and `apiserver/pkg/admission`.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};

/// The object that the controller of `kind` makes of its template; a Pod stays itself.
pub fn pod_of(kind: &str, name: &str, template: &Map<String, Value>) -> Value {
    let mut pod = Map::new();
    pod.insert("apiVersion".into(), json!("v1"));
    pod.insert("kind".into(), json!("Pod"));
    let mut metadata = match template.get("metadata") {
        Some(Value::Object(metadata)) => metadata.clone(),
        _ => Map::new(),
    };
    let controller = match kind {
        "Pod" | "PodTemplate" => None,
        "Deployment" => Some(("apps/v1", "ReplicaSet")),
        "CronJob" | "Job" => Some(("batch/v1", "Job")),
        "ReplicationController" => Some(("v1", kind)),
        _ => Some(("apps/v1", kind)),
    };
    if let Some((version, kind)) = controller {
        metadata.insert("generateName".into(), json!(format!("{name}-")));
        metadata.insert(
            "ownerReferences".into(),
            json!([{"apiVersion": version, "kind": kind, "name": name,
                "uid": "6c9d3c6e-6f2c-4a57-9f0a-3d0e6a5b1c11",
                "controller": true, "blockOwnerDeletion": true}]),
        );
    } else if !metadata.contains_key("name") && !metadata.contains_key("generateName") {
        metadata.insert("name".into(), json!(name));
    }
    metadata.insert("namespace".into(), json!("ci"));
    pod.insert("metadata".into(), Value::Object(metadata));
    if let Some(spec) = template.get("spec") {
        pod.insert("spec".into(), spec.clone());
    }
    Value::Object(pod)
}

/// `pod` as the API server writes it after decoding it: known fields in typed form, defaults
/// filled in. Idempotent.
pub fn stored(pod: &Value) -> Value {
    let mut pod = pod.clone();
    canonical_quantities(&mut pod);
    let typed: Pod = serde_json::from_value(pod).expect("the API server takes this Pod");
    let mut pod = serde_json::to_value(typed).expect("a typed Pod is JSON");
    default(&mut pod, "/metadata", "creationTimestamp", Value::Null);
    default(&mut pod, "", "status", json!({}));
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
        ("enableServiceLinks", json!(true)),
    ] {
        default(&mut pod, "/spec", field, value);
    }
    for list in super::model::LISTS {
        let count = pod["spec"][list].as_array().map_or(0, Vec::len);
        for index in 0..count {
            let at = format!("/spec/{list}/{index}");
            for (field, value) in [
                ("resources", json!({})),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
                ("imagePullPolicy", json!("IfNotPresent")),
            ] {
                default(&mut pod, &at, field, value);
            }
        }
    }
    let count = pod["spec"]["volumes"].as_array().map_or(0, Vec::len);
    for index in 0..count {
        default(
            &mut pod,
            &format!("/spec/volumes/{index}/hostPath"),
            "type",
            json!(""),
        );
        for source in ["configMap", "secret", "projected"] {
            let at = format!("/spec/volumes/{index}/{source}");
            default(&mut pod, &at, "defaultMode", json!(420));
        }
    }
    pod
}

fn default(pod: &mut Value, at: &str, field: &str, value: Value) {
    if let Some(Value::Object(map)) = pod.pointer_mut(at) {
        map.entry(field).or_insert(value);
    }
}

/// People write `cpu: 2`; the API server always writes `cpu: "2"`.
fn canonical_quantities(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let ("limits" | "requests", Value::Object(amounts)) = (key.as_str(), &mut *value)
                {
                    for amount in amounts.values_mut().filter(|amount| amount.is_number()) {
                        *amount = json!(amount.to_string());
                    }
                }
                canonical_quantities(value);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(canonical_quantities),
        _ => {}
    }
}

/// Fails where `pod` has a field that a Pod does not have, or one of a wrong type: what is
/// decoded and written again must still be there.
pub fn is_strictly_a_pod(pod: &Value) -> Result<(), String> {
    let mut given = pod.clone();
    canonical_quantities(&mut given);
    let typed: Pod = serde_json::from_value(given.clone()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(typed).map_err(|error| error.to_string())?;
    lost(&given, &written, "").map_or(Ok(()), |field| Err(format!("{field} is lost")))
}

/// The first field of `given` that `written` does not have; null and empty are nothing.
fn lost(given: &Value, written: &Value, at: &str) -> Option<String> {
    match (given, written) {
        (Value::Object(given), _) => given.iter().find_map(|(key, value)| {
            let at = format!("{at}/{key}");
            match written.get(key) {
                Some(written) => lost(value, written, &at),
                None => (!is_nothing(value)).then_some(at),
            }
        }),
        (Value::Array(given), Value::Array(written)) if given.len() == written.len() => {
            let mut pairs = given.iter().zip(written).enumerate();
            pairs.find_map(|(index, (given, written))| {
                lost(given, written, &format!("{at}/{index}"))
            })
        }
        _ => (given != written).then(|| at.to_owned()),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Create,
    EphemeralContainers,
}

/// The AdmissionReview of a Pod, as the API server 1.36 writes it.
pub fn review(uid: &str, pod: &Value, request: Request) -> Value {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    let name = pod["metadata"]["name"].as_str();
    let (operation, options) = match request {
        Request::Create => ("CREATE", "CreateOptions"),
        Request::EphemeralContainers => ("UPDATE", "UpdateOptions"),
    };
    let mut fields = json!({
        "uid": uid,
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "namespace": "ci",
        "operation": operation,
        "userInfo": {
            "username": "system:serviceaccount:kube-system:replicaset-controller",
            "uid": "0a1b9c5e-2d8c-4a37-8f55-9d1c2b3a4f50",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system",
                "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": ["JTI=f2c1"]},
        },
        "object": pod,
        "oldObject": null,
        "dryRun": false,
        "options": {"kind": options, "apiVersion": "meta.k8s.io/v1"},
    });
    if let Some(name) = name {
        fields["name"] = json!(name);
    }
    if request == Request::EphemeralContainers {
        fields["subResource"] = json!("ephemeralcontainers");
        fields["requestSubResource"] = json!("ephemeralcontainers");
        fields["oldObject"] = pod.clone();
        if let Some(spec) = fields["oldObject"]["spec"].as_object_mut() {
            spec.shift_remove("ephemeralContainers");
        }
    }
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": fields})
}

/// What a warning or a denial says, which begins with the program that speaks.
pub fn spoken(message: &str) -> String {
    let text = message.strip_prefix("dind-injector: ");
    text.unwrap_or_else(|| panic!("{message}")).to_owned()
}
