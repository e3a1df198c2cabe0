//! The strings of a document that name a runtime's socket, or have a hostPath that leads to one: as the value of a field
//! of that name, or somewhere in a command, a script, a program. Pure.

use serde_json::{Map, Value};

use crate::manifest::below;

use crate::scan::account::Known;
use crate::scan::extent::Extent;
use crate::scan::mentions::{Named, Words};
use crate::scan::placeholder;

/// A string that names a socket, or has a hostPath that leads to one.
pub(super) struct Found<'d> {
    pub pointer: String,
    pub is_key: bool,
    pub is_known: bool,
    /// Whether it is a text with a hostPath somewhere in it, and no value of one.
    pub is_text: bool,
    pub what: Named,
    pub text: &'d str,
}

/// Every such string of a document, of which this much is `known`.
pub(super) fn found<'d>(words: &Words, document: &'d Value, known: &Known) -> Vec<Found<'d>> {
    let mut search = Search {
        words,
        known: Extent::of(&known.accounted, &known.beside),
        judged: Extent::of(&known.judged, &known.beside),
        values: &known.accounted,
        found: Vec::new(),
    };
    search.value(document, &mut String::new());
    search.found
}

struct Search<'d, 's> {
    words: &'s Words,
    known: Extent<'s>,
    judged: Extent<'s>,
    /// The pointers by which something is known.
    values: &'s [String],
    found: Vec<Found<'d>>,
}

impl<'d> Search<'d, '_> {
    fn value(&mut self, value: &'d Value, at: &mut String) {
        let length = at.len();
        match value {
            Value::String(text) => self.text(text, at, false),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if holds_text(item) {
                        push_token(at, &index.to_string());
                        self.value(item, at);
                        at.truncate(length);
                    }
                }
            }
            Value::Object(map) => {
                self.assignment(map, at);
                for (key, value) in map {
                    push_token(at, key);
                    self.text(key, at, true);
                    if is_host_path(key) {
                        self.host_path(value, at);
                    } else if let Some(path) = value.as_str().filter(|_| is_of_socket(key)) {
                        self.directory(path, at);
                    }
                    if holds_text(value) {
                        self.value(value, at);
                    }
                    at.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A value that is given to a `hostPath` by the name of its place: `{path: …/hostPath/path, value: /run}` of a
    /// JSON patch, and `{name: x.hostPath.path, value: /run}` of a chart's parameters.
    fn assignment(&mut self, map: &'d Map<String, Value>, at: &str) {
        let mut places = ["path", "name"]
            .iter()
            .filter_map(|key| map.get(*key)?.as_str());
        let is_one = places.any(|place| place.contains("hostPath") || place.contains("host_path"));
        if let Some(value) = map.get("value").filter(|_| is_one) {
            self.host_path(value, &below(at, "value"));
        }
    }

    /// A directory of the node that leads to a runtime, by a path that has no socket's name in it.
    fn host_path(&mut self, value: &'d Value, at: &str) {
        let (path, pointer) = match value {
            Value::String(path) => (path.as_str(), at.to_owned()),
            Value::Object(map) => match map.get("path").and_then(Value::as_str) {
                Some(path) => (path, below(at, "path")),
                // Paths by names of their own, as a module of Terraform is given them.
                None => {
                    let is_path = |key: &str| !key.contains("ount") && !key.contains("ame");
                    for (key, value) in map {
                        if value.is_string() && is_path(key) {
                            self.host_path(value, &below(at, key));
                        }
                    }
                    return;
                }
            },
            // Terraform's JSON has each block in a list.
            Value::Array(items) => {
                let is_one = |item: &Value| item.is_string() || item.get("path").is_some();
                for (index, item) in items.iter().enumerate().filter(|(_, item)| is_one(item)) {
                    self.host_path(item, &below(at, &index.to_string()));
                }
                return;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => return,
        };
        let is_filled = placeholder::is_placeholder(path) && self.words.has_path(path);
        if (self.words.lead(path) || is_filled) && self.words.first(path).is_none() {
            self.node(pointer, path);
        }
    }

    /// The directory of a socket, as values of charts have it: `socketDir: /var/run`.
    fn directory(&mut self, path: &'d str, at: &str) {
        if path.starts_with('/') && self.words.has_path(path) && self.words.first(path).is_none() {
            self.node(at.to_owned(), path);
        }
    }

    fn node(&mut self, pointer: String, text: &'d str) {
        if !self.known.holds(&pointer) && !self.judged.holds(&pointer) {
            self.found.push(Found {
                pointer,
                is_key: false,
                is_known: false,
                is_text: false,
                what: Named::HostPath,
                text,
            });
        }
    }

    fn text(&mut self, text: &'d str, pointer: &str, is_key: bool) {
        if let Some(what) = self.words.first(text) {
            let pointer = pointer.to_owned();
            // What is known at a key's pointer is its value.
            let is_own = is_key && self.values.contains(&pointer);
            let is_known = !is_own && self.known.holds(&pointer);
            self.found.push(Found {
                pointer,
                is_key,
                is_known,
                is_text: false,
                what,
                text,
            });
        } else if !self.known.holds(pointer)
            && !pointer.ends_with(COPY)
            && self.words.has_host_path(text)
        {
            // A command or a program makes a Pod of its own, whatever Pod it runs in.
            self.found.push(Found {
                pointer: pointer.to_owned(),
                is_key,
                is_known: false,
                is_text: true,
                what: Named::HostPath,
                text,
            });
        }
    }
}

/// What kubectl notes of an object: it is judged itself.
const COPY: &str = "/kubectl.kubernetes.io~1last-applied-configuration";

/// `hostPath`, and as TOML and HCL write it.
fn is_host_path(key: &str) -> bool {
    let words = ["hostPath", "HostPath", "host_path", "hostpath", "HOST_PATH"];
    words.iter().any(|word| key.contains(word))
}

/// `socketDir`, `dockerSock`.
fn is_of_socket(key: &str) -> bool {
    key.contains("sock") || key.contains("Sock") || key.contains("SOCK")
}

/// Appends a key as one token of a JSON pointer.
fn push_token(pointer: &mut String, key: &str) {
    pointer.push('/');
    crate::manifest::push_token(pointer, key);
}

/// Whether there may be a string in it.
fn holds_text(value: &Value) -> bool {
    value.is_string() || value.is_array() || value.is_object()
}
