//! What of a document may make Pods, each as the Pod that it makes.
//!
//! Workloads and Pods are taken as they stand. What makes Pods in its own way (an Argo
//! workflow, a Tekton task, a runner set) is put into a Pod's form, and every place of
//! that Pod knows where it came from. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::manifest::{PodRef, ShapeError, pods, rest_below};
use crate::names::NO_NAME;

use crate::scan::extent::Extent;
use crate::scan::sources::tekton::Beside;
use crate::scan::sources::{
    argo, drone, gitlab, jenkins, json_patch, openshift, pod_spec, tekton, values,
};

/// Something that makes Pods.
#[derive(Clone, Debug)]
pub struct Candidate<'d> {
    /// The kind of the object that it stands in, for people.
    pub kind: &'d str,
    /// The kind that will own the Pods, for the policy.
    pub maker: &'d str,
    /// The object's name, and the part of it.
    pub name: Cow<'d, str>,
    /// The object's namespace.
    pub namespace: Option<&'d str>,
    /// The Pod.
    pub pod: Result<Cow<'d, Map<String, Value>>, ShapeError>,
    /// Where the Pod's parts stand in the document.
    pub pointers: Pointers,
    /// The pointers of the document to all that belongs to it: once it is told, so are they.
    pub extent: Vec<String>,
    /// What its containers run, where that stands outside of the Pod.
    pub scripts: Cow<'d, str>,
    /// The other documents of the text that are part of it, by their index.
    pub others: Vec<usize>,
    /// The annotations that its Pod will have, where these stand outside of the Pod.
    pub annotations: Option<&'d Value>,
}

/// From a Pod's JSON pointers to those of the document that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointers {
    base: String,
    parts: Vec<(String, String)>,
    beside: Vec<String>,
}

impl Pointers {
    /// The Pod stands as it is at `base`.
    pub fn at(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            parts: Vec::new(),
            beside: Vec::new(),
        }
    }

    /// What is at `inner` of the Pod stands at `outer` of the document.
    pub fn part(&mut self, inner: impl Into<String>, outer: impl Into<String>) {
        self.parts.push((inner.into(), outer.into()));
    }

    /// What stands at `outer` of the document lies among the Pod's parts, and is none of it.
    pub fn beside(&mut self, outer: impl Into<String>) {
        self.beside.push(outer.into());
    }

    /// The places of the document that lie in the extent, and of which the Pod has nothing.
    pub fn besides(&self) -> &[String] {
        &self.beside
    }

    /// The document's pointer; by the longest part that holds it.
    pub fn outer(&self, pointer: &str) -> String {
        let parts = self.parts.iter();
        let known = parts
            .filter_map(|(inner, outer)| Some((inner.len(), outer, rest_below(pointer, inner)?)));
        match known.max_by_key(|(length, _, _)| *length) {
            Some((_, outer, rest)) => format!("{outer}{rest}"),
            None if self.parts.is_empty() => format!("{}{pointer}", self.base),
            None => self.base.clone(),
        }
    }

    /// The same below `at` of a larger document.
    pub fn moved(self, at: &str) -> Self {
        let Self {
            base,
            parts,
            beside,
        } = self;
        let moved = |outer: String| format!("{at}{outer}");
        let parts = parts.into_iter();
        Self {
            base: moved(base),
            parts: parts.map(|(inner, outer)| (inner, moved(outer))).collect(),
            beside: beside.into_iter().map(moved).collect(),
        }
    }

    /// Every place of the document that a part of the Pod comes from.
    pub fn extent(&self) -> Vec<String> {
        let parts = self.parts.iter().map(|(_, outer)| outer.clone());
        std::iter::once(self.base.clone()).chain(parts).collect()
    }

    /// Whether the Pod stands in the document as it is, with its metadata.
    pub fn is_whole(&self) -> bool {
        self.parts.is_empty()
    }

    /// Where the candidate starts.
    pub fn base(&self) -> &str {
        &self.base
    }
}

/// The fields that name an object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Object<'d> {
    /// Its kind.
    pub kind: &'d str,
    /// Its API group; none where it says no version.
    pub group: Option<&'d str>,
    /// Its name, or the prefix of one.
    pub name: &'d str,
    /// Its namespace.
    pub namespace: Option<&'d str>,
}

impl<'d> Object<'d> {
    /// Reads what `value` says of itself.
    pub fn of(value: &'d Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let metadata = |key: &str| value.get("metadata")?.get(key)?.as_str();
        let kind = text("kind").unwrap_or_default();
        // What these install goes elsewhere.
        let installs = match kind {
            "Application" => "/spec/destination/namespace",
            "ApplicationSet" => "/spec/template/spec/destination/namespace",
            "HelmRelease" | "HelmChart" => "/spec/targetNamespace",
            _ => "",
        };
        let target = (!installs.is_empty()).then(|| value.pointer(installs));
        let target = target.flatten().and_then(Value::as_str);
        // A generator fills it in.
        let target = target.filter(|name| !name.contains("{{"));
        Self {
            kind,
            group: text("apiVersion").map(|v| v.split_once('/').map_or("", |(group, _)| group)),
            name: metadata("name")
                .or_else(|| metadata("generateName"))
                .unwrap_or(NO_NAME),
            namespace: target.or_else(|| metadata("namespace")),
        }
    }

    /// Whether its API group is this one, or not said.
    pub fn is_of(&self, group: &str) -> bool {
        self.group.is_none_or(|own| own == group)
    }
}

/// Every candidate of a document, in its order. `beside` are the tasks of the whole text.
pub fn candidates<'d>(document: &'d Value, beside: &Beside<'d>) -> Vec<Candidate<'d>> {
    let mut known = pods(document).into_iter().peekable();
    let mut found = Vec::new();
    each_item(document, &mut |item, pointer| {
        let of_item = |pod: &PodRef<'_>| rest_below(&pod.pointer, pointer).is_some();
        let mut is_workload = false;
        while let Some(pod) = known.next_if(of_item) {
            found.push(Candidate {
                extent: vec![pointer.to_owned()],
                ..plain(pod, Object::of(item))
            });
            is_workload = true;
        }
        if !is_workload {
            found.extend(made_by(item, pointer, beside).into_iter().map(|candidate| {
                let mut extent = candidate.pointers.extent();
                extent.push(format!("{pointer}/metadata"));
                Candidate {
                    extent,
                    ..candidate
                }
            }));
        }
    });
    // A list of a wrong shape is reported at the list itself.
    found.extend(known.map(|pod| plain(pod, Object::of(document))));
    found
}

fn plain<'d>(pod: PodRef<'d>, head: Object<'d>) -> Candidate<'d> {
    Candidate {
        kind: pod.kind,
        maker: pod.kind,
        name: Cow::Borrowed(pod.name.unwrap_or(head.name)),
        namespace: pod.namespace,
        pod: pod.pod.map(Cow::Borrowed),
        extent: vec![pod.pointer.clone()],
        pointers: Pointers::at(pod.pointer),
        scripts: Cow::Borrowed(""),
        others: Vec::new(),
        annotations: None,
    }
}

/// The candidates of one object that is no workload of Kubernetes' own.
fn made_by<'d>(object: &'d Value, pointer: &str, beside: &Beside<'d>) -> Vec<Candidate<'d>> {
    let head = Object::of(object);
    if let Some(found) = argo::candidates(object, head, pointer) {
        return found;
    }
    if let Some(mut found) = tekton::candidates(object, head, pointer, beside) {
        // A Task hands its own on.
        let annotations = object.pointer("/metadata/annotations");
        found
            .iter_mut()
            .for_each(|one| one.annotations = annotations);
        return found;
    }
    if let Some(found) = drone::candidates(object, head, pointer) {
        return found;
    }
    if let Some(found) = openshift::candidates(object, head, pointer) {
        return found;
    }
    let mut found = jenkins::candidates(object, head, pointer);
    found.extend(gitlab::candidates(object, head, pointer));
    found.extend(pod_spec::candidates(object, head, pointer));
    // What a Pod above has already is not told twice.
    let known: Vec<String> = found.iter().flat_map(|one| one.pointers.extent()).collect();
    let beside: Vec<String> = found
        .iter()
        .flat_map(|one| one.pointers.besides().to_vec())
        .collect();
    let known = Extent::of(&known, &beside);
    let added = values::candidates(object, head, pointer).into_iter();
    found.extend(added.filter(|one| !known.holds(one.pointers.base())));
    found.extend(json_patch::candidates(object, head, pointer));
    found
}

/// Lists in lists end here, as in `manifest`.
const MAX_LIST_DEPTH: usize = 8;

/// Calls `look` with a document, or with each item of a List, and its pointer.
pub fn each_item<'d>(document: &'d Value, look: &mut impl FnMut(&'d Value, &str)) {
    walk(document, String::new(), 0, look);
}

fn walk<'d>(
    value: &'d Value,
    pointer: String,
    depth: usize,
    look: &mut impl FnMut(&'d Value, &str),
) {
    let kind = value
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match value.get("items") {
        Some(Value::Array(items)) if kind.ends_with("List") && depth < MAX_LIST_DEPTH => {
            for (index, item) in items.iter().enumerate() {
                walk(item, format!("{pointer}/items/{index}"), depth + 1, look);
            }
        }
        _ => look(value, &pointer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_by_the_longest_part() {
        let mut pointers = Pointers::at("/spec/templates/1");
        pointers.part("/spec/volumes", "/spec/volumes");
        pointers.part("/spec/volumes/2", "/spec/templates/1/volumes/0");
        pointers.part("/spec/containers/0", "/spec/templates/1/script");
        assert_eq!(pointers.outer("/spec/volumes/1"), "/spec/volumes/1");
        assert_eq!(
            pointers.outer("/spec/volumes/2/hostPath"),
            "/spec/templates/1/volumes/0/hostPath"
        );
        assert_eq!(
            pointers.outer("/spec/containers/0/volumeMounts/3"),
            "/spec/templates/1/script/volumeMounts/3"
        );
        assert_eq!(pointers.outer("/spec/containers/1"), "/spec/templates/1");
        assert_eq!(Pointers::at("/items/0").outer("/spec/x"), "/items/0/spec/x");
    }
}
