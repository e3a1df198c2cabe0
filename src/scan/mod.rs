//! What of a set of manifests, or of a cluster, reaches a node's container runtime, and what
//! the webhook would make of it.
//!
//! The engine and the policy are the webhook's own, so the report and the webhook cannot
//! differ. What could not be looked at is part of the result, never left out.

mod account;
mod addresses;
mod agent_env;
mod asked;
mod assigned;
mod bare_hosts;
pub mod baseline;
pub mod candidate;
mod chars;
mod charts;
pub mod compare;
mod composed;
pub mod contents;
mod copied;
mod cores;
mod encoded;
pub mod evaluator;
mod extent;
pub mod files;
mod filled;
mod fills;
pub mod finding;
pub mod given;
mod helpers;
mod host_paths;
pub mod ignored;
mod interpolated;
mod joined;
pub mod kustomizations;
pub mod live;
mod loopback;
mod loops;
pub mod mentions;
mod node_dirs;
mod nodes;
mod own;
mod owners;
pub(crate) mod parts;
pub mod percent;
mod placeholder;
mod places;
mod pods_at;
mod program;
mod rendered;
pub mod result;
pub mod risk;
pub(crate) mod sources;
mod strings;
mod switches;
pub mod text;
mod told;
pub mod walk;
mod ways;
mod words;
pub mod written;
