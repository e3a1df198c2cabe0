//! Runs one step of one TLS handshake at a time, after everything else that is ready.
//!
//! A handshake is the largest computation that an unknown client can cause, and thousands can begin at once.
//! This way, a review that is ready waits for one step of them and not for all. A handshake that waits
//! between its steps delays no other.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Semaphore;

/// Grants steps in the order of the requests.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeLimiter(Arc<Semaphore>);

impl HandshakeLimiter {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Runs work to its end, each of its steps when it is granted.
    pub(crate) async fn take<F: Future>(&self, work: F) -> F::Output {
        let Self(handshakes) = self;
        let mut work = pin!(work);
        loop {
            // The semaphore is never closed.
            let turn = handshakes.acquire().await;
            tokio::task::yield_now().await;
            let step = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
            drop(turn);
            match step {
                Poll::Ready(done) => return done,
                Poll::Pending => woken().await,
            }
        }
    }
}

/// Waits until this task is woken by what it last waited for.
async fn woken() {
    let mut asleep = true;
    poll_fn(|_| match mem::take(&mut asleep) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn what_is_ready_waits_for_one_step_and_not_for_all() {
        let (handshakes, steps) = (HandshakeLimiter::new(), Arc::new(AtomicUsize::new(0)));
        let mut storm = JoinSet::new();
        for _ in 0..100 {
            let (handshakes, steps) = (handshakes.clone(), Arc::clone(&steps));
            storm
                .spawn(async move { handshakes.take(async { steps.fetch_add(1, Relaxed) }).await });
        }
        let at = Arc::clone(&steps);
        let review = tokio::spawn(async move { at.load(Relaxed) });
        assert!(review.await.unwrap() <= 1);
        storm.join_all().await;
        assert_eq!(steps.load(Relaxed), 100);
    }

    #[tokio::test]
    async fn who_waits_between_steps_holds_up_nobody() {
        let handshakes = HandshakeLimiter::new();
        let (go, gone) = oneshot::channel();
        let waiting = tokio::spawn({
            let handshakes = handshakes.clone();
            async move { handshakes.take(gone).await }
        });
        let endless = tokio::spawn({
            let handshakes = handshakes.clone();
            async move { handshakes.take(std::future::pending::<()>()).await }
        });
        for _ in 0..10 {
            handshakes
                .take(tokio::time::sleep(Duration::from_millis(1)))
                .await;
        }
        go.send(()).unwrap();
        waiting.await.unwrap().unwrap();
        endless.abort();
    }

    #[tokio::test]
    async fn who_is_thrown_out_gives_its_turn_back() {
        let handshakes = HandshakeLimiter::new();
        for _ in 0..10 {
            let given_up = handshakes.take(std::future::pending::<()>());
            tokio::select! { biased; () = given_up => {}, () = tokio::task::yield_now() => {} }
        }
        assert_eq!(handshakes.take(async { 7 }).await, 7);
    }
}
