//! A CA and a leaf in memory, for trying things out: nothing is written anywhere.
//!
//! The CA stays the same for as long as the process lives, so a printed caBundle stays right;
//! the leaf is renewed at two thirds of its life.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

use crate::tls::{Authority, CertError, CertStore};

/// How often to look at the wall clock. A timer set for days would be late by however long
/// the machine was suspended; a look a minute is not.
const LOOK: Duration = Duration::from_secs(60);

/// A CA in memory, with the names its leaves are for.
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
    /// When a name cannot be in a certificate, or there is no randomness.
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

    /// The CA's certificate in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Puts a new leaf in the store when the old one is due, and says whether it did.
    ///
    /// # Errors
    /// When making one fails; the old one stays.
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

    /// Renews the leaf for as long as it runs.
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
