//! The JSON of reviews, read by serde_json into structs that borrow from it.
//!
//! If this program and the API server read one text differently, a Pod can get past the policy. So what is
//! accepted is what the API server's decoder accepts: `null` means that the field is not set, an object is
//! never written as a list, and a name that appears twice is refused. Deep nesting in skipped fields needs no
//! stack: serde_json skips it in a loop.

mod error;
mod object;
mod text;

use serde::Deserialize;

pub use crate::json::error::Error;
pub(crate) use crate::json::object::{object, or_default};
pub use crate::json::text::Text;

/// # Errors
/// If `text` is not JSON, or not a `T`.
pub fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::find::<T>(text, &error))
}

/// # Errors
/// If `bytes` are not UTF-8, not JSON, or not a `T`.
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    // Checked once for all strings: serde_json would check each by itself.
    match std::str::from_utf8(bytes) {
        Ok(text) => from_str(text),
        Err(error) => Err(Error::not_utf8(bytes, error.valid_up_to())),
    }
}

#[cfg(test)]
mod tests;
