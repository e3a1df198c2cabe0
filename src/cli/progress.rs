//! How far a long piece of work is, on standard error, for a person only.
//!
//! Nothing is shown where standard error is no terminal, or before half a second.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Work that is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks.
const STEP: Duration = Duration::from_millis(100);
/// Of the bar, in columns.
const WIDTH: usize = 28;

/// What a bar counts.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// Files, of so many.
    Files(usize),
    /// Objects of a cluster, of which nobody knows how many there are.
    Objects,
}

/// A bar that is there while work is done.
#[derive(Debug)]
pub struct Progress;

impl Progress {
    /// Does `work`, which counts in `done`, and shows how far it is.
    pub fn show<T>(bar: Bar, done: &AtomicUsize, work: impl FnOnce() -> T) -> T {
        if !io::stderr().is_terminal() {
            return work();
        }
        let (end, ended) = mpsc::sync_channel::<()>(0);
        thread::scope(|scope| {
            scope.spawn(move || watch(bar, done, &ended));
            let result = work();
            drop(end);
            result
        })
    }
}

fn watch(bar: Bar, done: &AtomicUsize, ended: &mpsc::Receiver<()>) {
    let start = Instant::now();
    let mut shown = false;
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(STEP) {
        if start.elapsed() >= PATIENCE {
            // A terminal that has gone needs no bar.
            let _ = write!(io::stderr(), "{}", line(bar, done.load(Ordering::Relaxed)));
            shown = true;
        }
    }
    if shown {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
}

/// The line, from its start, with what was there before wiped out.
fn line(bar: Bar, done: usize) -> String {
    let mut line = String::from("\r\u{1b}[K");
    // Writing to a String cannot fail.
    let _ = match bar {
        Bar::Files(total) => {
            let total = total.max(1);
            let done = done.min(total);
            let full = done * WIDTH / total;
            let (full, empty) = ("#".repeat(full), "-".repeat(WIDTH - full));
            write!(line, "[{full}{empty}] {done} of {total} files")
        }
        Bar::Objects => write!(line, "{done} objects read"),
    };
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_never_overflows() {
        let empty = format!("[{}] 0 of 10 files", "-".repeat(WIDTH));
        let full = format!("[{}] 10 of 10 files", "#".repeat(WIDTH));
        assert!(line(Bar::Files(10), 0).ends_with(&empty));
        assert!(line(Bar::Files(10), 10).ends_with(&full));
        assert!(line(Bar::Files(10), 11).ends_with(&full));
        assert!(line(Bar::Files(0), 0).ends_with("0 of 1 files"));
    }
}
