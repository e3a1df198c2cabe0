//! Gathers log lines and writes many at once.
//!
//! Whoever logs waits for nobody, and in a row of lines only the first one wakes the thread that
//! writes: a review is not held up by its own line. Where lines are not taken off us they are
//! dropped, counted, and the count is told in a line as soon as there is room again; all others
//! come out whole and in order, the last ones when the [`Sink`] is dropped.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most bytes that wait: some thousand lines.
const MOST: usize = 1 << 20;
/// As many are written without waiting for more.
const ENOUGH: usize = 64 << 10;
/// How long a line waits for others. Each time, the writing may be in a review's way.
const LINGER: Duration = Duration::from_millis(100);
/// How long the last lines have to come out, when the program ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// The end that is held by the program: what was logged is written when it is dropped.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The end that lines are put into.
#[derive(Clone, Debug)]
pub struct SinkWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Told to the thread: there are lines, there are enough of them, or it is to end.
    more: Condvar,
    /// Told by the thread: it has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    phase: Phase,
    /// The thread sleeps until it is told of a line; otherwise it looks by itself.
    is_asleep: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Ending,
    /// Nobody writes any more.
    Ended,
}

impl Sink {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("log-lines".to_owned())
            .spawn(move || of_thread.write_all(out))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Where lines are put into.
    #[must_use]
    pub fn writer(&self) -> SinkWriter {
        SinkWriter(Arc::clone(&self.shared))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let mut waiting = self.shared.lock();
        waiting.phase = Phase::Ending;
        self.shared.more.notify_one();
        let unfinished = |waiting: &mut Waiting| waiting.phase != Phase::Ended;
        let ended = self
            .shared
            .ended
            .wait_timeout_while(waiting, PATIENCE, unfinished);
        let (waiting, in_time) = ended.unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        // A thread that cannot get rid of its lines is left where it hangs.
        if let Some(thread) = self.thread.take().filter(|_| !in_time.timed_out()) {
            drop(thread.join());
        }
    }
}

impl SinkWriter {
    /// Adds one whole line, with its line break.
    pub fn line(&self, line: &[u8]) {
        let Self(shared) = self;
        let mut waiting = shared.lock();
        let before = waiting.lines.len();
        if before + line.len() > MOST || waiting.phase == Phase::Ended {
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        let after = waiting.lines.len();
        let wakes = std::mem::take(&mut waiting.is_asleep);
        drop(waiting);
        if wakes || (before < ENOUGH && after >= ENOUGH) {
            shared.more.notify_one();
        }
    }
}

/// For a formatter that writes each line by one call.
impl Write for SinkWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the end. Standard error that is gone is nobody to tell about it.
    fn write_all(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let (dropped, phase) = self.take(&mut lines);
            if dropped > 0 {
                tell(&mut lines, dropped);
            }
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            lines.clear();
            let mut waiting = self.lock();
            if phase == Phase::Ending && waiting.lines.is_empty() {
                waiting.phase = Phase::Ended;
                self.ended.notify_one();
                return;
            }
        }
    }

    /// Waits for lines and takes them all, in exchange for an empty buffer.
    fn take(&self, empty: &mut Vec<u8>) -> (u64, Phase) {
        let mut waiting = self.linger(self.lock());
        if waiting.lines.is_empty() && waiting.phase == Phase::Open {
            waiting.is_asleep = true;
            let asleep = |waiting: &mut Waiting| waiting.is_asleep && waiting.phase == Phase::Open;
            let woken = self.more.wait_while(waiting, asleep);
            waiting = self.linger(woken.unwrap_or_else(PoisonError::into_inner));
        }
        std::mem::swap(&mut waiting.lines, empty);
        (std::mem::take(&mut waiting.dropped), waiting.phase)
    }

    /// Lets lines gather.
    fn linger<'w>(&self, waiting: MutexGuard<'w, Waiting>) -> MutexGuard<'w, Waiting> {
        let few =
            |waiting: &mut Waiting| waiting.lines.len() < ENOUGH && waiting.phase == Phase::Open;
        let waiting = self.more.wait_timeout_while(waiting, LINGER, few);
        waiting.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Says how many lines are missing here, in a shape that every reader of lines understands.
fn tell(lines: &mut Vec<u8>, dropped: u64) {
    let text = "log lines dropped: standard error was not read in time";
    let line = serde_json::json!({"level": "WARN", "message": text, "lines": dropped});
    lines.extend_from_slice(line.to_string().as_bytes());
    lines.push(b'\n');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// Passes on what is written, one piece at a time, each when it is asked for.
    struct Pieces(SyncSender<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let sent = self.0.send(bytes.to_vec());
            sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sink() -> (Sink, Receiver<Vec<u8>>) {
        let (pieces, written) = sync_channel(0);
        (Sink::start(Pieces(pieces)).unwrap(), written)
    }

    #[test]
    fn lines_come_out_in_order_and_the_last_ones_at_the_end() {
        let (sink, written) = sink();
        let writer = sink.writer();
        let reader = thread::spawn(move || written.iter().flatten().collect::<Vec<u8>>());
        let mut expected = Vec::new();
        for number in 0..10_000 {
            let line = format!("line {number}\n");
            expected.extend_from_slice(line.as_bytes());
            writer.line(line.as_bytes());
        }
        drop(sink);
        assert_eq!(reader.join().unwrap(), expected);
    }

    #[test]
    fn a_line_comes_out_by_itself_also_after_a_pause() {
        let (sink, written) = sink();
        let writer = sink.writer();
        for line in [b"first\n", b"later\n"] {
            while !writer.0.lock().is_asleep {
                thread::yield_now();
            }
            writer.line(line);
            assert_eq!(written.recv().unwrap(), line);
        }
        drop((sink, written));
    }

    #[test]
    fn lines_that_nobody_takes_are_dropped_and_counted() {
        let (sink, written) = sink();
        let writer = sink.writer();
        let line = [b"x".repeat(ENOUGH - 1).as_slice(), b"\n"].concat();
        // The first is in the hands of the thread, which cannot get rid of it.
        writer.line(&line);
        while !writer.0.lock().lines.is_empty() {
            thread::yield_now();
        }
        let room = MOST / ENOUGH;
        for _ in 0..room + 3 {
            writer.line(&line);
        }
        assert_eq!(written.recv().unwrap().len(), ENOUGH);
        let rest = written.recv().unwrap();
        let (kept, told) = rest.split_at(room * ENOUGH);
        assert!(kept.iter().all(|byte| b"x\n".contains(byte)));
        let told: serde_json::Value = serde_json::from_slice(told).unwrap();
        assert_eq!(told["lines"], 3);
        drop((sink, written));
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_hangs() {
        let (sink, written) = sink();
        sink.writer().line(b"never read\n");
        drop(sink);
        drop(written);
    }
}
