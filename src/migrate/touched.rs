//! What a conversion changes of an object, and which patches of kustomizations would then do something else.
//!
//! A patch by index is for the list that was there, and a mount in a patch for the volume that was there. Neither is
//! an error where the patch is applied: `kustomize` takes another item away, or the API server refuses the Pod.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::manifest::{rest_below, tokens};
use crate::scan::candidate::Object;

use crate::migrate::patch::{Change, Patch, Step};

/// What is changed; pointers are those of the object.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched<'d> {
    object: Object<'d>,
    /// The lists that get shorter, and whether nothing is left of each.
    lists: BTreeMap<String, bool>,
    /// Where the annotations come, and their keys.
    annotations: String,
    keys: Vec<&'static str>,
    /// The names of the volumes that go.
    volumes: BTreeSet<&'d str>,
    /// The container and the path of each mount that goes.
    mounts: BTreeSet<(&'d str, &'d str)>,
}

/// Why a patch would do something else.
enum Clash<'p> {
    /// It counts on what a list has at this pointer.
    Item(&'p str),
    /// It takes the annotations away, or has others.
    Annotations(&'p str),
    /// It uses or changes a part that goes, by this name.
    Part(&'p str),
}

impl<'d> Touched<'d> {
    /// The mounts and volumes `gone`, and the annotations at `annotations`, of a document.
    pub fn of(
        document: &'d Value,
        gone: impl Iterator<Item = String>,
        annotations: &str,
        keys: Vec<&'static str>,
    ) -> Self {
        // An object stands alone or in a list of objects.
        let is_list = document.get("items").is_some_and(Value::is_array);
        let depth = if is_list { 2 } else { 0 };
        let ends = annotations
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([annotations.len()]);
        let start = ends.clone().nth(depth).unwrap_or_default();
        let head = &annotations[..start];
        let mut touched = Self {
            object: Object::of(document.pointer(head).unwrap_or(document)),
            annotations: annotations[start..].to_owned(),
            keys,
            ..Self::default()
        };
        let text = |value: Option<&'d Value>, key: &str| {
            let text = value.and_then(|value| value.get(key));
            text.and_then(Value::as_str).unwrap_or_default()
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for at in gone {
            let Some((list, _)) = at.rsplit_once('/') else {
                continue;
            };
            *counts.entry(list.to_owned()).or_default() += 1;
            let part = document.pointer(&at);
            match list.strip_suffix("/volumeMounts") {
                Some(container) => {
                    let name = text(document.pointer(container), "name");
                    touched.mounts.insert((name, text(part, "mountPath")));
                }
                None => {
                    touched.volumes.insert(text(part, "name"));
                }
            }
        }
        for (list, count) in counts {
            let all = document.pointer(&list).and_then(Value::as_array);
            let is_emptied = all.is_some_and(|all| all.len() == count);
            let own = list.strip_prefix(head).unwrap_or(&list).to_owned();
            touched.lists.insert(own, is_emptied);
        }
        touched
    }

    /// Which of `patches` would do something else, and what to change in them.
    pub fn clashes(&self, patches: &[&Patch]) -> Option<String> {
        let own = patches
            .iter()
            .filter(|patch| patch.may_change(self.object.kind, self.object.name));
        let clashes = own.filter_map(|patch| {
            let (place, clash) = match &patch.change {
                Change::Operations(steps) => steps
                    .iter()
                    .find_map(|step| Some((&step.place, self.step(step)?))),
                Change::Merge(value, place) => self.merge(value).map(|clash| (place, clash)),
            }?;
            Some(match clash {
                Clash::Item(at) => format!(
                    "the patch at {place} counts on what is at {at}, and the conversion changes that; let it name \
                     what stays, as a strategic merge patch does, and leave out what goes"
                ),
                Clash::Annotations(at) => format!(
                    "the patch at {place} has {at} for itself, and the annotations of the conversion would not stay \
                     as they are; let it add only keys of its own"
                ),
                Clash::Part(name) => format!(
                    "the patch at {place} counts on {name:?}, which the conversion takes away; give the patch what it \
                     needs under a name of its own, or take that out of it"
                ),
            })
        });
        let clashes: Vec<String> = clashes.collect();
        (!clashes.is_empty()).then(|| clashes.join("; "))
    }

    fn step<'p>(&self, step: &'p Step) -> Option<Clash<'p>> {
        let paths = std::iter::once(&step.path).chain(&step.from);
        for path in paths {
            // What is put in between takes nothing's place.
            let last = path.rsplit('/').next().unwrap_or_default();
            let is_insertion = step.op == "add" && (last == "-" || last.parse::<usize>().is_ok());
            for (list, is_emptied) in &self.lists {
                let is_end = path.strip_prefix(list.as_str()) == Some("/-");
                if rest_below(path, list).is_some() && !(step.op == "add" && is_end && !is_emptied)
                {
                    return Some(Clash::Item(path));
                }
                if rest_below(list, path).is_some() && !is_insertion {
                    return Some(Clash::Item(path));
                }
            }
            let key = path.strip_prefix(self.annotations.as_str());
            let key = key.and_then(|rest| tokens(rest).next());
            let is_own = key.is_some_and(|key| self.keys.contains(&key.as_ref()));
            if is_own || rest_below(&self.annotations, path).is_some() && !is_insertion {
                return Some(Clash::Annotations(path));
            }
        }
        self.mounted(&step.value)
    }

    /// A mount of a volume that goes.
    fn mounted<'p>(&self, value: &'p Value) -> Option<Clash<'p>> {
        match value {
            Value::Object(all) => {
                let name = all.get("name").and_then(Value::as_str);
                let name = name
                    .filter(|name| all.contains_key("mountPath") && self.volumes.contains(name));
                let inner = || all.values().find_map(|value| self.mounted(value));
                name.map(Clash::Part).or_else(inner)
            }
            Value::Array(all) => all.iter().find_map(|value| self.mounted(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }

    fn merge<'p>(&self, patch: &'p Value) -> Option<Clash<'p>> {
        // What is deleted has no Pods.
        if patch.get("$patch").and_then(Value::as_str) == Some("delete") {
            return None;
        }
        self.merged_annotations(patch)
            .or_else(|| self.merged(patch))
    }

    fn merged_annotations<'p>(&self, patch: &'p Value) -> Option<Clash<'p>> {
        let mut at = patch;
        for token in tokens(&self.annotations) {
            let (key, inner) = at.as_object()?.get_key_value(token.as_ref())?;
            if inner.is_null() || inner.get("$patch").is_some() {
                return Some(Clash::Annotations(key));
            }
            at = inner;
        }
        let mut keys = at.as_object()?.keys();
        let own = keys.find(|key| self.keys.contains(&key.as_str()));
        own.map(|key| Clash::Annotations(key))
    }

    /// What a strategic merge patch has of the parts that go, or of the containers that the annotation names.
    fn merged<'p>(&self, value: &'p Value) -> Option<Clash<'p>> {
        let all = match value {
            Value::Object(all) => all,
            Value::Array(all) => return all.iter().find_map(|value| self.merged(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
        let name = |value: &'p Value, key: &str| value.get(key).and_then(Value::as_str);
        for (key, list) in all {
            let is_whole = list.is_null();
            let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
            for item in list {
                let own = name(item, "name").unwrap_or_default();
                let patched = name(item, "$patch");
                let clash = match key.as_str() {
                    "volumes" => self.volumes.contains(own),
                    "volumeMounts" => {
                        let container = value.get("name").and_then(Value::as_str);
                        let mount = (
                            container.unwrap_or_default(),
                            name(item, "mountPath").unwrap_or_default(),
                        );
                        self.volumes.contains(own) || self.mounts.contains(&mount)
                    }
                    "containers" | "initContainers" => {
                        let mut users = self.mounts.iter();
                        patched.is_some() && users.any(|(user, _)| *user == own)
                    }
                    _ => continue,
                };
                if clash {
                    let at = name(item, "name").or_else(|| name(item, "mountPath"));
                    return Some(Clash::Part(at.unwrap_or(key)));
                }
                if patched == Some("replace") {
                    return Some(Clash::Item(key));
                }
            }
            let is_list = matches!(
                key.as_str(),
                "volumes" | "volumeMounts" | "containers" | "initContainers"
            );
            if is_whole && is_list {
                return Some(Clash::Item(key));
            }
        }
        all.values().find_map(|value| self.merged(value))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::names;
    use serde_json::json;

    /// What is said of a patch to a Deployment whose first mount and first volume, of two each, go.
    fn clashes(patch: &Value) -> Option<String> {
        let object = json!({
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"template": {"metadata": {}, "spec": {
                "containers": [{"name": "web", "volumeMounts": [
                    {"name": "sock", "mountPath": "/var/run/docker.sock"},
                    {"name": "data", "mountPath": "/data"},
                ]}],
                "volumes": [{"name": "sock"}, {"name": "data"}],
            }}},
        });
        let gone = [
            "/spec/template/spec/containers/0/volumeMounts/0",
            "/spec/template/spec/volumes/0",
        ];
        let touched = Touched::of(
            &object,
            gone.into_iter().map(str::to_owned),
            "/spec/template/metadata/annotations",
            vec![names::INJECT],
        );
        let all = Patch::all(&patch.to_string(), None, false, &|line| format!("p:{line}"));
        touched.clashes(&all.iter().collect::<Vec<_>>())
    }

    #[test]
    fn an_operation_on_what_the_conversion_changes_clashes() {
        let spec = "/spec/template/spec";
        let meta = "/spec/template/metadata";
        for (op, path, value, is_clash) in [
            ("remove", format!("{spec}/volumes/0"), json!(null), true),
            ("replace", format!("{spec}/volumes/1"), json!({}), true),
            (
                "test",
                format!("{spec}/volumes/0/name"),
                json!("sock"),
                true,
            ),
            ("add", format!("{spec}/volumes/-"), json!({}), false),
            ("add", format!("{spec}/volumes"), json!([]), true),
            (
                "remove",
                format!("{spec}/containers/0/volumeMounts/0"),
                json!(null),
                true,
            ),
            (
                "add",
                format!("{spec}/containers/0/volumeMounts/-"),
                json!({"name": "data", "mountPath": "/x"}),
                false,
            ),
            (
                "add",
                format!("{spec}/containers/0/volumeMounts/-"),
                json!({"name": "sock", "mountPath": "/x"}),
                true,
            ),
            (
                "replace",
                format!("{spec}/containers/0/image"),
                json!("x"),
                false,
            ),
            ("remove", format!("{spec}/containers/0"), json!(null), true),
            (
                "add",
                format!("{spec}/containers/0"),
                json!({"name": "first"}),
                false,
            ),
            (
                "add",
                format!("{spec}/containers/-"),
                json!({"volumeMounts": [{"name": "sock", "mountPath": "/x"}]}),
                true,
            ),
            ("replace", meta.to_owned(), json!({}), true),
            (
                "add",
                format!("{meta}/annotations"),
                json!({"a": "b"}),
                true,
            ),
            ("add", format!("{meta}/annotations/a"), json!("b"), false),
            (
                "remove",
                format!("{meta}/annotations/dind-injector.io~1inject"),
                json!(null),
                true,
            ),
            ("add", format!("{meta}/labels/a"), json!("b"), false),
            ("add", "/metadata/annotations".to_owned(), json!({}), false),
            ("replace", "/spec/replicas".to_owned(), json!(2), false),
        ] {
            let patch = json!([{"op": op, "path": path, "value": value}]);
            assert_eq!(clashes(&patch).is_some(), is_clash, "{patch}");
        }
    }

    #[test]
    fn a_merge_with_what_the_conversion_changes_clashes() {
        let of = |metadata: Value, spec: Value| {
            json!({
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {"template": {"metadata": metadata, "spec": spec}},
            })
        };
        let container = |name: &str, mount: Value| json!({"containers": [{"name": name, "volumeMounts": [mount]}]});
        for (metadata, spec, is_clash) in [
            (
                json!({}),
                container("helper", json!({"name": "sock", "mountPath": "/x"})),
                true,
            ),
            (
                json!({}),
                container(
                    "web",
                    json!({"$patch": "delete", "mountPath": "/var/run/docker.sock"}),
                ),
                true,
            ),
            (
                json!({}),
                container(
                    "helper",
                    json!({"name": "data", "mountPath": "/var/run/docker.sock"}),
                ),
                false,
            ),
            (
                json!({}),
                json!({"volumes": [{"name": "sock", "$patch": "delete"}]}),
                true,
            ),
            (
                json!({}),
                json!({"volumes": [{"name": "data", "emptyDir": {}}]}),
                false,
            ),
            (json!({}), json!({"volumes": null}), true),
            (
                json!({}),
                json!({"containers": [{"name": "web", "$patch": "delete"}]}),
                true,
            ),
            (
                json!({}),
                json!({"containers": [{"name": "web", "image": "x"}]}),
                false,
            ),
            (json!({"annotations": null}), json!({}), true),
            (
                json!({"annotations": {"$patch": "replace", "a": "b"}}),
                json!({}),
                true,
            ),
            (
                json!({"annotations": {"dind-injector.io/inject": "false"}}),
                json!({}),
                true,
            ),
            (json!({"annotations": {"a": "b"}}), json!({}), false),
        ] {
            let patch = of(metadata, spec);
            assert_eq!(clashes(&patch).is_some(), is_clash, "{patch}");
        }
        let other = json!({"kind": "Deployment", "metadata": {"name": "other"}, "spec": null});
        assert_eq!(clashes(&other), None);
    }
}
