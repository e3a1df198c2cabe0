//! RFC 6902 patches, as a kustomization has them: what they add to a Pod that stands elsewhere.
//!
//! The volumes of all operations go with the mounts of each container, and with each container that
//! an operation adds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::manifest::below;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::sources::assembly::{Assembly, items};

/// What such a Pod is shown as.
const KIND: &str = "JSON patch";

/// Values, each with where it stands.
type Values<'d> = Vec<(&'d Value, String)>;

/// What the operations of a patch add.
#[derive(Default)]
struct Added<'d> {
    volumes: Values<'d>,
    /// By the container's path in the object that is patched.
    mounts: BTreeMap<&'d str, Values<'d>>,
    containers: Values<'d>,
}

impl<'d> Added<'d> {
    fn of(document: &'d Value, pointer: &str) -> Self {
        let mut added = Self::default();
        for (index, operation) in items(Some(document)).enumerate() {
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
            let values: Values<'d> = match value {
                Value::Array(list) => {
                    let at = |index| format!("{at}/{index}");
                    let list = list.iter().enumerate();
                    list.map(|(index, one)| (one, at(index))).collect()
                }
                one => vec![(one, at)],
            };
            if path.ends_with("/volumes") {
                added.volumes.extend(values);
            } else if let Some(container) = path.strip_suffix("/volumeMounts") {
                added.mounts.entry(container).or_default().extend(values);
            } else if path.ends_with("/containers") || path.ends_with("/initContainers") {
                added.containers.extend(values);
            }
        }
        added
    }
}

/// The Pods that a list of operations adds to.
pub fn candidates<'d>(document: &'d Value, head: Object<'d>, pointer: &str) -> Vec<Candidate<'d>> {
    let Added {
        volumes,
        mounts,
        containers,
    } = Added::of(document, pointer);
    let finish = |mut pod: Assembly| {
        for (volume, at) in &volumes {
            pod.volume(volume, at);
        }
        pod.finish(
            Object { kind: KIND, ..head },
            "Pod",
            None,
            Cow::Borrowed(""),
        )
    };
    let mut found = Vec::new();
    for (container, mounts) in mounts {
        let Some((_, first)) = mounts.first() else {
            continue;
        };
        let mut pod = Assembly::at(first);
        let name = json!({"name": container_name(container)});
        let index = pod.container(&name, "container", first);
        for (mount, at) in &mounts {
            pod.mount(index, mount, at);
        }
        found.extend(finish(pod));
    }
    for (index, (container, at)) in containers.iter().enumerate() {
        let mut pod = Assembly::at(at);
        pod.container(container, &format!("container-{index}"), at);
        found.extend(finish(pod));
    }
    found
}

/// Adds to `pod` what the operations of a patch, which is the text at `at`, add.
pub fn onto(pod: &mut Assembly, document: &Value, at: &str) {
    let Added {
        volumes,
        mounts,
        containers,
    } = Added::of(document, at);
    pod.text(at);
    for (container, mounts) in mounts {
        let index = container
            .rsplit('/')
            .next()
            .and_then(|last| last.parse().ok());
        for (mount, at) in mounts {
            pod.mount(index.unwrap_or(0), mount, &at);
        }
    }
    for (index, (container, at)) in containers.iter().enumerate() {
        pod.container(container, &format!("container-{index}"), at);
    }
    for (volume, at) in volumes {
        pod.volume(volume, &at);
    }
}

/// `containers-0`, of `/spec/template/spec/containers/0`.
fn container_name(path: &str) -> String {
    let last: Vec<&str> = path.rsplit('/').take(2).collect();
    last.into_iter().rev().collect::<Vec<_>>().join("-")
}
