//! The Kubernetes API, as a client: what the program learns from the cluster it guards, and
//! the little that it writes there.
//!
//! Nothing here runs in a review's path: reviews read what watches have left in memory. A
//! cluster that cannot be reached costs freshness and never an answer, and says so in metrics
//! and readiness.

mod authority;
mod client;
mod configuration;
mod events;
mod limit;
mod namespaces;
mod object_name;
mod pace;
mod secret;
mod version;
mod watch;
mod write;

pub use authority::{ManagedArgs, ManagedCerts, Settings};
pub use client::{ClusterArgs, ClusterError, describe, in_cluster};
pub use events::{EventArgs, EventQueue, EventWriter, open_events};
pub use namespaces::{KnownNamespaces, NamespaceWatch, watch_namespaces};
pub(crate) use pace::{Backoff, jittered};
pub use version::{NATIVE_SIDECARS, Version, server_version};
pub use watch::Timing;
