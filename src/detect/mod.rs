//! Which mounts, variables and containers of a Pod reach a container runtime of the node.
//!
//! A path that cannot be resolved is a finding of its own, never a miss.

pub mod docker_host;
pub mod installed;
mod links;
pub mod lost;
pub mod mounts;
pub mod own_daemon;
pub mod published;
