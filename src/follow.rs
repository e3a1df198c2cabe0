//! Which reading of a followed file is news.
//!
//! A mounted ConfigMap or Secret changes by a symlink swap, which inotify on the file never sees; reading a small
//! file every few seconds always works. Most readings find what was there before, and one that fails may fail for
//! hours: what follows is told of each change, and of a lasting failure once.

use std::fmt;

/// What a follower did after one reading.
#[derive(Debug)]
pub enum Looked<E> {
    Unchanged,
    /// New content is in force.
    Taken,
    /// New content is refused; the previous content stays in force.
    Refused(E),
}

/// One reading, beside the one before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading<E> {
    Same {
        /// Readings between the two failed.
        after_failure: bool,
    },
    New,
    Failed(E),
    FailedAgain,
}

/// What was read last.
#[derive(Debug)]
pub(crate) struct Last<C> {
    content: Option<C>,
    failure: Option<String>,
}

impl<C: PartialEq> Last<C> {
    pub(crate) const NOTHING: Self = Self {
        content: None,
        failure: None,
    };

    /// The content, valid or not.
    pub(crate) fn content(&self) -> Option<&C> {
        self.content.as_ref()
    }

    pub(crate) fn next<E: fmt::Display>(&mut self, read: Result<C, E>) -> Reading<E> {
        let content = match read {
            Ok(content) => Some(content),
            Err(error) => {
                let text = Some(error.to_string());
                if self.failure == text {
                    return Reading::FailedAgain;
                }
                self.failure = text;
                return Reading::Failed(error);
            }
        };
        let after_failure = self.failure.take().is_some();
        if self.content == content {
            return Reading::Same { after_failure };
        }
        self.content = content;
        Reading::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_and_each_kind_of_failure_is_news_once() {
        let mut last = Last::NOTHING;
        assert_eq!(last.next::<&str>(Ok("a")), Reading::New);
        let same = |after_failure| Reading::Same { after_failure };
        assert_eq!(last.next::<&str>(Ok("a")), same(false));
        assert_eq!(last.next(Err("gone")), Reading::Failed("gone"));
        assert_eq!(last.next(Err("gone")), Reading::FailedAgain);
        assert_eq!(last.next(Err("locked")), Reading::Failed("locked"));
        assert_eq!(last.content(), Some(&"a"));
        assert_eq!(last.next::<&str>(Ok("a")), same(true));
        assert_eq!(last.next::<&str>(Ok("b")), Reading::New);
    }
}
