//! Sends what was offered, some spans at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::mpsc::Receiver;

use crate::telemetry::metrics::{Metrics, SpanResult};
use crate::telemetry::queue;
use crate::telemetry::traces::Tracer;
use crate::telemetry::traces::collector::Collector;
use crate::telemetry::traces::span::{Span, request};

/// Spans that wait to be sent.
const QUEUE: usize = 1024;
/// Spans of one delivery.
const BATCH: usize = 256;
/// How long a span waits for others.
const PAUSE: Duration = Duration::from_secs(2);

/// Sends spans; to be run beside the server.
pub struct Exporter {
    spans: Receiver<Span>,
    collector: Collector,
    instance: String,
    metrics: Arc<Metrics>,
    random: SystemRandom,
    /// The last failure, so that a lasting one is said once.
    trouble: Option<String>,
}

/// A tracer, and what sends its spans. `instance` is this process's name, a Pod's say.
#[must_use]
pub fn open(collector: Collector, instance: String, metrics: Arc<Metrics>) -> (Tracer, Exporter) {
    let (offers, spans) = queue::bounded(QUEUE, Arc::clone(&metrics), |upkeep| {
        upkeep.spans(SpanResult::Dropped, 1);
    });
    let exporter = Exporter {
        spans,
        collector,
        instance,
        metrics,
        random: SystemRandom::new(),
        trouble: None,
    };
    (Tracer { spans: offers }, exporter)
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("collector", &self.collector)
            .finish_non_exhaustive()
    }
}

impl Exporter {
    /// Runs for as long as there is a tracer.
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

    async fn send(&mut self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        let spans: Vec<_> = spans
            .into_iter()
            .filter_map(|span| Some((self.id()?, span)))
            .collect();
        let body = request(&spans, &self.instance).to_string().into_bytes();
        let upkeep = self.metrics.upkeep();
        match self.collector.send(body).await {
            Ok(()) => {
                upkeep.spans(SpanResult::Sent, count);
                if self.trouble.take().is_some() {
                    tracing::info!(collector = %self.collector, "spans are taken again");
                }
            }
            Err(error) => {
                upkeep.spans(SpanResult::Failed, count);
                let error = error.to_string();
                if self.trouble.as_ref() != Some(&error) {
                    tracing::warn!(collector = %self.collector, error, "cannot send spans");
                    self.trouble = Some(error);
                }
            }
        }
    }

    /// A span's id; none where there is no randomness.
    fn id(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes).ok()?;
        Some(u64::from_le_bytes(bytes)).filter(|id| *id != 0)
    }
}
