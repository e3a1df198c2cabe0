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
        let mut edits: Vec<_> = self.edits.iter().collect();
        // Stable: insertions at one byte keep their order.
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(text.all.len() + 8 * 1024);
        let mut at = 0;
        for (range, with) in edits {
            if range.start < at {
                continue;
            }
            out.push_str(text.get(at..range.start));
            for (index, line) in with.split('\n').enumerate() {
                if index > 0 {
                    out.push_str(text.line_end);
                }
                out.push_str(line);
            }
            at = range.end;
            // A literal block must end its last line, which the text's end may not.
            if at == text.all.len() && with.contains('\n') && !text.all.ends_with('\n') {
                out.push_str(text.line_end);
            }
        }
        out.push_str(text.get(at..text.all.len()));
        out
    }
}
