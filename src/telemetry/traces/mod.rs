//! Optional spans of reviews, sent to an OpenTelemetry collector (OTLP over HTTP or HTTPS).
//!
//! The API server decides what is traced: a review with a sampled `traceparent` gets a span below the API
//! server's own, and no other review does. Spans go into a queue without waiting. If it is full, they are
//! dropped and counted; the SDK's own queue would only log that.

pub mod collector;
pub mod export;
pub mod parent;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData};

pub use crate::telemetry::traces::collector::{Collector, CollectorError};
pub use crate::telemetry::traces::export::{Exporter, open};
pub use crate::telemetry::traces::parent::Parent;

use crate::names::span;
use crate::telemetry::queue::Offers;

/// Where spans go.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct TraceArgs {
    /// OpenTelemetry collector for the spans of traced reviews, by OTLP over HTTP, such as
    /// http://collector.tracing:4318; if omitted, there are no spans
    #[allow(rustdoc::bare_urls, reason = "this is the help of a flag, too")]
    #[arg(long, value_name = "URL", env = "DIND_INJECTOR_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<Collector>,
    /// File with CA certificates, in PEM, to verify an https collector; if omitted, the system's, of which
    /// the image has none
    #[arg(
        long,
        value_name = "FILE",
        env = "DIND_INJECTOR_OTLP_CA_FILE",
        requires = "otlp_endpoint"
    )]
    pub otlp_ca_file: Option<PathBuf>,
}

/// Keys from [`crate::names::span`] with their values.
pub type Words = Vec<(&'static str, String)>;

#[derive(Clone, Debug)]
pub struct Tracer {
    spans: Offers<SpanData>,
}

/// A span that has not ended.
#[derive(Debug)]
pub struct StartedSpan<'a> {
    tracer: &'a Tracer,
    parent: Parent,
    begun: SystemTime,
    /// Set by the review's handler.
    pub words: Words,
}

impl Tracer {
    /// Starts a span if the caller traces this request.
    #[must_use]
    pub fn begin(&self, headers: &HeaderMap) -> Option<StartedSpan<'_>> {
        let parent = Parent::sampled(headers)?;
        Some(StartedSpan {
            tracer: self,
            parent,
            begun: SystemTime::now(),
            words: Words::new(),
        })
    }
}

impl StartedSpan<'_> {
    /// Ends the span with the answer.
    pub fn end(self, route: &'static str, status: u16, took: Duration) {
        let Self {
            tracer,
            parent: Parent { trace, span },
            begun,
            words,
        } = self;
        let context = SpanContext::new(
            trace,
            RandomIdGenerator::default().new_span_id(),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let mut attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        let said = words.into_iter().filter(|(_, value)| !value.is_empty());
        attributes.extend(said.map(|(key, value)| KeyValue::new(key, value)));
        tracer.spans.offer(SpanData {
            span_context: context,
            parent_span_id: span,
            parent_span_is_remote: true,
            span_kind: SpanKind::Server,
            name: format!("POST {route}").into(),
            start_time: begun,
            end_time: begun.checked_add(took).unwrap_or(begun),
            attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            // As the conventions for HTTP servers say: a fault of the caller is not an error of this span.
            status: if status >= 500 {
                Status::error("")
            } else {
                Status::Unset
            },
            instrumentation_scope: InstrumentationScope::builder(span::SCOPE).build(),
        });
    }
}
