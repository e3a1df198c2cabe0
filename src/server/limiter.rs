//! A room with so many seats and so much weight: who waits longest makes way for newcomers.
//!
//! Refusing newcomers when a room is full hands the room to whoever fills it first and stays.
//! Honest work passes within milliseconds, so the one that has sat longest is the one to give
//! up: a thousand clients that never finish then cost each other their seats, and not the
//! API server its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Limiter {
    max_seats: usize,
    max_weight: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Numbers seats in the order of their entering.
    next: u64,
    permits: usize,
    weight: usize,
    /// Those who may have to make way.
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    weight: usize,
    why: Arc<Eviction>,
}

/// Tells a seat's holder that the seat is gone.
#[derive(Debug, Default)]
struct Eviction {
    told: Notify,
    by: Mutex<Option<Full>>,
}

/// What the room ran out of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    Seats,
    Weight,
}

/// A place in a room, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    number: u64,
    eviction: Arc<Eviction>,
}

impl Limiter {
    pub(crate) fn new(max_seats: usize, max_weight: usize) -> Arc<Self> {
        Arc::new(Self {
            max_seats,
            max_weight,
            inside: Mutex::default(),
        })
    }

    /// Takes a seat, if need be that of who has waited longest.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Permit, Full> {
        let mut inside = self.lock();
        while inside.permits >= self.max_seats {
            if !inside.evict_oldest(Full::Seats) {
                return Err(Full::Seats);
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

    /// How many seats are taken.
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
    /// Adds weight to this seat, at the cost of who has waited longest: that may be this one.
    pub(crate) fn grow(&self, by: usize) {
        let mut inside = self.limiter.lock();
        let Some(waiting) = inside.waiting.get_mut(&self.number) else {
            return;
        };
        waiting.weight += by;
        inside.weight += by;
        while inside.weight > self.limiter.max_weight && inside.evict_oldest(Full::Weight) {}
    }

    /// Keeps the seat for good: it need no longer make way.
    pub(crate) fn keep(&self) {
        let mut inside = self.limiter.lock();
        if let Some(Waiting { weight, why: _ }) = inside.waiting.remove(&self.number) {
            inside.weight -= weight;
        }
    }

    /// Waits until the seat has to be given up, and says for want of what.
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
        assert_eq!(is_evicted(&first), Some(Full::Seats));
        assert_eq!((is_evicted(&second), is_evicted(&third)), (None, None));
        assert_eq!(limiter.permits(), 2);
        drop(first);
        assert_eq!(limiter.permits(), 2);
        drop((second, third));
        assert_eq!(limiter.permits(), 0);
    }

    #[test]
    fn kept_seats_never_make_way() {
        let limiter = Limiter::new(1, usize::MAX);
        let kept = limiter.enter().unwrap();
        kept.keep();
        assert_eq!(limiter.enter().unwrap_err(), Full::Seats);
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
        assert_eq!(is_evicted(&first), Some(Full::Weight));
        assert_eq!(is_evicted(&second), None);
        second.grow(60);
        assert_eq!(is_evicted(&second), Some(Full::Weight));
        assert_eq!(limiter.lock().weight, 0);
    }

    #[tokio::test]
    async fn the_evicted_is_told() {
        let limiter = Limiter::new(1, usize::MAX);
        let first = limiter.enter().unwrap();
        let (by, second) = tokio::join!(first.evicted(), async { limiter.enter() });
        assert_eq!(by, Full::Seats);
        assert!(second.is_ok());
    }
}
