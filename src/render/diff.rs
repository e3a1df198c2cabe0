//! Before and after, for people: a unified diff of two texts.
//!
//! Made to be read, not to be applied: what is the same in a very long line is cut out of it, and
//! characters that would steer the terminal are shown as escapes. What changed is always whole. The
//! result depends on the texts alone, never on a clock or a terminal.

use std::fmt::Write as _;
use std::ops::Range;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, DiffOp};

use crate::render::changes::{Changes, Line};
use crate::text::push_visible;

/// Whether the diff carries terminal colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text only.
    Plain,
    /// ANSI codes for color and emphasis, to be printed through `anstream`.
    Color,
}

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// An unchanged stretch of a line may have this many characters before it is cut.
const LONGEST_STRETCH: usize = 120;

/// What a cut leaves at each of its sides.
const KEPT: usize = 40;

const HEADER: Style = Style::new().bold();
const HUNK: Style = AnsiColor::Cyan.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();

/// The diff from `before` to `after`, with `labels` naming the two. Empty if they are equal.
///
/// ```
/// use dind_injector::render::diff::{Paint, unified};
///
/// let diff = unified("a: 1\nb: 2\n", "a: 1\nb: 3\n", ("pod.yaml", "pod.yaml (injected)"), Paint::Plain);
/// assert_eq!(
///     diff,
///     "--- pod.yaml\n+++ pod.yaml (injected)\n@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n"
/// );
/// ```
pub fn unified(before: &str, after: &str, labels: (&str, &str), paint: Paint) -> String {
    let mut page = Page {
        out: String::new(),
        paint,
    };
    if before == after {
        return page.out;
    }
    page.line(HEADER, "--- ", &[(false, labels.0)]);
    page.line(HEADER, "+++ ", &[(false, labels.1)]);
    let changes = Changes::between(before, after);
    for hunk in changes.hunks(CONTEXT) {
        page.hunk(&hunk);
        for line in hunk.iter().flat_map(|op| changes.lines(op)) {
            page.change(&line);
        }
    }
    page.out
}

struct Page {
    out: String,
    paint: Paint,
}

impl Page {
    fn hunk(&mut self, group: &[DiffOp]) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return;
        };
        let old = first.old_range().start..last.old_range().end;
        let new = first.new_range().start..last.new_range().end;
        let header = format!("-{} +{} @@", lines(&old), lines(&new));
        self.line(HUNK, "@@ ", &[(false, &header)]);
    }

    fn change(&mut self, Line { tag, parts }: &Line<'_>) {
        let (style, sign) = match tag {
            ChangeTag::Equal => (Style::new(), " "),
            ChangeTag::Delete => (REMOVED, "-"),
            ChangeTag::Insert => (ADDED, "+"),
        };
        // A line that is new as a whole is shown as a whole.
        let emphasized = parts.iter().any(|(changed, _)| *changed);
        let cut = *tag == ChangeTag::Equal || emphasized;
        let ended = parts.last().is_some_and(|(_, text)| text.ends_with('\n'));
        let mut cut_parts = Vec::new();
        for (changed, text) in parts {
            let text = text.strip_suffix('\n').unwrap_or(text);
            match shorten(text).filter(|_| cut && !changed) {
                Some([head, tail]) => {
                    cut_parts.extend([(*changed, head), (*changed, " … "), (*changed, tail)]);
                }
                None => cut_parts.push((*changed, text)),
            }
        }
        self.line(style, sign, &cut_parts);
        if !ended {
            self.line(FAINT, "\\ ", &[(false, "No newline at end of file")]);
        }
    }

    fn line(&mut self, style: Style, sign: &str, parts: &[(bool, &str)]) {
        match self.paint {
            Paint::Plain => {
                self.out.push_str(sign);
                for (_, text) in parts {
                    push_visible(&mut self.out, text);
                }
            }
            Paint::Color => {
                let _ = write!(self.out, "{style}{sign}");
                for (changed, text) in parts {
                    if *changed {
                        let strong = style.invert();
                        let _ = write!(self.out, "{strong}");
                        push_visible(&mut self.out, text);
                        let _ = write!(self.out, "{strong:#}{style}");
                    } else {
                        push_visible(&mut self.out, text);
                    }
                }
                let _ = write!(self.out, "{style:#}");
            }
        }
        self.out.push('\n');
    }
}

/// `first,count`, in the way of diff: from 1, and from 0 where there are no lines.
fn lines(range: &Range<usize>) -> String {
    let first = if range.is_empty() {
        range.start
    } else {
        range.start + 1
    };
    match range.len() {
        1 => first.to_string(),
        count => format!("{first},{count}"),
    }
}

/// The two ends of a stretch that is too long to show.
fn shorten(text: &str) -> Option<[&str; 2]> {
    if text.len() <= LONGEST_STRETCH || text.chars().nth(LONGEST_STRETCH).is_none() {
        return None;
    }
    let (head, _) = text.char_indices().nth(KEPT)?;
    let (tail, _) = text.char_indices().nth_back(KEPT - 1)?;
    Some([text.get(..head)?, text.get(tail..)?])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn plain(before: &str, after: &str) -> String {
        unified(before, after, ("before", "after"), Paint::Plain)
    }

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(plain("a: 1\n", "a: 1\n"), "");
    }

    #[test]
    fn hunks_carry_their_lines_and_three_lines_of_context() {
        let before: String = (1..=20).map(|n| format!("k{n}: v\n")).collect();
        let after = before.replace("k10: v\n", "k10: v\nnew: v\n");
        assert_eq!(
            plain(&before, &after),
            "--- before\n+++ after\n@@ -8,6 +8,7 @@\n k8: v\n k9: v\n k10: v\n+new: v\n k11: v\n k12: v\n k13: v\n"
        );
    }

    #[test]
    fn a_text_from_nothing_starts_at_line_zero() {
        assert_eq!(
            plain("", "a\n"),
            "--- before\n+++ after\n@@ -0,0 +1 @@\n+a\n"
        );
    }

    #[test]
    fn a_missing_last_line_break_is_told() {
        let diff = plain("a\n", "a");
        assert!(
            diff.ends_with("-a\n+a\n\\ No newline at end of file\n"),
            "{diff}"
        );
    }

    #[test]
    fn a_long_line_keeps_its_change_and_loses_its_middle() {
        let script = |word: &str| {
            format!(
                "- \"{} {word} {}\"\n",
                "echo start; ".repeat(40),
                "echo end; ".repeat(40)
            )
        };
        let diff = plain(&script("docker"), &script("podman"));
        for line in diff.lines().filter(|line| line.contains(" … ")) {
            assert!(line.chars().count() < 250, "{line}");
        }
        assert!(diff.contains("docker") && diff.contains("podman"), "{diff}");
        assert_eq!(diff.matches(" … ").count(), 4, "{diff}");
    }

    #[test]
    fn a_long_line_of_context_is_cut_but_a_new_line_is_whole() {
        let long = "x".repeat(500);
        let diff = plain(
            &format!("{long}\n"),
            &format!("{long}\n{}\n", "y".repeat(500)),
        );
        assert!(
            diff.contains(&format!(" {} … {}\n", "x".repeat(40), "x".repeat(40))),
            "{diff}"
        );
        assert!(diff.contains(&format!("+{}\n", "y".repeat(500))), "{diff}");
    }

    #[test]
    fn text_cannot_steer_the_terminal() {
        let diff = unified("", "\u{1b}[2J\u{202e}\r\n", ("\u{1b}", "b"), Paint::Plain);
        assert!(!diff.contains(['\u{1b}', '\u{202e}', '\r']), "{diff:?}");
        assert!(diff.contains("+\\u{1b}[2J\\u{202e}\\r\n"), "{diff:?}");
    }

    #[test]
    fn colors_add_codes_and_nothing_else() {
        let (before, after) = ("a: 1\nb: two words\n", "a: 1\nb: two worlds\n");
        let painted = unified(before, after, ("before", "after"), Paint::Color);
        assert_ne!(painted, plain(before, after));
        assert_eq!(
            anstream::adapter::strip_str(&painted).to_string(),
            plain(before, after)
        );
        assert!(
            painted.contains(&format!("{}{}words", REMOVED.invert(), "")),
            "{painted:?}"
        );
    }
}
