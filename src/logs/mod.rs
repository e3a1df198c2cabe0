//! Log lines on their way out: written as JSON, gathered, and handed to standard error by a
//! thread of their own.
//!
//! A review leaves a line, so a line must cost little, and somebody who reads lines too slowly
//! must not hold up a Pod's creation.

mod json;
mod sink;

pub use json::JsonLines;
pub use sink::{Sink, SinkWriter};
