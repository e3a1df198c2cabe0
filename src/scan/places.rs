//! Where things stand in a text, and how its lines stand in the text around it.
//!
//! Positions cost a second look at the text, so they are made only where something was found.

use crate::manifest;
use crate::manifest::{Document, Positions};

use crate::scan::finding::{Spot, Workload};

/// The places of a text's nodes, looked up only where something was found.
pub struct Places<'t> {
    text: &'t str,
    read: Option<Vec<Document>>,
}

impl<'t> Places<'t> {
    /// Of a text that was read before.
    pub fn of(text: &'t str) -> Self {
        Self { text, read: None }
    }

    /// Of documents that were read with their places.
    pub fn given(text: &'t str, documents: Vec<Document>) -> Self {
        Self {
            text,
            read: Some(documents),
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
        let Some(positions) = self.positions(document) else {
            return;
        };
        let find = |pointer: &str| {
            let position = positions.nearest(pointer)?;
            Some(spot(position.line, position.column))
        };
        workload.spot = find(&workload.base);
        for finding in &mut workload.findings {
            finding.spot = find(&finding.pointer);
        }
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
