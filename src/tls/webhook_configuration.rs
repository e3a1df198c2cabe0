//! A webhook configuration, seen as the caBundle of each of its webhooks.
//!
//! Mutating and validating configurations have the same shape here.
//! Source: `k8s.io/api/admissionregistration/v1/types.go`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64_simd::STANDARD;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::cluster::pace::Pace;
use crate::cluster::watch::{Health, Timing};
use crate::cluster::write::{WriteError, patiently};
use crate::telemetry::metrics::{Metrics, Watch, WriteResult};
use crate::tls::BundleSeen;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Mutating,
    Validating,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }

    pub(crate) fn watch(self) -> Watch {
        match self {
            Self::Mutating => Watch::MutatingConfiguration,
            Self::Validating => Watch::ValidatingConfiguration,
        }
    }

    pub(crate) fn api(self, client: Client) -> Api<DynamicObject> {
        let resource = match self {
            Self::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
            Self::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
        };
        Api::all_with(client, &resource)
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) ca_bundle: Vec<u8>,
}

/// Whether a configuration exists, as far as is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Hooks {
    #[default]
    Unknown,
    Missing,
    Present {
        /// For a patch that conflicts with a later version.
        version: Option<String>,
        hooks: Vec<Hook>,
    },
}

impl Hooks {
    pub(crate) fn of(object: Option<&DynamicObject>) -> Self {
        let Some(object) = object else {
            return Self::Missing;
        };
        let hooks = object.data.get("webhooks").and_then(Value::as_array);
        let hooks = hooks.into_iter().flatten().map(|hook| {
            let text = |at: &str| hook.pointer(at).and_then(Value::as_str).unwrap_or_default();
            let encoded = text("/clientConfig/caBundle");
            Hook {
                name: text("/name").to_owned(),
                // Invalid base64 is not a caBundle either, and counts as other bytes.
                ca_bundle: STANDARD
                    .decode_to_vec(encoded)
                    .unwrap_or_else(|_| encoded.as_bytes().to_vec()),
            }
        });
        Self::Present {
            version: object.metadata.resource_version.clone(),
            hooks: hooks.collect(),
        }
    }

    pub(crate) fn seen(&self) -> BundleSeen {
        match self {
            Self::Unknown => BundleSeen::Unknown,
            Self::Missing => BundleSeen::Missing,
            Self::Present { version: _, hooks } => {
                BundleSeen::Present(hooks.iter().map(|hook| hook.ca_bundle.clone()).collect())
            }
        }
    }

    /// A patch that sets every caBundle; `None` if each is right already.
    ///
    /// A strategic merge patch, which finds webhooks by name, for this version only: a write of another
    /// replica in between must not be undone unseen.
    pub(crate) fn patch_to(&self, pem: &str) -> Option<Value> {
        let (version, hooks) = match self {
            Self::Unknown | Self::Missing => return None,
            Self::Present { version, hooks } => (version, hooks),
        };
        let encoded = STANDARD.encode_to_string(pem);
        let wrong = hooks
            .iter()
            .filter(|hook| hook.ca_bundle != pem.as_bytes())
            .map(|hook| json!({"name": hook.name, "clientConfig": {"caBundle": encoded}}));
        let wrong: Vec<Value> = wrong.collect();
        (!wrong.is_empty()).then(|| {
            json!({
                "metadata": {"resourceVersion": version},
                "webhooks": wrong,
            })
        })
    }
}

/// A configuration whose caBundle is kept up to date.
pub(crate) struct Configuration {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) api: Api<DynamicObject>,
    pub(crate) health: Arc<Health>,
    pub(crate) hooks: Hooks,
    pace: Pace,
    timing: Timing,
    metrics: Arc<Metrics>,
}

pub(crate) enum Published {
    Already,
    Now,
    /// Retry after this time.
    In {
        due: Duration,
        /// What went wrong.
        trouble: Option<String>,
    },
}

impl Configuration {
    pub(crate) fn new(
        kind: Kind,
        name: &str,
        client: &Client,
        timing: Timing,
        pace: Pace,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            api: kind.api(client.clone()),
            health: Health::new(kind.watch(), Arc::clone(&metrics)),
            hooks: Hooks::Unknown,
            pace,
            timing,
            metrics,
        }
    }

    /// Sets every caBundle.
    pub(crate) async fn publish(&mut self, pem: &str) -> Published {
        let Some(patch) = self.hooks.patch_to(pem) else {
            return Published::Already;
        };
        match self.pace.due_in() {
            Duration::ZERO => {}
            due => return Published::In { due, trouble: None },
        }
        let (kind, name) = (self.kind.name(), self.name.as_str());
        let (params, strategic) = (PatchParams::default(), Patch::Strategic(&patch));
        let sent = self.api.patch(name, &params, &strategic);
        let sent = patiently(self.timing, sent).await;
        let gauges = self.metrics.gauges();
        let trouble = match sent {
            Ok(after) => {
                gauges.ca_bundle_patched(WriteResult::Ok);
                tracing::info!(kind, name, "set the caBundle");
                self.hooks = Hooks::of(Some(&after));
                self.pace.done();
                return Published::Now;
            }
            Err(WriteError::First) => {
                gauges.ca_bundle_patched(WriteResult::Conflict);
                tracing::debug!(kind, name, "it changed before its caBundle was set");
                None
            }
            Err(WriteError::Other(error)) => {
                gauges.ca_bundle_patched(WriteResult::Failed);
                tracing::warn!(kind, name, error, "cannot set the caBundle");
                Some(format!("cannot set the caBundle of {kind} {name}: {error}"))
            }
        };
        self.pace.failed();
        let due = self.pace.due_in();
        Published::In { due, trouble }
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
