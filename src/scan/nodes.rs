//! The nodes of a document, with their pointers, that something is looked for in. Pure.

use serde_json::{Map, Value};

use crate::manifest::below;

/// Takes the pointers to the strings of the value at `at` that are such.
pub(super) fn strings(
    value: &Value,
    at: &str,
    is_one: &dyn Fn(&str) -> bool,
    found: &mut Vec<String>,
) {
    match value {
        Value::String(text) if is_one(text) => found.push(at.to_owned()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                strings(item, &format!("{at}/{index}"), is_one, found);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                strings(value, &below(at, key), is_one, found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Looks at each mapping of the value at `at`, the outer ones first, as far as `depth` below it.
pub(super) fn mappings<'d>(
    value: &'d Value,
    at: &str,
    depth: usize,
    look: &mut dyn FnMut(&'d Map<String, Value>, &str),
) {
    let inner = depth.checked_sub(1);
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(depth) = inner {
                    mappings(item, &format!("{at}/{index}"), depth, look);
                }
            }
        }
        Value::Object(map) => {
            look(map, at);
            for (key, value) in map {
                if let Some(depth) = inner {
                    mappings(value, &below(at, key), depth, look);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
