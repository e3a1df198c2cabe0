//! `--nodes`: what of a cluster decides which profile a Pod gets, for commands that ask no cluster.

use clap::Args;

use crate::cli::input;
use crate::cli::input::InputError;
use crate::cluster::{ListedError, listed};
use crate::model::cluster::Placement;

/// The flag.
#[derive(Debug, Args)]
pub struct NodesArgs {
    /// The cluster's nodes and RuntimeClasses, from `kubectl get nodes,runtimeclasses -o yaml`; - is standard
    /// input. A profile that they cannot run is passed over, as with serve --watch-nodes
    #[arg(long, value_name = "FILE")]
    nodes: Option<String>,
}

/// Why nothing is known of them.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(
        "only one of --nodes and the manifests can be standard input; write the other to a file"
    )]
    Stdin,
    #[error(
        "--nodes {name}: {error}; give it what `kubectl get nodes,runtimeclasses -o yaml` writes"
    )]
    Listed { name: String, error: ListedError },
}

impl NodesArgs {
    /// What they are. Nothing is known without the flag, and then rules nothing out. `others` is what else is read.
    ///
    /// # Errors
    /// If the file cannot be read, or is something else.
    pub fn placement(&self, others: &[String]) -> Result<Placement, NodesError> {
        let Some(file) = &self.nodes else {
            return Ok(Placement::default());
        };
        if file == "-" && others.iter().any(|other| other == "-") {
            return Err(NodesError::Stdin);
        }
        let source = input::read(file)?;
        let documents = source.documents.iter().map(|document| &document.value);
        listed(documents).map_err(|error| NodesError::Listed {
            name: source.name.clone(),
            error,
        })
    }
}
