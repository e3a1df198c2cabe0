//! JSON pointers (RFC 6901): how a key is written in one, and how it is read back.
//!
//! `~` and `/` of a key are escaped here and nowhere else.

use std::borrow::Cow;

/// The unescaped tokens of a JSON Pointer.
pub(crate) fn tokens(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pointer.split('/').skip(1).map(|token| {
        if token.contains('~') {
            Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
        } else {
            Cow::Borrowed(token)
        }
    })
}

/// What follows `outer` in a pointer that is the same or leads to something below it.
pub(crate) fn rest_below<'p>(pointer: &'p str, outer: &str) -> Option<&'p str> {
    let rest = pointer.strip_prefix(outer)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// `pointer/key`.
pub(crate) fn below(pointer: &str, key: &str) -> String {
    let mut below = String::with_capacity(pointer.len() + 1 + key.len());
    below.push_str(pointer);
    below.push('/');
    push_token(&mut below, key);
    below
}

/// Appends a key as one token, without the `/` before it.
pub(crate) fn push_token(pointer: &mut String, key: &str) {
    for c in key.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// A JSON pointer that grows and shrinks with the reader's way through the document.
#[derive(Debug, Default)]
pub(super) struct Pointer(String);

impl Pointer {
    /// Steps into a mapping's entry; returns what [`Pointer::leave`] needs to step out.
    pub fn enter_key(&mut self, key: &str) -> usize {
        let mark = self.0.len();
        self.0.push('/');
        push_token(&mut self.0, key);
        mark
    }

    /// Steps into a list's item.
    pub fn enter_index(&mut self, index: usize) -> usize {
        use std::fmt::Write as _;
        let mark = self.0.len();
        // Writing to a String cannot fail.
        let _ = write!(self.0, "/{index}");
        mark
    }

    pub fn leave(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        for key in ["", "a", "a/b", "~", "~1", "a~/~01/b"] {
            let pointer = below("/outer", key);
            assert_eq!(tokens(&pointer).collect::<Vec<_>>(), ["outer", key]);
        }
        assert_eq!(below("", "a/b~c"), "/a~1b~0c");
    }
}
