//! The certificate that the TLS listener uses.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::telemetry::metrics::Metrics;
use crate::tls::ServingPair;

/// Reading it takes no lock, and swapping it never disturbs a handshake in progress or an open connection.
pub struct CertStore {
    current: ArcSwapOption<ServingPair>,
    metrics: Arc<Metrics>,
}

impl CertStore {
    /// Handshakes fail until the first [`Self::swap`].
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            metrics,
        }
    }

    /// Uses a pair for every later handshake.
    pub fn swap(&self, pair: ServingPair) {
        self.metrics.certificate_in_use(pair.validity().not_after);
        self.current.store(Some(Arc::new(pair)));
    }

    /// Counts a pair that was refused.
    pub fn refused(&self) {
        self.metrics.certificate_refused();
    }

    #[must_use]
    pub fn current(&self) -> Option<Arc<ServingPair>> {
        self.current.load_full()
    }

    /// For a readiness check.
    ///
    /// # Errors
    /// Why there is no valid certificate.
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
        // Not by server name: the API server may call us by a Service, a URL or an address, and the client
        // checks whether the name fits.
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
