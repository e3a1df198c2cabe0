//! Reads from a cluster what [`crate::check`] judges, and runs the one Pod of `check --run`.
//!
//! Each answer is kept apart: what may not be read makes one check impossible, and no other.

pub mod api;
pub mod before;
pub mod certificates;
pub mod installed;
pub mod run;

pub use crate::inspect::before::before;
pub use crate::inspect::installed::{Asked, installed};
pub use crate::inspect::run::{Task, run};
