//! Which mounts, variables and containers of a Pod reach a container runtime of the node.
//!
//! A path that cannot be resolved is reported as a finding of its own kind, and never missed.

pub mod docker_host;
pub mod installed;
mod links;
pub mod lost;
pub mod machine;
pub mod mounts;
pub mod own_daemon;
pub mod published;
mod value_from;
