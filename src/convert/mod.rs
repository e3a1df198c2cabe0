//! A manifest's text, changed only where operations change what it says.
//!
//! Every line that need not change stays as it is, byte by byte: comments, order, quotes,
//! line ends. What is inserted takes the layout of its surroundings. The result is read
//! again and must say exactly what the operations make of the value, or there is none.

mod block;
mod edit;
mod flow;
mod overlay;
mod style;
mod text;

use serde_json::Value;

use crate::manifest;
use crate::manifest::{Document, Operation, OperationError, Problem, ReadError};

use crate::convert::edit::Edits;
use crate::convert::overlay::{Node, Refused};
use crate::convert::style::Style;
use crate::convert::text::Text;

/// Why a text is left as it is. Displays as `line: what to do`, to stand behind a file's name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConvertError {
    /// The change would have to be made in text that others share.
    #[error(
        "{line}: what would have to change here is shared through an anchor, an alias or `<<`, and \
         the change is not meant for all that share it; write the values out"
    )]
    Shared {
        /// The line of the alias, the merge or the anchor.
        line: u32,
    },
    /// What would go has an anchor, under which it is used elsewhere.
    #[error(
        "{line}: what would go here has an anchor (&) that stands for it elsewhere (*); write the values out"
    )]
    Anchored {
        /// The line of the first anchor that goes.
        line: u32,
    },
    /// The edited text would not say what it must; a fault of this program.
    #[error("1: this text cannot be edited in place ({0}); use `inject` for it and report this")]
    Unfit(String),
    /// An operation does not fit the document; a fault of this program.
    #[error("1: {0}")]
    Operation(#[from] OperationError),
}

impl ConvertError {
    /// The line, and what to do there.
    pub fn parts(&self) -> (u32, String) {
        let error = self.to_string();
        let (line, message) = error.split_once(": ").unwrap_or(("1", &error));
        (line.parse().unwrap_or(1), message.to_owned())
    }
}

/// Edits `text` so that each of its documents says what its operations make of it.
/// `documents` are the text's, read with positions; the operations of one are carried out in
/// their order.
///
/// # Errors
/// Where that cannot be done without changing more than what the operations change.
pub fn convert(
    text: &str,
    documents: &[(Document, Vec<Operation>)],
) -> Result<String, ConvertError> {
    let text = Text::new(text);
    let mut edits = Edits::default();
    let mut expected = Vec::new();
    let mut refused = Vec::new();
    for (document, operations) in documents {
        let mut value = document.value.clone();
        let mut root = Node::Kept;
        let Some(positions) = document
            .positions
            .as_ref()
            .filter(|_| !operations.is_empty())
        else {
            expected.push(value);
            continue;
        };
        for operation in operations {
            operation.clone().apply(&mut value)?;
            match root.apply(&document.value, positions, operation) {
                Ok(()) => {}
                Err(Refused::Shared(line)) => refused.push(line),
                Err(Refused::Missing) => {
                    return Err(OperationError::Missing(operation.path().to_owned()).into());
                }
            }
        }
        let style = Style::of(&text, &document.value, positions);
        let mut writer = block::Writer {
            text: &text,
            positions,
            style,
            edits: &mut edits,
        };
        writer.node(&root, &document.value, "");
        expected.push(value);
    }
    let edited = edits.apply(&text);
    match check(&edited, &expected) {
        Ok(()) => Ok(edited),
        Err(fault) => match refused.first().copied().or(edits.anchor(&text)) {
            Some(line) => Err(ConvertError::Shared { line }),
            None => Err(match lost_anchor(text.all, &edited) {
                Some(line) => ConvertError::Anchored { line },
                None => ConvertError::Unfit(fault),
            }),
        },
    }
}

/// The line of the first anchor of a text that is not in what became of it, where an alias there has none.
fn lost_anchor(text: &str, edited: &str) -> Option<u32> {
    let error = manifest::read(edited).err()?;
    if !matches!(error.problem, Problem::Alias) {
        return None;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let names = |line: &str| -> Vec<String> {
        let parts = line.split('&').skip(1);
        let names =
            parts.map(|part| part[..part.find(|c| !is_name(c)).unwrap_or(part.len())].to_owned());
        names.filter(|name| !name.is_empty()).collect()
    };
    let mut lines = (1_u32..).zip(text.lines());
    let is_lost = |name: &String| {
        !edited.contains(&format!("&{name}")) && edited.contains(&format!("*{name}"))
    };
    lines.find_map(|(number, line)| names(line).iter().any(is_lost).then_some(number))
}

/// Whether `text` says `expected`, and nothing else.
fn check(text: &str, expected: &[Value]) -> Result<(), String> {
    let read: Result<Vec<Document>, ReadError> = manifest::read(text);
    let read = read.map_err(|error| error.to_string())?;
    if read.len() != expected.len() {
        return Err(format!(
            "{} documents became {}",
            expected.len(),
            read.len()
        ));
    }
    for (index, (document, expected)) in read.iter().zip(expected).enumerate() {
        if document.value != *expected {
            return Err(format!("document {} would say something else", index + 1));
        }
    }
    Ok(())
}
