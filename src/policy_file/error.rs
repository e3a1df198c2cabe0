//! What is wrong with a policy file: every fault of it, in the order of its lines, each with
//! the text to write instead.

use std::fmt;

use serde_json::{Value, json};

use crate::manifest;
use crate::model::profile::BoundsError;
use crate::model::quantity::QuantityError;

/// Everything that is wrong with one file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

/// One fault. Displays as `line:column: field what to write`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {field}{separator}{problem}", separator = if field.is_empty() { "" } else { " " })]
pub struct ConfigError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The field, such as `rules[0].match.namespaces[1]`; empty for the whole file.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field. Each text goes on from the field's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is no YAML.
    #[error("{0}")]
    Text(manifest::Problem),
    #[error(
        "this file holds {0} documents; a policy is exactly one, with apiVersion: {api} and kind: \
         {kind}",
        api = crate::names::API_VERSION,
        kind = crate::policy_file::KIND
    )]
    Documents(usize),
    /// A field that is none.
    #[error("is not a field{}", or_known(*near, known))]
    UnknownField {
        /// What was meant, most likely.
        near: Option<&'static str>,
        /// Every field that may stand there.
        known: Vec<&'static str>,
    },
    /// A field that must be there.
    #[error("has no {name}; add {name}: with {expected}")]
    Missing {
        name: &'static str,
        expected: String,
    },
    /// A field without a value.
    #[error("has no value; write {0}, or remove the line")]
    Null(String),
    /// A value of another type.
    #[error("is {found}; write {expected}")]
    Type {
        found: &'static str,
        expected: String,
    },
    /// A list or mapping without entries.
    #[error("is empty; write at least one entry, or remove the line")]
    Empty,
    /// A value that is none of those that may be chosen.
    #[error("is {value:?}; it may be {allowed}{}", did_you_mean(near.as_deref()))]
    Choice {
        /// As written.
        value: String,
        /// What was meant, most likely.
        near: Option<String>,
        allowed: String,
    },
    /// A text of another form.
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
        /// Why not, and what to write.
        why: &'static str,
    },
    /// A number outside of its range.
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
        /// What is wrong with it.
        error: QuantityError,
    },
    /// A limit of nothing.
    #[error("is {0:?}, which Kubernetes takes for no limit at all; write the amount that is meant")]
    Zero(String),
    /// A request above its limit.
    #[error("do not fit: {0}; lower the request or raise the limit")]
    Bounds(BoundsError),
    /// A name for the second time.
    #[error(
        "is {name:?} for the second time, first in line {line}; every {what} needs its own name"
    )]
    Duplicate {
        name: String,
        what: &'static str,
        /// The line of the first.
        line: u32,
    },
    /// A profile that the file does not define.
    #[error("is {value:?}, which is no profile; there are: {known}{}", did_you_mean(near.as_deref()))]
    Profile {
        /// As written.
        value: String,
        /// What was meant, most likely.
        near: Option<String>,
        /// The profiles that may be named there.
        known: String,
    },
    /// Faults that are not told one by one.
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

impl ConfigErrors {
    /// In the order of lines; none where there is nothing wrong.
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
