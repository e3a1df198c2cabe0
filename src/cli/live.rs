//! The cluster of a live scan: the one that `kubectl` would ask.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::cluster::{ClusterArgs, ClusterError, describe, describe_kubeconfig, in_cluster};
use crate::scan::evaluator::Evaluator;
use crate::scan::live;
use crate::scan::live::LiveError;
use crate::scan::result::Report;

use crate::cli::progress::{Bar, Progress};
use crate::cli::runtime;

/// The flags that name a cluster.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// Scan the cluster of the current context, or the one that this runs in
    #[arg(long, conflicts_with = "paths")]
    cluster: bool,
    /// Scan the cluster of this context
    #[arg(long, value_name = "NAME", conflicts_with = "paths")]
    context: Option<String>,
    /// Kubeconfig to use in place of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE", env = "DIND_INJECTOR_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
}

/// Why a cluster cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No cluster is named, and none is around.
    #[error("no cluster is known: {}; give --kubeconfig or set KUBECONFIG", describe_kubeconfig(.0))]
    Unknown(KubeconfigError),
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig: {}", describe_kubeconfig(.0))]
    Kubeconfig(KubeconfigError),
    /// A named kubeconfig, or the Pod's service account.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// No client can be made.
    #[error("cannot make a client for the API server: {}", describe(.0))]
    Client(Box<kube::Error>),
    /// The scan.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The runtime.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}

impl LiveArgs {
    /// Whether a cluster is named.
    pub fn is_asked(&self) -> bool {
        self.cluster || self.context.is_some()
    }

    /// What a scan of it is of, for people; none where no cluster is named.
    pub fn source(&self) -> Option<String> {
        let context = match &self.context {
            Some(context) => context.clone(),
            None if !self.cluster => return None,
            None => {
                let file = match &self.kubeconfig {
                    Some(path) => Kubeconfig::read_from(path),
                    None => Kubeconfig::read(),
                };
                match file.ok().and_then(|file| file.current_context) {
                    Some(context) => context,
                    None => return Some("the cluster that this runs in".to_owned()),
                }
            }
        };
        Some(format!("context {context}"))
    }

    /// Scans these namespaces of the cluster, or all.
    ///
    /// # Errors
    /// Where the cluster cannot be asked.
    pub fn scan(
        &self,
        evaluator: Evaluator,
        namespaces: &[String],
    ) -> Result<Report, ConnectError> {
        let done = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&done);
        Progress::show(Bar::Objects, &done, || {
            let scan = async {
                let client = self.connect().await?;
                Ok(live::scan(client, evaluator, namespaces, live::AT_ONCE, counted).await?)
            };
            runtime::run(scan).map_err(ConnectError::Start)?
        })
    }

    /// A client of the cluster that is named, of the current one, or of the one around.
    ///
    /// # Errors
    /// Where there is none, or it cannot be used.
    pub(super) async fn connect(&self) -> Result<Client, ConnectError> {
        connect(self.context.as_ref(), self.kubeconfig.as_ref()).await
    }
}

/// A client of the cluster of this context and this kubeconfig, of the current one, or of the one around.
///
/// # Errors
/// Where there is none, or it cannot be used.
pub(super) async fn connect(
    context: Option<&String>,
    kubeconfig: Option<&PathBuf>,
) -> Result<Client, ConnectError> {
    let named = ClusterArgs {
        kubeconfig: kubeconfig.cloned(),
        context: context.cloned(),
        no_cluster: false,
    };
    if kubeconfig.is_some() {
        return Ok(named.connect().await?);
    }
    let file = match Kubeconfig::read() {
        Ok(file) => file,
        Err(_) if context.is_none() && in_cluster() => return Ok(named.connect().await?),
        Err(error) => return Err(ConnectError::Unknown(error)),
    };
    let options = KubeConfigOptions {
        context: context.cloned(),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(file, &options)
        .await
        .map_err(ConnectError::Kubeconfig)?;
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}
