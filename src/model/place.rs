//! Where a container is in its Pod.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// `spec.initContainers`, which start first.
    Init,
    /// `spec.containers`.
    Main,
    /// `spec.ephemeralContainers`.
    Ephemeral,
}

impl List {
    /// In the order in which a Pod starts them.
    pub const ALL: [Self; 3] = [Self::Init, Self::Main, Self::Ephemeral];

    pub fn field(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub list: List,
    pub index: usize,
}

impl fmt::Display for Place {
    /// As a JSON Pointer: `/spec/containers/0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/spec/{}/{}", self.list.field(), self.index)
    }
}
