//! Kinds of values: how one is read, how the schema describes it, how a default is shown.

use std::marker::PhantomData;

use serde_json::{Value, json};

use crate::decide::named::Named;
use crate::decide::suggest::nearest;
use crate::policy_file::error::Problem;
use crate::policy_file::form::Form;
use crate::policy_file::node::{Node, Report, shown};

pub(crate) trait Kind {
    type Value;

    /// `None` if it has a fault that leaves no value.
    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Self::Value>;

    fn schema(&self) -> Value;

    /// What to write, in words.
    fn expected(&self) -> String;

    /// A value as it would be written; `None` if its own fields show it.
    fn show(&self, value: &Self::Value) -> Option<Value>;

    /// By which two entries of a list are the same one.
    fn identity(&self, value: &Value) -> String {
        value.to_string()
    }
}

/// Adds a fault for a value of the wrong type.
pub(crate) fn wrong_type<T>(
    kind: &impl Kind,
    node: &Node<'_>,
    report: &mut Report<'_>,
) -> Option<T> {
    let found = node.found();
    let expected = kind.expected();
    report.add(node, Problem::Type { found, expected });
    None
}

pub(crate) struct Text(pub &'static Form);

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
pub(crate) struct Sound {
    pub form: &'static Form,
    /// Why a text of that form is refused, and what to write.
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

/// The only allowed text.
pub(crate) struct Fixed(pub &'static str);

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

/// One of the values of [`Named`].
pub(crate) struct Choice<T>(PhantomData<T>);

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
        // Editors show `enumDescriptions` beside each value.
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
pub(crate) fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// `true` or `false`.
pub(crate) struct Flag;

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
pub(crate) struct Whole {
    pub least: u64,
    pub most: u64,
}

impl Kind for Whole {
    type Value = u64;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<u64> {
        let Value::Number(number) = node.value else {
            return wrong_type(self, node, report);
        };
        if report.is_octal(node) {
            return None;
        }
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
