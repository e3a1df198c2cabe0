//! A CA and a leaf in memory, for trying things out: nothing is written anywhere.
//!
//! The CA stays the same while the process lives, so a printed caBundle stays valid. The leaf is renewed
//! after two thirds of its lifetime.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

use crate::tls::{Authority, CertError, CertStore};

/// How often to check the wall clock. A timer of several days would be late by the time that the machine was
/// suspended.
const LOOK: Duration = Duration::from_secs(60);

/// A CA in memory, with the names of its leaves.
#[derive(Debug)]
pub struct SelfSigned {
    authority: Authority,
    ca_pem: String,
    names: Vec<String>,
    store: Arc<CertStore>,
}

impl SelfSigned {
    /// Makes a CA and puts a first leaf for `names` in the store.
    ///
    /// # Errors
    /// If a name cannot be in a certificate, or there is no randomness.
    pub fn generate(
        names: Vec<String>,
        store: Arc<CertStore>,
        now: SystemTime,
    ) -> Result<Self, CertError> {
        let authority = Authority::generate(now)?;
        let ca_pem = authority.pem();
        store.swap(authority.leaf(&names, now)?);
        Ok(Self {
            authority,
            ca_pem,
            names,
            store,
        })
    }

    /// In PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Puts a new leaf in the store if the old one is due, and returns whether it did.
    ///
    /// # Errors
    /// If making one fails; the old one stays.
    pub fn renew(&self, now: SystemTime) -> Result<bool, CertError> {
        let due = self
            .store
            .current()
            .is_none_or(|pair| now >= pair.validity().renew_at());
        if due {
            self.store.swap(self.authority.leaf(&self.names, now)?);
        }
        Ok(due)
    }

    /// Renews the leaf until it is dropped.
    pub async fn run(self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            match self.renew(SystemTime::now()) {
                Ok(false) => {}
                Ok(true) => tracing::info!("renewed the serving certificate"),
                Err(error) => {
                    self.store.refused();
                    tracing::error!(%error, "cannot renew the serving certificate");
                }
            }
        }
    }
}
