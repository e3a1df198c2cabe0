//! The places of a document at which the engine judged the address of a Docker daemon. Pure.

use serde_json::Value;

use crate::manifest::{MAX_DEPTH, below};
use crate::names;

use crate::scan::finding::{How, Workload};
use crate::scan::nodes;

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
                    let is_it = |text: &str| text == finding.target;
                    nodes::strings(value, &workload.base, &is_it, &mut found);
                }
            } else {
                found.push(finding.pointer.clone());
            }
        }
    }
    found
}

/// The pointers to addresses of daemons in the Pods of a value that the kubelet fills in: where they lead was judged
/// with the Pod.
pub(super) fn expanded(value: &Value, at: &str, found: &mut Vec<String>) {
    nodes::mappings(value, at, MAX_DEPTH, &mut |map, at| {
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let address = text("value").filter(|_| text("name") == Some(names::DOCKER_HOST));
        if address.is_some_and(|address| address.contains("$(")) {
            found.push(below(at, "value"));
        }
    });
}
