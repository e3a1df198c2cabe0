//! What the first matching rule says to one way of reaching or asking for a daemon.

use crate::model::place::Place;

use super::matcher::Detection;
use super::named::{Entry, Named};
use super::rule::Rule;

/// What a rule says to one way of reaching or asking for a daemon.
#[derive(Clone, Copy, Debug)]
pub struct RuleMatch<'p> {
    pub part: MatchedPart,
    /// How it reaches or asks.
    pub detection: Detection,
    /// The rule that judged it.
    pub rule: &'p Rule,
    pub effect: Effect,
}

/// What a judgment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedPart {
    /// The finding with this index.
    Mount(usize),
    Variable {
        place: Place,
        /// The variable's index in `env`.
        index: usize,
    },
    Annotations,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A daemon of its own.
    Swap,
    Deny,
    Warn,
    Allow,
    /// Left, since the Pod opts out.
    OptedOut,
    Honor,
    /// An annotation that does not.
    Ignore,
}

impl Named for Effect {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Swap, "Swap", "a daemon of its own in its place"),
        (Self::Deny, "Deny", "the Pod is refused"),
        (Self::Warn, "Warn", "left, with a warning"),
        (Self::Allow, "Allow", "left"),
        (Self::OptedOut, "OptedOut", "left, since the Pod opts out"),
        (Self::Honor, "Honor", "the annotation counts"),
        (Self::Ignore, "Ignore", "the annotation does not count"),
    ];
}
