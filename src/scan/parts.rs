//! A text in parts: the documents of a stream that is not read whole, and what was read of each.

use crate::scan::finding::{Spot, Workload};
use crate::scan::places::Lines;
use crate::scan::result::Reading;

/// The documents of a YAML stream as texts, each with the number of lines before it.
pub(crate) fn chunks(text: &str) -> Vec<(&str, u32)> {
    let mut chunks = Vec::new();
    let (mut start, mut before, mut at, mut line) = (0, 0, 0, 0);
    for whole in text.split_inclusive('\n') {
        if whole.starts_with("---") && at > start {
            chunks.push((&text[start..at], before));
            (start, before) = (at, line);
        }
        at += whole.len();
        line += 1;
    }
    chunks.push((&text[start..], before));
    chunks
}

/// Adds what was read of a part of a text, with its places as lines of the text.
pub(super) fn merge(reading: &mut Reading, part: Reading, lines: Lines) {
    let Reading {
        workloads,
        gaps,
        ignored,
        seen,
        namespaces,
        elsewhere,
        open,
    } = part;
    for mut one in open {
        one.gap.line = one.gap.line.map(|line| lines.outer(line));
        reading.open.push(one);
    }
    for mut one in elsewhere {
        one.gap.line = one.gap.line.map(|line| lines.outer(line));
        reading.elsewhere.push(one);
    }
    reading.ignored.extend(ignored);
    for mut workload in workloads {
        for spot in spots(&mut workload) {
            spot.line = lines.outer(spot.line);
        }
        reading.workloads.push(workload);
    }
    for mut gap in gaps {
        gap.line = gap.line.map(|line| lines.outer(line));
        gap.mentions = gap.mentions.map(|line| lines.outer(line));
        reading.gaps.push(gap);
    }
    reading.seen.add(seen);
    reading.namespaces.extend(namespaces);
}

/// Every place of a workload.
pub(super) fn spots(workload: &mut Workload) -> impl Iterator<Item = &mut Spot> {
    let findings = workload.findings.iter_mut();
    let findings = findings.filter_map(|finding| finding.spot.as_mut());
    workload.spot.iter_mut().chain(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_before_its_marks_and_nowhere_else() {
        let text = "--- a\nb: |\n  ---\n---\nc: 1\n---\n";
        let cut = chunks(text);
        assert_eq!(
            cut,
            [
                ("--- a\nb: |\n  ---\n", 0),
                ("---\nc: 1\n", 3),
                ("---\n", 5)
            ]
        );
        assert_eq!(
            cut.iter().map(|(chunk, _)| *chunk).collect::<String>(),
            text
        );
    }
}
