//! From a Pod with this project's sidecar back to the one that its author wrote.
//!
//! What the webhook added is known by its structure; what it took away is in the record that
//! it left in the sidecar ([`crate::plan::original`]). Whatever else was changed since
//! stays. Where the record is missing or does not fit, nothing is guessed.

mod record;
mod sidecar;
mod undo;

use serde_json::Value;

use crate::manifest::{Operation, OperationError};

/// Why a Pod cannot be taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UninjectError {
    /// The sidecar's record is not one.
    #[error("{variable} of the sidecar is not a record of dind-injector: {reason}")]
    Record {
        /// The sidecar's variable.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The record was too long to be kept.
    #[error("too much was changed in this Pod to be kept in it; take it from where it was written")]
    Incomplete,
    /// A mount that was swapped, and no record of what it was.
    #[error(
        "{container}: the sidecar has no record of what was mounted at {path} before; take the \
         Pod from where it was written"
    )]
    NoRecord {
        /// The container.
        container: String,
        /// The mount's path.
        path: String,
    },
    /// What the record speaks of is not there.
    #[error("the sidecar's record speaks of {0}, which is not there; was the Pod changed since?")]
    Changed(String),
}

impl From<OperationError> for UninjectError {
    fn from(error: OperationError) -> Self {
        Self::Changed(error.to_string())
    }
}

/// The changes that give `pod` back as its author wrote it; none where it has no sidecar of
/// this project. Paths are from the Pod.
///
/// # Errors
/// Where the record does not allow it.
pub fn uninject(pod: &Value) -> Result<Vec<Operation>, UninjectError> {
    match sidecar::find(pod)? {
        Some(sidecar) => undo::undo(pod, &sidecar),
        None => Ok(Vec::new()),
    }
}
