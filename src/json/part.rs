//! A part of a text that is read when somebody looks at it, if ever.
//!
//! It shares the marks of the whole, so that what is read late is not marked again, and an error
//! knows its place in the whole.

use std::fmt;
use std::ops::Range;

use crate::json::error::Error;
use crate::json::marks::Marks;
use crate::json::read::Read;
use crate::json::reader::{Reader, Stop};
use crate::json::word::Word;

/// A value that was skipped.
#[derive(Clone)]
pub struct Part<'a> {
    text: &'a str,
    marks: Marks,
    range: Range<usize>,
}

impl<'a> Part<'a> {
    pub(super) fn new(text: &'a str, marks: Marks, range: Range<usize>) -> Self {
        Self { text, marks, range }
    }

    /// The JSON.
    pub fn get(&self) -> &'a str {
        self.text.get(self.range.clone()).unwrap_or_default()
    }

    /// Whether a string that is `word`, or has it, may be in it.
    pub fn may_have(&self, word: &Word<'_>) -> bool {
        word.may_be_in(self.get(), self.marks.escapes())
    }

    /// Reads it.
    ///
    /// # Errors
    /// Where it is not a `T`.
    pub fn read<T: Read<'a>>(&self) -> Result<T, Error> {
        let mut reader = Reader::at(self.text, self.marks.clone(), self.range.start);
        let mut value = T::default();
        match value.read(&mut reader) {
            Ok(()) => Ok(value),
            Err(Stop) => Err(reader.error()),
        }
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Part").field(&self.get()).finish()
    }
}
