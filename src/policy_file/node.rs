//! A value of the file with its place, and the list of faults.
//!
//! An admin should see all faults at once. So reading never stops at a fault: it is added to the list, and
//! the rest is read.

use serde_json::Value;

use crate::manifest::{Positions, below, tokens};
use crate::text::shortened;

use crate::policy_file::error::{ConfigError, Problem};

#[derive(Clone, Debug)]
pub(crate) struct Node<'d> {
    pub value: &'d Value,
    pub pointer: String,
}

impl<'d> Node<'d> {
    pub fn root(value: &'d Value) -> Self {
        Self {
            value,
            pointer: String::new(),
        }
    }

    /// The value of a mapping's key.
    pub fn entry(&self, key: &str, value: &'d Value) -> Self {
        Self {
            value,
            pointer: below(&self.pointer, key),
        }
    }

    pub fn item(&self, index: usize, value: &'d Value) -> Self {
        Self {
            value,
            pointer: format!("{}/{index}", self.pointer),
        }
    }

    /// The type of the value, in words.
    pub fn found(&self) -> &'static str {
        match self.value {
            Value::Null => "empty",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "a mapping",
        }
    }
}

/// People do not read more faults of one file, and a hostile file may have millions.
const MOST_ERRORS: usize = 256;

/// The faults found so far.
pub(crate) struct Report<'d> {
    text: &'d str,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    positions: &'d Positions,
    errors: Vec<ConfigError>,
    /// Faults beyond [`MOST_ERRORS`].
    more: usize,
}

/// Which part of an entry has a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Its key, or the item if it has none.
    Key,
    Value,
}

impl<'d> Report<'d> {
    pub fn new(text: &'d str, positions: &'d Positions) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            lines: std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect(),
            positions,
            errors: Vec::new(),
            more: 0,
        }
    }

    /// Adds a fault of a value.
    pub fn add(&mut self, node: &Node<'_>, problem: Problem) {
        self.note(node, At::Value, problem);
    }

    /// Adds a fault at the key or the value of an entry.
    pub fn note(&mut self, node: &Node<'_>, at: At, problem: Problem) {
        if self.errors.len() >= MOST_ERRORS {
            self.more += 1;
            return;
        }
        let (line, column) = self.place(&node.pointer, at);
        self.errors.push(ConfigError {
            line,
            column,
            field: dotted(&node.pointer),
            problem,
        });
    }

    /// The line in which the entry begins.
    pub fn line(&self, node: &Node<'_>) -> u32 {
        self.place(&node.pointer, At::Key).0
    }

    /// Reports an integer that begins with a zero: to YAML it is one of base 8, and to nobody else.
    pub fn is_octal(&mut self, node: &Node<'_>) -> bool {
        let position = self.positions.nearest(&node.pointer);
        let text = position.and_then(|position| self.text.get(position.node.start..));
        let mut text = text.unwrap_or_default();
        // An anchor or a tag before it.
        while text.starts_with(['&', '!']) {
            text = text
                .split_once([' ', '\n'])
                .unwrap_or_default()
                .1
                .trim_start();
        }
        // Up to what ends a plain scalar: an octal number is followed by neither a fraction nor an exponent.
        let end = text.find(|c: char| c.is_whitespace() || ",]}".contains(c));
        let written = &text[..end.unwrap_or(text.len())];
        let digits = written.strip_prefix('0').unwrap_or_default();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        let decimal = digits.trim_start_matches('0');
        let value = node.value.to_string();
        if digits.is_empty() || decimal == value || decimal.is_empty() {
            return false;
        }
        let problem = Problem::Octal {
            written: format!("0{digits}"),
            value,
            decimal: decimal.to_owned(),
        };
        self.add(node, problem);
        true
    }

    /// Whether a value, or something in it, has a fault, as far as is known.
    pub fn is_faulty(&self, node: &Node<'_>) -> bool {
        if self.more > 0 {
            return true;
        }
        let field = dotted(&node.pointer);
        let mut errors = self.errors.iter();
        errors.any(|error| error.field.starts_with(&field))
    }

    pub fn into_errors(mut self) -> Vec<ConfigError> {
        if self.more > 0 {
            let (line, column) = (u32::try_from(self.lines.len()).unwrap_or(u32::MAX), 1);
            self.errors.push(ConfigError {
                line,
                column,
                field: String::new(),
                problem: Problem::More(self.more),
            });
        }
        self.errors
    }

    fn place(&self, pointer: &str, at: At) -> (u32, u32) {
        // A value that an alias refers to has the alias's place.
        let Some(position) = self.positions.nearest(pointer) else {
            return (1, 1);
        };
        match at {
            At::Key => (position.line, position.column),
            At::Value => self.line_and_column(position.node.start),
        }
    }

    fn line_and_column(&self, byte: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let before = self.text.get(self.lines[line - 1]..byte);
        let before = before.unwrap_or_default().chars();
        let column = before.filter(|c| *c != '\u{feff}').count() + 1;
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        (number(line), number(column))
    }
}

/// A JSON pointer in the usual form: `rules[0].match.namespaces[1]`.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for token in tokens(pointer) {
        if !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{token}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&shown(&token));
        }
    }
    path
}

/// At most 61 characters of a text in the file: enough to find it.
pub(crate) fn shown(text: &str) -> String {
    shortened(text, 61).into_owned()
}
