//! Lets requests that are ready at one time take each step together.
//!
//! To read, to review and to write an answer are each more code than the nearest caches of a
//! processor hold. With each step done for all who are ready, and then the next, the code of a
//! step is fetched once for all of them and not once for each. Who is alone waits for nobody.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests wait for each other: more than an API server has connections to one host.
const MOST: usize = 64;
/// The largest body that waits, in bytes. No other limit knows of the memory of those that do.
const LARGEST: usize = 64 << 10;

/// Those who take their steps together.
#[derive(Debug)]
pub(super) struct Cohort(Semaphore);

/// One of them, or one who is too large or too late and takes its steps alone.
#[derive(Debug)]
pub(super) struct Member<'c>(Option<SemaphorePermit<'c>>);

impl Cohort {
    pub(super) const fn new() -> Self {
        Self(Semaphore::const_new(MOST))
    }

    /// Takes in a request with a body of so many bytes.
    pub(super) fn join(&self, body: usize) -> Member<'_> {
        let Self(places) = self;
        Member(
            (body <= LARGEST)
                .then(|| places.try_acquire().ok())
                .flatten(),
        )
    }
}

impl Member<'_> {
    /// Waits until everyone who is ready has come as far.
    pub(super) async fn step(&self) {
        let Self(place) = self;
        if place.is_some() {
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
        let taken = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        for _ in 0..requests {
            let (cohort, taken) = (Arc::clone(&cohort), Arc::clone(&taken));
            tasks.spawn(async move {
                let member = cohort.join(body);
                taken.lock().unwrap().push("read");
                member.step().await;
                taken.lock().unwrap().push("review");
                member.step().await;
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
}
