//! Permits for a limited number of requests and a limited amount of memory.
//!
//! If a full server refused newcomers, the first clients to fill it and stay would own it. Honest requests
//! finish within milliseconds, so the one that has waited longest is evicted instead: a thousand clients that
//! never finish then evict each other, and not the API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Limiter {
    max_permits: usize,
    max_weight: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Numbers permits in the order in which they were given.
    next: u64,
    permits: usize,
    weight: usize,
    /// Permits that may be evicted.
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    weight: usize,
    why: Arc<Eviction>,
}

/// Tells the holder of a permit that it is evicted.
#[derive(Debug, Default)]
struct Eviction {
    told: Notify,
    by: Mutex<Option<Full>>,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    Permits,
    Memory,
}

/// Returned when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    number: u64,
    eviction: Arc<Eviction>,
}

impl Limiter {
    pub(crate) fn new(max_permits: usize, max_weight: usize) -> Arc<Self> {
        Arc::new(Self {
            max_permits,
            max_weight,
            inside: Mutex::default(),
        })
    }

    /// Gives a permit, and evicts the longest-waiting one if there are too many.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Permit, Full> {
        let mut inside = self.lock();
        while inside.permits >= self.max_permits {
            if !inside.evict_oldest(Full::Permits) {
                return Err(Full::Permits);
            }
        }
        let number = inside.next;
        inside.next += 1;
        inside.permits += 1;
        let eviction = Arc::new(Eviction::default());
        let waiting = Waiting {
            weight: 0,
            why: Arc::clone(&eviction),
        };
        inside.waiting.insert(number, waiting);
        Ok(Permit {
            limiter: Arc::clone(self),
            number,
            eviction,
        })
    }

    /// The number of permits given.
    #[cfg(test)]
    pub(crate) fn permits(&self) -> usize {
        self.lock().permits
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn evict_oldest(&mut self, by: Full) -> bool {
        let Some((_, oldest)) = self.waiting.pop_first() else {
            return false;
        };
        self.permits -= 1;
        self.weight -= oldest.weight;
        *oldest.why.by.lock().unwrap_or_else(PoisonError::into_inner) = Some(by);
        oldest.why.told.notify_one();
        true
    }
}

impl Permit {
    /// Adds bytes to this permit. If there are too many in all, evicts the longest-waiting one, which may be
    /// this one.
    pub(crate) fn grow(&self, by: usize) {
        let mut inside = self.limiter.lock();
        let Some(waiting) = inside.waiting.get_mut(&self.number) else {
            return;
        };
        waiting.weight += by;
        inside.weight += by;
        while inside.weight > self.limiter.max_weight && inside.evict_oldest(Full::Memory) {}
    }

    /// Protects the permit from eviction for good.
    pub(crate) fn keep(&self) {
        let mut inside = self.limiter.lock();
        if let Some(Waiting { weight, why: _ }) = inside.waiting.remove(&self.number) {
            inside.weight -= weight;
        }
    }

    /// Waits until the permit is evicted, and returns the limit that was reached.
    pub(crate) async fn evicted(&self) -> Full {
        loop {
            let by = *self
                .eviction
                .by
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(by) = by {
                return by;
            }
            self.eviction.told.notified().await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut inside = self.limiter.lock();
        let evicted = self
            .eviction
            .by
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        if evicted {
            return;
        }
        if let Some(Waiting { weight, why: _ }) = inside.waiting.remove(&self.number) {
            inside.weight -= weight;
        }
        inside.permits -= 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn is_evicted(permit: &Permit) -> Option<Full> {
        *permit.eviction.by.lock().unwrap()
    }

    #[test]
    fn the_longest_waiting_makes_way() {
        let limiter = Limiter::new(2, usize::MAX);
        let first = limiter.enter().unwrap();
        let second = limiter.enter().unwrap();
        let third = limiter.enter().unwrap();
        assert_eq!(is_evicted(&first), Some(Full::Permits));
        assert_eq!((is_evicted(&second), is_evicted(&third)), (None, None));
        assert_eq!(limiter.permits(), 2);
        drop(first);
        assert_eq!(limiter.permits(), 2);
        drop((second, third));
        assert_eq!(limiter.permits(), 0);
    }

    #[test]
    fn kept_permits_are_never_evicted() {
        let limiter = Limiter::new(1, usize::MAX);
        let kept = limiter.enter().unwrap();
        kept.keep();
        assert_eq!(limiter.enter().unwrap_err(), Full::Permits);
        assert_eq!(is_evicted(&kept), None);
        drop(kept);
        assert!(limiter.enter().is_ok());
    }

    #[test]
    fn weight_is_bounded_too() {
        let limiter = Limiter::new(10, 100);
        let first = limiter.enter().unwrap();
        first.grow(60);
        let second = limiter.enter().unwrap();
        second.grow(60);
        assert_eq!(is_evicted(&first), Some(Full::Memory));
        assert_eq!(is_evicted(&second), None);
        second.grow(60);
        assert_eq!(is_evicted(&second), Some(Full::Memory));
        assert_eq!(limiter.lock().weight, 0);
    }

    #[tokio::test]
    async fn the_evicted_is_told() {
        let limiter = Limiter::new(1, usize::MAX);
        let first = limiter.enter().unwrap();
        let (by, second) = tokio::join!(first.evicted(), async { limiter.enter() });
        assert_eq!(by, Full::Permits);
        assert!(second.is_ok());
    }
}
