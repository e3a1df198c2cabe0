//! How long to wait before trying again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

/// Waits that double, each shortened by up to a quarter at random, so that replicas that
/// failed together do not come back together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    last: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, last: Duration) -> Self {
        Self {
            first,
            last,
            next: first,
        }
    }

    /// The next wait.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = self.last.min(wait * 2);
        // A hasher's keys are the standard library's only source of randomness.
        let random = RandomState::new().build_hasher().finish();
        let quarters = u32::try_from(random % 256).unwrap_or(0);
        wait - wait / 4 * quarters / 256
    }

    /// Begins again with the first wait.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_last() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 5);
        for expected in [1, 2, 4, 5, 5] {
            let wait = backoff.wait();
            assert!(wait <= second * expected, "{wait:?}");
            assert!(wait > second * expected * 3 / 4 - second / 100, "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= second);
    }
}
