//! What of a document a Pod accounts for: by the innermost place that has a word on it. Pure.
//!
//! A mapping that holds a Pod's fields may hold a chart's or a tool's beside them (`containers` with `extraVolumes`),
//! and these are none of the Pod's.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

/// JSON pointers, each with whether what is below it is accounted for.
#[derive(Debug)]
pub struct Extent<'k>(HashMap<&'k str, bool>);

impl<'k> Extent<'k> {
    /// Everything below `inside`, but for what is below `outside`, but for what of `inside` is below that.
    pub fn of(inside: &'k [String], outside: &'k [String]) -> Self {
        let outside = outside.iter().map(|pointer| (pointer.as_str(), false));
        let inside = inside.iter().map(|pointer| (pointer.as_str(), true));
        Self(outside.chain(inside).collect())
    }

    /// Whether `pointer` is accounted for.
    pub fn holds(&self, pointer: &str) -> bool {
        let mut at = pointer;
        loop {
            if let Some(is_inside) = self.0.get(at) {
                return *is_inside;
            }
            match at.rfind('/') {
                Some(end) => at = &at[..end],
                None => return false,
            }
        }
    }
}

/// The bytes that are accounted for, in their order: each byte as the innermost range says that has it.
pub fn innermost(mut ranges: Vec<(Range<usize>, bool)>) -> Vec<Range<usize>> {
    // Of two that are the same, the one that is accounted for is the inner one.
    ranges.sort_by_key(|(range, is_inside)| (range.start, Reverse(range.end), *is_inside));
    let mut found = Found::default();
    let mut open: Vec<(usize, bool)> = Vec::new();
    for (range, is_inside) in ranges {
        while let Some((end, was_inside)) = open.pop_if(|(end, _)| *end <= range.start) {
            found.up_to(end, was_inside);
        }
        let around = open.last().is_some_and(|(_, is_inside)| *is_inside);
        found.up_to(range.start, around);
        open.push((range.end, is_inside));
    }
    while let Some((end, is_inside)) = open.pop() {
        found.up_to(end, is_inside);
    }
    found.ranges
}

#[derive(Default)]
struct Found {
    ranges: Vec<Range<usize>>,
    at: usize,
}

impl Found {
    fn up_to(&mut self, end: usize, is_inside: bool) {
        if end <= self.at {
            return;
        }
        if is_inside {
            match self.ranges.last_mut() {
                Some(last) if last.end == self.at => last.end = end,
                _ => self.ranges.push(self.at..end),
            }
        }
        self.at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_place_has_the_word() {
        let inside = ["/a", "/a/x/b"].map(str::to_owned);
        let outside = ["/a/x".to_owned()];
        let extent = Extent::of(&inside, &outside);
        for (pointer, is_inside) in [
            ("/a", true),
            ("/a/y/z", true),
            ("/a/x", false),
            ("/a/x/c", false),
            ("/a/x/b/0", true),
            ("/ab", false),
            ("", false),
        ] {
            assert_eq!(extent.holds(pointer), is_inside, "{pointer}");
        }
        assert!(Extent::of(&[String::new()], &[]).holds("/any"));
    }

    #[test]
    fn bytes_are_as_the_innermost_range_says() {
        for (ranges, expected) in [
            (
                vec![(5..8, false), (0..10, true), (6..7, true), (20..30, true)],
                vec![(0, 5), (6, 7), (8, 10), (20, 30)],
            ),
            (vec![(0..4, true), (4..6, true)], vec![(0, 6)]),
            // A place that is read on its own is accounted for, wherever it lies.
            (vec![(0..4, true), (0..4, false)], vec![(0, 4)]),
            (vec![(0..4, false)], vec![]),
        ] {
            let found = innermost(ranges).into_iter();
            let found: Vec<_> = found.map(|range| (range.start, range.end)).collect();
            assert_eq!(found, expected);
        }
    }
}
