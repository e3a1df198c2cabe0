//! Log lines on their way out: written as JSON, gathered, and handed to standard error by a
//! thread of their own.
//!
//! A review leaves a line, so a line must cost little, and somebody who reads lines too slowly
//! must not hold up a Pod's creation.

pub mod json;
pub mod sink;

pub use crate::telemetry::logs::json::JsonLines;
pub use crate::telemetry::logs::sink::{Sink, SinkWriter};

use std::any::Any;

/// What a panic says.
#[must_use]
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
