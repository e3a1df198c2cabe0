//! How a part of a Pod was written, besides what it says.
//!
//! What a patch removes must be restored as it was: `env: []`, `env: null` and no `env` are the same to
//! Kubernetes, but not to the author. The JSON is borrowed from the review, so that keeping it copies
//! nothing.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::from_str;

/// How a list or a map was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given {
    #[default]
    Absent,
    /// As `null`, which Go reads as empty.
    Null,
    /// As a list or map, even an empty one.
    Value,
}

/// A value, and the JSON from which it was read.
#[derive(Debug)]
pub struct Verbatim<'a, T> {
    pub json: &'a RawValue,
    value: T,
}

impl<T> Deref for Verbatim<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Verbatim<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&'de RawValue>::deserialize(deserializer)?;
        let value = from_str(json.get()).map_err(|error| D::Error::custom(error.in_part()))?;
        Ok(Self { json, value })
    }
}

/// Reads a field that is in the JSON, even as `null`.
pub(crate) fn written<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A list, and how it was written. Items beyond `MOST` are parsed and dropped.
#[derive(Debug)]
pub struct Listed<T, const MOST: usize = { usize::MAX }> {
    items: Vec<T>,
    given: Given,
}

impl<T, const MOST: usize> Listed<T, MOST> {
    /// The list is not in the JSON.
    pub const ABSENT: Self = Self {
        items: Vec::new(),
        given: Given::Absent,
    };

    pub fn given(&self) -> Given {
        self.given
    }
}

impl<T, const MOST: usize> Default for Listed<T, MOST> {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl<T, const MOST: usize> Deref for Listed<T, MOST> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'l, T, const MOST: usize> IntoIterator for &'l Listed<T, MOST> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Listed<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrNull::<T, MOST>(PhantomData))
    }
}

struct ListOrNull<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for ListOrNull<T, MOST> {
    type Value = Listed<T, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listed<T, MOST>, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST
            && let Some(item) = list.next_element()?
        {
            items.push(item);
        }
        if items.len() == MOST {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(Listed {
            items,
            given: Given::Value,
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Listed<T, MOST>, E> {
        Ok(Listed {
            items: Vec::new(),
            given: Given::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Holder<'a> {
        #[serde(borrow)]
        list: Listed<Verbatim<'a, i64>>,
    }

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
    fn items_beyond_the_most_are_read_over() {
        let list: Listed<i64, 2> = from_str("[1, 7]").unwrap();
        assert_eq!(*list, [1, 7]);
        let list: Listed<i64, 2> = from_str(r#"[1, 7, {"x": []}, null]"#).unwrap();
        assert_eq!(*list, [1, 7]);
        assert!(from_str::<Listed<i64, 2>>("[1, 7, 8").is_err());
    }

    #[test]
    fn a_value_keeps_the_text_it_was_read_from() {
        let holder: Holder<'_> = from_str(r#"{"list":[1, 7]}"#).unwrap();
        assert_eq!(*holder.list[1], 7);
        assert_eq!(holder.list[1].json.get(), "7");
    }
}
