//! Sends queued spans in batches.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc::Receiver;

use crate::names::event;
use crate::telemetry::metrics::{Metrics, SpanResult};
use crate::telemetry::queue;
use crate::telemetry::traces::collector::{Collector, CollectorError, LastFailure};
use crate::telemetry::traces::{TraceArgs, Tracer};

/// Spans that wait to be sent.
const QUEUE: usize = 1024;
/// Spans in one request.
const BATCH: usize = 256;
/// How long a span waits for others.
const PAUSE: Duration = Duration::from_secs(2);

/// Sends spans. Runs beside the server.
pub struct Exporter {
    spans: Receiver<SpanData>,
    collector: Collector,
    exporter: SpanExporter,
    failure: LastFailure,
    metrics: Arc<Metrics>,
    /// The last failure, so that a lasting one is logged once.
    trouble: Option<String>,
}

/// A tracer, and its exporter; `None` without a collector. `instance` is this process's name, such as its
/// Pod's.
///
/// # Errors
/// If the collector cannot be verified.
pub fn open(
    args: &TraceArgs,
    instance: String,
    metrics: Arc<Metrics>,
) -> Result<Option<(Tracer, Exporter)>, CollectorError> {
    let TraceArgs {
        otlp_endpoint,
        otlp_ca_file,
    } = args;
    let Some(collector) = otlp_endpoint else {
        return Ok(None);
    };
    let (mut exporter, failure) = collector.exporter(otlp_ca_file.as_deref())?;
    let of_process = [
        KeyValue::new("service.name", event::COMPONENT),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance),
    ];
    exporter.set_resource(
        &Resource::builder_empty()
            .with_attributes(of_process)
            .build(),
    );
    let (offers, spans) = queue::bounded(QUEUE, Arc::clone(&metrics), |gauges| {
        gauges.spans(SpanResult::Dropped, 1);
    });
    let exporter = Exporter {
        spans,
        collector: collector.clone(),
        exporter,
        failure,
        metrics,
        trouble: None,
    };
    Ok(Some((Tracer { spans: offers }, exporter)))
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("collector", &self.collector)
            .finish_non_exhaustive()
    }
}

impl Exporter {
    /// Runs while there is a tracer.
    pub async fn run(mut self) {
        let mut spans = Vec::new();
        while self.spans.recv_many(&mut spans, BATCH).await > 0 {
            tokio::time::sleep(PAUSE).await;
            while spans.len() < BATCH
                && let Ok(span) = self.spans.try_recv()
            {
                spans.push(span);
            }
            self.send(std::mem::take(&mut spans)).await;
        }
    }

    async fn send(&mut self, spans: Vec<SpanData>) {
        let count = spans.len() as u64;
        let sent = self.exporter.export(spans).await;
        let gauges = self.metrics.gauges();
        match sent {
            Ok(()) => {
                gauges.spans(SpanResult::Sent, count);
                if self.trouble.take().is_some() {
                    tracing::info!(collector = %self.collector, "spans are taken again");
                }
            }
            Err(error) => {
                gauges.spans(SpanResult::Failed, count);
                let failure = &mut *self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                let error = failure.take().unwrap_or_else(|| error.to_string());
                if self.trouble.as_ref() != Some(&error) {
                    tracing::warn!(collector = %self.collector, error, "cannot send spans");
                    self.trouble = Some(error);
                }
            }
        }
    }
}
