//! A certificate and key in two files, followed by their content.
//!
//! Whoever renews them may write them one after the other, too early, or wrong. An unusable pair is refused and logged
//! once; the old one stays in use until a usable one comes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

use crate::follow::{Last, Looked, Reading};
use crate::tls::{CertError, CertStore, ServingPair};

/// How often the files are read. The kubelet takes up to a minute to project a changed Secret, and
/// certificates are renewed days ahead.
const POLL: Duration = Duration::from_secs(10);

/// Two files, and the content last seen in them.
#[derive(Debug)]
pub struct FilePair {
    cert: PathBuf,
    key: PathBuf,
    /// Names that the certificate must have.
    names: Vec<String>,
    store: Arc<CertStore>,
    poll: Duration,
    last: Last<Content>,
    /// The content was refused only because it is not valid yet, so it is checked again each time.
    early: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Content {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl FilePair {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(cert: PathBuf, key: PathBuf, store: Arc<CertStore>) -> Self {
        Self {
            cert,
            key,
            names: Vec::new(),
            store,
            poll: POLL,
            last: Last::NOTHING,
            early: false,
        }
    }

    /// Refuses a certificate without each of these names.
    #[must_use]
    pub fn named(self, names: Vec<String>) -> Self {
        Self { names, ..self }
    }

    /// Reads the files every `poll` instead of every ten seconds.
    #[must_use]
    pub fn every(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// Reads the first pair.
    ///
    /// # Errors
    /// If the files cannot be read or the pair is unusable.
    pub async fn load(&mut self, now: SystemTime) -> Result<(), CertError> {
        match self.poll(now).await {
            Looked::Unchanged | Looked::Taken => Ok(()),
            Looked::Refused(error) => Err(error),
        }
    }

    pub async fn poll(&mut self, now: SystemTime) -> Looked<CertError> {
        let reading = self.last.next(self.read().await);
        let again = match reading {
            Reading::Failed(error) => {
                self.store.refused();
                return Looked::Refused(error);
            }
            Reading::FailedAgain => return Looked::Unchanged,
            Reading::Same { .. } if !self.early => return Looked::Unchanged,
            Reading::Same { .. } => true,
            Reading::New => false,
        };
        let Some(content) = self.last.content() else {
            return Looked::Unchanged;
        };
        let pair = ServingPair::from_pem(&content.cert, &content.key, now)
            .and_then(|pair| pair.is_for(&self.names).map(|()| pair));
        self.early = matches!(pair, Err(CertError::NotYet { .. }));
        match pair {
            Err(_) if again => Looked::Unchanged,
            Ok(pair) => {
                self.store.swap(pair);
                Looked::Taken
            }
            Err(error) => {
                self.store.refused();
                Looked::Refused(CertError::Files {
                    cert: self.cert.clone(),
                    key: self.key.clone(),
                    source: Box::new(error),
                })
            }
        }
    }

    /// Reads the files again and again until it is dropped.
    pub async fn run(mut self) {
        let mut looks = tokio::time::interval(self.poll);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            match self.poll(SystemTime::now()).await {
                Looked::Unchanged => {}
                Looked::Taken => tracing::info!("took a new serving certificate into use"),
                Looked::Refused(error) => {
                    tracing::error!(%error, "refused a new serving certificate, keeping the old one");
                }
            }
        }
    }

    /// Reads both files, and reads again if the certificate changed meanwhile: the pair must not be mixed
    /// from an old and a new one.
    async fn read(&self) -> Result<Content, CertError> {
        let mut cert = read("--tls-cert", &self.cert).await?;
        let mut key = read("--tls-key", &self.key).await?;
        let again = read("--tls-cert", &self.cert).await?;
        if cert != again {
            cert = again;
            key = read("--tls-key", &self.key).await?;
        }
        Ok(Content { cert, key })
    }
}

async fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, CertError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| CertError::Read {
            flag,
            path: path.to_owned(),
            source,
        })
}
