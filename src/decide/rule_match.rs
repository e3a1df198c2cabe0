//! What the first matching rule does with one way of reaching or asking for a daemon.
//!
//! `explain` shows a Pod's author every way with its rule, also those that did not decide.

use crate::model::place::Place;

use super::matcher::Detection;
use super::named::{Entry, Named};
use super::rule::Rule;

#[derive(Clone, Copy, Debug)]
pub struct RuleMatch<'p> {
    pub part: MatchedPart,
    pub detection: Detection,
    pub rule: &'p Rule,
    pub effect: Effect,
}

/// The part of a Pod that was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedPart {
    /// The finding with this index.
    Mount(usize),
    Variable {
        place: Place,
        /// Index in the container's `env`.
        index: usize,
    },
    Annotations,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The Pod gets its own daemon.
    Swap,
    Deny,
    Warn,
    Allow,
    /// Left, since the Pod opts out.
    OptedOut,
    Honor,
    /// An annotation that does not count.
    Ignore,
}

impl Named for Effect {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Swap, "Swap", "its own daemon instead"),
        (Self::Deny, "Deny", "the Pod is refused"),
        (Self::Warn, "Warn", "left, with a warning"),
        (Self::Allow, "Allow", "left"),
        (Self::OptedOut, "OptedOut", "left, since the Pod opts out"),
        (Self::Honor, "Honor", "the annotation counts"),
        (Self::Ignore, "Ignore", "the annotation does not count"),
    ];
}
