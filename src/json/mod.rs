//! The JSON of reviews, read by serde_json into structs that borrow from it.
//!
//! Two readers of one text must not see two different things, so what is read is what the API
//! server's decoder takes: `null` is the value that a field has without it, an object is never
//! written as a list, and a name that stands twice is refused. Deep nesting of what nobody reads
//! costs no stack: serde_json skips it in a loop.

mod error;
mod object;
mod text;

use serde::Deserialize;

pub use crate::json::error::Error;
pub(crate) use crate::json::object::{object, or_default};
pub use crate::json::text::Text;

/// Reads a `T` from the whole of `text`.
///
/// # Errors
/// Where it is no JSON, or not a `T`.
pub fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::find::<T>(text, &error))
}

/// Reads a `T` from the whole of `bytes`.
///
/// # Errors
/// Where they are no UTF-8 or no JSON, or not a `T`.
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    // Once for all strings: serde_json would look at each by itself.
    match std::str::from_utf8(bytes) {
        Ok(text) => from_str(text),
        Err(error) => Err(Error::not_utf8(bytes, error.valid_up_to())),
    }
}

#[cfg(test)]
mod tests;
