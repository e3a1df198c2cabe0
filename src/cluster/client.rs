//! The API server's client: by the Pod's service account, or by a kubeconfig.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::USER_AGENT;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// A connection that takes longer is of no use.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach the API server.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct ClusterArgs {
    /// Kubeconfig to use instead of the Pod's service account
    #[arg(long, value_name = "FILE", env = "DIND_INJECTOR_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of --kubeconfig to use instead of its current one
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Serve without a cluster even in a Pod: namespaces then have no labels, and the certificate is read
    /// from files or made in memory
    #[arg(long, conflicts_with = "kubeconfig", env = "DIND_INJECTOR_NO_CLUSTER")]
    pub no_cluster: bool,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Not in a Pod, and without a kubeconfig.
    #[error(
        "not in a cluster ({0}): give --kubeconfig, or a service account with \
         automountServiceAccountToken: true"
    )]
    NotInCluster(#[source] kube::config::InClusterError),
    #[error("cannot use --kubeconfig {}: {}", path.display(), describe_kubeconfig(source))]
    Kubeconfig {
        path: PathBuf,
        source: KubeconfigError,
    },
    #[error("cannot make a client for the API server: {}", describe(.0))]
    Client(#[source] Box<kube::Error>),
    /// The API server gave no usable version.
    #[error("the API server does not say its version: {0}")]
    Version(String),
}

/// Whether this process runs in a Pod.
#[must_use]
pub fn in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

impl ClusterArgs {
    /// A client if there is a cluster: in a Pod, or with a kubeconfig.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn client(&self) -> Result<Option<Client>, ClusterError> {
        if self.no_cluster || (self.kubeconfig.is_none() && !in_cluster()) {
            return Ok(None);
        }
        self.connect().await.map(Some)
    }

    /// A client. It sends nothing to the API server yet.
    ///
    /// # Errors
    /// If there is neither a kubeconfig nor a service account, or it cannot be used.
    pub async fn connect(&self) -> Result<Client, ClusterError> {
        let Self {
            kubeconfig,
            context,
            no_cluster: _,
        } = self;
        let mut config = match kubeconfig {
            None => Config::incluster().map_err(ClusterError::NotInCluster)?,
            Some(path) => {
                let wrong = |source| ClusterError::Kubeconfig {
                    path: path.clone(),
                    source,
                };
                let options = KubeConfigOptions {
                    context: context.clone(),
                    ..KubeConfigOptions::default()
                };
                let file = Kubeconfig::read_from(path).map_err(wrong)?;
                Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(wrong)?
            }
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Callers retry at their own pace, and need to know at once why there is no answer.
        config.default_retry = false;
        let agent = concat!("dind-injector/", env!("CARGO_PKG_VERSION"));
        config
            .headers
            .push((USER_AGENT, HeaderValue::from_static(agent)));
        Client::try_from(config).map_err(|error| ClusterError::Client(Box::new(error)))
    }
}

/// What is wrong with a kubeconfig, for people, in one line.
#[must_use]
pub fn describe_kubeconfig(error: &KubeconfigError) -> String {
    match error {
        // Also of a context that was asked for, which the library calls the current one.
        KubeconfigError::LoadContext(name) => format!("it has no context {name}"),
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("it has no cluster {name}, which the context names")
        }
        // Lines of the file follow.
        KubeconfigError::Parse(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
        other => other.to_string(),
    }
}

/// An API error for people: what the API server said, or why it was not reached.
#[must_use]
pub fn describe(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} ({} {})", status.message, status.code, status.reason);
    }
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        inner = cause.source();
    }
    text
}
