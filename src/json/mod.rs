//! The JSON of reviews: of the thousands of bytes of a question some hundred decide, and an answer
//! is written as its parts are known.
//!
//! A first pass marks strings and brackets, many bytes at a time; the second walks from mark to
//! mark, and reads each value into its place, or keeps it as a part that is read later, if ever.
//! Text is borrowed, never copied but where it has escapes. As Go reads JSON, `null` is the value
//! that a field has without it. All that is read is checked; of what is skipped, strings and
//! brackets are.

mod error;
mod marks;
mod name;
mod part;
mod raw;
mod read;
mod reader;
mod text;
mod word;
mod write;

pub use crate::json::error::Error;
pub(crate) use crate::json::error::Step;
pub(crate) use crate::json::name::{Name, Names};
pub use crate::json::part::Part;
pub use crate::json::raw::{Raw, Verbatim};
pub(crate) use crate::json::read::fields;
pub use crate::json::read::{Read, Skipped};
pub use crate::json::reader::{Reader, Stop};
pub use crate::json::text::{Text, is_plain};
pub use crate::json::word::Word;
pub use crate::json::write::{to_text, write, write_text};

/// Reads a `T` from the whole of `text`.
///
/// # Errors
/// Where it is no JSON, or not a `T`.
pub fn from_str<'a, T: Read<'a>>(text: &'a str) -> Result<T, Error> {
    let mut reader = Reader::new(text)?;
    let mut value = T::default();
    match value.read(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => Ok(value),
        Err(Stop) => Err(reader.error()),
    }
}

/// Reads a `T` from the whole of `bytes`.
///
/// # Errors
/// Where they are no UTF-8 or no JSON, or not a `T`.
pub fn from_slice<'a, T: Read<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(text) => from_str(text),
        Err(error) => Err(Error::not_utf8(bytes, error.valid_up_to())),
    }
}

#[cfg(test)]
mod tests;
