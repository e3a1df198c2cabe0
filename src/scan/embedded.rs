//! Texts inside of documents that may hold a Pod: a ConfigMap's files, Jenkins' templates,
//! a chart's values.
//!
//! Only strings of several lines that mention what would matter are looked at.

use serde_json::Value;

use super::candidate::below;

/// A text inside of a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Embedded<'d> {
    /// Where it stands.
    pub pointer: String,
    /// The key it has there.
    pub key: &'d str,
    /// The text.
    pub text: &'d str,
}

/// As deep as any configuration is nested.
const MAX_DEPTH: usize = 24;

/// What a text must mention to be looked at.
const WORDS: [&str; 4] = ["hostPath", "host_path", "DOCKER_HOST", "podTemplate"];

/// Whether a text as a whole mentions anything that would matter inside of it.
pub fn may_be_in(text: &str) -> bool {
    WORDS.iter().any(|word| text.contains(word))
}

/// Whether a text that is no YAML was meant to be a Pod in it.
pub fn is_pod_like(text: &str) -> bool {
    text.contains("hostPath:") && (text.contains("containers:") || text.contains("kind:"))
}

/// Every text of `value`, which stands at `pointer`. An object's own `metadata` is left out: it
/// may hold a copy of the object.
pub fn texts<'d>(value: &'d Value, pointer: &str) -> Vec<Embedded<'d>> {
    let mut found = Vec::new();
    walk(value, "", pointer, 0, &mut found);
    found
}

fn walk<'d>(value: &'d Value, key: &'d str, at: &str, depth: usize, found: &mut Vec<Embedded<'d>>) {
    match value {
        Value::String(text) => {
            if text.contains('\n') && WORDS.iter().any(|word| text.contains(word)) {
                found.push(Embedded {
                    pointer: at.to_owned(),
                    key,
                    text,
                });
            }
        }
        Value::Array(items) if depth < MAX_DEPTH => {
            for (index, item) in items.iter().enumerate() {
                walk(item, key, &format!("{at}/{index}"), depth + 1, found);
            }
        }
        Value::Object(map) if depth < MAX_DEPTH => {
            for (key, value) in map {
                if key != "metadata" {
                    walk(value, key, &below(at, key), depth + 1, found);
                }
            }
        }
        Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
