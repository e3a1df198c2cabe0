//! RFC 6902 patches, as a kustomization has them: what they add to a Pod that stands elsewhere.
//!
//! The volumes of all operations go with the mounts of each container.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::manifest::below;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::sources::assembly::Assembly;

/// What such a Pod is shown as.
const KIND: &str = "JSON patch";

/// The Pods that a list of operations adds to.
pub fn candidates<'d>(document: &'d Value, head: Object<'d>, pointer: &str) -> Vec<Candidate<'d>> {
    let Value::Array(operations) = document else {
        return Vec::new();
    };
    let mut volumes = Vec::new();
    let mut mounts: BTreeMap<&str, Vec<(&Value, String)>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let text = |key: &str| operation.get(key).and_then(Value::as_str);
        let (Some("add" | "replace"), Some(path), Some(value)) =
            (text("op"), text("path"), operation.get("value"))
        else {
            continue;
        };
        let at = below(&format!("{pointer}/{index}"), "value");
        // `/-`, `/0`, or the whole list.
        let path = match path.rsplit_once('/') {
            Some((list, "-")) => list,
            Some((list, index)) if index.parse::<usize>().is_ok() => list,
            Some(_) | None => path,
        };
        let values: Vec<(&Value, String)> = match value {
            Value::Array(list) => {
                let at = |index| format!("{at}/{index}");
                list.iter()
                    .enumerate()
                    .map(|(index, one)| (one, at(index)))
                    .collect()
            }
            one => vec![(one, at)],
        };
        if path.ends_with("/volumes") {
            volumes.extend(values);
        } else if let Some(container) = path.strip_suffix("/volumeMounts") {
            mounts.entry(container).or_default().extend(values);
        }
    }
    let found = mounts.into_iter().filter_map(|(container, mounts)| {
        let name: Vec<&str> = container.rsplit('/').take(2).collect();
        let name = name.into_iter().rev().collect::<Vec<_>>().join("-");
        let mut pod = Assembly::at(&mounts.first()?.1);
        let index = pod.container(&json!({"name": name}), "container", &mounts.first()?.1);
        for (mount, at) in &mounts {
            pod.mount(index, mount, at);
        }
        for (volume, at) in &volumes {
            pod.volume(volume, at);
        }
        pod.finish(
            Object { kind: KIND, ..head },
            "Pod",
            None,
            Cow::Borrowed(""),
        )
    });
    found.collect()
}
