//! A word that is looked for in JSON without its being read.
//!
//! The answer may be "perhaps" where there is nothing, and is never "no" where there is something,
//! however it was written.

use memchr::memmem::{self, Finder};

use crate::json::marks::Escapes;
use crate::json::text::is_plain;

/// Some characters of a string.
#[derive(Debug)]
pub struct Word<'w> {
    finder: Finder<'w>,
    /// JSON writes them as they are, or by their numbers.
    is_literal: bool,
}

impl<'w> Word<'w> {
    /// To look for `text`.
    pub fn new(text: &'w str) -> Self {
        Self {
            finder: Finder::new(text),
            is_literal: is_plain(text.as_bytes()) && !text.contains('/'),
        }
    }

    /// Whether a string in `json` may have it; `escapes` is what its text may have.
    pub(super) fn may_be_in(&self, json: &str, escapes: Escapes) -> bool {
        let may_hide = match escapes {
            Escapes::None => false,
            Escapes::Short => !self.is_literal,
            Escapes::Any => !self.is_literal || memmem::find(json.as_bytes(), b"\\u").is_some(),
        };
        may_hide || self.finder.find(json.as_bytes()).is_some()
    }
}
