//! The containers of a Pod, gathered once for all that is looked up among them: our sidecar, and the
//! names and paths that a new one must leave alone.

use crate::model::place::Place;
use crate::model::view::{Container, Pod};

/// A Pod's containers, and the Pod.
#[derive(Debug)]
pub struct Candidates<'p, 'a> {
    /// The Pod.
    pub pod: &'p Pod<'a>,
    /// The containers, in the Pod's order.
    pub containers: Vec<(Place, &'p Container<'a>)>,
}

impl<'p, 'a> Candidates<'p, 'a> {
    /// Looks through `pod`.
    pub fn of(pod: &'p Pod<'a>) -> Self {
        Self {
            pod,
            containers: pod.containers().collect(),
        }
    }
}
