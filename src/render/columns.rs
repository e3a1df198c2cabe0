//! The widths of a table's columns, and texts that fit into them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns.
pub(super) const GUTTER: usize = 2;

/// A column is not made narrower than this.
const LEAST: [usize; 5] = [7, 14, 9, 14, 14];

/// Takes columns' width away, the widest first, until all fit into `width`.
pub(super) fn fit(widths: &mut [usize; 5], width: usize) {
    let gutters = GUTTER * (widths.len() - 1);
    while widths.iter().sum::<usize>() + gutters > width {
        let mut shrinkable: Vec<usize> = (0..widths.len())
            .filter(|index| widths[*index] > LEAST[*index])
            .collect();
        shrinkable.sort_by_key(|index| widths[*index]);
        let Some(widest) = shrinkable.pop() else {
            return;
        };
        widths[widest] -= 1;
    }
}

/// `text` in at most `width` columns: its middle goes, since names differ at their ends.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let (head, tail) = (room / 2, room - room / 2);
    let mut start = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > head {
            break;
        }
        start.push(c);
    }
    let mut end: Vec<char> = Vec::new();
    used = 0;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > tail {
            break;
        }
        end.push(c);
    }
    start.push('…');
    start.extend(end.into_iter().rev());
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abcdefghij", 7), "abc…hij");
        assert_eq!(shortened("日本語日本語", 6).width(), 5);
    }

    #[test]
    fn columns_shrink_from_the_widest_on_and_never_below_their_least() {
        let mut widths = [7, 40, 10, 60, 60];
        fit(&mut widths, 100);
        assert_eq!(widths.iter().sum::<usize>() + 8, 100);
        assert_eq!(widths[0], 7);
        fit(&mut widths, 10);
        assert_eq!(widths, LEAST);
    }
}
