//! How a part of a Pod was written, beside what it says.
//!
//! What a patch takes away must be given back as it was: `env: []`, `env: null` and no
//! `env` are the same to Kubernetes and three things to the author. Kept by reference into
//! the review's bytes, so that it costs no copy.

use std::cell::OnceCell;
use std::ops::Deref;

use memchr::memmem::Finder;

use crate::json::{Error, Raw, Read, Reader, Stop, from_str};

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

/// A list that is read when it is first looked at: most containers' variables never are.
///
/// One that cannot be read is empty, and [`Pod::fault`](super::view::Pod::fault) tells: who has
/// looked asks there before anything comes of it.
#[derive(Debug, Default)]
pub struct Later<'a, T> {
    json: Raw<'a>,
    may_be_escaped: bool,
    items: OnceCell<Result<Vec<T>, Error>>,
}

impl<'a, T> Later<'a, T> {
    /// How it was written.
    pub fn given(&self) -> Given {
        match self.json.get() {
            "" => Given::Absent,
            "null" => Given::Null,
            _ => Given::Value,
        }
    }

    /// Whether `word` may stand anywhere in it, without its being read.
    pub fn may_have(&self, word: &Finder<'_>) -> bool {
        self.may_be_escaped || word.find(self.json.get().as_bytes()).is_some()
    }

    /// Why it could not be read, where it was looked at.
    pub fn fault(&self) -> Option<&Error> {
        self.items.get()?.as_ref().err()
    }
}

impl<'a, T: Read<'a>> Deref for Later<'a, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        let items = self.items.get_or_init(|| match self.json.is_absent() {
            true => Ok(Vec::new()),
            false => from_str(self.json.get()),
        });
        items.as_deref().unwrap_or_default()
    }
}

impl<'a, T: Read<'a>> Read<'a> for Later<'a, T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.may_be_escaped = reader.has_escapes();
        self.json.read(reader)
    }
}

impl<'l, 'a, T: Read<'a>> IntoIterator for &'l Later<'a, T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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
    use crate::json::{Verbatim, fields};

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
