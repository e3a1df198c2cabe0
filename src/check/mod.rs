//! Whether the webhook would work in a cluster, does work in it, and what to do where it does not.
//!
//! "Does it work?" has many halves: a webhook that is installed, ready and trusted may still never be sent a
//! Pod. Here each half is one check: a question, what was found, what to do about it, and where to read on. What
//! was read from the cluster comes in as plain values, so that every judgment is a function that a test can ask
//! with made-up values. Pure: [`crate::inspect`] reads, and what could not be read is an outcome of its own,
//! never taken for good.

pub mod before;
pub mod certificates;
pub mod guards;
pub mod guide;
pub mod installed;
pub mod metrics;
pub mod objects;
pub mod outcome;
pub mod policy;
pub mod questions;
pub mod read;
pub mod replicas;
pub mod report;
pub mod run;
pub mod selector;
pub mod trial;
pub mod webhooks;

pub use crate::check::outcome::{Check, Outcome};
pub use crate::check::read::{Read, Unread};
pub use crate::check::report::Report;
