//! A part of a text as it was written, beside what it says.
//!
//! Kept by reference into the text, so that it costs no copy. What was only skipped is checked
//! to be JSON where it is written again.

use std::ops::Deref;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::marks::Escapes;
use crate::json::read::Read;
use crate::json::reader::{Reader, Stop};
use crate::json::word::Word;

/// A value as it was written, or nothing where it was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Self(json)
    }

    /// The JSON, empty where there is none.
    pub fn get(self) -> &'a str {
        self.0
    }

    /// Whether there is none.
    pub fn is_absent(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Read<'a> for Raw<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        *self = reader.raw()?;
        Ok(())
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(self.0).map_err(S::Error::custom)?;
        json.serialize(serializer)
    }
}

/// A value, and the JSON that it was read from.
#[derive(Debug, Default)]
pub struct Verbatim<'a, T> {
    /// The JSON, as it was written.
    pub json: Raw<'a>,
    escapes: Escapes,
    value: T,
}

impl<T> Verbatim<'_, T> {
    /// Whether a string that is `word`, or has it, may be in it.
    pub fn may_have(&self, word: &Word<'_>) -> bool {
        word.may_be_in(self.json.get(), self.escapes)
    }
}

impl<T> Deref for Verbatim<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'a, T: Read<'a>> Read<'a> for Verbatim<'a, T> {
    const NULL_AS_ITEM: bool = T::NULL_AS_ITEM;

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        let start = reader.start();
        self.value.read(reader)?;
        self.json = reader.since(start);
        self.escapes = reader.escapes();
        Ok(())
    }
}
