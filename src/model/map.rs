//! The maps of a Pod: labels, annotations, resource amounts.
//!
//! A Pod may have large maps of which this program needs two keys. Entries keep their order, since the last
//! of two equal keys counts, and unused entries are not kept.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{Text, object};
use crate::model::written::{Given, written};
use crate::names;

/// Up to this many entries, a linear search is faster than an index.
const FEW: usize = 16;

/// A map of strings in the order in which they were written.
#[derive(Debug)]
pub struct Labels<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
    given: Given,
    /// Indexes of the entries, sorted by key. Empty for maps of up to [`FEW`] entries.
    by_key: Vec<usize>,
}

impl Default for Labels<'_> {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl Labels<'_> {
    /// The map is not in the JSON.
    pub const ABSENT: Self = Self {
        entries: Vec::new(),
        given: Given::Absent,
        by_key: Vec::new(),
    };

    /// Whether the map is in the JSON, even if it is empty.
    pub fn is_present(&self) -> bool {
        self.given == Given::Value
    }

    pub fn given(&self) -> Given {
        self.given
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of `key`. The last one counts where a key appears twice, as in Go.
    pub fn get(&self, key: &str) -> Option<&str> {
        if self.entries.len() <= FEW {
            let found = self.entries.iter().rev().find(|(k, _)| &**k == key);
            return found.map(|(_, value)| &**value);
        }
        let behind = self
            .by_key
            .partition_point(|index| self.key_of(*index) <= key);
        let (key_there, value) = self
            .entries
            .get(*self.by_key.get(behind.checked_sub(1)?)?)?;
        (&**key_there == key).then_some(value)
    }
}

impl Labels<'_> {
    fn key_of(&self, index: usize) -> &str {
        self.entries.get(index).map_or("", |(key, _)| key)
    }

    fn ordered(&self) -> Vec<usize> {
        let mut indexes: Vec<usize> = (0..self.entries.len()).collect();
        // Stable: of equal keys, the last one stays last.
        indexes.sort_by(|a, b| self.key_of(*a).cmp(self.key_of(*b)));
        indexes
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Those(|_| true))
    }
}

/// Keeps the entries whose key passes this test.
struct Those(fn(&str) -> bool);

impl<'de> Visitor<'de> for Those {
    type Value = Labels<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
        let Self(is_kept) = self;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if is_kept(&key) {
                entries.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let mut labels = Labels {
            entries,
            given: Given::Value,
            by_key: Vec::new(),
        };
        if labels.entries.len() > FEW {
            labels.by_key = labels.ordered();
        }
        Ok(labels)
    }

    fn visit_unit<E: Error>(self) -> Result<Labels<'de>, E> {
        Ok(Labels {
            given: Given::Null,
            ..Labels::ABSENT
        })
    }
}

/// Only those annotations that this project reads: others can be large
/// (`kubectl.kubernetes.io/last-applied-configuration`).
#[derive(Debug, Default)]
pub struct Annotations<'a>(Labels<'a>);

impl Annotations<'_> {
    /// Annotations that are not in the JSON.
    pub const ABSENT: Self = Self(Labels::ABSENT);

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    /// Whether the Pod has none that this project reads.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// Whether the Pod has a map of annotations, even an empty one.
    pub fn is_present(&self) -> bool {
        self.0.is_present()
    }

    pub fn given(&self) -> Given {
        self.0.given
    }

    /// Every annotation with this project's prefix.
    pub fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        all.filter(|(key, _)| key.starts_with(names::PREFIX))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ours = |key: &str| {
            key.starts_with(names::PREFIX) || key == names::APPLATIX || key == names::MIRROR_POD
        };
        deserializer.deserialize_any(Those(ours)).map(Self)
    }
}

/// CPU and memory of a resource list. An author may write an amount as a number or as a string.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub struct Amounts<'a> {
    #[serde(deserialize_with = "written")]
    cpu: Option<&'a RawValue>,
    #[serde(deserialize_with = "written")]
    memory: Option<&'a RawValue>,
}

object!(Amounts<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Cpu,
    Memory,
}

impl Amounts<'_> {
    fn of(&self, resource: Resource) -> Option<&RawValue> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }

    pub fn has(&self, resource: Resource) -> bool {
        self.of(resource).is_some()
    }

    /// The amount as text. `None` if it is missing, or neither a string nor a number.
    pub fn get(&self, resource: Resource) -> Option<Cow<'_, str>> {
        let written = self.of(resource)?.get().trim();
        match written.bytes().next()? {
            b'"' => serde_json::from_str(written).ok().map(Cow::Owned),
            b'0'..=b'9' | b'-' => Some(Cow::Borrowed(written)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_last_of_equal_keys_counts_among_few_and_among_many() {
        for many in [0, 100] {
            let others = (0..many).map(|n| format!(r#""k{n}":"{n}","#));
            let others: String = others.collect();
            let json = format!(r#"{{"z":"1",{others}"a":"2","z":"3","":"4"}}"#);
            let labels: Labels<'_> = crate::json::from_str(&json).unwrap();
            let found = ["z", "a", "", "b", "zz"].map(|key| labels.get(key));
            assert_eq!(found, [Some("3"), Some("2"), Some("4"), None, None]);
            assert_eq!(labels.get("k99"), (many > 0).then_some("99"));
        }
    }
}
