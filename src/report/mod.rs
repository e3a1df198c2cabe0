//! What people read: how a manifest changes.

pub mod diff;
pub mod fold;
