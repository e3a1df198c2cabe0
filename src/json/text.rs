//! A string that is borrowed from the text where it can be.
//!
//! Only a string with escapes is copied.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::ser::{Serialize, Serializer};

use crate::json::read::Read;
use crate::json::reader::{Reader, Stop};

/// Whether JSON writes a string of these bytes as it is, between quotes.
pub fn is_plain(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
        return !text.iter().any(is_special);
    };
    // The last eight may be looked at twice.
    let (whole, _) = text.as_chunks();
    whole.iter().chain([last]).all(|bytes| are_plain(*bytes))
}

/// The same of eight bytes at once, as in "Bit Twiddling Hacks", "Determine if a word has a byte
/// less than n": a byte that is less than another borrows into its highest bit.
fn are_plain(bytes: [u8; 8]) -> bool {
    const HIGHEST: u64 = u64::MAX / 255 * 0x80;
    let bytes = u64::from_le_bytes(bytes);
    let all = |byte: u8| u64::MAX / 255 * u64::from(byte);
    let has_less = |bytes: u64, than: u8| bytes.wrapping_sub(all(than)) & !bytes & HIGHEST;
    let has = |byte: u8| has_less(bytes ^ all(byte), 1);
    has_less(bytes, b' ') | has(b'"') | has(b'\\') == 0
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
