//! What was wrong with a text, and where: the field as Kubernetes names it, and the place.

use std::fmt;

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum What {
    #[error("this is not UTF-8")]
    NotUtf8,
    #[error("this is 2 GiB or more, and too long to be read")]
    TooLong,
    #[error("a string has no end")]
    Unclosed,
    #[error("a string has a control character that is not escaped")]
    Control,
    #[error("a string has an escape that JSON does not have")]
    Escape,
    #[error("a value was expected")]
    Value,
    #[error("this is not JSON")]
    Json,
    #[error("an object was expected")]
    Object,
    #[error("a list was expected")]
    List,
    #[error("a string was expected")]
    Text,
    #[error("true or false was expected")]
    Boolean,
    #[error("a whole number was expected")]
    Integer,
    #[error("a key was expected")]
    Key,
    #[error("a colon was expected")]
    Colon,
    #[error("a comma or the end was expected")]
    Comma,
    #[error("the end was expected")]
    End,
    #[error("the field is there twice")]
    Twice,
}

/// A step from a value to one that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Field(&'static str),
    Item(usize),
}

/// Why a text was not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// From the innermost value out.
    steps: Vec<Step>,
    what: What,
    line: usize,
    column: usize,
}

impl Error {
    pub(super) fn new(text: &[u8], at: usize, what: What, steps: Vec<Step>) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        Self {
            steps,
            what,
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + before.len() - line_start.map_or(0, |newline| newline + 1),
        }
    }

    /// The same error of a text that is a part of a larger one: where it is in that.
    #[must_use]
    pub(crate) fn within(&self, outer: impl IntoIterator<Item = Step>) -> Self {
        let steps = self.steps.iter().copied().chain(outer).collect();
        Self { steps, ..*self }
    }

    /// The field and what is wrong with it, for a text that nobody sees.
    pub fn without_place(&self) -> impl fmt::Display {
        WithoutPlace(self)
    }

    pub(super) fn not_utf8(bytes: &[u8], at: usize) -> Self {
        Self::new(bytes, at, What::NotUtf8, Vec::new())
    }
}

impl std::error::Error for Error {}

/// With its place.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, .. } = self;
        write!(
            f,
            "{}, at line {line} column {column}",
            self.without_place()
        )
    }
}

/// An error of a text that its reader has not seen.
struct WithoutPlace<'e>(&'e Error);

impl fmt::Display for WithoutPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { steps, what, .. } = self.0;
        for (index, step) in steps.iter().rev().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        let colon = if steps.is_empty() { "" } else { ": " };
        write!(f, "{colon}{what}")
    }
}
