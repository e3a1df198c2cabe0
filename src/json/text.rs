//! A string that is borrowed from the text where it can be.
//!
//! Only a string with escapes is copied.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::ser::{Serialize, Serializer};
use wide::u8x16;

use super::read::Read;
use super::reader::{Reader, Stop};

/// Whether JSON writes a string of these bytes as it is, between quotes.
pub fn is_plain(text: &[u8]) -> bool {
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    let Some(last) = text.last_chunk::<16>() else {
        return !text.iter().any(is_special);
    };
    // The last sixteen may be looked at twice.
    let (whole, _) = text.as_chunks::<16>();
    whole.iter().chain([last]).all(are_plain)
}

fn are_plain(bytes: &[u8; 16]) -> bool {
    let bytes = u8x16::new(*bytes);
    let is = |byte| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.min(u8x16::splat(b' ' - 1)).simd_eq(bytes);
    (control | is(b'"') | is(b'\\')).to_bitmask() == 0
}

/// A string, borrowed from the text unless it was escaped there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// No text.
    pub const EMPTY: Self = Self(Cow::Borrowed(""));
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'a> Read<'a> for Text<'a> {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        if !reader.null()? {
            *self = reader.text()?;
        }
        Ok(())
    }
}
