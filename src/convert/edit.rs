//! Edits of a text: what stands in a range is replaced.

use std::ops::Range;

use crate::convert::text::Text;

/// Edits of one text, in any order, none over another.
#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<(Range<usize>, String)>,
    /// The first bytes of nodes with an anchor in which something is edited.
    anchors: Vec<usize>,
}

impl Edits {
    /// Replaces what stands in `range`; line breaks of `with` become the text's.
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.edits.push((range, with.into()));
    }

    /// Inserts before the byte; of several insertions at one byte, the first comes first.
    pub fn insert(&mut self, at: usize, with: impl Into<String>) {
        self.replace(at..at, with);
    }

    /// Takes what stands in `range` away.
    pub fn delete(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    /// Notes that something is edited in the node at the byte, which has an anchor.
    pub fn note_anchor(&mut self, node: usize) {
        self.anchors.push(node);
    }

    /// The line of a node with an anchor in which something is edited.
    pub fn anchor(&self, text: &Text<'_>) -> Option<u32> {
        self.anchors.first().map(|byte| text.line(*byte))
    }

    /// The text with all edits. Where two overlap, which none should, the later one is left
    /// out; the caller checks what the text says.
    pub fn apply(&self, text: &Text<'_>) -> String {
        let edits = self.in_order();
        let mut out = String::with_capacity(text.all.len() + 8 * 1024);
        let mut at = 0;
        // The end of a line whose next ones went, for what is inserted in their place.
        let mut pending = "";
        for (index, (range, with)) in edits.iter().enumerate() {
            if range.start < at {
                continue;
            }
            out.push_str(text.get(at..range.start));
            // A line keeps the end that it had, also where the lines of the text end in different ways.
            let stop = or(text.line_end_at(range.end), text.line_end);
            let first = or(pending, or(text.line_end_at(range.start), stop));
            pending = "";
            for (index, line) in with.split('\n').enumerate() {
                match index {
                    0 => {}
                    1 => out.push_str(first),
                    _ => out.push_str(stop),
                }
                out.push_str(line);
            }
            at = range.end;
            let next = edits.get(index + 1).map(|(next, _)| next.start);
            if with.is_empty() {
                let (own, last) = (text.line_end_at(range.start), text.line_end_at(at));
                if next == Some(at) {
                    pending = own;
                } else if own != last && !own.is_empty() && !last.is_empty() {
                    out.push_str(own);
                    at += last.len();
                }
            }
            // A literal block must end its last line, which the text's end may not.
            if at == text.all.len() && with.contains('\n') && !text.all.ends_with('\n') {
                out.push_str(text.line_end);
            }
        }
        out.push_str(text.get(at..text.all.len()));
        out
    }

    /// The edits by their place, with deletions that meet as one.
    fn in_order(&self) -> Vec<(Range<usize>, &str)> {
        let mut edits: Vec<_> = self.edits.iter().collect();
        // Stable: insertions at one byte keep their order.
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut found: Vec<(Range<usize>, &str)> = Vec::with_capacity(edits.len());
        for (range, with) in edits {
            match found.last_mut() {
                Some((last, "")) if with.is_empty() && range.start == last.end => {
                    last.end = range.end;
                }
                Some(_) | None => found.push((range.clone(), with)),
            }
        }
        found
    }
}

/// The first of two line ends that there is.
fn or(first: &'static str, second: &'static str) -> &'static str {
    if first.is_empty() { second } else { first }
}
