//! The maps of a Pod: labels, annotations, amounts of resources.
//!
//! Kept in the order in which they were written; what nobody here reads is not kept.

use std::borrow::Cow;

use crate::json::{Raw, Read, Reader, Stop, Text};
use crate::model::written::Given;
use crate::names;

/// More entries than most maps have: beyond it, no key is looked for from entry to entry.
const FEW: usize = 16;

/// A map of strings, kept in order.
#[derive(Debug)]
pub struct Labels<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
    given: Given,
    /// The entries' indexes in the order of their keys, where there are many.
    by_key: Vec<usize>,
}

impl Default for Labels<'_> {
    fn default() -> Self {
        Self::ABSENT
    }
}

impl Labels<'_> {
    /// Of no entries, and not written.
    pub const ABSENT: Self = Self {
        entries: Vec::new(),
        given: Given::Absent,
        by_key: Vec::new(),
    };

    /// Whether the map is there at all, be it empty.
    pub fn is_present(&self) -> bool {
        self.given == Given::Value
    }

    /// How it was written.
    pub fn given(&self) -> Given {
        self.given
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of `key`; the last one where a key is there twice, as in JSON.
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

impl<'a> Labels<'a> {
    fn key_of(&self, index: usize) -> &str {
        self.entries.get(index).map_or("", |(key, _)| key)
    }

    fn ordered(&self) -> Vec<usize> {
        let mut indexes: Vec<usize> = (0..self.entries.len()).collect();
        // Stable: of equal keys, the last one stays last.
        indexes.sort_by(|a, b| self.key_of(*a).cmp(self.key_of(*b)));
        indexes
    }

    /// Reads those whose key `keep` holds.
    fn read_those(
        &mut self,
        reader: &mut Reader<'a>,
        keep: impl Fn(&str) -> bool,
    ) -> Result<(), Stop> {
        let is_there = reader.entries(|reader, key| {
            if !keep(&key) {
                return reader.skip();
            }
            let mut value = Text::EMPTY;
            value.read(reader)?;
            self.entries.push((key, value));
            Ok(())
        })?;
        if self.entries.len() > FEW {
            self.by_key = self.ordered();
        }
        self.given = match is_there {
            true => Given::Value,
            false => Given::Null,
        };
        Ok(())
    }
}

impl<'a> Read<'a> for Labels<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.read_those(reader, |_| true)
    }
}

/// Annotations, of which only those that this project reads are kept: others can
/// be large (`kubectl.kubernetes.io/last-applied-configuration`).
#[derive(Debug, Default)]
pub struct Annotations<'a>(Labels<'a>);

impl Annotations<'_> {
    /// None, and not written.
    pub const ABSENT: Self = Self(Labels::ABSENT);

    /// The value of an annotation that this project reads.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    /// Whether there are none that this project reads.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// Whether the Pod has annotations at all.
    pub fn is_present(&self) -> bool {
        self.0.is_present()
    }

    /// How they were written.
    pub fn given(&self) -> Given {
        self.0.given
    }

    /// Every annotation with this project's prefix.
    pub fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        all.filter(|(key, _)| key.starts_with(names::PREFIX))
    }
}

impl<'a> Read<'a> for Annotations<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.0.read_those(reader, |key| {
            key.starts_with(names::PREFIX) || key == names::APPLATIX || key == names::MIRROR_POD
        })
    }
}

/// CPU and memory of a map of amounts, in whatever type they are written: an author may write an
/// amount as a number.
#[derive(Debug, Default)]
pub struct Amounts<'a> {
    cpu: Option<Raw<'a>>,
    memory: Option<Raw<'a>>,
}

/// What an amount is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `cpu`.
    Cpu,
    /// `memory`.
    Memory,
}

impl Amounts<'_> {
    fn of(&self, resource: Resource) -> Option<Raw<'_>> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }

    /// Whether the map has an amount of it.
    pub fn has(&self, resource: Resource) -> bool {
        self.of(resource).is_some()
    }

    /// The amount as text; none where there is none, or what is there is neither a string nor a
    /// number.
    pub fn get(&self, resource: Resource) -> Option<Cow<'_, str>> {
        let written = self.of(resource)?.get().trim();
        match written.bytes().next()? {
            b'"' => serde_json::from_str(written).ok().map(Cow::Owned),
            b'0'..=b'9' | b'-' => Some(Cow::Borrowed(written)),
            _ => None,
        }
    }
}

impl<'a> Read<'a> for Amounts<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        reader.entries(|reader, key| {
            let amount = match &*key {
                "cpu" => &mut self.cpu,
                "memory" => &mut self.memory,
                _ => return reader.skip(),
            };
            let mut written = Raw::default();
            written.read(reader)?;
            *amount = Some(written);
            Ok(())
        })?;
        Ok(())
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
