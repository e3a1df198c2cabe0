//! What changed between two texts: which lines, and within lines that resemble each other
//! which words.
//!
//! Lines and words are numbered first, so that there is one comparison for both, of numbers.

use std::ops::Range;

use similar::algorithms::{Capture, Compact, IdentifyDistinct, Replace, patience};
use similar::{ChangeTag, DiffOp, diff_ratio, group_diff_ops};

/// Changes longer than this many bytes are shown by line only: finding the words that differ would
/// take too long, and nobody would read it.
const LARGEST_REFINED: usize = 32 * 1024;

/// Where less than this share is the same, a line did not change into the other.
const RESEMBLANCE: f32 = 0.5;

/// Two texts, in lines that keep their breaks.
pub(super) struct Changes<'t> {
    old: Vec<&'t str>,
    new: Vec<&'t str>,
}

/// One line of a diff.
#[derive(Debug, PartialEq)]
pub(super) struct Line<'t> {
    /// Which of the texts it is in.
    pub(super) tag: ChangeTag,
    /// Its pieces, with whether each is what changed in it.
    pub(super) parts: Vec<(bool, &'t str)>,
}

impl<'t> Changes<'t> {
    pub(super) fn between(old: &'t str, new: &'t str) -> Self {
        let lines = |text: &'t str| text.split_inclusive('\n').collect();
        Self {
            old: lines(old),
            new: lines(new),
        }
    }

    /// The changes with some lines around them.
    pub(super) fn hunks(&self, context: usize) -> Vec<Vec<DiffOp>> {
        group_diff_ops(compare(&self.old, &self.new), context)
    }

    /// The lines of one change.
    pub(super) fn lines(&self, op: &DiffOp) -> Vec<Line<'t>> {
        let old = self.old.get(op.old_range()).unwrap_or_default();
        let new = self.new.get(op.new_range()).unwrap_or_default();
        let whole = |tag, lines: &[&'t str]| -> Vec<Line<'t>> {
            let line = |line: &&'t str| Line {
                tag,
                parts: vec![(false, *line)],
            };
            lines.iter().map(line).collect()
        };
        match op {
            DiffOp::Equal { .. } => whole(ChangeTag::Equal, old),
            DiffOp::Delete { .. } => whole(ChangeTag::Delete, old),
            DiffOp::Insert { .. } => whole(ChangeTag::Insert, new),
            DiffOp::Replace { .. } => refined(old, new).unwrap_or_else(|| {
                let mut lines = whole(ChangeTag::Delete, old);
                lines.extend(whole(ChangeTag::Insert, new));
                lines
            }),
        }
    }
}

/// The steps from one to the other.
fn compare(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let numbers = IdentifyDistinct::<u32>::new(old, 0..old.len(), new, 0..new.len());
    let (old, new) = (numbers.old_lookup(), numbers.new_lookup());
    // Patience keeps a new mapping's lines together where a shortest diff would weave them into
    // similar lines of the next one. Called by name: the library's choice of an algorithm at run
    // time would link all of them.
    let mut steps = Compact::new(Replace::new(Capture::new()), old, new);
    let Ok(()) = patience::diff(
        &mut steps,
        old,
        numbers.old_range(),
        new,
        numbers.new_range(),
    );
    steps.into_inner().into_inner().into_ops()
}

/// Lines that became others, with the words that differ; none where they have little in common.
fn refined<'t>(old: &[&'t str], new: &[&'t str]) -> Option<Vec<Line<'t>>> {
    let bytes: usize = old.iter().chain(new).map(|line| line.len()).sum();
    let most_alike = 2.0 * old.len().min(new.len()) as f32 / (old.len() + new.len()) as f32;
    if bytes > LARGEST_REFINED || most_alike < RESEMBLANCE {
        return None;
    }
    let (old, new) = (Words::of(old), Words::of(new));
    let ops = compare(&old.words, &new.words);
    if diff_ratio(&ops, old.words.len(), new.words.len()) < RESEMBLANCE {
        return None;
    }
    let mut lines = old.lines(ChangeTag::Delete, ops.iter().map(|op| (op, op.old_range())));
    lines.extend(new.lines(ChangeTag::Insert, ops.iter().map(|op| (op, op.new_range()))));
    Some(lines)
}

/// The words of some lines, and the spaces between them.
struct Words<'t> {
    lines: Vec<&'t str>,
    words: Vec<&'t str>,
    /// Of each word, its line and where it ends there.
    ends: Vec<(usize, usize)>,
}

impl<'t> Words<'t> {
    fn of(lines: &[&'t str]) -> Self {
        let (mut words, mut ends) = (Vec::new(), Vec::new());
        for (number, line) in lines.iter().enumerate() {
            let mut end = 0;
            for word in chunks(line) {
                end += word.len();
                words.push(word);
                ends.push((number, end));
            }
        }
        Self {
            lines: lines.to_vec(),
            words,
            ends,
        }
    }

    /// Each line in pieces of what is the same and what is not; neighbours of a kind are one.
    fn lines<'o>(
        &self,
        tag: ChangeTag,
        steps: impl Iterator<Item = (&'o DiffOp, Range<usize>)>,
    ) -> Vec<Line<'t>> {
        let mut pieces: Vec<Vec<(bool, Range<usize>)>> = vec![Vec::new(); self.lines.len()];
        for (op, words) in steps {
            let changed = !matches!(op, DiffOp::Equal { .. });
            for word in words {
                let (Some(text), Some((line, end))) = (self.words.get(word), self.ends.get(word))
                else {
                    continue;
                };
                let Some(pieces) = pieces.get_mut(*line) else {
                    continue;
                };
                // A line break that is marked would be drawn across the page.
                let changed = changed && !text.ends_with('\n');
                match pieces.last_mut() {
                    Some((kind, piece)) if *kind == changed => piece.end = *end,
                    _ => pieces.push((changed, end - text.len()..*end)),
                }
            }
        }
        let lines = self.lines.iter().zip(pieces);
        let line = |(line, pieces): (&&'t str, Vec<(bool, Range<usize>)>)| Line {
            tag,
            parts: pieces
                .into_iter()
                .filter_map(|(changed, piece)| Some((changed, line.get(piece)?)))
                .collect(),
        };
        lines.map(line).collect()
    }
}

/// Runs of spaces and runs of anything else.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_space = rest.chars().next()?.is_whitespace();
        let end = rest.find(|c: char| c.is_whitespace() != is_space);
        let (chunk, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<'t>(old: &'t str, new: &'t str) -> Vec<Line<'t>> {
        let changes = Changes::between(old, new);
        let hunks = changes.hunks(0);
        hunks
            .iter()
            .flatten()
            .flat_map(|op| changes.lines(op))
            .collect()
    }

    fn line<'t>(tag: ChangeTag, parts: &[(bool, &'t str)]) -> Line<'t> {
        Line {
            tag,
            parts: parts.to_vec(),
        }
    }

    #[test]
    fn words_that_changed_are_marked_in_lines_that_resemble_each_other() {
        assert_eq!(
            lines(
                "same\nrun the docker build\n",
                "same\nrun the podman build\n"
            ),
            [
                line(
                    ChangeTag::Delete,
                    &[(false, "run the "), (true, "docker"), (false, " build\n")]
                ),
                line(
                    ChangeTag::Insert,
                    &[(false, "run the "), (true, "podman"), (false, " build\n")]
                ),
            ]
        );
    }

    #[test]
    fn lines_with_little_in_common_are_whole() {
        assert_eq!(
            lines("a: 1\n", "other: [2, 3]\n"),
            [
                line(ChangeTag::Delete, &[(false, "a: 1\n")]),
                line(ChangeTag::Insert, &[(false, "other: [2, 3]\n")]),
            ]
        );
    }

    #[test]
    fn words_are_compared_across_lines_that_were_joined_or_split() {
        assert_eq!(
            lines("one two\nthree four\n", "one two three\nfour\n"),
            [
                line(ChangeTag::Delete, &[(false, "one two\n")]),
                line(
                    ChangeTag::Delete,
                    &[(false, "three"), (true, " "), (false, "four\n")]
                ),
                line(
                    ChangeTag::Insert,
                    &[(false, "one two"), (true, " "), (false, "three\n")]
                ),
                line(ChangeTag::Insert, &[(false, "four\n")]),
            ]
        );
    }

    #[test]
    fn a_block_that_is_too_large_is_shown_by_line() {
        let long = |end: &str| format!("{}{end}\n", "word ".repeat(LARGEST_REFINED / 8));
        let (old, new) = (long("old"), long("new"));
        assert_eq!(
            lines(&old, &new).iter().map(|line| line.parts.len()).max(),
            Some(1)
        );
    }
}
