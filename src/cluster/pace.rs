//! How long to wait before a retry.
//!
//! Replicas that fail together must not retry together, and one that keeps failing must not load the API
//! server.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

/// Shortens a wait by up to a quarter at random.
pub(crate) fn jittered(wait: Duration) -> Duration {
    // The keys of a hasher are the standard library's only source of randomness.
    let random = RandomState::new().build_hasher().finish();
    let quarters = u32::try_from(random % 256).unwrap_or(0);
    wait - wait / 4 * quarters / 256
}

/// Waits that double, each shortened by up to a quarter at random.
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

    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = self.last.min(wait * 2);
        jittered(wait)
    }

    /// Starts again with the first wait.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// When to try next: at once, then less and less often while it fails or is undone.
#[derive(Debug)]
pub(crate) struct Pace {
    backoff: Backoff,
    not_before: Option<Instant>,
    last_done: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(first: Duration, last: Duration) -> Self {
        Self {
            backoff: Backoff::new(first, last),
            not_before: None,
            last_done: None,
        }
    }

    /// How long to wait; zero if it may be tried now.
    pub(crate) fn due_in(&self) -> Duration {
        self.not_before.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(Instant::now())
        })
    }

    /// The attempt failed.
    pub(crate) fn failed(&mut self) {
        self.not_before = Some(Instant::now() + self.backoff.wait());
    }

    /// The attempt succeeded. If another one succeeded just before, something undoes it, and repeating it
    /// faster does not help.
    pub(crate) fn done(&mut self) {
        let now = Instant::now();
        let again = self
            .last_done
            .is_some_and(|last| now - last < self.backoff.last * 2);
        self.last_done = Some(now);
        if again {
            self.failed();
        } else {
            self.backoff.reset();
            self.not_before = None;
        }
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

    #[test]
    fn what_is_undone_again_and_again_is_done_ever_later() {
        let mut pace = Pace::new(Duration::from_secs(1), Duration::from_secs(30));
        assert_eq!(pace.due_in(), Duration::ZERO);
        pace.done();
        assert_eq!(pace.due_in(), Duration::ZERO, "once is no war");
        pace.done();
        let second = pace.due_in();
        assert!(second > Duration::ZERO && second <= Duration::from_secs(1));
        pace.done();
        assert!(pace.due_in() > second);
    }
}
