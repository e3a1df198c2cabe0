//! What a Pod gets: the sidecar, its volumes, and the edits that lead containers to it.
//!
//! From an order of the policy to a JSON Patch, without I/O, clock or cluster.

pub mod container;
pub mod flags;
pub mod group;
pub mod installed;
pub mod mirror;
pub mod near;
pub mod notice;
pub mod original;
pub mod patch;
pub mod plan;
mod planner;
pub mod profile;
pub mod quantity;
mod volume;
