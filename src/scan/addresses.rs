//! The places of a document at which the engine judged the address of a Docker daemon. Pure.

use serde_json::Value;

use crate::manifest::below;
use crate::names;

use crate::scan::finding::{How, Workload};

/// The pointers to those that were found.
pub(super) fn found(workloads: &[Workload], document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for workload in workloads {
        for finding in &workload.findings {
            if finding.how != How::TcpDockerHost {
                continue;
            }
            // A system that puts it into a Pod in its own way keeps no place of it.
            if finding.pointer == workload.base {
                if let Some(value) = document.pointer(&workload.base) {
                    strings(value, &workload.base, &finding.target, &mut found);
                }
            } else {
                found.push(finding.pointer.clone());
            }
        }
    }
    found
}

/// Takes the pointers to the strings of a value that are this text.
fn strings(value: &Value, at: &str, text: &str, found: &mut Vec<String>) {
    match value {
        Value::String(own) if own == text => found.push(at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &below(at, &index.to_string()), text, found);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                strings(value, &below(at, key), text, found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The pointers to addresses of daemons in the Pods of a value that the kubelet fills in: where they lead was judged
/// with the Pod.
pub(super) fn expanded(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                expanded(item, &below(at, &index.to_string()), found);
            }
        }
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            let address = text("value").filter(|_| text("name") == Some(names::DOCKER_HOST));
            if address.is_some_and(|address| address.contains("$(")) {
                found.push(below(at, "value"));
            }
            for (key, value) in map {
                expanded(value, &below(at, key), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
