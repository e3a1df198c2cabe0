//! The annotation that says where a Pod sees its own daemon: it names sockets, and none of them is reached.
//!
//! Only the annotation's own value counts as that, where it can be understood; whatever stands beside it on a line
//! does not. Pure.

use std::ops::Range;

use serde_json::Value;

use crate::decide::asked_mounts::items;
use crate::manifest::below;
use crate::model::sockets::Sockets;
use crate::names;

/// The pointers to the annotation's values in a document, as an entry of a mapping or as `key` and `value`.
pub fn pointers(document: &Value, sockets: &Sockets) -> Vec<String> {
    let mut found = Vec::new();
    walk(document, "", sockets, &mut found);
    found
}

fn walk(value: &Value, at: &str, sockets: &Sockets, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{index}"), sockets, found);
            }
        }
        Value::Object(map) => {
            let is_item = map.get("key").is_some_and(|key| key == names::MOUNTS);
            for (key, value) in map {
                let at = below(at, key);
                if key == names::MOUNTS || (is_item && key == "value") {
                    let value = value.as_str().unwrap_or_default();
                    if items(value, sockets).is_ok() {
                        found.push(at);
                    }
                } else if value.is_object() || value.is_array() {
                    walk(value, &at, sockets, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The bytes of the annotation's values in any other text: the string that follows its name on the line. A path
/// that only a policy knows for a socket is told.
pub fn bytes(text: &str) -> Vec<Range<usize>> {
    let found = text.match_indices(names::MOUNTS);
    let values = found.filter_map(|(at, name)| {
        let from = at + name.len() + 1;
        let line = text.get(from..)?.lines().next()?;
        let open = line.find(['"', '\''])?;
        let quote = line[open..].chars().next()?;
        let length = line[open + 1..].find(quote)?;
        let value = line.get(open + 1..open + 1 + length)?;
        let is_own = items(value, &Sockets::default()).is_ok();
        is_own.then_some(from + open..from + open + 1 + length)
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_value_is_the_pods_own() {
        let text = "\"dind-injector.io/mounts\" = \"/run/docker.sock:/a\" # \"/run/docker.sock\"";
        let found = bytes(text);
        assert_eq!(found.len(), 1);
        assert_eq!(text.get(found[0].clone()), Some("\"/run/docker.sock:/a"));
        let document = json!({"annotations": {"dind-injector.io/mounts": "/run:/x", "y": "z"},
            "list": [{"key": "dind-injector.io/mounts", "value": "/run:/x"}],
            "wrong": {"dind-injector.io/mounts": "/run/docker.sock"}});
        assert_eq!(
            pointers(&document, &Sockets::default()),
            ["/annotations/dind-injector.io~1mounts", "/list/0/value"]
        );
    }
}
