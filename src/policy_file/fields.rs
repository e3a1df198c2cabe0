//! The fields of a mapping, declared once by the code that reads them.
//!
//! A schema that is written apart from its parser goes out of date. So the same function runs in two ways:
//! over a mapping of the file, and over nothing, to note every field's name, form, default and meaning. The
//! schema, the documentation and the list of known names come from these notes.

use serde_json::{Map, Value, json};

use crate::policy_file::error::Problem;
use crate::policy_file::kind::Kind;
use crate::policy_file::node::{At, Node, Report};

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

/// What a mapping may contain, as parts of a JSON Schema.
#[derive(Default)]
struct Description {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

/// The meaning of a field, and its default.
#[derive(Clone, Copy)]
struct Note<'n> {
    name: &'static str,
    about: &'static str,
    is_required: bool,
    default: Option<&'n Value>,
}

impl Note<'_> {
    /// An optional field.
    fn of(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            is_required: false,
            default: None,
        }
    }
}

/// Reads a mapping: `read` takes each of its fields, and any field that is left is a fault.
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
    /// An optional field.
    pub fn get<K: Kind>(
        &mut self,
        name: &'static str,
        about: &'static str,
        kind: &K,
    ) -> Option<K::Value> {
        self.take(Note::of(name, about), kind)
    }

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

    /// A field with a default.
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

    /// As [`Fields::or`], but the default may be no value.
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

    /// Adds a fault of the field with that name. If the field comes from a default, its name is reported at
    /// the line of the mapping.
    pub fn fault(&mut self, name: &str, problem: Problem) {
        if let Mode::Read { node, map, report } = &mut self.mode {
            let value = map.get(name).unwrap_or(&Value::Null);
            report.note(&node.entry(name, value), At::Key, problem);
        }
    }

    /// Adds a fault of the mapping as a whole.
    pub fn fault_of_all(&mut self, problem: Problem) {
        if let Mode::Read { node, report, .. } = &mut self.mode {
            report.note(node, At::Key, problem);
        }
    }

    /// Whether the mapping of the file has a field with that name.
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
