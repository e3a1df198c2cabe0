//! The annotation that says where a Pod sees its own daemon: it names sockets, and none of them is reached.
//!
//! Only the annotation's own value counts as that; whatever stands beside it on a line does not. Pure.

use std::ops::Range;

use serde_json::Value;

use crate::manifest::below;
use crate::names;

/// The pointers to the annotation's values in a document, as an entry of a mapping or as `key` and `value`.
pub fn pointers(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(document, "", &mut found);
    found
}

fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(map) => {
            let is_item = map.get("key").is_some_and(|key| key == names::MOUNTS);
            for (key, value) in map {
                let at = below(at, key);
                if key == names::MOUNTS || (is_item && key == "value") {
                    found.push(at);
                } else if value.is_object() || value.is_array() {
                    walk(value, &at, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The bytes of the annotation's values in any other text: the string that follows its name on the line.
pub fn bytes(text: &str) -> Vec<Range<usize>> {
    let found = text.match_indices(names::MOUNTS);
    let values = found.filter_map(|(at, name)| {
        let from = at + name.len() + 1;
        let line = text.get(from..)?.lines().next()?;
        let open = line.find(['"', '\''])?;
        let quote = line[open..].chars().next()?;
        let length = line[open + 1..].find(quote)?;
        Some(from + open..from + open + 1 + length)
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_value_is_the_pods_own() {
        let text = "\"dind-injector.io/mounts\" = \"/run/a.sock:/a\" # \"/run/docker.sock\"";
        let found = bytes(text);
        assert_eq!(found.len(), 1);
        assert_eq!(text.get(found[0].clone()), Some("\"/run/a.sock:/a"));
        let document = json!({"annotations": {"dind-injector.io/mounts": "x", "y": "z"},
            "list": [{"key": "dind-injector.io/mounts", "value": "x"}]});
        assert_eq!(
            pointers(&document),
            ["/annotations/dind-injector.io~1mounts", "/list/0/value"]
        );
    }
}
