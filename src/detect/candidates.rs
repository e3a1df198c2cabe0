//! The containers of a Pod that have a name like ours anywhere.
//!
//! One search of the spec tells that there are none, as in most Pods. No other container can be our
//! sidecar, or have a name or a path that one of ours would take.

use crate::detect::prefilter::SIDECAR;
use crate::model::place::Place;
use crate::model::view::{Container, Pod};

/// Those containers, and their Pod.
#[derive(Debug)]
pub struct Near<'p, 'a> {
    /// The Pod.
    pub pod: &'p Pod<'a>,
    /// The containers, in the Pod's order.
    pub containers: Vec<(Place, &'p Container<'a>)>,
}

impl<'p, 'a> Near<'p, 'a> {
    /// Looks through `pod`.
    pub fn of(pod: &'p Pod<'a>) -> Self {
        Self {
            pod,
            containers: pod.containers_with(&*SIDECAR).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::names;

    #[test]
    fn every_name_of_ours_has_the_word_that_is_looked_for() {
        for name in [
            names::SIDECAR,
            names::SCRIPT_NAME,
            names::SOCKET_VOLUME,
            names::STORAGE_VOLUME,
            names::TMP_VOLUME,
            names::CA_VOLUME,
            names::SHARED_DIR,
        ] {
            assert!(name.contains(names::SIDECAR), "{name}");
        }
    }
}
