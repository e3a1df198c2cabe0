//! What is packed by gzip inside of an object: a release of Helm, a ConfigMap's file. It is not unpacked here. Pure.

use serde_json::Value;

use crate::manifest::below;

use crate::scan::candidate::Object;

/// What base64 makes of the first bytes of gzip, with its one method of compression.
const GZIP: &str = "H4sI";

/// The pointers to what is packed in `object`, each with what it is.
pub fn packed(object: &Value, pointer: &str) -> Vec<(String, String)> {
    let head = Object::of(object);
    let mut found = Vec::new();
    if !head.is_of("") || !matches!(head.kind, "Secret" | "ConfigMap") {
        return found;
    }
    if object.get("type").and_then(Value::as_str) == Some("helm.sh/release.v1") {
        let message = format!(
            "{} {}: a release of Helm, packed, which is not looked into; run helm get manifest and pass the result",
            head.kind, head.name
        );
        let at = below(&below(pointer, "data"), "release");
        found.push((at, message));
    }
    for key in ["data", "binaryData"] {
        let all = object.get(key).and_then(Value::as_object);
        for (name, value) in all.into_iter().flatten() {
            let is_named = [".gz", ".tgz"].iter().any(|ending| name.ends_with(ending));
            if is_named
                && value
                    .as_str()
                    .is_some_and(|value| value.trim_start().starts_with(GZIP))
            {
                let message = format!(
                    "{} {}: {name} is packed, and not looked into; unpack it and pass the result",
                    head.kind, head.name
                );
                found.push((below(&below(pointer, key), name), message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_release_and_a_packed_file_are_packed() {
        for (object, at) in [
            (
                json!({"kind": "Secret", "type": "helm.sh/release.v1", "data": {"release": "SDRzSQ=="}}),
                "/data/release",
            ),
            (
                json!({"kind": "ConfigMap", "binaryData": {"p.yaml.gz": "H4sIAAAA", "x": "H4sIAAAA"}}),
                "/binaryData/p.yaml.gz",
            ),
            (
                json!({"kind": "Secret", "data": {"a.tgz": "H4sIAAAA", "b.gz": "AAAA"}}),
                "/data/a.tgz",
            ),
        ] {
            let found = packed(&object, "");
            let places: Vec<_> = found.iter().map(|(at, _)| at.as_str()).collect();
            assert_eq!(places, [at], "{object}");
        }
        assert!(packed(&json!({"kind": "Pod", "data": {"a.gz": "H4sIAAAA"}}), "").is_empty());
    }
}
