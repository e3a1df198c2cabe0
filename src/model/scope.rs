//! Which part of a Pod a request can change.

use super::place::{List, Place};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole Pod, at its creation.
    Creation,
    /// Only its ephemeral containers: nothing else of a running Pod can be changed.
    EphemeralContainers,
}

impl Scope {
    pub fn holds(self, place: Place) -> bool {
        match self {
            Self::Creation => true,
            Self::EphemeralContainers => place.list == List::Ephemeral,
        }
    }
}
