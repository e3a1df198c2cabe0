//! Where things stand in a text, and how its lines stand in the text around it.
//!
//! Positions cost a second look at the text, so they are made only where something was found.

use std::collections::HashMap;

use crate::manifest;
use crate::manifest::{Document, Positions};

use crate::scan::finding::{Spot, Workload};

/// The places of a text's nodes, looked up only where something was found.
pub struct Places<'t> {
    text: &'t str,
    read: Option<Vec<Document>>,
    /// The documents in strings of these, by the string's pointer.
    inner: HashMap<(usize, String), Vec<Document>>,
}

impl<'t> Places<'t> {
    /// Of a text that was read before.
    pub fn of(text: &'t str) -> Self {
        Self {
            text,
            read: None,
            inner: HashMap::new(),
        }
    }

    /// Of documents that were read with their places.
    pub fn given(text: &'t str, documents: Vec<Document>) -> Self {
        Self {
            text,
            read: Some(documents),
            inner: HashMap::new(),
        }
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Where the nodes of a document stand.
    pub fn positions(&mut self, document: usize) -> Option<&Positions> {
        let text = self.text;
        let read = self.read.get_or_insert_with(|| {
            // It was read once already, and the documents are the same.
            manifest::read_with_positions(text).unwrap_or_default()
        });
        read.get(document)?.positions.as_ref()
    }

    /// Gives a workload and its findings their places.
    pub fn set(&mut self, document: usize, workload: &mut Workload) {
        workload.spot = self.spot(document, &workload.base);
        for finding in &mut workload.findings {
            finding.spot = self.spot(document, &finding.pointer);
        }
    }

    /// The place of a pointer, or of what is nearest above it.
    fn spot(&mut self, document: usize, pointer: &str) -> Option<Spot> {
        let position = self.positions(document)?.nearest(pointer)?;
        let (line, column) = (position.line, position.column);
        let line = self.line_inside(document, pointer).unwrap_or(line);
        Some(spot(line, column))
    }

    /// The line of what has a pointer in the document that a string of this one holds, as a patch has it.
    fn line_inside(&mut self, document: usize, pointer: &str) -> Option<u32> {
        let positions = self.positions(document)?;
        let mut end = pointer.len();
        while positions.get(&pointer[..end]).is_none() {
            end = pointer[..end].rfind('/')?;
        }
        let (at, rest) = pointer.split_at(end);
        let text = self.read.as_ref()?.get(document)?.value.pointer(at)?;
        let text = text.as_str().filter(|_| !rest.is_empty())?;
        let key = (document, at.to_owned());
        let inner = self
            .inner
            .entry(key)
            .or_insert_with(|| manifest::read_with_positions(text).unwrap_or_default());
        let mut positions = inner.iter().filter_map(|one| one.positions.as_ref());
        let line = positions.find_map(|all| Some(all.get(rest)?.line))?;
        Some(self.inside(document, at).outer(line))
    }

    /// How the lines of the string at `pointer` stand in this text.
    pub fn inside(&mut self, document: usize, pointer: &str) -> Lines {
        let text = self.text;
        let position = self
            .positions(document)
            .and_then(|all| all.nearest(pointer));
        let Some(position) = position else {
            return Lines::All(1);
        };
        let Some(node) = text.get(position.node.start..) else {
            return Lines::All(position.line);
        };
        // From the key to the value, which may start on another line.
        let key = position
            .key
            .as_ref()
            .map_or(position.node.start, |key| key.start);
        let between = text.get(key..position.node.start).unwrap_or_default();
        let line = position.line + count(between);
        let literal = node
            .split_whitespace()
            .find(|word| !word.starts_with(['&', '!']));
        let is_literal = |word: &str| {
            // YAML's own, HCL's, and TOML's with its text below.
            word.starts_with('|') || word.starts_with("<<") || matches!(word, "'''" | "\"\"\"")
        };
        if literal.is_some_and(is_literal) {
            Lines::Plus(line)
        } else {
            Lines::All(line)
        }
    }
}

/// From the lines of a text to those of the one around it.
#[derive(Clone, Copy)]
pub enum Lines {
    /// So many lines stand before it.
    Plus(u32),
    /// All of it stands on one line, or its lines cannot be told apart.
    All(u32),
}

impl Lines {
    /// The line of the outer text.
    pub fn outer(self, line: u32) -> u32 {
        match self {
            Self::Plus(before) => before.saturating_add(line),
            Self::All(line) => line,
        }
    }
}

/// A place in a text whose file is not known yet.
pub fn spot(line: u32, column: u32) -> Spot {
    Spot {
        file: String::new(),
        line,
        column,
    }
}

fn count(text: &str) -> u32 {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}
