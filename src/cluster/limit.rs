//! Limits what is written to a cluster: no repetition for a while, and never a flood.
//!
//! An Event costs the writer little and etcd something. A workload that is denied again and again, or a
//! thousand at once, must not cost etcd more.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// After this time the same is written again.
const AGAIN: Duration = Duration::from_secs(300);
/// How much is remembered for that: more than the limit allows in that time, so that removing what is older
/// always makes room.
const REMEMBERED: usize = 1024;
/// This many at once, and then per second.
const BURST: f64 = 25.0;
const PER_SECOND: f64 = 2.0;

/// What was written lately, and what may be written now.
#[derive(Debug)]
pub(crate) struct Limit<T> {
    said: HashMap<T, Instant>,
    tokens: f64,
    filled: Instant,
}

impl<T: Clone + Eq + Hash> Limit<T> {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            said: HashMap::new(),
            tokens: BURST,
            filled: now,
        }
    }

    /// Whether `what` may be written now. If so, it counts as written.
    pub(crate) fn lets_pass(&mut self, what: &T, now: Instant) -> bool {
        let recent = |said: &Instant| now.saturating_duration_since(*said) < AGAIN;
        if self.said.get(what).is_some_and(recent) {
            return false;
        }
        if self.said.len() >= REMEMBERED {
            self.said.retain(|_, said| recent(said));
        }
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = BURST.min(self.tokens + passed * PER_SECOND);
        self.filled = now;
        if self.tokens < 1.0 || self.said.len() >= REMEMBERED {
            return false;
        }
        self.tokens -= 1.0;
        self.said.insert(what.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_in_five_minutes() {
        let now = Instant::now();
        let mut limit = Limit::new(now);
        assert!(limit.lets_pass(&"a", now));
        assert!(!limit.lets_pass(&"a", now + AGAIN / 2));
        assert!(limit.lets_pass(&"b", now + AGAIN / 2));
        assert!(limit.lets_pass(&"a", now + AGAIN));
    }

    #[test]
    fn a_flood_is_held_to_two_a_second() {
        let now = Instant::now();
        let mut limit = Limit::new(now);
        let flood = |limit: &mut Limit<u32>, from: u32, at: Instant| {
            let passed = (from..from + 100).filter(|what| limit.lets_pass(what, at));
            passed.count()
        };
        assert_eq!(flood(&mut limit, 0, now), 25);
        assert_eq!(flood(&mut limit, 100, now), 0);
        assert_eq!(flood(&mut limit, 200, now + Duration::from_secs(3)), 6);
    }
}
