//! The Kubernetes API's client side: what the program learns from the cluster, and the little that it writes.
//!
//! A slow API server must not slow down reviews, which it waits for itself. So reviews only read what watches
//! have left in memory. If the API server cannot be reached, the data gets old, which metrics and readiness
//! show, but every review is answered.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod known;
pub(crate) mod limit;
pub(crate) mod listed;
pub(crate) mod namespaces;
pub(crate) mod node_object;
pub(crate) mod object_name;
pub(crate) mod pace;
pub(crate) mod placement;
pub(crate) mod version;
pub(crate) mod watch;
pub(crate) mod write;

pub use crate::cluster::client::{
    ClusterArgs, ClusterError, describe, describe_kubeconfig, in_cluster,
};
pub use crate::cluster::events::{EventArgs, EventQueue, EventWriter, open_events};
pub use crate::cluster::known::KnownCluster;
pub use crate::cluster::listed::{ListedError, listed};
pub use crate::cluster::namespaces::{KnownNamespaces, NamespaceWatch, watch_namespaces};
pub(crate) use crate::cluster::pace::{Backoff, jittered};
pub use crate::cluster::placement::{
    KnownPlacement, PlacementArgs, PlacementWatch, watch_placement,
};
pub use crate::cluster::version::{NATIVE_SIDECARS, Version, server_version};
pub use crate::cluster::watch::Timing;
