//! What a kustomization says that it is made of. Pure.

use std::path::Path;

use serde_json::Value;

use crate::scan::sources::assembly::items;

/// What a kustomization uses, as it names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Resources and components: files, and folders with a kustomization.
    pub bases: Vec<String>,
    /// Files that change what others say.
    pub patches: Vec<String>,
    /// What another host has, each with its JSON pointer.
    pub remote: Vec<(String, String)>,
    /// Whether only another one can use it.
    pub is_component: bool,
    /// Whether its own text may have to do with a runtime.
    pub is_suspect: bool,
}

/// The fields by which a kustomization is known that says no kind.
const FIELDS: [&str; 24] = [
    "bases",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "generatorOptions",
    "helmCharts",
    "images",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "openapi",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "replicas",
    "resources",
    "secretGenerator",
    "vars",
];

/// The names of the file that kustomize looks for in a folder, in that order.
pub const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether kustomize looks for a file of this name.
pub fn is_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| FILES.contains(&name))
}

impl Uses {
    /// What `document` uses; none where it is something else.
    pub fn of(document: &Value) -> Option<Self> {
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        let version = text("apiVersion").unwrap_or("kustomize.config.k8s.io/v1");
        let kind = text("kind").unwrap_or("Kustomization");
        let is_one = version.starts_with("kustomize.config.k8s.io/")
            && matches!(kind, "Kustomization" | "Component");
        let fields = document.as_object()?;
        let is_told = fields.contains_key("apiVersion") || fields.contains_key("kind");
        if !is_one || !is_told && !fields.keys().all(|key| FIELDS.contains(&key.as_str())) {
            return None;
        }
        let mut uses = Self {
            is_component: kind == "Component",
            ..Self::default()
        };
        for key in ["resources", "bases", "components"] {
            let all = uses.own(document, key, "");
            uses.bases.extend(all);
        }
        for key in ["patchesStrategicMerge", "transformers", "configurations"] {
            // A text with a line break is the patch itself.
            let all = uses.own(document, key, "").into_iter();
            uses.patches.extend(all.filter(|text| !text.contains('\n')));
        }
        for key in ["patches", "patchesJson6902", "replacements"] {
            let all = uses.own(document, key, "/path");
            uses.patches.extend(all);
        }
        Some(uses)
    }

    /// The entries of a list that are on this machine; `inner` leads from an item to its entry.
    fn own(&mut self, document: &Value, key: &str, inner: &str) -> Vec<String> {
        let mut own = Vec::new();
        for (index, item) in items(document.get(key)).enumerate() {
            let Some(entry) = item.pointer(inner).and_then(Value::as_str) else {
                continue;
            };
            if is_remote(entry) {
                let pointer = format!("/{key}/{index}{inner}");
                self.remote.push((entry.to_owned(), pointer));
            } else {
                own.push(entry.to_owned());
            }
        }
        own
    }
}

/// Whether an entry names another host's files, by its form.
fn is_remote(entry: &str) -> bool {
    if entry.contains('\n') {
        return false;
    }
    let marks = ["://", "git::", "?ref=", "&ref=", ".git/"];
    let heads = ["git@", "github.com/"];
    marks.iter().any(|mark| entry.contains(mark))
        || heads.iter().any(|head| entry.starts_with(head))
        || entry.ends_with(".git")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_kustomization_is_made_of_is_told_apart() {
        let uses = Uses::of(&json!({
            "resources": ["a.yaml", "../base", "https://example.com/b.yaml"],
            "components": ["../docker"],
            "patches": [{"path": "p.yaml"}, {"patch": "- op: add"}],
            "patchesStrategicMerge": ["q.yaml", "kind: Pod\nmetadata: {}"],
        }));
        let uses = uses.unwrap();
        let remote = (
            "https://example.com/b.yaml".to_owned(),
            "/resources/2".to_owned(),
        );
        assert_eq!(uses.remote, [remote]);
        assert_eq!(uses.bases, ["a.yaml", "../base", "../docker"]);
        assert_eq!(uses.patches, ["q.yaml", "p.yaml"]);
        // Flux has a kind of that name, too.
        let flux = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"});
        assert_eq!(Uses::of(&flux), None);
    }

    #[test]
    fn an_entry_of_another_host_is_known_by_its_form() {
        for entry in [
            "https://example.com/a.yaml",
            "github.com/acme/base?ref=v1",
            "git@example.com:acme/base",
        ] {
            assert!(is_remote(entry), "{entry}");
        }
        for entry in ["../base", "a.yaml", "./a/b.yaml", "apps/base"] {
            assert!(!is_remote(entry), "{entry}");
        }
    }
}
