//! The Kubernetes API, as a client: what the program learns from the cluster it guards, and
//! the little that it writes there.
//!
//! Nothing here runs in a review's path: reviews read what watches have left in memory. A
//! cluster that cannot be reached costs freshness and never an answer, and says so in metrics
//! and readiness.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod limit;
pub(crate) mod namespaces;
pub(crate) mod object_name;
pub(crate) mod pace;
pub(crate) mod version;
pub(crate) mod watch;
pub(crate) mod write;

pub use crate::cluster::client::{ClusterArgs, ClusterError, describe, in_cluster};
pub use crate::cluster::events::{EventArgs, EventQueue, EventWriter, open_events};
pub use crate::cluster::namespaces::{KnownNamespaces, NamespaceWatch, watch_namespaces};
pub(crate) use crate::cluster::pace::{Backoff, jittered};
pub use crate::cluster::version::{NATIVE_SIDECARS, Version, server_version};
pub use crate::cluster::watch::Timing;
