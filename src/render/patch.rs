//! A unified diff that `patch -p1` and `git apply` take: every line is whole, byte by byte.
//!
//! What is made to be read alone is in [`crate::render::diff`].

use std::fmt::Write as _;
use std::ops::Range;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, DiffOp};

use crate::render::changes::Changes;
use crate::text::visible;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The patch of the file called `name` from `before` to `after`; empty if they are equal.
///
/// ```
/// use dind_injector::render::patch::patch;
///
/// assert_eq!(
///     patch("a: 1\nb: 2\n", "a: 1\n", "ci/pod.yaml"),
///     "--- a/ci/pod.yaml\n+++ b/ci/pod.yaml\n@@ -1,2 +1 @@\n a: 1\n-b: 2\n"
/// );
/// ```
pub fn patch(before: &str, after: &str, name: &str) -> String {
    let mut out = String::new();
    if before == after {
        return out;
    }
    let name = name.trim_start_matches("./").trim_start_matches('/');
    // A tab ends a name that has blanks; without one the first blank would.
    let end = if name.contains(' ') { "\t" } else { "" };
    let _ = writeln!(out, "--- a/{name}{end}\n+++ b/{name}{end}");
    let changes = Changes::between(before, after);
    for hunk in changes.hunks(CONTEXT) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
            continue;
        };
        let old = first.old_range().start..last.old_range().end;
        let new = first.new_range().start..last.new_range().end;
        let _ = writeln!(out, "@@ -{} +{} @@", lines(&old), lines(&new));
        for op in &hunk {
            write_lines(&mut out, &changes, op);
        }
    }
    out
}

/// A patch with terminal colors; its lines that would steer the terminal are shown as escapes.
pub fn colored(patch: &str) -> String {
    let mut out = String::new();
    for line in patch.lines() {
        let style = match line.as_bytes() {
            [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => Style::new().bold(),
            [b'-', ..] => AnsiColor::Red.on_default(),
            [b'+', ..] => AnsiColor::Green.on_default(),
            [b'@', ..] => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        };
        let _ = writeln!(out, "{style}{}{style:#}", visible(line));
    }
    out
}

fn write_lines(out: &mut String, changes: &Changes<'_>, op: &DiffOp) {
    for line in changes.lines(op) {
        out.push(match line.tag {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        });
        for (_, text) in &line.parts {
            out.push_str(text);
        }
        if !line
            .parts
            .last()
            .is_some_and(|(_, text)| text.ends_with('\n'))
        {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// `first,count`, in the way of diff: from 1, and from 0 where there are no lines.
fn lines(range: &Range<usize>) -> String {
    let first = range.start + usize::from(!range.is_empty());
    match range.len() {
        1 => first.to_string(),
        count => format!("{first},{count}"),
    }
}
