//! The names of an object's fields, told apart by their length and two letters.

/// How many are tried before all are looked through.
const NEAR: usize = 3;

/// A field's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    tag: u32,
    /// With its quotes and its colon, as it is written where there is no space.
    written: &'static str,
}

impl Name {
    /// The field of that name, which is given with its quotes and colon: `"name":`.
    pub(crate) const fn new(written: &'static str) -> Self {
        let (_quote, name) = written.as_bytes().split_at(1);
        let (name, _quote_and_colon) = name.split_at(name.len() - 2);
        Self {
            tag: tag(name),
            written,
        }
    }

    /// The name.
    fn text(self) -> &'static str {
        &self.written[1..self.written.len() - 2]
    }
}

/// The names of one object's fields.
#[derive(Debug)]
pub(crate) struct Names {
    list: &'static [Name],
    /// A bit for the tag of each: most fields that nobody reads have none of them.
    tags: u64,
}

impl Names {
    /// Of these fields, best in the order in which they are written.
    pub(crate) const fn new(list: &'static [Name]) -> Self {
        let mut tags = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            tags |= bit(first.tag);
            rest = others;
        }
        Self { list, tags }
    }

    /// The name at `index`.
    pub(crate) fn text(&self, index: usize) -> &'static str {
        self.list.get(index).map_or("", |name| name.text())
    }

    /// The index of the one that `json` begins with, and its length with quotes and colon. Looks at
    /// `next` and some behind it: fields that are left out are few.
    #[inline(always)]
    pub(super) fn expected(&self, next: usize, json: &[u8]) -> Option<(usize, usize)> {
        let near = self.list.get(next..)?.iter().take(NEAR).enumerate();
        for (offset, name) in near {
            let written = name.written.as_bytes();
            let key = json.get(..written.len());
            if key.is_some_and(|key| is_same(key, written)) {
                return Some((next + offset, written.len()));
            }
        }
        None
    }

    /// The index of the one that is `key`. Looks at `next` first, and at those behind it.
    #[inline]
    pub(super) fn find(&self, next: usize, key: &str) -> Option<usize> {
        let sought = tag(key.as_bytes());
        if self.tags & bit(sought) == 0 {
            return None;
        }
        let (before, after) = self.list.split_at_checked(next)?;
        let is_it = |name: &Name| name.tag == sought && name.text() == key;
        match after.iter().position(is_it) {
            Some(index) => Some(next + index),
            None => before.iter().position(is_it),
        }
    }
}

/// One of sixty-four, by a multiplication that mixes all of the tag into its highest bits.
#[inline]
const fn bit(tag: u32) -> u64 {
    1 << (tag.wrapping_mul(0x9e37_79b1) >> 26)
}

/// Length, first and last byte.
#[inline]
const fn tag(key: &[u8]) -> u32 {
    match key {
        [] => 0,
        [only] => 1 | (*only as u32) << 16 | (*only as u32) << 24,
        [first, .., last] => {
            (key.len() as u32 & 0xffff) | (*first as u32) << 16 | (*last as u32) << 24
        }
    }
}

/// Whether two names of one length are the same. They are short, and the ends tell most apart.
#[inline(always)]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if let (Some(end_a), Some(end_b)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let same = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
        let (whole_a, whole_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        return same((end_a, end_b)) && whole_a.iter().zip(whole_b).all(same);
    }
    if let ([a0, a1, a2, a3, ..], Some(end_a)) = (a, a.last_chunk::<4>())
        && let ([b0, b1, b2, b3, ..], Some(end_b)) = (b, b.last_chunk::<4>())
    {
        return end_a == end_b && [a0, a1, a2, a3] == [b0, b1, b2, b3];
    }
    a == b
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_is_found_from_anywhere_and_nothing_that_is_like_it() {
        let names = [
            "a",
            "kind",
            "metadata",
            "volumeMounts",
            "volumeXounts",
            "kilo",
        ];
        let fields = [
            "\"a\":",
            "\"kind\":",
            "\"metadata\":",
            "\"volumeMounts\":",
            "\"volumeXounts\":",
            "\"kilo\":",
        ];
        let fields = Names::new(Box::leak(Box::new(fields.map(Name::new))));
        for next in 0..=names.len() {
            for (index, name) in names.iter().enumerate() {
                assert_eq!(fields.find(next, name), Some(index), "{name} from {next}");
            }
            for other in ["", "b", "kand", "kindd", "metabata", "volumeMountt", "é"] {
                assert_eq!(fields.find(next, other), None, "{other} from {next}");
            }
        }
        for next in 0..names.len() {
            for (index, name) in names.iter().enumerate() {
                let json = format!("\"{name}\":1");
                let is_near = (next..next + NEAR).contains(&index);
                let expected = is_near.then_some((index, name.len() + 3));
                assert_eq!(fields.expected(next, json.as_bytes()), expected);
                for other in [
                    &json[..json.len() - 2],
                    &json[1..],
                    &format!("\"{name}X\":"),
                ] {
                    assert_eq!(fields.expected(next, other.as_bytes()), None, "{other}");
                }
            }
        }
        let long = "x".repeat((1 << 16) + 4);
        assert_eq!(fields.find(0, &long), None);
    }
}
