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

/// The pointers to the annotation's values in a document: of entries of what is called annotations, whatever stands
/// before that word (`podAnnotations`, `pod_annotations`), as a mapping or as a list of `key` and `value`.
pub fn pointers(document: &Value, sockets: &Sockets) -> Vec<String> {
    let mut found = Vec::new();
    walk(document, "", false, sockets, &mut found);
    found
}

fn is_annotations(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.ends_with("annotations") || key.starts_with("pod_annotations")
}

fn walk(value: &Value, at: &str, is_inside: bool, sockets: &Sockets, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{index}"), is_inside, sockets, found);
            }
        }
        Value::Object(map) => {
            let is_item = is_inside && map.get("key").is_some_and(|key| key == names::MOUNTS);
            for (key, value) in map {
                let at = below(at, key);
                if (is_inside && key == names::MOUNTS) || (is_item && key == "value") {
                    let value = value.as_str().unwrap_or_default();
                    if items(value, sockets).is_ok() {
                        found.push(at);
                    }
                } else if value.is_object() || value.is_array() {
                    walk(value, &at, is_annotations(key), sockets, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The bytes of the annotation's values in any other text: a string that follows its name with nothing but a closing
/// quote and `:` or `=` between them, or the word `value` as well. A path that only a policy knows for a socket is told.
pub fn bytes(text: &str) -> Vec<Range<usize>> {
    let found = text.match_indices(names::MOUNTS);
    let values = found.filter_map(|(at, name)| {
        let from = at + name.len();
        let from = from + of_key(text.get(from..)?);
        let head = text.as_bytes().get(from..)?.iter().take(BETWEEN);
        let open = from + head.take_while(|byte| b" \t\"':=".contains(byte)).count();
        // The last of these is the quote before the value.
        let quote = text.as_bytes().get(open.checked_sub(1)?)?;
        let between = text.get(from..open - 1)?;
        if !matches!(quote, b'"' | b'\'') || !between.contains([':', '=']) {
            return None;
        }
        let longest = text.len().min(open + LONGEST);
        let value = text.as_bytes().get(open..longest)?;
        let end = memchr::memchr2(*quote, b'\n', value)?;
        let value = text.get(open..open + end)?;
        let is_own = !value.is_empty() && items(value, &Sockets::default()).is_ok();
        is_own.then_some(open - 1..open + end)
    });
    values.collect()
}

/// The length of what stands between a name that is the value of `key` and the sign behind `value`, of
/// `key: 'NAME', value: '…'` and `key = "NAME"`, on the next line `value = "…"`; 0 where it is a key itself.
fn of_key(rest: &str) -> usize {
    let after = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    let length = after.len().min(BETWEEN);
    let head = after.as_bytes().iter().take(length);
    let blank = head.take_while(|byte| b" \t\r\n,".contains(byte)).count();
    match after
        .get(blank..)
        .and_then(|rest| rest.strip_prefix("value"))
    {
        Some(value) => rest.len() - value.len(),
        None => 0,
    }
}

/// Bytes between the name and its value: quotes, blanks and one sign.
const BETWEEN: usize = 16;
/// Bytes of a value that is looked at: of 64 items of two paths of 256 bytes.
const LONGEST: usize = 64 << 10;

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
        for text in [
            "podAnnotation(key: 'dind-injector.io/mounts', value: '/run:/var/run')",
            "key = \"dind-injector.io/mounts\"\n  value = \"/run:/var/run\"",
        ] {
            assert_eq!(bytes(text).len(), 1, "{text}");
        }
        for text in [
            "dind-injector.io/mounts, values: '/run/docker.sock:/a'",
            "echo dind-injector.io/mounts; docker run -v '/var/run/docker.sock:/var/run/docker.sock' alpine",
            "dind-injector.io/mounts x = '/run/docker.sock:/a'",
            "dind-injector.io/mounts '/run/docker.sock:/a'",
        ] {
            assert!(bytes(text).is_empty(), "{text}");
        }
        let document = json!({"annotations": {"dind-injector.io/mounts": "/run:/x", "y": "z"},
            "podAnnotations": [{"key": "dind-injector.io/mounts", "value": "/run:/x"}],
            "env": [{"key": "dind-injector.io/mounts", "value": "/run/docker.sock:/x"}],
            "run": {"dind-injector.io/mounts": "/run/docker.sock:/x"},
            "metadata": {"annotations": {"dind-injector.io/mounts": "/run/docker.sock"}}});
        assert_eq!(
            pointers(&document, &Sockets::default()),
            [
                "/annotations/dind-injector.io~1mounts",
                "/podAnnotations/0/value"
            ]
        );
    }
}
