//! Waits that end: with what was waited for, or with a failed test that says where it waited.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use tokio::runtime::Handle;

/// Longer than anything here takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the future comes to.
#[track_caller]
pub fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        let ended = tokio::time::timeout(PATIENCE, future).await;
        ended.unwrap_or_else(|_| panic!("{place}: still waiting after {PATIENCE:?}"))
    }
}

/// Waits until a condition holds.
#[track_caller]
pub fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    within(async move {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
}

/// Waits until no task has anything left to do but to wait: all that follows at once from what the test has
/// done is done. For a runtime of one thread, where all that takes part is a task of it.
#[track_caller]
pub fn settled() -> impl Future<Output = ()> {
    let metrics = Handle::current().metrics();
    assert_eq!(metrics.num_workers(), 1);
    // It parks only when no task can run.
    let before = metrics.worker_park_count(0);
    until(move || metrics.worker_park_count(0) > before)
}
