//! The API server of tests/it/cluster, with the webhook installed in it, and replicas that know it
//! by a kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Scene;
use crate::api::Api;
use crate::client::Trust;
use crate::served::Served;

pub const SECRETS: &str = "/api/v1/namespaces/dind-injector/secrets";
pub const NAMESPACES: &str = "/api/v1/namespaces";
const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const NAME: &str = "dind-injector";
/// The namespace of every review.
pub const TEAM: &str = "team-a";

pub struct Cluster {
    pub api: Api,
    kubeconfig: PathBuf,
}

impl Cluster {
    /// A cluster with the webhook's configuration and an empty Secret, as manifests/ make them,
    /// and with one namespace that is labeled for injection.
    pub async fn new(scene: &Scene<'_>) -> Result<Self, String> {
        let api = Api::default();
        let address = api.listen().await;
        api.put(
            CONFIGURATIONS,
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": NAME},
                "webhooks": [{"name": "pods.dind-injector.io", "clientConfig": {}}],
            }),
        );
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dind-injector-ca"}});
        api.put(SECRETS, secret);
        let cluster = Self {
            api,
            kubeconfig: scene.bench.folder("kubeconfig").join("config"),
        };
        cluster.label("enabled");
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": format!("http://{address}")}}],
            "contexts": [{"name": "here", "context": {
                "cluster": "here", "user": "me", "namespace": "dind-injector",
            }}],
            "users": [{"name": "me", "user": {}}],
        });
        let written = std::fs::write(&cluster.kubeconfig, kubeconfig.to_string());
        written.map_err(|error| error.to_string())?;
        Ok(cluster)
    }

    /// Labels the reviews' namespace.
    pub fn label(&self, value: &str) {
        let labels = json!({"dind-injector.io/injection": value});
        self.api.put(
            NAMESPACES,
            json!({"metadata": {"name": TEAM, "labels": labels}}),
        );
    }

    /// A replica, ready.
    pub async fn replica(&self, scene: &Scene<'_>) -> Result<Served, String> {
        let flags = ["--kubeconfig".as_ref(), self.kubeconfig.as_os_str()];
        let mut served = scene.bench.serve(None, &flags);
        served.ready().await?;
        Ok(served)
    }

    /// The caBundle that the API server trusts the webhook by.
    pub fn ca_bundle(&self) -> Result<Vec<u8>, String> {
        let configuration = self
            .api
            .get(CONFIGURATIONS, NAME)
            .ok_or("no configuration")?;
        let encoded = configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str();
        let pem = STANDARD.decode_to_vec(encoded.ok_or("no caBundle")?);
        pem.map_err(|error| error.to_string())
    }

    /// Who is trusted for new connections: the caBundle as it was a while ago, since every API
    /// server hears of a change in its own time.
    pub fn trust(
        &self,
        late: Duration,
    ) -> Result<(tokio::sync::watch::Receiver<Trust>, Follower), String> {
        let (known, trust) = tokio::sync::watch::channel(Trust::pem(self.ca_bundle()?)?);
        let cluster = Self {
            api: self.api.clone(),
            kubeconfig: PathBuf::new(),
        };
        let follower = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Ok(bundle) = cluster.ca_bundle() {
                if bundle != seen
                    && let Ok(trust) = Trust::pem(&bundle)
                {
                    seen = bundle;
                    let known = known.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(late).await;
                        known.send_replace(trust);
                    });
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Ok((trust, Follower(follower)))
    }
}

/// Follows the caBundle until it is dropped.
pub struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}
