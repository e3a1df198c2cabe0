//! Where each node of a document stands in its text, beside the value and keyed by JSON pointer.
//!
//! Positions are made only when asked for. They never change how a document is read: the value with
//! positions and without is the same.

use std::collections::HashMap;
use std::ops::Range;

use crate::manifest::pointer::rest_below;

/// How a node came to be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Written where it is, as a scalar or in block style: its lines can be edited.
    Block,
    /// Written where it is, inside or as a `{…}` or `[…]`.
    Flow,
    /// `*name`: the range is the alias, and the nodes below it have no positions of their own.
    Alias,
    /// Brought by `<<`: the range is `<<` with what it is given, and the nodes below it have no
    /// positions.
    Merge,
}

/// Where one node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The line of the key, or of the node where it has no key; from 1.
    pub line: u32,
    /// The column of the key, or of the node where it has no key; in characters, from 1.
    pub column: u32,
    /// The bytes of the key, quotes included, where the node is a mapping's entry.
    pub key: Option<Range<usize>>,
    /// The bytes of the node, from its first (an anchor or tag included) to the end of its last
    /// content, without trailing blanks and comments. Where null is not written out it is empty, and
    /// stands behind the colon or dash that it would follow; behind its key where even that is left out.
    pub node: Range<usize>,
    /// How the node came to be there.
    pub origin: Origin,
}

/// The positions of one document's nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions {
    by_pointer: HashMap<String, Position>,
}

impl Positions {
    /// The position of exactly this node. `pointer` is an RFC 6901 JSON pointer; `""` is the document.
    pub fn get(&self, pointer: &str) -> Option<&Position> {
        self.by_pointer.get(pointer)
    }

    /// The position of this node, or of its nearest ancestor that has one: what a message about a
    /// missing field, or about a field that an alias brought, can point at.
    pub fn nearest(&self, pointer: &str) -> Option<&Position> {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.by_pointer.get(pointer) {
                return Some(position);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// How many nodes have a position.
    pub fn len(&self) -> usize {
        self.by_pointer.len()
    }

    /// Whether no node has a position.
    pub fn is_empty(&self) -> bool {
        self.by_pointer.is_empty()
    }

    /// The positions of the nodes below `pointer`, as those of a document of its own.
    pub fn below(self, pointer: &str) -> Self {
        let nodes = self.by_pointer.into_iter();
        let inner = nodes.filter_map(|(at, position)| {
            let rest = rest_below(&at, pointer)?.to_owned();
            Some((rest, position))
        });
        Self {
            by_pointer: inner.collect(),
        }
    }

    pub(crate) fn insert(&mut self, pointer: &str, position: Position) {
        self.by_pointer.insert(pointer.to_owned(), position);
    }
}
