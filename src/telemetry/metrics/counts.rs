//! A counter for each set of labels. One of them counts most reviews, so it is looked up only once.

use std::hash::Hash;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The counters, and that of `most`.
#[derive(Debug)]
pub(crate) struct Counts<L> {
    all: Family<L, Counter>,
    most: L,
    counter: Counter,
}

impl<L: Clone + Eq + Hash> Counts<L> {
    /// The series of `most` exists from now on.
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
