//! The faults of a policy file: all of them, in the order of its lines, each with the text to write instead.

use std::fmt;

use serde_json::{Value, json};

use crate::manifest;
use crate::model::profile::BoundsError;
use crate::model::quantity::QuantityError;

/// Everything that is wrong with one file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

/// Displays as `line:column: field what to write`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {field}{separator}{problem}", separator = if field.is_empty() { "" } else { " " })]
pub struct ConfigError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The field, such as `rules[0].match.namespaces[1]`; empty for the whole file.
    pub field: String,
    pub problem: Problem,
}

/// What is wrong with a field. Each text continues a sentence that starts with the field's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    #[error("{0}")]
    Text(manifest::Problem),
    #[error(
        "this file holds {0} documents; a policy is exactly one, with apiVersion: {api} and kind: \
         {kind}",
        api = crate::names::API_VERSION,
        kind = crate::policy_file::KIND
    )]
    Documents(usize),
    #[error("is not a field{}", or_known(*near, known))]
    UnknownField {
        /// The field that was probably meant.
        near: Option<&'static str>,
        /// Every field that is allowed there.
        known: Vec<&'static str>,
    },
    #[error("has no {name}; add {name}: with {expected}")]
    Missing {
        name: &'static str,
        expected: String,
    },
    #[error("has no value; write {0}, or remove the line")]
    Null(String),
    #[error("is {found}; write {expected}")]
    Type {
        found: &'static str,
        expected: String,
    },
    #[error("is empty; write at least one entry, or remove the line")]
    Empty,
    /// A value that is not in the list.
    #[error("is {value:?}; it may be {allowed}{}", did_you_mean(near.as_deref()))]
    Choice {
        /// As written.
        value: String,
        /// The value that was probably meant.
        near: Option<String>,
        allowed: String,
    },
    /// A text of the wrong form.
    #[error("is {value:?}; write {expected}")]
    Form {
        /// As written.
        value: String,
        /// The form, with an example.
        expected: &'static str,
    },
    /// A text of the right form that would do harm, or nothing.
    #[error("is {value:?}, {why}")]
    Refused {
        /// As written.
        value: String,
        /// The reason, and what to write.
        why: &'static str,
    },
    #[error("is {value}; write a whole number from {least} to {most}")]
    Range {
        /// As written.
        value: String,
        least: u64,
        most: u64,
    },
    #[error("is {value:?}, which is {error}")]
    Quantity {
        /// As written.
        value: String,
        error: QuantityError,
    },
    /// An amount of bytes that is less than one Mi.
    #[error(
        "is {0:?}, which is less than 1Mi, in bytes; write the unit that is meant, such as {number}Mi or {number}Gi",
        number = number(.0)
    )]
    Unit(String),
    /// A number that its file has in base 8.
    #[error("is {written}, which YAML reads as {value}, in base 8; write {decimal}")]
    Octal {
        /// As written.
        written: String,
        value: String,
        /// As it was probably meant.
        decimal: String,
    },
    /// A limit of zero.
    #[error("is {0:?}, which Kubernetes takes for no limit at all; write the amount that is meant")]
    Zero(String),
    /// A request above its limit.
    #[error("do not fit: {0}; lower the request or raise the limit")]
    Bounds(BoundsError),
    #[error(
        "is {name:?} for the second time, first in line {line}; every {what} needs its own name"
    )]
    Duplicate {
        name: String,
        what: &'static str,
        /// The line of the first one.
        line: u32,
    },
    /// An entry of a list that is in it already.
    #[error("is in the list already, in line {line}; remove it")]
    Repeated {
        /// The line of the first one.
        line: u32,
    },
    #[error("is {value:?}, which is no profile; there are: {known}{}", did_you_mean(near.as_deref()))]
    Profile {
        /// As written.
        value: String,
        /// The profile that was probably meant.
        near: Option<String>,
        /// The profiles that are allowed there.
        known: String,
    },
    /// Faults that are not listed.
    #[error("{0} more faults; mend those above first")]
    More(usize),
    /// Fields that contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

fn or_known(near: Option<&str>, known: &[&str]) -> String {
    match near {
        Some(near) => format!("; did you mean {near}?"),
        None => format!(" here; the fields are: {}", known.join(", ")),
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// A quantity without its unit.
fn number(quantity: &str) -> &str {
    let end = quantity.find(|c: char| !c.is_ascii_digit() && c != '.');
    &quantity[..end.unwrap_or(quantity.len())]
}

impl ConfigErrors {
    /// In the order of lines; `None` if there are none.
    pub(crate) fn of(mut errors: Vec<ConfigError>) -> Option<Self> {
        errors.sort_by_key(|error| (error.line, error.column));
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// A fault of the file as a whole.
    pub(crate) fn whole(problem: Problem) -> Self {
        Self(vec![ConfigError {
            line: 1,
            column: 1,
            field: String::new(),
            problem,
        }])
    }

    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }

    /// For programs: a list of `line`, `column`, `field` and `message`.
    pub fn to_json(&self) -> Value {
        let each = |error: &ConfigError| {
            json!({
                "line": error.line,
                "column": error.column,
                "field": error.field,
                "message": error.problem.to_string(),
            })
        };
        self.0.iter().map(each).collect()
    }
}

impl From<manifest::ReadError> for ConfigErrors {
    fn from(error: manifest::ReadError) -> Self {
        let manifest::ReadError {
            line,
            column,
            problem,
        } = error;
        Self(vec![ConfigError {
            line,
            column,
            field: String::new(),
            problem: Problem::Text(problem),
        }])
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}
