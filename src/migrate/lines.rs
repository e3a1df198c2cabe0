//! Lines of a text before and after a change: what is found in the one is told at its line in the other.

use std::ops::Range;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices};

/// The lines of two texts, by their numbers from 1.
#[derive(Clone, Debug)]
pub struct Lines(Vec<DiffOp>);

impl Lines {
    /// Of `before` and what it became.
    pub fn between(before: &str, after: &str) -> Self {
        let (old, new): (Vec<&str>, Vec<&str>) =
            (before.lines().collect(), after.lines().collect());
        Self(capture_diff_slices(Algorithm::Myers, &old, &new))
    }

    /// Where a line of the text after was before; a new one, the line that it came to.
    pub fn before(&self, after: u32) -> u32 {
        let pairs = self.0.iter();
        mapped(
            pairs.map(|op| (op.tag(), op.new_range(), op.old_range())),
            after,
        )
    }

    /// Where a line of the text before is after; one that went, the line in its place.
    pub fn after(&self, before: u32) -> u32 {
        let pairs = self.0.iter();
        mapped(
            pairs.map(|op| (op.tag(), op.old_range(), op.new_range())),
            before,
        )
    }
}

/// Whether lines of `text` end in CR alone, as no tool of today writes them: what is written between them would
/// end otherwise.
pub fn has_lone_returns(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}

/// Why such a text is not edited, and what to do.
pub const LONE_RETURNS: &str =
    "lines of this file end in CR alone, and it is not edited; make them LF (tr '\\r' '\\n')";

fn mapped(
    mut pairs: impl Iterator<Item = (DiffTag, Range<usize>, Range<usize>)>,
    line: u32,
) -> u32 {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some((tag, from, to)) = pairs.find(|(_, from, _)| from.contains(&index)) else {
        return line;
    };
    let offset = index - from.start;
    let offset = match tag {
        DiffTag::Equal => offset,
        DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
            offset.min(to.len().saturating_sub(1))
        }
    };
    u32::try_from(to.start + offset + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_the_other_text() {
        let lines = Lines::between("a\ngone\nb\nold\nc\n", "a\nnew\nnew\nb\nother\nc\n");
        for (before, after) in [(1, 1), (3, 4), (4, 5), (5, 6)] {
            assert_eq!(
                (lines.after(before), lines.before(after)),
                (after, before),
                "{before}"
            );
        }
        assert_eq!((lines.before(2), lines.before(3)), (2, 2));
        assert_eq!(Lines::between("a\nb\n", "b\n").after(1), 1);
    }
}
