//! A span, and OTLP's JSON for many.
//!
//! Source of the shape: `opentelemetry/proto/trace/v1/trace.proto`; ids are hexadecimal there in
//! JSON, 64-bit numbers are strings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::names::{event, span};
use crate::telemetry::traces::parent::Parent;

/// `SPAN_KIND_SERVER` and `STATUS_CODE_ERROR`.
const SERVER: u8 = 2;
const ERROR: u8 = 2;

/// What is said of a review: keys from [`crate::names::span`].
pub type Words = Vec<(&'static str, String)>;

/// One review, from its request's head to its answer.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) parent: Parent,
    pub(super) route: &'static str,
    pub(super) status: u16,
    pub(super) begun: SystemTime,
    pub(super) took: Duration,
    pub(super) words: Words,
}

impl Span {
    /// The span under an id of its own.
    fn to_json(&self, id: u64) -> Value {
        let Self {
            parent,
            route,
            status,
            begun,
            took,
            words,
        } = self;
        let begun = begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut attributes = vec![
            word("http.request.method", "POST"),
            word("http.route", route),
            json!({"key": "http.response.status_code", "value": {"intValue": status.to_string()}}),
        ];
        let said = words.iter().filter(|(_, value)| !value.is_empty());
        attributes.extend(said.map(|(key, value)| word(key, value)));
        // As for HTTP servers: a fault of the caller's is none of this span's.
        let code = if *status >= 500 { ERROR } else { 0 };
        json!({
            "traceId": format!("{:032x}", parent.trace),
            "spanId": format!("{id:016x}"),
            "parentSpanId": format!("{:016x}", parent.span),
            "flags": 0x301,
            "name": format!("POST {route}"),
            "kind": SERVER,
            "startTimeUnixNano": begun.as_nanos().to_string(),
            "endTimeUnixNano": (begun + *took).as_nanos().to_string(),
            "attributes": attributes,
            "status": {"code": code},
        })
    }
}

/// What a collector is sent: spans with their ids, of the process called `instance`.
pub(super) fn request(spans: &[(u64, Span)], instance: &str) -> Value {
    let spans: Vec<Value> = spans.iter().map(|(id, span)| span.to_json(*id)).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            word("service.name", event::COMPONENT),
            word("service.version", env!("CARGO_PKG_VERSION")),
            word("service.instance.id", instance),
        ]},
        "scopeSpans": [{"scope": {"name": span::SCOPE}, "spans": spans}],
    }]})
}

fn word(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}
