//! A counter for each set of labels, of which one is counted far more often than all others.

use std::hash::Hash;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The counters; the one of `most` is looked up once.
#[derive(Debug)]
pub(crate) struct Counts<L> {
    all: Family<L, Counter>,
    most: L,
    counter: Counter,
}

impl<L: Clone + Eq + Hash> Counts<L> {
    /// Those of `all`. The series of `most` exists from now on.
    pub(crate) fn mostly(most: L, all: Family<L, Counter>) -> Self {
        Self {
            counter: all.get_or_create_owned(&most),
            all,
            most,
        }
    }

    /// Counts one more.
    pub(crate) fn inc(&self, labels: &L) {
        if *labels == self.most {
            self.counter.inc();
        } else {
            self.all.get_or_create(labels).inc();
        }
    }
}
