//! One check: a question, and what came of it.

use crate::check::guide::Guide;
use crate::check::read::Unread;

/// How many names are told before the rest is counted.
const TOLD: usize = 5;

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// It works, and something about it should be known.
    Warning,
    /// It does not work.
    Failed,
    /// The cluster gave no answer, so that nothing is known.
    CouldNotAsk,
}

impl Outcome {
    /// The word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::CouldNotAsk => "could-not-ask",
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question {
    /// One word, for programs and at the beginning of a line.
    pub name: &'static str,
    /// The question as a sentence that holds where the check is ok.
    pub asked: &'static str,
    /// Where to read on.
    pub guide: Guide,
}

/// A question with its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// What was asked.
    pub question: Question,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, in one line.
    pub found: String,
    /// What to do, where it is not ok.
    pub fix: Option<String>,
}

impl Question {
    /// It is as it should be.
    pub fn ok(self, found: impl Into<String>) -> Check {
        self.ended(Outcome::Ok, found.into(), None)
    }

    /// It works, and this should be known.
    pub fn warns(self, found: impl Into<String>, fix: impl Into<String>) -> Check {
        self.ended(Outcome::Warning, found.into(), Some(fix.into()))
    }

    /// It does not work.
    pub fn fails(self, found: impl Into<String>, fix: impl Into<String>) -> Check {
        self.ended(Outcome::Failed, found.into(), Some(fix.into()))
    }

    /// There was no answer.
    pub fn could_not_ask(self, why: &Unread) -> Check {
        let fix = match why {
            Unread::Forbidden(_) => "ask as a user who is allowed to (--context, --kubeconfig)",
            Unread::Missing | Unread::Failed(_) => {
                "ask again; if it stays so, the log of the API server says why"
            }
        };
        self.ended(Outcome::CouldNotAsk, why.to_string(), Some(fix.to_owned()))
    }

    /// There was no answer, and this would give one.
    pub fn could_not_ask_but(self, found: impl Into<String>, fix: impl Into<String>) -> Check {
        self.ended(Outcome::CouldNotAsk, found.into(), Some(fix.into()))
    }

    fn ended(self, outcome: Outcome, found: String, fix: Option<String>) -> Check {
        Check {
            question: self,
            outcome,
            found,
            fix,
        }
    }
}

/// A number of things: `1 node`, `2 nodes`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// The first of them, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    let told = names
        .iter()
        .take(TOLD)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}
