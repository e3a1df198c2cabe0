//! The same work on each of many things, on every core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `work` makes of each of `things`, in their order.
pub fn on_each<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let turns = || {
        let mut own = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(turn) else {
                return own;
            };
            own.push((turn, work(thing)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.min(things.len().max(1));
    let mut made: Vec<(usize, R)> = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(turns)).collect();
        let mut all = turns();
        for other in others {
            match other.join() {
                Ok(own) => all.extend(own),
                // A panic is a fault of this program, and is one here too.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    made.sort_unstable_by_key(|(turn, _)| *turn);
    made.into_iter().map(|(_, made)| made).collect()
}
