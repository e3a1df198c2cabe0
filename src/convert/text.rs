//! A text, and its lines around a byte.

use std::ops::Range;

/// The text of a file.
pub(super) struct Text<'t> {
    /// The whole of it.
    pub all: &'t str,
    /// How its lines end: as the first one does.
    pub line_end: &'static str,
}

impl<'t> Text<'t> {
    pub fn new(all: &'t str) -> Self {
        let first = all.find('\n').map(|at| all[..at].ends_with('\r'));
        Self {
            all,
            line_end: if first == Some(true) { "\r\n" } else { "\n" },
        }
    }

    /// What stands in a range; nothing for one that is none.
    pub fn get(&self, range: Range<usize>) -> &'t str {
        self.all.get(range).unwrap_or_default()
    }

    /// The first byte of the line.
    pub fn line_start(&self, byte: usize) -> usize {
        self.get(0..byte).rfind('\n').map_or(0, |at| at + 1)
    }

    /// The end of the line, before its line end.
    pub fn line_stop(&self, byte: usize) -> usize {
        let rest = self.get(byte..self.all.len());
        let line = rest.split('\n').next().unwrap_or_default();
        byte + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// The line end that stands at the byte; nothing where none does.
    pub fn line_end_at(&self, byte: usize) -> &'static str {
        let rest = self.get(byte..self.all.len());
        match (rest.starts_with("\r\n"), rest.starts_with('\n')) {
            (true, _) => "\r\n",
            (false, true) => "\n",
            (false, false) => "",
        }
    }

    /// The end of the line before, none on the first line.
    pub fn stop_before(&self, byte: usize) -> Option<usize> {
        let start = self.line_start(byte).checked_sub(1)?;
        Some(start - usize::from(self.get(0..start).ends_with('\r')))
    }

    /// The byte's distance from the start of its line. Indentation is ASCII, so for the first
    /// thing on a line it is the column.
    pub fn column(&self, byte: usize) -> usize {
        byte - self.line_start(byte)
    }

    /// The blanks that the byte's line starts with.
    pub fn indent(&self, byte: usize) -> usize {
        let line = self.get(self.line_start(byte)..self.all.len());
        line.len() - line.trim_start_matches(' ').len()
    }

    /// Whether the byte is the first thing on its line. Looks no further back than blanks go: a
    /// file of JSON may be one line, and is asked for each of its nodes.
    pub fn is_first(&self, byte: usize) -> bool {
        let before = self.get(0..byte).trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    }

    /// Whether a line ends in the range.
    pub fn has_break(&self, range: Range<usize>) -> bool {
        self.get(range).contains('\n')
    }

    /// The line's number, from 1.
    pub fn line(&self, byte: usize) -> u32 {
        let breaks = self.get(0..byte).matches('\n').count();
        u32::try_from(breaks + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_before_their_line_end() {
        let text = Text::new("ab\r\n  cd\r\ne");
        assert_eq!(text.line_end, "\r\n");
        assert_eq!(text.line_stop(0), 2);
        assert_eq!(text.line_start(6), 4);
        assert_eq!(text.stop_before(6), Some(2));
        assert_eq!(text.stop_before(1), None);
        assert_eq!(text.line_stop(10), 11);
        assert_eq!((text.column(6), text.indent(7), text.line(10)), (2, 2, 3));
        assert!(text.is_first(6) && !text.is_first(7));
    }
}
