//! Texts inside of documents that may hold a Pod: a ConfigMap's files, Jenkins' templates,
//! a chart's values.
//!
//! Only strings of several lines that mention what would matter are looked at.

use std::borrow::Cow;

use serde_json::Value;

use crate::manifest::below;
use crate::scan::mentions::Words;

/// A text inside of a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Embedded<'d> {
    /// Where it stands.
    pub pointer: String,
    /// The key it has there.
    pub key: &'d str,
    /// What it belongs to: the `name` beside it, or else its key.
    pub name: &'d str,
    /// The `namespace` beside it.
    pub namespace: Option<&'d str>,
    /// The text; decoded, where a Secret holds it.
    pub text: Cow<'d, str>,
}

/// As deep as any configuration is nested.
const MAX_DEPTH: usize = 24;

/// What a text must mention to be looked at.
const WORDS: [&str; 5] = [
    "hostPath",
    "HostPath",
    "host_path",
    "DOCKER_HOST",
    "podTemplate",
];

/// Whether a text as a whole mentions anything that would matter inside of it.
pub fn may_be_in(text: &str) -> bool {
    WORDS.iter().any(|word| text.contains(word))
}

/// Whether a text may hold others in base64.
pub fn may_be_encoded(text: &str) -> bool {
    text.contains("Secret") || text.contains("binaryData")
}

/// Whether a text that is no YAML was meant to be a Pod in it.
pub fn is_pod_like(text: &str) -> bool {
    text.contains("hostPath:") && (text.contains("containers:") || text.contains("kind:"))
}

/// Every text of `value`, which stands at `pointer`. An object's own `metadata` is left out: it
/// may hold a copy of the object.
///
/// What `data` of a Secret and `binaryData` of a ConfigMap hold in base64 is decoded; base64
/// elsewhere is a text like any other.
pub fn texts<'d>(value: &'d Value, pointer: &str, words: &Words) -> Vec<Embedded<'d>> {
    let mut search = Search {
        words,
        found: Vec::new(),
    };
    search.value(value, &BackgroundTasks::default(), pointer, 0);
    let data = match value.get("kind").and_then(Value::as_str) {
        Some("Secret") => "data",
        Some("ConfigMap") => "binaryData",
        Some(_) | None => return search.found,
    };
    let entries = value.get(data).and_then(Value::as_object);
    for (key, entry) in entries.into_iter().flatten() {
        let text = entry.as_str().and_then(decoded);
        if let Some(text) = text.filter(|text| may_be_in(text) || words.is_in(text)) {
            search.found.push(Embedded {
                pointer: below(&below(pointer, data), key),
                key,
                name: key,
                namespace: None,
                text: Cow::Owned(text),
            });
        }
    }
    search.found
}

fn decoded(base64: &str) -> Option<String> {
    let packed: Vec<u8> = base64
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = base64_simd::STANDARD.decode_to_vec(packed).ok()?;
    String::from_utf8(bytes).ok()
}

struct Search<'d, 'w> {
    words: &'w Words,
    found: Vec<Embedded<'d>>,
}

/// What stands beside a value.
#[derive(Clone, Copy, Default)]
struct BackgroundTasks<'d> {
    key: &'d str,
    name: Option<&'d str>,
    namespace: Option<&'d str>,
}

impl<'d> Search<'d, '_> {
    fn value(&mut self, value: &'d Value, beside: &BackgroundTasks<'d>, at: &str, depth: usize) {
        match value {
            Value::String(text) => {
                // One line may be a document too, in JSON.
                let is_document = text.contains('\n') || text.trim_start().starts_with(['{', '[']);
                if is_document && (may_be_in(text) || self.words.is_in(text)) {
                    self.found.push(Embedded {
                        pointer: at.to_owned(),
                        key: beside.key,
                        name: beside.name.unwrap_or(beside.key),
                        namespace: beside.namespace,
                        text: Cow::Borrowed(text),
                    });
                }
            }
            Value::Array(items) if depth < MAX_DEPTH => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item, beside, &format!("{at}/{index}"), depth + 1);
                }
            }
            Value::Object(map) if depth < MAX_DEPTH => {
                let text = |key: &str| map.get(key).and_then(Value::as_str);
                for (key, value) in map {
                    let beside = BackgroundTasks {
                        key,
                        name: text("name"),
                        namespace: text("namespace").or(beside.namespace),
                    };
                    if key != "metadata" {
                        self.value(value, &beside, &below(at, key), depth + 1);
                    }
                }
            }
            Value::Array(_)
            | Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_) => {}
        }
    }
}
