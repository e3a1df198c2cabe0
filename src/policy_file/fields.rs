//! A mapping's fields, declared once by the code that reads them.
//!
//! The same function is run in two ways: over a mapping of the file, and over nothing, to
//! note every field's name, form, default and meaning. The schema and the documentation
//! come from the notes, the list of known names too, so none of them can differ from what is
//! read.

use serde_json::{Map, Value, json};

use crate::policy_file::error::Problem;
use crate::policy_file::kind::Kind;
use crate::policy_file::node::{At, Node, Report};

/// The fields of one mapping.
pub(crate) struct Fields<'f, 'd> {
    mode: Mode<'f, 'd>,
    known: Vec<&'static str>,
}

enum Mode<'f, 'd> {
    Read {
        node: &'f Node<'d>,
        map: &'d Map<String, Value>,
        report: &'f mut Report<'d>,
    },
    Describe(Description),
}

/// What a mapping may hold, as parts of a JSON Schema.
#[derive(Default)]
struct Description {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

/// What a field is for, and what holds without it.
#[derive(Clone, Copy)]
struct Note<'n> {
    name: &'static str,
    about: &'static str,
    is_required: bool,
    default: Option<&'n Value>,
}

impl Note<'_> {
    /// Of a field that may be left out.
    fn of(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            is_required: false,
            default: None,
        }
    }
}

/// Reads a mapping: `read` takes each of its fields, then what is left over is a fault.
pub(crate) fn read_mapping<'d, T>(
    node: &Node<'d>,
    report: &mut Report<'d>,
    read: impl Fn(&mut Fields<'_, 'd>) -> T,
) -> Option<T> {
    let Value::Object(map) = node.value else {
        let expected = "a mapping".to_owned();
        let found = node.found();
        report.add(node, Problem::Type { found, expected });
        return None;
    };
    let mut fields = Fields {
        mode: Mode::Read { node, map, report },
        known: Vec::new(),
    };
    let value = read(&mut fields);
    fields.refuse_unknown();
    Some(value)
}

/// The JSON Schema of the mapping that `read` reads.
pub(crate) fn describe_mapping<T>(read: impl Fn(&mut Fields<'_, '_>) -> T) -> Value {
    let mut fields = Fields {
        mode: Mode::Describe(Description::default()),
        known: Vec::new(),
    };
    read(&mut fields);
    let Mode::Describe(Description {
        properties,
        required,
    }) = fields.mode
    else {
        return Value::Null;
    };
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

impl<'d> Fields<'_, 'd> {
    /// A field that may be left out.
    pub fn get<K: Kind>(
        &mut self,
        name: &'static str,
        about: &'static str,
        kind: &K,
    ) -> Option<K::Value> {
        self.take(Note::of(name, about), kind)
    }

    /// A field that must be there.
    pub fn required<K: Kind>(
        &mut self,
        name: &'static str,
        about: &'static str,
        kind: &K,
    ) -> Option<K::Value> {
        let note = Note {
            is_required: true,
            ..Note::of(name, about)
        };
        self.take(note, kind)
    }

    /// A field that has a value also where it is left out.
    pub fn or<K: Kind>(
        &mut self,
        name: &'static str,
        about: &'static str,
        kind: &K,
        default: &K::Value,
    ) -> K::Value
    where
        K::Value: Clone,
    {
        let shown = kind.show(default);
        let note = Note {
            default: shown.as_ref(),
            ..Note::of(name, about)
        };
        self.take(note, kind).unwrap_or_else(|| default.clone())
    }

    /// As [`Fields::or`], where nothing is a value too.
    pub fn or_none<K: Kind>(
        &mut self,
        name: &'static str,
        about: &'static str,
        kind: &K,
        default: &Option<K::Value>,
    ) -> Option<K::Value>
    where
        K::Value: Clone,
    {
        let shown = default.as_ref().and_then(|value| kind.show(value));
        let note = Note {
            default: shown.as_ref(),
            ..Note::of(name, about)
        };
        self.take(note, kind).or_else(|| default.clone())
    }

    /// Notes a fault of the field of that name; where it is not written but taken over from
    /// elsewhere, it is named all the same, at the line of the mapping.
    pub fn fault(&mut self, name: &str, problem: Problem) {
        if let Mode::Read { node, map, report } = &mut self.mode {
            let value = map.get(name).unwrap_or(&Value::Null);
            report.note(&node.entry(name, value), At::Key, problem);
        }
    }

    /// Notes a fault of the mapping as a whole.
    pub fn fault_of_all(&mut self, problem: Problem) {
        if let Mode::Read { node, report, .. } = &mut self.mode {
            report.note(node, At::Key, problem);
        }
    }

    /// Whether the mapping of the file has a field of that name.
    pub fn has(&self, name: &str) -> bool {
        match &self.mode {
            Mode::Read { map, .. } => map.contains_key(name),
            Mode::Describe(_) => false,
        }
    }

    fn take<K: Kind>(&mut self, note: Note<'_>, kind: &K) -> Option<K::Value> {
        let Note {
            name,
            about,
            is_required,
            default,
        } = note;
        self.known.push(name);
        match &mut self.mode {
            Mode::Describe(description) => {
                let mut schema = kind.schema();
                if let Value::Object(schema) = &mut schema {
                    schema.shift_insert(0, "description".to_owned(), about.into());
                    if let Some(default) = default {
                        schema.insert("default".to_owned(), default.clone());
                    }
                }
                description.properties.insert(name.to_owned(), schema);
                if is_required {
                    description.required.push(name);
                }
                None
            }
            Mode::Read { node, map, report } => match map.get(name) {
                Some(Value::Null) => {
                    let entry = node.entry(name, &Value::Null);
                    report.note(&entry, At::Key, Problem::Null(kind.expected()));
                    None
                }
                Some(value) => kind.read(&node.entry(name, value), report),
                None if is_required => {
                    let expected = kind.expected();
                    report.note(node, At::Key, Problem::Missing { name, expected });
                    None
                }
                None => None,
            },
        }
    }

    fn refuse_unknown(self) {
        let Self { mode, known } = self;
        let Mode::Read { node, map, report } = mode else {
            return;
        };
        for (key, value) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let near = crate::decide::suggest::nearest(key, known.iter().copied());
            let known = known.clone();
            let problem = Problem::UnknownField { near, known };
            report.note(&node.entry(key, value), At::Key, problem);
        }
    }
}
