//! Optional spans of reviews, sent to an OpenTelemetry collector (OTLP over HTTP, as JSON).
//!
//! The API server decides what is traced: a review that comes with a sampled `traceparent` gets
//! a span below the API server's own, and no other does. A span is offered to a queue and never
//! waited for; what is too much is dropped and counted.
//!
//! Written for this one kind of span: the OpenTelemetry SDK with its exporter is larger than
//! the rest of this program's server.

pub mod collector;
pub mod export;
pub mod parent;
pub mod span;

use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;

pub use crate::telemetry::traces::collector::{Collector, CollectorError};
pub use crate::telemetry::traces::export::{Exporter, open};
pub use crate::telemetry::traces::parent::Parent;
pub use crate::telemetry::traces::span::Words;

use crate::telemetry::queue::Offers;
use crate::telemetry::traces::span::Span;

/// Where spans go.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct TraceArgs {
    /// OpenTelemetry collector that spans of traced reviews are sent to, by OTLP over HTTP, such
    /// as `http://collector.tracing:4318`; none are made without it
    #[arg(long, value_name = "URL", env = "DIND_INJECTOR_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<Collector>,
}

/// Begins spans.
#[derive(Clone, Debug)]
pub struct Tracer {
    spans: Offers<Span>,
}

/// A span that has not ended.
#[derive(Debug)]
pub struct Begun<'a> {
    tracer: &'a Tracer,
    parent: Parent,
    begun: SystemTime,
    /// What the review's handler says of it.
    pub words: Words,
}

impl Tracer {
    /// Begins a span, where the caller traces this request.
    #[must_use]
    pub fn begin(&self, headers: &HeaderMap) -> Option<Begun<'_>> {
        let parent = Parent::sampled(headers)?;
        Some(Begun {
            tracer: self,
            parent,
            begun: SystemTime::now(),
            words: Words::new(),
        })
    }
}

impl Begun<'_> {
    /// Ends it with the answer.
    pub fn end(self, route: &'static str, status: u16, took: Duration) {
        let Self {
            tracer,
            parent,
            begun,
            words,
        } = self;
        tracer.spans.offer(Span {
            parent,
            route,
            status,
            begun,
            took,
            words,
        });
    }
}
