//! What became of asking the cluster for something.

use std::fmt;

/// What was asked for, or why there is no answer.
pub type Read<T> = Result<T, Unread>;

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unread {
    /// The API server answered that there is none (404).
    Missing,
    /// The caller may not ask (401 or 403); the API server's words.
    Forbidden(String),
    /// No answer, or one that makes no sense; for people.
    Failed(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is none"),
            Self::Forbidden(message) => write!(f, "not allowed to ask: {message}"),
            Self::Failed(message) => f.write_str(message),
        }
    }
}
