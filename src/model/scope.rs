//! Which part of a Pod a request is about.

use super::place::{List, Place};

/// The part of a Pod that a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole Pod, at its creation.
    Creation,
    /// Only its ephemeral containers: the rest cannot be changed any more.
    EphemeralContainers,
}

impl Scope {
    /// Whether a container at `place` is a part of it.
    pub fn holds(self, place: Place) -> bool {
        match self {
            Self::Creation => true,
            Self::EphemeralContainers => place.list == List::Ephemeral,
        }
    }
}
