//! What a Pod gets: the sidecar, its volumes, and the edits that lead containers to it.
//!
//! The decision goes in, a plan comes out, without I/O, clock or cluster.

pub mod container;
pub mod ephemeral;
pub mod flags;
pub mod ground;
pub mod group;
pub mod mirror;
pub mod original;
mod places;
pub mod planner;
pub mod pod;
pub mod slots;
pub mod start_order;
mod sub_path;
pub mod trust;
pub mod volume;
mod wanted;
