//! Fields that contain other values: lists and mappings.

use std::collections::HashMap;
use std::marker::PhantomData;

use serde_json::{Map, Value, json};

use crate::policy_file::error::Problem;
use crate::policy_file::fields::{Fields, describe_mapping, read_mapping};
use crate::policy_file::form::Form;
use crate::policy_file::kind::{Kind, wrong_type};
use crate::policy_file::node::{At, Node, Report, shown};

/// A list, each entry of which is there once.
pub(crate) struct List<K> {
    item: K,
    may_be_empty: bool,
}

impl<K> List<K> {
    /// A list that may be empty.
    pub const fn of(item: K) -> Self {
        Self {
            item,
            may_be_empty: true,
        }
    }

    /// A list that must not be empty, because an empty one would look like a condition that nothing meets.
    pub const fn of_some(item: K) -> Self {
        Self {
            item,
            may_be_empty: false,
        }
    }
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Vec<K::Value>> {
        let Value::Array(items) = node.value else {
            return wrong_type(self, node, report);
        };
        if items.is_empty() && !self.may_be_empty {
            report.note(node, At::Key, Problem::Empty);
            return None;
        }
        let mut read = Vec::new();
        let mut lines: HashMap<String, u32> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let item = node.item(index, item);
            let Some(value) = self.item.read(&item, report) else {
                continue;
            };
            read.push(value);
            let identity = self.item.identity(item.value);
            match lines.get(&identity) {
                Some(line) => report.add(&item, Problem::Repeated { line: *line }),
                None => {
                    lines.insert(identity, report.line(&item));
                }
            }
        }
        Some(read)
    }

    fn schema(&self) -> Value {
        let mut schema = json!({"type": "array", "items": self.item.schema()});
        if !self.may_be_empty {
            schema["minItems"] = 1.into();
        }
        schema
    }

    fn expected(&self) -> String {
        format!("a list, each entry {}", self.item.expected())
    }

    fn show(&self, value: &Vec<K::Value>) -> Option<Value> {
        let items: Option<Vec<Value>> = value.iter().map(|item| self.item.show(item)).collect();
        items
            .filter(|items| !items.is_empty() || self.may_be_empty)
            .map(Value::Array)
    }
}

/// One value, or a list of them.
pub(crate) struct OneOrMore<K>(List<K>);

impl<K> OneOrMore<K> {
    pub const fn of(item: K) -> Self {
        Self(List::of_some(item))
    }
}

impl<K: Kind> Kind for OneOrMore<K> {
    type Value = Vec<K::Value>;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Vec<K::Value>> {
        match node.value {
            Value::Array(_) => self.0.read(node, report),
            _ => self.0.item.read(node, report).map(|item| vec![item]),
        }
    }

    fn schema(&self) -> Value {
        json!({"anyOf": [self.0.item.schema(), self.0.schema()]})
    }

    fn expected(&self) -> String {
        format!("{}, or a list of such", self.0.item.expected())
    }

    fn show(&self, value: &Vec<K::Value>) -> Option<Value> {
        match value.as_slice() {
            [only] => self.0.item.show(only),
            _ => self.0.show(value),
        }
    }
}

/// A mapping whose keys have one form and whose values are of one kind.
pub(crate) struct Dictionary<K> {
    /// The form of the keys.
    pub key: &'static Form,
    pub value: K,
    /// Whether the mapping may be empty.
    pub may_be_empty: bool,
}

impl<K: Kind> Kind for Dictionary<K> {
    type Value = Vec<(String, K::Value)>;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Self::Value> {
        let Value::Object(map) = node.value else {
            return wrong_type(self, node, report);
        };
        if map.is_empty() && !self.may_be_empty {
            report.note(node, At::Key, Problem::Empty);
            return None;
        }
        let mut entries = Vec::new();
        for (key, value) in map {
            let entry = node.entry(key, value);
            if !self.key.fits(key) {
                let value = shown(key);
                let expected = self.key.expected;
                report.note(&entry, At::Key, Problem::Form { value, expected });
            } else if value.is_null() {
                report.note(&entry, At::Key, Problem::Null(self.value.expected()));
            } else if let Some(value) = self.value.read(&entry, report) {
                entries.push((key.clone(), value));
            }
        }
        Some(entries)
    }

    fn schema(&self) -> Value {
        let mut schema = json!({
            "type": "object",
            "propertyNames": {"pattern": self.key.pattern},
            "additionalProperties": self.value.schema(),
        });
        if !self.may_be_empty {
            schema["minProperties"] = 1.into();
        }
        schema
    }

    fn expected(&self) -> String {
        format!(
            "a mapping from {} to {}",
            self.key.expected,
            self.value.expected()
        )
    }

    fn show(&self, value: &Self::Value) -> Option<Value> {
        let shown = value
            .iter()
            .map(|(key, value)| Some((key.clone(), self.value.show(value)?)));
        let entries: Option<Map<String, Value>> = shown.collect();
        entries
            .filter(|entries| !entries.is_empty() || self.may_be_empty)
            .map(Value::Object)
    }
}

/// A mapping with declared fields.
pub(crate) struct Record<F>(pub F);

impl<T, F> Kind for Record<F>
where
    F: Fn(&mut Fields<'_, '_>) -> T,
{
    type Value = T;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<T> {
        read_mapping(node, report, &self.0)
    }

    fn schema(&self) -> Value {
        describe_mapping(&self.0)
    }

    fn expected(&self) -> String {
        "a mapping".to_owned()
    }

    fn show(&self, _value: &T) -> Option<Value> {
        None
    }
}

/// Shows defaults of a kind in its own way.
pub(crate) struct Shown<K: Kind> {
    pub kind: K,
    /// A value as it would be written.
    pub show: fn(&K::Value) -> Value,
}

impl<K: Kind> Kind for Shown<K> {
    type Value = K::Value;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<K::Value> {
        self.kind.read(node, report)
    }

    fn schema(&self) -> Value {
        self.kind.schema()
    }

    fn expected(&self) -> String {
        self.kind.expected()
    }

    fn show(&self, value: &K::Value) -> Option<Value> {
        Some((self.show)(value))
    }
}

/// A list of mappings with unique `name`s. Each entry is read with the entries above it.
pub(crate) struct NamedRecords<T, F> {
    what: &'static str,
    read: F,
    of: PhantomData<T>,
}

impl<T, F> NamedRecords<T, F>
where
    F: Fn(&mut Fields<'_, '_>, &[T]) -> T,
{
    /// `what` is the word for an entry in messages; `read` reads one.
    pub const fn new(what: &'static str, read: F) -> Self {
        Self {
            what,
            read,
            of: PhantomData,
        }
    }
}

impl<T, F> Kind for NamedRecords<T, F>
where
    F: Fn(&mut Fields<'_, '_>, &[T]) -> T,
{
    type Value = Vec<T>;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Vec<T>> {
        let Value::Array(items) = node.value else {
            return wrong_type(self, node, report);
        };
        let mut above: Vec<T> = Vec::new();
        let mut names: HashMap<&str, u32> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let item = node.item(index, item);
            if let Some(name) = item.value.get("name") {
                let at = item.entry("name", name);
                let name = name.as_str().unwrap_or_default();
                match names.get(name) {
                    Some(line) => report.add(
                        &at,
                        Problem::Duplicate {
                            name: shown(name),
                            what: self.what,
                            line: *line,
                        },
                    ),
                    None if name.is_empty() => {}
                    None => {
                        names.insert(name, report.line(&at));
                    }
                }
            }
            let read = read_mapping(&item, report, |fields| (self.read)(fields, &above));
            above.extend(read);
        }
        Some(above)
    }

    fn schema(&self) -> Value {
        json!({
            "type": "array",
            "items": describe_mapping(|fields| (self.read)(fields, &[])),
        })
    }

    fn expected(&self) -> String {
        format!("a list of {}s", self.what)
    }

    fn show(&self, value: &Vec<T>) -> Option<Value> {
        // The fields of an entry show themselves.
        value.is_empty().then(|| json!([]))
    }
}
