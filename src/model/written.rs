//! How a part of a Pod was written, beside what it says.
//!
//! What a patch takes away must be given back as it was: `env: []`, `env: null` and no
//! `env` are the same to Kubernetes and three things to the author. Kept by reference into
//! the review's bytes, so that it costs no copy.

use std::cell::OnceCell;
use std::ops::Deref;

use crate::json::{Error, Part, Read, Reader, Stop, Word};

/// How a list or a mapping was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given {
    /// Not at all.
    #[default]
    Absent,
    /// As `null`, which Go reads as an empty one.
    Null,
    /// As what it is, be it empty.
    Value,
}

/// A value that is read when it is first looked at: most containers never are, nor most variables.
///
/// One that cannot be read is its type's default, and [`Pod::fault`](crate::model::view::Pod::fault)
/// tells: who has looked asks there before anything comes of it.
#[derive(Debug, Default)]
pub struct Later<'a, T> {
    part: Option<Part<'a>>,
    value: OnceCell<T>,
    fault: OnceCell<Box<Error>>,
}

impl<'a, T> Later<'a, T> {
    /// How it was written.
    pub fn given(&self) -> Given {
        match self.part.as_ref().map(Part::get) {
            None => Given::Absent,
            Some("null") => Given::Null,
            Some(_) => Given::Value,
        }
    }

    /// Whether `word` may stand anywhere in it, without its being read.
    pub fn may_have(&self, word: &Word<'_>) -> bool {
        self.part.as_ref().is_some_and(|part| part.may_have(word))
    }

    /// The value, where somebody has looked at it.
    pub fn known(&self) -> Option<&T> {
        self.value.get()
    }

    /// Why it could not be read, where it was looked at.
    pub fn fault(&self) -> Option<&Error> {
        self.fault.get().map(Box::as_ref)
    }
}

impl<'a, T: Read<'a>> Deref for Later<'a, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.value.get_or_init(|| {
            let read = self.part.as_ref().map_or(Ok(T::default()), Part::read);
            read.unwrap_or_else(|error| {
                self.fault.get_or_init(|| Box::new(error));
                T::default()
            })
        })
    }
}

impl<'a, T: Read<'a>> Read<'a> for Later<'a, T> {
    const NULL_AS_ITEM: bool = T::NULL_AS_ITEM;

    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.part = Some(reader.part()?);
        Ok(())
    }
}

/// A list, and how it was written.
#[derive(Debug)]
pub struct Listed<T> {
    items: Vec<T>,
    given: Given,
}

impl<T> Listed<T> {
    /// Of no items, and not written.
    pub const ABSENT: Self = Self {
        items: Vec::new(),
        given: Given::Absent,
    };

    /// How it was written.
    pub fn given(&self) -> Given {
        self.given
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl<T> Deref for Listed<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'l, T> IntoIterator for &'l Listed<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'a, T: Read<'a>> Read<'a> for Listed<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        let mut items: Option<Vec<T>> = None;
        items.read(reader)?;
        self.given = match items {
            Some(_) => Given::Value,
            None => Given::Null,
        };
        self.items = items.unwrap_or_default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::json::{Verbatim, fields, from_str};

    #[derive(Default)]
    struct Holder<'a> {
        list: Listed<Verbatim<'a, i64>>,
    }

    fields!(Holder<'a> { "list" => list });

    #[test]
    fn absent_null_and_empty_are_three_things() {
        for (json, given) in [
            ("{}", Given::Absent),
            (r#"{"list":null}"#, Given::Null),
            (r#"{"list":[]}"#, Given::Value),
        ] {
            let holder: Holder<'_> = from_str(json).unwrap();
            assert_eq!(holder.list.given(), given, "{json}");
            assert!(holder.list.is_empty());
        }
    }

    #[test]
    fn a_value_keeps_the_text_it_was_read_from() {
        let holder: Holder<'_> = from_str(r#"{"list":[1, 7]}"#).unwrap();
        assert_eq!(*holder.list[1], 7);
        assert_eq!(holder.list[1].json.get(), "7");
    }
}
