//! The Secret with the CA, as it was last seen, and writes to it.
//!
//! Replicas share the Secret. Every write is for the version that was seen: if several replicas write at one
//! time, the API server accepts the first, and the others read again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};

use crate::cluster::pace::Pace;
use crate::cluster::watch::Timing;
use crate::cluster::write::{WriteError, patiently};
use crate::names::ca_secret;
use crate::telemetry::metrics::{Metrics, WriteResult};
use crate::tls::{CertError, Contents, SecretChange, SecretSeen};

pub(crate) struct CaSecret {
    pub(crate) api: Api<Secret>,
    pub(crate) name: String,
    namespace: String,
    object: Option<Secret>,
    pub(crate) seen: SecretSeen,
    pub(crate) pace: Pace,
    timing: Timing,
    metrics: Arc<Metrics>,
}

impl CaSecret {
    pub(crate) fn new(
        client: Client,
        namespace: &str,
        name: &str,
        timing: Timing,
        pace: Pace,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            object: None,
            seen: SecretSeen::Unknown,
            pace,
            timing,
            metrics,
        }
    }

    /// Records what the Secret is now; `None` if it does not exist.
    pub(crate) fn see(&mut self, object: Option<Secret>) {
        self.seen = match &object {
            None => SecretSeen::Missing,
            Some(secret) => match Contents::read(&data_of(secret)) {
                Ok(contents) => {
                    let expires = contents.signer.cert().validity().not_after;
                    self.metrics.gauges().ca_in_use(expires);
                    SecretSeen::Present(contents)
                }
                Err(CertError::Missing(ca_secret::CERT)) => {
                    tracing::info!(secret = self.name, "the Secret holds no CA yet");
                    SecretSeen::Broken
                }
                Err(error) => {
                    tracing::warn!(secret = self.name, %error, "the Secret's CA is not usable");
                    SecretSeen::Broken
                }
            },
        };
        self.object = object;
    }

    /// Writes a change. A conflict with another replica is not an error.
    ///
    /// # Errors
    /// Why it could not be written.
    pub(crate) async fn change(
        &mut self,
        change: SecretChange,
        wall: SystemTime,
    ) -> Result<(), String> {
        let name = change.name();
        let before = match &self.seen {
            SecretSeen::Present(contents) => Some(contents),
            SecretSeen::Unknown | SecretSeen::Missing | SecretSeen::Broken => None,
        };
        let after = match change.apply(before, wall) {
            Ok(Some(after)) => after,
            Ok(None) => {
                self.pace.failed();
                return Err(format!("the CA's Secret is not one to {name}"));
            }
            Err(error) => {
                tracing::error!(%error, "cannot make a CA");
                self.pace.failed();
                return Err(error.to_string());
            }
        };
        let written = self.write(&after).await;
        let gauges = self.metrics.gauges();
        match written {
            Ok(object) => {
                gauges.ca_secret_written(WriteResult::Ok);
                self.pace.done();
                tracing::info!(secret = self.name, change = name, "changed the CA's Secret");
                self.see(Some(object));
                Ok(())
            }
            Err(WriteError::First) => {
                gauges.ca_secret_written(WriteResult::Conflict);
                tracing::debug!(
                    change = name,
                    "another replica changed the CA's Secret first"
                );
                self.pace.failed();
                // The watch reports what was written. Reading it would need one more permission.
                Ok(())
            }
            Err(WriteError::Other(error)) => {
                gauges.ca_secret_written(WriteResult::Failed);
                tracing::warn!(secret = self.name, error, "cannot write the CA's Secret");
                self.pace.failed();
                Err(format!("cannot write the CA's Secret: {error}"))
            }
        }
    }

    async fn write(&self, after: &Contents) -> Result<Secret, WriteError> {
        let mut secret = self.object.clone().unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        });
        let mut data = data_of(&secret);
        after.write(&mut data);
        let data = data
            .into_iter()
            .map(|(key, value)| (key, ByteString(value)));
        secret.data = Some(data.collect());
        let params = PostParams::default();
        if self.object.is_some() {
            let written = self.api.replace(&self.name, &params, &secret);
            patiently(self.timing, written).await
        } else {
            patiently(self.timing, self.api.create(&params, &secret)).await
        }
    }
}

/// Without the keys in it.
impl fmt::Debug for CaSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaSecret")
            .field("name", &self.name)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

fn data_of(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    let data = secret.data.iter().flatten();
    data.map(|(key, ByteString(value))| (key.clone(), value.clone()))
        .collect()
}
