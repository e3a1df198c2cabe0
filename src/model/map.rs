//! The maps of a Pod: labels, annotations, amounts of resources.
//!
//! Kept in the order in which they were written; what nobody here reads is not kept.

use std::borrow::Cow;

use crate::json::{Raw, Read, Reader, Stop, Text};
use crate::model::written::Given;
use crate::names;

/// A map of strings, kept in order.
#[derive(Debug)]
pub struct Labels<'a> {
    entries: Vec<(Text<'a>, Text<'a>)>,
    given: Given,
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
        let found = self.entries.iter().rev().find(|(k, _)| &**k == key);
        found.map(|(_, value)| &**value)
    }
}

impl<'a> Labels<'a> {
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
