//! The names of an object's fields, told apart by their length and two letters.

/// A field's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    tag: u32,
    text: &'static str,
}

impl Name {
    /// The field of that name, which is not empty.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self {
            tag: tag(text.as_bytes()),
            text,
        }
    }

    /// The name.
    pub(crate) fn text(self) -> &'static str {
        self.text
    }

    /// Whether `json` begins with the name, in quotes.
    #[inline(always)]
    pub(super) fn begins(&self, json: &[u8]) -> bool {
        let end = self.text.len() + 1;
        match json.get(1..end) {
            Some(key) if json[0] == b'"' && json.get(end) == Some(&b'"') => {
                is_same(self.text.as_bytes(), key)
            }
            _ => false,
        }
    }

    /// The index in `names` of the one that is `key`. Looks at `next` first, and at those behind it.
    #[inline]
    pub(super) fn find(names: &[Self], next: usize, key: &str) -> Option<usize> {
        let sought = tag(key.as_bytes());
        let (before, after) = names.split_at_checked(next)?;
        let is_it =
            |name: &Self| name.tag == sought && is_same(name.text.as_bytes(), key.as_bytes());
        match after.iter().position(is_it) {
            Some(index) => Some(next + index),
            None => before.iter().position(is_it),
        }
    }
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

/// Whether two names are the same, eight bytes at a time: they are short, and nearly always are.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let (Some(last_a), Some(last_b)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return a.iter().zip(b).all(|(a, b)| a == b);
    };
    let same = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
    let (whole_a, whole_b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    same((last_a, last_b)) && whole_a.iter().zip(whole_b).all(same)
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
        let fields = names.map(Name::new);
        for next in 0..=names.len() {
            for (index, name) in names.iter().enumerate() {
                assert_eq!(
                    Name::find(&fields, next, name),
                    Some(index),
                    "{name} from {next}"
                );
            }
            for other in ["", "b", "kand", "kindd", "metabata", "volumeMountt", "é"] {
                assert_eq!(
                    Name::find(&fields, next, other),
                    None,
                    "{other} from {next}"
                );
            }
        }
        let long = "x".repeat((1 << 16) + 4);
        assert_eq!(Name::find(&fields, 0, &long), None);
    }
}
