//! What is wrong with a JSON text, and where: the field as Kubernetes names it, the line and the column.
//!
//! serde_json only knows line and column. The field is found by parsing once more, so that valid text costs
//! nothing for it.

use std::fmt;

use serde::Deserialize;
use serde_json::error::Category;

use crate::text::shortened;

/// The longest field name and the longest message, in characters: a label's key may have any length.
const LONGEST: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The field, such as `spec.containers[0].name`; empty if it is the text as a whole.
    field: String,
    what: String,
    line: usize,
    column: usize,
}

impl Error {
    #[cold]
    pub(super) fn find<'a, T: Deserialize<'a>>(text: &'a str, error: &serde_json::Error) -> Self {
        let mut reader = serde_json::Deserializer::from_str(text);
        let mut field = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) if error.inner().classify() == Category::Data => error.path().to_string(),
            // It is not JSON, whatever the field.
            Ok(_) | Err(_) => String::new(),
        };
        if field == "." {
            field.clear();
        }
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let said = said.strip_suffix(&place).unwrap_or(&said);
        let (below, what) = match said
            .strip_prefix(IN_PART)
            .map(|rest| rest.split_once(IN_PART))
        {
            Some(Some((below, what))) => (below, what.to_owned()),
            Some(None) | None => worded(said),
        };
        if !field.is_empty() && !below.is_empty() {
            field.push('.');
        }
        field.push_str(below);
        Self {
            field: shortened(&field, LONGEST).into_owned(),
            what: shortened(&what, LONGEST).into_owned(),
            line: error.line(),
            column: error.column(),
        }
    }

    pub(super) fn not_utf8(bytes: &[u8], at: usize) -> Self {
        let before = bytes.get(..at).unwrap_or(bytes);
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        Self {
            field: String::new(),
            what: "this is not UTF-8".to_owned(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + before.len() - line_start.map_or(0, |newline| newline + 1),
        }
    }

    /// The field and what is wrong with it, for a text that the reader has not seen.
    pub fn without_place(&self) -> impl fmt::Display {
        WithoutPlace(self)
    }

    /// As a serde error for the reader of a text that contains this one.
    pub(crate) fn in_part(&self) -> impl fmt::Display {
        let Self { field, what, .. } = self;
        format!("{IN_PART}{field}{IN_PART}{what}")
    }
}

/// Encloses the field in the error of a part. serde escapes this character in values that it quotes.
const IN_PART: char = '\0';

/// The field below, and a message in place of serde's, which repeats the value: variables of a Pod may be
/// secret, and errors are logged.
fn worded(said: &str) -> (&str, String) {
    if let Some(field) = said.strip_prefix("duplicate field `") {
        return (
            field.trim_end_matches('`'),
            "the field appears twice".to_owned(),
        );
    }
    let is_type = said.starts_with("invalid type: ") || said.starts_with("invalid value: ");
    match said.rsplit_once(", expected ").filter(|_| is_type) {
        Some((_, expected)) => {
            let expected = match expected {
                "a boolean" => "true or false",
                "i64" => "a whole number",
                "a sequence" => "a list",
                other => other,
            };
            ("", format!("{expected} was expected"))
        }
        None => ("", said.to_owned()),
    }
}

impl std::error::Error for Error {}

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

/// An error without line and column.
struct WithoutPlace<'e>(&'e Error);

impl fmt::Display for WithoutPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { field, what, .. } = self.0;
        let colon = if field.is_empty() { "" } else { ": " };
        write!(f, "{field}{colon}{what}")
    }
}
