//! What a field may hold: how it is read, how the schema says it, how a default is shown.

use std::marker::PhantomData;

use serde_json::{Map, Value, json};

use crate::policy::named::Named;
use crate::sidecar::quantity::Quantity;

use super::error::Problem;
use super::fields::{Fields, describe_mapping, read_mapping};
use super::form::Form;
use super::node::{At, Node, Report, shown};
use super::suggest::nearest;

/// What a field may hold.
pub(super) trait Kind {
    /// What it is read into.
    type Value;

    /// Reads it; nothing where a fault was noted that leaves no value.
    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Self::Value>;

    /// Its JSON Schema.
    fn schema(&self) -> Value;

    /// What to write, in words.
    fn expected(&self) -> String;

    /// A value as it would be written; nothing for one that its own fields show.
    fn show(&self, value: &Self::Value) -> Option<Value>;
}

fn wrong_type<T>(kind: &impl Kind, node: &Node<'_>, report: &mut Report<'_>) -> Option<T> {
    let found = node.found();
    let expected = kind.expected();
    report.add(node, Problem::Type { found, expected });
    None
}

/// A text of one form.
pub(super) struct Text(pub &'static Form);

impl Kind for Text {
    type Value = String;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<String> {
        let Value::String(text) = node.value else {
            return wrong_type(self, node, report);
        };
        if !self.0.fits(text) {
            let value = shown(text);
            let expected = self.0.expected;
            report.add(node, Problem::Form { value, expected });
            return None;
        }
        Some(text.clone())
    }

    fn schema(&self) -> Value {
        self.0.schema()
    }

    fn expected(&self) -> String {
        self.0.expected.to_owned()
    }

    fn show(&self, value: &String) -> Option<Value> {
        Some(value.as_str().into())
    }
}

/// A text of one form that may still be wrong: `refuse` says why.
pub(super) struct Sound {
    /// The form.
    pub form: &'static Form,
    /// Why a text of that form may not stand there, and what to write.
    pub refuse: fn(&str) -> Option<&'static str>,
}

impl Kind for Sound {
    type Value = String;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<String> {
        let text = Text(self.form).read(node, report)?;
        if let Some(why) = (self.refuse)(&text) {
            let value = shown(&text);
            report.add(node, Problem::Refused { value, why });
            return None;
        }
        Some(text)
    }

    fn schema(&self) -> Value {
        self.form.schema()
    }

    fn expected(&self) -> String {
        self.form.expected.to_owned()
    }

    fn show(&self, value: &String) -> Option<Value> {
        Some(value.as_str().into())
    }
}

/// The one text that may stand there.
pub(super) struct Fixed(pub &'static str);

impl Kind for Fixed {
    type Value = ();

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<()> {
        let Value::String(text) = node.value else {
            return wrong_type(self, node, report);
        };
        if text != self.0 {
            report.add(
                node,
                Problem::Choice {
                    value: shown(text),
                    near: None,
                    allowed: self.0.to_owned(),
                },
            );
        }
        Some(())
    }

    fn schema(&self) -> Value {
        json!({"const": self.0})
    }

    fn expected(&self) -> String {
        self.0.to_owned()
    }

    fn show(&self, (): &()) -> Option<Value> {
        None
    }
}

/// One of the values that have names.
pub(super) struct Choice<T>(PhantomData<T>);

impl<T> Choice<T> {
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Named> Kind for Choice<T> {
    type Value = T;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<T> {
        let Value::String(text) = node.value else {
            return wrong_type(self, node, report);
        };
        let found = T::ALL.iter().find(|(_, name, _)| name == text);
        if found.is_none() {
            let near = nearest(text, T::ALL.iter().map(|(_, name, _)| *name));
            report.add(
                node,
                Problem::Choice {
                    value: shown(text),
                    near: near.map(str::to_owned),
                    allowed: self.expected(),
                },
            );
        }
        found.map(|(value, ..)| *value)
    }

    fn schema(&self) -> Value {
        let names: Vec<&str> = T::ALL.iter().map(|(_, name, _)| *name).collect();
        let meanings: Vec<&str> = T::ALL.iter().map(|(.., meaning)| *meaning).collect();
        // `enumDescriptions` is what editors show beside each value.
        json!({"enum": names, "enumDescriptions": meanings})
    }

    fn expected(&self) -> String {
        let names: Vec<&str> = T::ALL.iter().map(|(_, name, _)| *name).collect();
        either(&names)
    }

    fn show(&self, value: &T) -> Option<Value> {
        Some(Named::name(*value).into())
    }
}

/// `a, b or c`.
pub(super) fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<bool> {
        match node.value {
            Value::Bool(value) => Some(*value),
            _ => wrong_type(self, node, report),
        }
    }

    fn schema(&self) -> Value {
        json!({"type": "boolean"})
    }

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn show(&self, value: &bool) -> Option<Value> {
        Some((*value).into())
    }
}

/// A whole number within a range.
pub(super) struct Whole {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Kind for Whole {
    type Value = u64;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<u64> {
        let Value::Number(number) = node.value else {
            return wrong_type(self, node, report);
        };
        let Self { least, most } = *self;
        let value = number
            .as_u64()
            .filter(|value| (least..=most).contains(value));
        if value.is_none() {
            let value = number.to_string();
            report.add(node, Problem::Range { value, least, most });
        }
        value
    }

    fn schema(&self) -> Value {
        json!({"type": "integer", "minimum": self.least, "maximum": self.most})
    }

    fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.least, self.most)
    }

    fn show(&self, value: &u64) -> Option<Value> {
        Some((*value).into())
    }
}

/// A Kubernetes quantity; a bare number is one too.
pub(super) struct Amount {
    /// Whether nothing at all is an amount. As a limit, Kubernetes takes it for none.
    pub may_be_zero: bool,
}

impl Kind for Amount {
    type Value = Quantity;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Quantity> {
        let text = match node.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return wrong_type(self, node, report),
        };
        match text.parse::<Quantity>() {
            Ok(amount) if amount.is_zero() && !self.may_be_zero => {
                report.add(node, Problem::Zero(shown(&text)));
                None
            }
            Ok(amount) => Some(amount),
            Err(error) => {
                let value = shown(&text);
                report.add(node, Problem::Quantity { value, error });
                None
            }
        }
    }

    fn schema(&self) -> Value {
        json!({
            "type": ["string", "number"],
            "pattern": super::form::QUANTITY,
            "minimum": 0,
        })
    }

    fn expected(&self) -> String {
        "a Kubernetes quantity such as 500m, 2 or 4Gi".to_owned()
    }

    fn show(&self, value: &Quantity) -> Option<Value> {
        Some(value.as_str().into())
    }
}

/// A list of one kind.
pub(super) struct List<K> {
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

    /// A list in which no entries would mean something else than nobody wrote.
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
        let items = items.iter().enumerate();
        let read =
            items.filter_map(|(index, item)| self.item.read(&node.item(index, item), report));
        Some(read.collect())
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
pub(super) struct OneOrMore<K>(List<K>);

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

/// A mapping whose keys are of one form and whose values are of one kind.
pub(super) struct Dictionary<K> {
    /// The form of the keys.
    pub key: &'static Form,
    /// What each holds.
    pub value: K,
    /// Whether no entries are a mapping too.
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

/// A mapping with fields of its own.
pub(super) struct Record<F>(pub F);

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

/// A kind of which a default is shown in a form of its own.
pub(super) struct Shown<K: Kind> {
    /// How it is read.
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

/// A list of mappings, each with a `name` of its own. What stands above an entry is given
/// to the one that reads it.
pub(super) struct NamedRecords<T, F> {
    what: &'static str,
    read: F,
    of: PhantomData<T>,
}

impl<T, F> NamedRecords<T, F>
where
    F: Fn(&mut Fields<'_, '_>, &[T]) -> T,
{
    /// `what` names an entry in messages; `read` reads one.
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
        let mut names: Vec<(&str, u32)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let item = node.item(index, item);
            if let Some(name) = item.value.get("name") {
                let at = item.entry("name", name);
                let name = name.as_str().unwrap_or_default();
                match names.iter().find(|(other, _)| *other == name) {
                    Some((_, line)) => report.add(
                        &at,
                        Problem::Duplicate {
                            name: shown(name),
                            what: self.what,
                            line: *line,
                        },
                    ),
                    None if !name.is_empty() => names.push((name, report.line(&at))),
                    None => {}
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

    fn show(&self, _value: &Vec<T>) -> Option<Value> {
        None
    }
}
