//! Volumes and mounts that a chart's values, or the settings of an operator, add to a Pod that
//! stands elsewhere: `extraVolumes` with `extraVolumeMounts`, by whatever name.
//!
//! A list of mounts is taken for one container of a Pod that has the volumes of the document. Several sections may have
//! a volume of one name: the nearest one counts ([`crate::scan::sources::nearest`]). Values inside of an Argo CD
//! Application or a HelmRelease are no different.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::manifest::{below, tokens};
use crate::names::NO_NAME;

use crate::scan::candidate::{Candidate, Object};
use crate::scan::sources::assembly::{Assembly, items};
use crate::scan::sources::named;
use crate::scan::sources::nearest::{Host, Nearest};
use crate::scan::sources::pod_fields;
use crate::scan::sources::pod_spec::is_pod_spec;

/// What such a Pod is shown as, where the document says no kind.
pub const KIND: &str = "Chart values";

/// As deep as any values are nested.
const MAX_DEPTH: usize = 24;

/// The Pods that lists of mounts in `object` belong to.
pub fn candidates<'d>(object: &'d Value, head: Object<'d>, pointer: &str) -> Vec<Candidate<'d>> {
    let mut search = Search::default();
    search.value(object, pointer, 0, false);
    let Search { volumes, mounts } = search;
    if volumes.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut told = HashSet::new();
    for one in &mounts {
        let (list, _, at) = one;
        let mut names: Vec<&str> = items(Some(list)).map(named::name).collect();
        names.sort_unstable();
        names.dedup();
        let named: Vec<_> = names.into_iter().map(|name| volumes.of(at, name)).collect();
        // Where some are equally near, a Pod has one of them, and another Pod the next.
        for turn in 0.. {
            let used: Vec<Host<'_>> = named
                .iter()
                .filter_map(|all| all.get(turn).copied())
                .collect();
            if used.is_empty() {
                break;
            }
            let Some(mut one) = candidate(one, &used, head) else {
                continue;
            };
            // The places of one volume that is written many times are told with the first that has it.
            for host in used {
                if told.insert(host.same.first().map(|first| (*first, host.same.len()))) {
                    let same = host.same.iter().skip(1);
                    let pointers = same.filter_map(|index| volumes.pointer(*index));
                    pointers.for_each(|pointer| one.pointers.part("/text", pointer));
                }
            }
            found.push(one);
        }
    }
    found
}

fn candidate<'d>(
    (list, beside, at): &Mounts<'d>,
    hosts: &[Host<'_>],
    head: Object<'d>,
) -> Option<Candidate<'d>> {
    let mut pod = Assembly::at(at);
    let container = json!({"name": name(beside, at), "image": image(beside)});
    let index = pod.container(&container, "container", at);
    pod.mounts(index, Some(list), at);
    for host in hosts {
        pod.volume(host.value, host.pointer);
    }
    let shown = match head.kind {
        "" => Object { kind: KIND, ..head },
        _ => head,
    };
    let part = (head.name != NO_NAME).then(|| name(beside, at));
    let mut candidate = pod.finish(shown, "Pod", part.as_deref(), Cow::Borrowed(""))?;
    if part.is_none() {
        candidate.name = Cow::Owned(name(beside, at));
    }
    Some(candidate)
}

/// A list of mounts, the mapping that has it, and where it stands.
type Mounts<'d> = (&'d Value, &'d Map<String, Value>, String);

#[derive(Default)]
struct Search<'d> {
    volumes: Nearest<'d>,
    mounts: Vec<Mounts<'d>>,
}

impl<'d> Search<'d> {
    fn value(&mut self, value: &'d Value, at: &str, depth: usize, in_pod: bool) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.value(item, &format!("{at}/{index}"), depth + 1, in_pod);
                }
            }
            Value::Object(map) => {
                let is_spec = is_pod_spec(value);
                for (key, value) in map {
                    let in_pod = match is_spec {
                        true => pod_fields::is_of_spec(key),
                        false => in_pod,
                    };
                    let at = below(at, key);
                    if key.ends_with("olumes") {
                        for (index, volume) in items(Some(value)).enumerate() {
                            self.volumes.add(volume, &at, index);
                        }
                    }
                    let is_mount = |mount: &Value| mount.get("mountPath").is_some();
                    if !in_pod
                        && key.to_ascii_lowercase().ends_with("mounts")
                        && items(Some(value)).any(is_mount)
                    {
                        self.mounts.push((value, map, at.clone()));
                    }
                    self.value(value, &at, depth + 1, in_pod);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Its own name, or the key that it is below.
fn name(beside: &Map<String, Value>, at: &str) -> String {
    let own = beside.get("name").and_then(Value::as_str);
    let keys = tokens(at).filter(|key| key.parse::<usize>().is_err());
    let keys: Vec<_> = keys.collect();
    let above = keys
        .len()
        .checked_sub(2)
        .map(|index| keys[index].to_string());
    own.map(str::to_owned)
        .or(above)
        .unwrap_or_else(|| "values".to_owned())
}

/// `image: x`, or the parts that charts write it in.
fn image(beside: &Map<String, Value>) -> String {
    let Some(image) = beside.get("image") else {
        return String::new();
    };
    if let Some(image) = image.as_str() {
        return image.to_owned();
    }
    let part = |key: &str| image.get(key).and_then(Value::as_str);
    let repository = part("repository")
        .or_else(|| part("name"))
        .unwrap_or_default();
    match part("tag") {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_has_only_the_volumes_that_it_mounts() {
        const SECTIONS: usize = 50;
        let volume = json!([{"name": "run", "hostPath": {"path": "/run"}}]);
        let mounts = json!([{"name": "run", "mountPath": "/x"}]);
        let own = json!({"extraVolumes": volume, "extraVolumeMounts": mounts});
        let section = |value: &Value| -> Map<String, Value> {
            let all = (0..SECTIONS).map(|index| (format!("s{index}"), value.clone()));
            all.collect()
        };
        for values in [
            json!(section(&own)),
            // All are equally near.
            json!({"a": section(&json!({"volumes": volume})), "b": section(&json!({"mounts": mounts}))}),
        ] {
            let found = candidates(&values, Object::of(&values), "");
            assert_eq!(found.len(), SECTIONS);
            let pods = found.iter().filter_map(|one| one.pod.as_ref().ok());
            let volumes = pods.map(|pod| items(pod["spec"].get("volumes")).count());
            assert_eq!(volumes.sum::<usize>(), SECTIONS);
            // What is told of is all of them, and not each by each.
            let extent: usize = found.iter().map(|one| one.pointers.extent().len()).sum();
            assert!(extent <= 8 * SECTIONS, "{extent}");
        }
    }
}
