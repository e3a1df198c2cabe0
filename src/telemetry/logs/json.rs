//! One JSON object for each event, in one line.
//!
//! The time, the level and the message come first, then the event's fields in their order.
//! Written straight into bytes; no value can end the line or leave its quotes.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::calendar::calendar;
use crate::json::{write as write_json, write_text};
use crate::telemetry::logs::sink::SinkWriter;

/// Writes every event that the filter lets through.
#[derive(Debug)]
pub struct JsonLines(SinkWriter);

/// Most lines fit.
const USUAL: usize = 512;

impl JsonLines {
    /// Writes into `sink`.
    #[must_use]
    pub fn new(sink: SinkWriter) -> Self {
        Self(sink)
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Vec::with_capacity(USUAL);
        write(&mut line, event, SystemTime::now());
        let Self(sink) = self;
        sink.line(&line);
    }
}

/// Adds the whole line with its line break.
fn write(line: &mut Vec<u8>, event: &Event<'_>, now: SystemTime) {
    line.extend_from_slice(br#"{"timestamp":"#);
    match calendar(now) {
        Some(now) => write_time(line, now),
        None => line.extend_from_slice(b"null"),
    }
    line.extend_from_slice(br#","level":""#);
    line.extend_from_slice(event.metadata().level().as_str().as_bytes());
    line.push(b'"');
    event.record(&mut Fields(line));
    line.extend_from_slice(b"}\n");
}

/// RFC 3339 in UTC, with microseconds, in quotes.
fn write_time(line: &mut Vec<u8>, now: OffsetDateTime) {
    line.push(b'"');
    let (hour, minute, second, micros) = now.time().as_hms_micro();
    let (year, month, day) = now.date().to_calendar_date();
    for (number, digits, after) in [
        (year.unsigned_abs(), 4, b'-'),
        (u32::from(u8::from(month)), 2, b'-'),
        (u32::from(day), 2, b'T'),
        (u32::from(hour), 2, b':'),
        (u32::from(minute), 2, b':'),
        (u32::from(second), 2, b'.'),
        (micros, 6, b'Z'),
    ] {
        let first = line.len();
        line.resize(first + digits, b'0');
        let mut left = number;
        for digit in line.iter_mut().skip(first).rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        line.push(after);
    }
    line.push(b'"');
}

/// Writes an event's fields as the members of an object that has some already.
struct Fields<'l>(&'l mut Vec<u8>);

impl Fields<'_> {
    /// The line behind the field's name, where its value goes.
    fn value_of(&mut self, field: &Field) -> &mut Vec<u8> {
        let Self(line) = self;
        line.push(b',');
        string(line, field.name());
        line.push(b':');
        line
    }

    fn member(&mut self, field: &Field, value: impl Serialize) {
        json(self.value_of(field), value);
    }
}

/// A text cannot fail to be written into memory.
fn string(line: &mut Vec<u8>, text: &str) {
    let _ = write_text(line, text);
}

/// Nor can a number fail to be written into memory.
fn json(line: &mut Vec<u8>, value: impl Serialize) {
    let _ = write_json(line, &value);
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        string(self.value_of(field), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::Value;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::logs::sink::Sink;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<String> {
        logged_by(JsonLines::new, log)
    }

    fn logged_by<L: Layer<Registry> + Send + Sync>(
        layer: impl FnOnce(SinkWriter) -> L,
        log: impl FnOnce(),
    ) -> Vec<String> {
        let kept = Kept::default();
        let sink = Sink::start(kept.clone()).unwrap();
        let lines = tracing_subscriber::registry().with(layer(sink.writer()));
        tracing::subscriber::with_default(lines, log);
        drop(sink);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_is_an_object_with_the_fields_in_their_order() {
        let lines = logged(|| {
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
        let lines =
            logged(|| tracing::info!(hostile, debug = ?hostile, shown = %hostile, "{hostile}"));
        let [line] = lines.try_into().unwrap();
        let read: Value = serde_json::from_str(&line).unwrap();
        for field in ["hostile", "shown", "message"] {
            assert_eq!(read[field], hostile, "{field}");
        }
        assert_eq!(read["debug"], format!("{hostile:?}"));
    }

    #[test]
    fn times_are_of_fixed_width() {
        for (since, text) in [
            (Duration::ZERO, "\"1970-01-01T00:00:00.000000Z\""),
            (
                Duration::from_micros(1_795_560_000_000_042),
                "\"2026-11-24T22:40:00.000042Z\"",
            ),
        ] {
            let mut line = Vec::new();
            write_time(&mut line, calendar(UNIX_EPOCH + since).unwrap());
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }

    #[test]
    fn a_clock_that_no_calendar_has_costs_the_time_and_not_the_line() {
        struct Writes(SinkWriter);
        impl<S: Subscriber> Layer<S> for Writes {
            fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
                let mut line = Vec::new();
                write(&mut line, event, UNIX_EPOCH + Duration::from_secs(1 << 62));
                self.0.line(&line);
            }
        }
        let lines = logged_by(Writes, || tracing::info!("here"));
        assert_eq!(
            lines,
            [r#"{"timestamp":null,"level":"INFO","message":"here"}"#]
        );
    }
}
