//! What of a set of manifests, or of a cluster, reaches a node's container runtime, and what
//! the webhook would make of it.
//!
//! The engine and the policy are the webhook's own, so the report and the webhook cannot
//! differ. What could not be looked at is part of the result, never left out.

mod argo;
mod assembly;
pub mod candidate;
mod drone;
mod embedded;
pub mod files;
pub mod finding;
mod gitlab;
mod groovy;
mod jenkins;
pub mod judge;
pub mod live;
mod owners;
mod parts;
pub mod percent;
mod places;
mod pod_spec;
pub mod result;
pub mod risk;
mod tekton;
pub mod text;
mod volume;
mod words;
