//! Texts inside of documents that may hold a Pod: a ConfigMap's files, Jenkins' templates,
//! a chart's values.
//!
//! Only strings of several lines that mention what would matter are looked at.

use std::borrow::Cow;

use serde_json::Value;

use crate::manifest::below;
use crate::names;
use crate::scan::encoded;
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
    /// The text; decoded, where it is in base64.
    pub text: Cow<'d, str>,
}

/// As deep as any configuration is nested.
const MAX_DEPTH: usize = 24;

/// What a text must mention to be looked at.
const WORDS: [&str; 6] = [
    "hostPath",
    "HostPath",
    "host_path",
    "DOCKER_HOST",
    "podTemplate",
    // Where a Pod sees its own daemon: paths that are none of the node's.
    names::MOUNTS,
];

/// Whether a text as a whole mentions anything that would matter inside of it.
pub fn may_be_in(text: &str) -> bool {
    WORDS.iter().any(|word| text.contains(word))
}

/// Whether a text holds a pipeline of Drone with volumes: `kind: pipeline`, however it is quoted.
pub fn has_pipeline(text: &str) -> bool {
    let quotes = ['"', '\'', '\\', ' '];
    let is_kind = |at: usize| {
        let before = text.get(..at).map(|before| before.trim_end_matches(quotes));
        let key = before.and_then(|before| before.strip_suffix(':'));
        key.is_some_and(|key| key.trim_end_matches(quotes).ends_with("kind"))
    };
    let mut places = memchr::memmem::find_iter(text.as_bytes(), "pipeline");
    text.contains("volumes") && places.any(is_kind)
}

/// Whether a text holds others in base64.
pub fn has_encoded(text: &str) -> bool {
    !encoded::all(text).is_empty()
}

/// Whether a text that is no YAML was meant to be a Pod in it.
pub fn is_pod_like(text: &str) -> bool {
    text.contains("hostPath:") && (text.contains("containers:") || text.contains("kind:"))
}

/// Every text of `value`, which stands at `pointer`. An object's own `metadata` is left out: it
/// may hold a copy of the object.
///
/// A string that holds a text in base64 is decoded, as the `data` of a Secret is.
pub fn texts<'d>(value: &'d Value, pointer: &str, words: &Words) -> Vec<Embedded<'d>> {
    let mut search = Search {
        words,
        found: Vec::new(),
    };
    search.value(value, &BackgroundTasks::default(), pointer, 0);
    search.found
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
                let is_encoded = encoded::may_be(text);
                let decoded = encoded::decoded(text).filter(|_| is_encoded);
                // One line may be a document too, in JSON.
                let is_document = decoded.is_some()
                    || text.contains('\n')
                    || text.trim_start().starts_with(['{', '[']);
                let text = decoded.map_or(Cow::Borrowed(text.as_str()), Cow::Owned);
                let may_be = || may_be_in(&text) || has_pipeline(&text) || self.words.is_in(&text);
                if is_document && may_be() {
                    self.found.push(Embedded {
                        pointer: at.to_owned(),
                        key: beside.key,
                        name: beside.name.unwrap_or(beside.key),
                        namespace: beside.namespace,
                        text,
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
