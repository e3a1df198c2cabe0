//! Lets requests that are ready at one time take each step together.
//!
//! To read, to review and to write an answer are each more code than the nearest caches of a
//! processor hold. With each step done for all who are ready, and then the next, the code of a
//! step is fetched once for all of them and not once for each. Who comes alone waits for nobody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests wait for each other: more than an API server has connections to one host.
const MOST: usize = 64;
/// The largest body that waits, in bytes. No other limit knows of the memory of those that do.
const LARGEST: usize = 64 << 10;
/// Who comes so soon behind another's step is not alone. It is as long as it takes to write the
/// answers of all who wait.
const SOON: Duration = Duration::from_micros(500);

/// Those who take their steps together.
#[derive(Debug)]
pub(crate) struct Cohort {
    places: Semaphore,
    began: Instant,
    /// The last step, in microseconds since `began`.
    last: AtomicU64,
}

/// One of them, or one who comes alone, is too large, or is one too many.
#[derive(Debug)]
pub(crate) struct Member<'c> {
    cohort: &'c Cohort,
    place: Option<SemaphorePermit<'c>>,
}

impl Cohort {
    pub(crate) fn new() -> Self {
        Self {
            places: Semaphore::new(MOST),
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// Takes in a request with a body of so many bytes.
    pub(crate) fn join(&self, body: usize, now: Instant) -> Member<'_> {
        let before = Duration::from_micros(self.last.load(Relaxed));
        let is_alone = self.stamp(now) > before + SOON;
        let may_wait = !is_alone && body <= LARGEST;
        Member {
            cohort: self,
            place: may_wait.then(|| self.places.try_acquire().ok()).flatten(),
        }
    }

    /// Notes that somebody takes a step, and says how long after the beginning.
    fn stamp(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.began);
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.last.store(micros, Relaxed);
        since
    }
}

impl Member<'_> {
    /// Waits until everyone who is ready has come as far.
    pub(crate) async fn step(&self, now: Instant) {
        if self.place.is_some() {
            self.cohort.stamp(now);
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};

    use tokio::task::JoinSet;

    use super::*;

    /// The steps of so many requests that are ready at one time, in the order they are taken in.
    async fn steps(requests: usize, body: usize) -> Vec<&'static str> {
        let cohort = Arc::new(Cohort::new());
        let now = cohort.began;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        for _ in 0..requests {
            let (cohort, taken) = (Arc::clone(&cohort), Arc::clone(&taken));
            tasks.spawn(async move {
                let member = cohort.join(body, now);
                taken.lock().unwrap().push("read");
                member.step(now).await;
                taken.lock().unwrap().push("review");
                member.step(now).await;
                taken.lock().unwrap().push("write");
            });
        }
        tasks.join_all().await;
        Arc::into_inner(taken).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn who_is_ready_together_takes_each_step_together() {
        let expected = ["read", "review", "write"].map(|step| vec![step; 25]);
        assert_eq!(steps(25, LARGEST).await, expected.concat());
    }

    #[tokio::test]
    async fn a_large_body_waits_for_nobody() {
        let alone = ["read", "review", "write"];
        assert_eq!(steps(3, LARGEST + 1).await, alone.repeat(3));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let steps = steps(MOST + 2, 1).await;
        let (begun, rest) = steps.split_at(MOST);
        assert!(begun.iter().all(|step| *step == "read"));
        assert_eq!(rest[..6], ["read", "review", "write"].repeat(2));
    }

    #[tokio::test]
    async fn who_comes_alone_waits_for_nobody() {
        let cohort = Cohort::new();
        let mut now = cohort.began;
        let mut waits = |after: Duration| {
            now += after;
            cohort.join(1, now).place.is_some()
        };
        let later = SOON + Duration::from_micros(1);
        let comings = [later, SOON, later, later, SOON, SOON];
        assert_eq!(
            comings.map(&mut waits),
            [false, true, false, false, true, true]
        );

        // The steps of those who are here count too: a newcomer behind one is not alone.
        let member = cohort.join(1, now);
        member.step(now + later).await;
        assert!(cohort.join(1, now + later + SOON).place.is_some());
    }
}
