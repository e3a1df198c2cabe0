//! From the YAML parser's markers, which count from where it started, to the whole text.

use granit_parser::{Marker, Span};

use crate::manifest::{Problem, ReadError};

/// The text, and where in it the parser started.
pub(super) struct Source<'t> {
    text: &'t str,
    start: usize,
    lines_before: usize,
    columns_before: usize,
}

impl<'t> Source<'t> {
    pub fn new(text: &'t str, start: usize) -> Self {
        let before = &text[..start];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            text,
            start,
            lines_before: before.bytes().filter(|byte| *byte == b'\n').count(),
            columns_before: line.chars().filter(|c| *c != '\u{feff}').count(),
        }
    }

    /// What the parser is given.
    pub fn rest(&self) -> &'t str {
        &self.text[self.start..]
    }

    /// Line and column, from 1.
    pub fn place(&self, marker: Marker) -> (u32, u32) {
        let line = marker.line().max(1);
        let before = if line == 1 { self.columns_before } else { 0 };
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        (
            number(self.lines_before + line),
            number(before + marker.col() + 1),
        )
    }

    pub fn error(&self, at: Marker, problem: Problem) -> ReadError {
        let (line, column) = self.place(at);
        ReadError {
            line,
            column,
            problem,
        }
    }

    /// The byte in the whole text.
    pub fn byte(&self, marker: Marker) -> usize {
        // The parser gives bytes for every marker of a string.
        let byte = marker.byte_offset().unwrap_or_default();
        (self.start + byte).min(self.text.len())
    }

    /// Where a node starts: at its anchor, tag or `|` if it has one, which the parser leaves out.
    /// `after` is the end of the content before it.
    pub fn start(&self, after: usize, span: Span) -> usize {
        let content = self.byte(span.start);
        let bytes = self.text.as_bytes();
        let mut at = after.min(content);
        while at < content {
            match bytes[at] {
                // Blanks, and the marks of the collections around.
                b' ' | b'\t' | b'\r' | b'\n' | b':' | b'-' | b'?' | b',' => at += 1,
                b'#' => {
                    let rest = bytes[at..content].iter();
                    at += rest.take_while(|byte| **byte != b'\n').count();
                }
                _ => break,
            }
        }
        at
    }

    /// Line and column of a byte that lies shortly before a marker.
    pub fn place_before(&self, byte: usize, marker: Marker) -> (u32, u32) {
        let (line, column) = self.place(marker);
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let Some(between) = self.text.get(byte..self.byte(marker)) else {
            return (line, column);
        };
        match between.matches('\n').count() {
            0 => (line, column.saturating_sub(number(between.chars().count()))),
            lines => {
                let before = self.text[..byte].rsplit('\n').next().unwrap_or_default();
                (
                    line.saturating_sub(number(lines)),
                    number(before.chars().count() + 1),
                )
            }
        }
    }

    /// The end of a node without the blanks and line breaks that the parser counts to it.
    pub fn end(&self, span: Span) -> usize {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        let node = self.text.get(start..end).unwrap_or_default();
        start + node.trim_end_matches([' ', '\t', '\r', '\n']).len()
    }

    /// Whether a plain scalar stands in the text. The parser says `~` for a null that does not.
    pub fn is_written(&self, scalar: &str, span: Span) -> bool {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        let text = self.text.get(start..end).unwrap_or_default();
        !scalar.is_empty() && (scalar != "~" || text.starts_with('~'))
    }

    /// Where a null that is not written out would stand: after the `:` of its key, or behind a key
    /// that has none; without a key after its `-`, if the parser points there.
    pub fn unwritten(&self, key: Option<Span>, span: Span) -> usize {
        if let Some(key) = key {
            let end = self.byte(key.end);
            let mut rest = self.text.get(end..).unwrap_or_default();
            loop {
                rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
                match rest.as_bytes() {
                    // With something close behind it, a colon may begin the next key.
                    [b':'] | [b':', b' ' | b'\t' | b'\r' | b'\n' | b',' | b'}' | b']', ..] => {
                        return self.text.len() - rest.len() + 1;
                    }
                    [b'#', ..] => rest = rest.find('\n').map_or("", |end| &rest[end..]),
                    _ => return end,
                }
            }
        }
        let start = self.byte(span.start);
        match self.text.as_bytes().get(start) {
            Some(b':' | b'-' | b'?') => start + 1,
            _ => start,
        }
    }

    /// Whether a template's `{{` stands on this line or the one before.
    pub fn near_template(&self, marker: Marker) -> bool {
        let line = marker.line().max(1);
        let mut lines = self.rest().split('\n').skip(line.saturating_sub(2));
        lines.by_ref().take(2).any(|line| line.contains("{{"))
    }
}
