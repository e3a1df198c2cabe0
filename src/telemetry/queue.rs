//! A queue for what a review reports besides its answer: Events and spans.
//!
//! A slow receiver must not slow down reviews. So adding to the queue never waits, and if it is full, the
//! item is dropped and counted.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::{self, Receiver};

use crate::telemetry::metrics::{Gauges, Metrics};

pub use crate::budget::LONGEST_NAME;

/// The sending end of a bounded queue.
pub struct Offers<T> {
    sender: mpsc::Sender<T>,
    metrics: Arc<Metrics>,
    count_drop: fn(&Gauges),
}

/// A queue of at most `room` items, and its receiving end. `count_drop` counts dropped items.
pub fn bounded<T>(
    room: usize,
    metrics: Arc<Metrics>,
    count_drop: fn(&Gauges),
) -> (Offers<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel(room);
    let offers = Offers {
        sender,
        metrics,
        count_drop,
    };
    (offers, receiver)
}

impl<T> Offers<T> {
    /// Adds an item. If the queue is full or has no receiver, drops and counts it.
    pub fn offer(&self, one: T) {
        if self.sender.try_send(one).is_err() {
            (self.count_drop)(self.metrics.gauges());
        }
    }
}

/// `derive` would require `T: Clone`.
impl<T> Clone for Offers<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            metrics: Arc::clone(&self.metrics),
            count_drop: self.count_drop,
        }
    }
}

impl<T> fmt::Debug for Offers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offers")
            .field("room", &self.sender.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::metric;
    use crate::telemetry::metrics::EventResult;

    fn of_two() -> (Offers<u8>, Receiver<u8>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let (offers, reader) = bounded(2, Arc::clone(&metrics), |gauges| {
            gauges.event(EventResult::Dropped);
        });
        (offers, reader, metrics)
    }

    fn dropped(metrics: &Metrics) -> String {
        let line = format!("{}{{result=\"dropped\"}} ", metric::EVENTS);
        let text = metrics.encode().unwrap_or_default();
        let counted = text.lines().find_map(|text| text.strip_prefix(&line));
        counted.unwrap_or_default().to_owned()
    }

    #[test]
    fn what_is_offered_is_read_in_order() {
        let (offers, mut reader, metrics) = of_two();
        offers.offer(1);
        offers.clone().offer(2);
        assert_eq!(reader.try_recv(), Ok(1));
        assert_eq!(reader.try_recv(), Ok(2));
        assert_eq!(dropped(&metrics), "0");
    }

    #[test]
    fn what_finds_the_queue_full_is_dropped_and_counted() {
        let (offers, mut reader, metrics) = of_two();
        (1..=5).for_each(|one| offers.offer(one));
        assert_eq!(dropped(&metrics), "3");
        assert_eq!(reader.try_recv(), Ok(1));
        offers.offer(6);
        assert_eq!(reader.try_recv(), Ok(2));
        assert_eq!(reader.try_recv(), Ok(6));
        assert_eq!(dropped(&metrics), "3");
    }

    #[test]
    fn without_a_reader_all_is_dropped_and_counted() {
        let (offers, reader, metrics) = of_two();
        drop(reader);
        offers.offer(1);
        assert_eq!(dropped(&metrics), "1");
    }
}
