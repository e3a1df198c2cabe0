//! Whose turn it is to be reviewed beside the workers.
//!
//! A review's time grows with its body, and a worker that is busy for long delays every connection on it. So
//! only small reviews run on a worker. The others take turns on threads of their own, in two queues: a Pod of
//! some hundred kilobytes, which people do write, never waits behind one of 24 MiB, which nobody does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most bytes of a body that is reviewed on a worker. Reviews in practice are at most half of that, and
/// the worst Pod of this size takes half a millisecond.
pub(crate) const SMALL: usize = 32 << 10;
/// The most bytes of a body that waits in the first queue. The worst Pod of this size takes ten milliseconds.
pub(crate) const MEDIUM: usize = 512 << 10;

/// One review of each queue runs at a time: together they take at most two threads, and the memory of two.
pub(crate) struct Turns {
    medium: Queue,
    large: Queue,
}

#[derive(Clone)]
pub(crate) struct Queue {
    one: Arc<Semaphore>,
    arrives: Duration,
}

/// Permission for the one review of its queue. It ends when it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Turns {
    pub(crate) fn new() -> Self {
        let queue = |millis| Queue {
            one: Arc::new(Semaphore::new(1)),
            arrives: Duration::from_millis(millis),
        };
        Self {
            medium: queue(500),
            large: queue(2000),
        }
    }

    /// The queue for a body of `len` bytes, or `None` for one that a worker reviews itself.
    pub(crate) fn queue(&self, len: usize) -> Option<&Queue> {
        if len <= SMALL {
            None
        } else if len <= MEDIUM {
            Some(&self.medium)
        } else {
            Some(&self.large)
        }
    }
}

impl Queue {
    /// Waits for the turn, first come, first served. `None` only if the queue was closed, which never
    /// happens.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        Arc::clone(&self.one).acquire_owned().await.ok()
    }

    /// How long a body may take to arrive once it is its turn: others wait for theirs, and an API server sends
    /// it at once.
    pub(crate) fn arrives(&self) -> Duration {
        self.arrives
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_medium_body_does_not_wait_for_a_large_one() {
        let turns = Turns::new();
        let large = turns.queue(24 << 20).unwrap().turn().await;
        let medium = turns.queue(SMALL + 1).unwrap().turn().await;
        assert!(large.is_some() && medium.is_some());
        assert!(turns.queue(SMALL).is_none(), "a worker takes it");
        for (len, of) in [(MEDIUM, &turns.medium), (MEDIUM + 1, &turns.large)] {
            let queue = turns.queue(len).unwrap();
            assert!(Arc::ptr_eq(&queue.one, &of.one), "{len} bytes");
            assert_eq!(queue.one.available_permits(), 0);
        }
    }
}
