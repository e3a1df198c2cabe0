//! The one place that the TLS listener reads its certificate from.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::telemetry::metrics::Metrics;
use crate::tls::ServingPair;

/// Holds the pair in use. Reading it takes no lock; swapping it never disturbs a handshake
/// under way, nor an open connection.
pub struct CertStore {
    current: ArcSwapOption<ServingPair>,
    metrics: Arc<Metrics>,
}

impl CertStore {
    /// An empty store: handshakes fail until the first [`Self::swap`].
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            metrics,
        }
    }

    /// Takes a pair into use for every later handshake.
    pub fn swap(&self, pair: ServingPair) {
        self.metrics.certificate_in_use(pair.validity().not_after);
        self.current.store(Some(Arc::new(pair)));
    }

    /// Counts a pair that was not taken into use.
    pub fn refused(&self) {
        self.metrics.certificate_refused();
    }

    #[must_use]
    pub fn current(&self) -> Option<Arc<ServingPair>> {
        self.current.load_full()
    }

    /// Whether there is a certificate and it is valid, for a readiness check.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn ready(&self, now: SystemTime) -> Result<(), String> {
        let pair = self.current.load();
        let pair = pair.as_ref().ok_or("no certificate yet")?;
        pair.validity()
            .holds(now)
            .map_err(|error| error.to_string())
    }
}

impl ResolvesServerCert for CertStore {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Not by server name: the API server may reach us by a Service, a URL or an address,
        // and whether the name fits is for the client to judge.
        self.current
            .load()
            .as_ref()
            .map(|pair| Arc::clone(pair.key()))
    }
}

impl fmt::Debug for CertStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validity = self.current.load().as_ref().map(|pair| pair.validity());
        f.debug_struct("CertStore")
            .field("validity", &validity)
            .finish_non_exhaustive()
    }
}
