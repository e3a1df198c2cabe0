//! Log lines: one JSON object per line, or text for people, written to standard error by a separate thread.
//!
//! Every review logs a line, and a slow or closed reader of standard error must not delay a Pod's creation.
//! So lines go into a bounded queue and are dropped if it is full. Dropped lines are counted, and the count
//! is logged as soon as lines are read again. Dropping [`Lines`] writes the last ones.

use std::any::Any;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, OnceLock};

use tracing::Subscriber;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The most lines that wait. Text of a Pod's author is cut before it is logged ([`crate::server::webhook`]),
/// so these are a few MiB at most.
const QUEUE: usize = 1024;
/// Bytes that are written together if so many lines wait.
const TOGETHER: usize = 64 << 10;

#[derive(Debug)]
pub struct Lines {
    queue: NonBlocking,
    _writer: WorkerGuard,
}

impl Lines {
    /// Starts the thread that writes to `out`.
    #[must_use]
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let dropped = Arc::new(OnceLock::new());
        let out = Told {
            out: BufWriter::with_capacity(TOGETHER, out),
            dropped: Arc::clone(&dropped),
            told: 0,
        };
        let (queue, writer) = NonBlockingBuilder::default()
            .buffered_lines_limit(QUEUE)
            .lossy(true)
            .thread_name("log-lines")
            .finish(out);
        // It is set only here, before any line is queued.
        let _ = dropped.set(queue.error_counter());
        Self {
            queue,
            _writer: writer,
        }
    }

    /// One JSON object per line: time, level, message, then the event's fields in order.
    pub fn json<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_target(false)
            .with_writer(self.queue.clone())
    }

    pub fn text<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        fmt::layer().with_writer(self.queue.clone())
    }
}

/// Writes lines, and reports how many were dropped.
struct Told<W: Write> {
    out: BufWriter<W>,
    dropped: Arc<OnceLock<ErrorCounter>>,
    /// How many dropped lines have been reported.
    told: usize,
}

impl<W: Write> Write for Told<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        let lines = dropped - self.told;
        if lines > 0 {
            self.told = dropped;
            // In a form that readers of both formats understand.
            let text = "log lines dropped: standard error was not read in time";
            let told = serde_json::json!({"level": "WARN", "message": text, "lines": lines});
            writeln!(self.out, "{told}")?;
        }
        self.out.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[must_use]
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::thread;

    use serde_json::Value;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

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

    /// The lines that `log` leaves; all of them are out when the writing end is dropped.
    fn logged<L: Layer<Registry> + Send + Sync>(
        layer: impl FnOnce(&Lines) -> L,
        log: impl FnOnce(),
    ) -> Vec<String> {
        let kept = Kept::default();
        let lines = Lines::start(kept.clone());
        let subscriber = tracing_subscriber::registry().with(layer(&lines));
        tracing::subscriber::with_default(subscriber, log);
        drop(lines);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn slow_reader() -> (Lines, Receiver<Vec<u8>>) {
        let (pieces, written) = sync_channel(0);
        (Lines::start(Pieces(pieces)), written)
    }

    #[test]
    fn a_line_is_an_object_with_the_fields_in_their_order() {
        let lines = logged(Lines::json, || {
            let nothing: Option<&str> = None;
            tracing::warn!(name = "a", count = 3_u64, yes = true, nothing, part = 0.5, error = %"e", "hello {}", 1);
        });
        let [line] = lines.try_into().unwrap();
        let (time, rest) = line.split_once("Z\",").unwrap();
        assert_eq!(
            time.len(),
            r#"{"timestamp":"2026-11-24T12:11:10.703967"#.len()
        );
        assert_eq!(
            rest,
            r#""level":"WARN","message":"hello 1","name":"a","count":3,"yes":true,"part":0.5,"error":"e"}"#
        );
    }

    #[test]
    fn no_value_can_break_out_of_its_line() {
        let hostile = "\"},\n{\"level\":\"x\\\u{0}\u{1b}é\u{2028}";
        let lines = logged(
            Lines::json,
            || tracing::info!(hostile, debug = ?hostile, shown = %hostile, "{hostile}"),
        );
        let [line] = lines.try_into().unwrap();
        let read: Value = serde_json::from_str(&line).unwrap();
        for field in ["hostile", "shown", "message"] {
            assert_eq!(read[field], hostile, "{field}");
        }
        assert_eq!(read["debug"], format!("{hostile:?}"));
    }

    #[test]
    fn no_text_can_break_out_of_its_line_for_people() {
        let hostile = "a\n2026-11-24T12:11:10Z ERROR forged\r\u{1b}[2J\u{9b}2J";
        let lines = logged(Lines::text, || tracing::info!(hostile, "review"));
        let [line] = lines.try_into().unwrap();
        let (_, shown) = line.split_once("hostile").unwrap();
        assert!(!shown.contains(['\r', '\u{9b}']), "{shown:?}");
        assert!(!shown.contains("\u{1b}[2J"), "{shown:?}");
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        let (lines, written) = slow_reader();
        let subscriber = tracing_subscriber::registry().with(lines.json());
        let written = tracing::subscriber::with_default(subscriber, || {
            let one = |number: usize| tracing::info!(number, "line");
            one(0);
            // The first line is in the hands of the thread once a reader sees that it is there.
            let reader = thread::spawn(move || (written.recv().unwrap(), written));
            let (first, written) = reader.join().unwrap();
            assert!(first.ends_with(b"\"message\":\"line\",\"number\":0}\n"));
            // The thread takes some of these and then waits, and what does not fit is dropped.
            (1..=3 * QUEUE).for_each(one);
            written
        });
        let reader = thread::spawn(move || written.iter().flatten().collect::<Vec<u8>>());
        drop(lines);
        let text = String::from_utf8(reader.join().unwrap()).unwrap();
        let read: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told = read.iter().filter_map(|line| line["lines"].as_u64());
        let numbers: Vec<u64> = read
            .iter()
            .filter_map(|line| line["number"].as_u64())
            .collect();
        let dropped: u64 = told.sum();
        assert!(dropped > 0, "{text}");
        assert_eq!(numbers.len() as u64 + dropped, 3 * QUEUE as u64);
        assert!(numbers.is_sorted());
        assert!(numbers.len() >= QUEUE);
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_hangs() {
        let (lines, written) = slow_reader();
        let subscriber = tracing_subscriber::registry().with(lines.json());
        tracing::subscriber::with_default(subscriber, || tracing::info!("never read"));
        drop(lines);
        drop(written);
    }
}
