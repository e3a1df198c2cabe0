//! Comments that speak of what a change took away.
//!
//! A comment that stands on a line that goes, goes with it. One that stands right above such a line is
//! kept, and may say what is no longer true: only its author can tell. A blank line between them changes nothing.

use std::collections::{BTreeSet, HashMap};

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// A comment, and whether it is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its line in the text as it was.
    pub line: u32,
    /// What it says, its sign included.
    pub text: String,
    /// Whether it is kept.
    pub is_kept: bool,
}

/// The comments of `before` that stand at what `after` has not.
pub fn comments(before: &str, after: &str, signs: &[&str]) -> Vec<Comment> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut gone = BTreeSet::new();
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        match op.tag() {
            DiffTag::Delete | DiffTag::Replace => gone.extend(op.old_range()),
            DiffTag::Equal | DiffTag::Insert => {}
        }
    }
    let comment = |index: usize| {
        let line = old.get(index)?;
        let at = signs
            .iter()
            .filter_map(|sign| comment_at(line, sign))
            .min()?;
        Some((at, line))
    };
    let is_whole =
        |index: usize| comment(index).is_some_and(|(at, line)| line[..at].trim().is_empty());
    let is_text = in_blocks(&old);
    // What was written anew with its comment is no loss.
    let mut moved: HashMap<&str, usize> = HashMap::new();
    let kept = (0..old.len()).filter(|index| !gone.contains(index));
    let kept: Vec<&str> = kept.map(|index| old[index]).collect();
    let mut found = Vec::new();
    for index in (0..old.len()).filter(|index| !is_text[*index]) {
        let Some((at, line)) = comment(index) else {
            continue;
        };
        let is_gone = gone.contains(&index);
        let is_passed = |below: usize| old[below].trim().is_empty() || is_whole(below);
        let below = (index + 1..old.len()).find(|below| !is_passed(*below));
        let is_above = is_whole(index) && below.is_some_and(|below| gone.contains(&below));
        let text = line[at..].trim_end();
        let is_moved = is_gone && {
            let count = |lines: &[&str]| {
                let lines = lines.iter();
                lines.filter(|line| line.trim_end().ends_with(text)).count()
            };
            let left = moved
                .entry(text)
                .or_insert_with(|| count(&new).saturating_sub(count(&kept)));
            let is_moved = *left > 0;
            *left = left.saturating_sub(1);
            is_moved
        };
        if (is_gone && !is_moved) || (is_above && !is_gone) {
            found.push(Comment {
                line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                text: text.to_owned(),
                is_kept: !is_gone,
            });
        }
    }
    found
}

/// Which lines are in a block of text (`key: |`), where no comment is.
fn in_blocks(lines: &[&str]) -> Vec<bool> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut block = None;
    let lines = lines.iter();
    let lines = lines.map(|line| {
        if let Some(above) = block
            && (line.trim().is_empty() || indent(line) > above)
        {
            return true;
        }
        block = opens_block(line).then(|| indent(line));
        false
    });
    lines.collect()
}

/// Whether a line of YAML ends in the sign of a block, with its indicators.
fn opens_block(line: &str) -> bool {
    let line = line.rsplit_once(" #").map_or(line, |(line, _)| line);
    let last = line.split_whitespace().next_back().unwrap_or_default();
    let before = line.trim_end().strip_suffix(last).unwrap_or_default();
    let is_value = before.trim_end().ends_with([':', '-']);
    let indicators = last.strip_prefix(['|', '>']);
    is_value
        && indicators.is_some_and(|rest| rest.chars().all(|c| matches!(c, '+' | '-' | '0'..='9')))
}

/// Where a comment starts on a line: at its sign, at the line's start or after a blank.
fn comment_at(line: &str, sign: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if before.is_whitespace() && line[at..].starts_with(sign) => return Some(at),
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_at_a_line_that_went_is_told() {
        let before = "a: 1\n# the node's\n- x # sock\n- y\n# of z\n- z\n";
        let found = comments(before, "a: 1\n# the node's\n- y\n# of z\n- z\n", &["#"]);
        let told: Vec<_> = found
            .iter()
            .map(|c| (c.line, c.text.as_str(), c.is_kept))
            .collect();
        assert_eq!(told, [(2, "# the node's", true), (3, "# sock", false)]);
    }

    #[test]
    fn a_comment_above_a_blank_line_speaks_of_what_is_below() {
        let before = "a: 1\n# the node's\n\n- x\n- y\n# of z\n\n- z\n";
        let found = comments(before, "a: 1\n# the node's\n\n- y\n# of z\n\n- z\n", &["#"]);
        let told: Vec<_> = found.iter().map(|c| (c.line, c.is_kept)).collect();
        assert_eq!(told, [(2, true)]);
    }

    #[test]
    fn one_of_two_like_comments_that_goes_is_told() {
        let before = "- a # old\n- b # old\n";
        let found = comments(before, "- a # old\n", &["#"]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
        let moved = comments("- a # old\n- b # new\n", "- b # new\n- a # old\n", &["#"]);
        assert_eq!(moved, []);
    }

    #[test]
    fn a_line_of_a_script_is_no_comment() {
        let before = "command: |-  # sh\n  docker ps\n  # clean up\nmounts:\n# sock\n- x\n";
        let found = comments(
            before,
            &before.replace("mounts:\n# sock\n- x\n", ""),
            &["#"],
        );
        let told: Vec<_> = found.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(told, [(5, "# sock")]);
    }

    #[test]
    fn a_sign_in_a_string_starts_no_comment() {
        assert_eq!(comment_at("a: \"x # y\" # z", "#"), Some(11));
        assert_eq!(comment_at("a: x#y", "#"), None);
        assert_eq!(comment_at("sh 'x' // y", "//"), Some(7));
    }
}
