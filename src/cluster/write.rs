//! One write to the API server. It succeeds, conflicts or fails.

use crate::cluster::client::describe;
use crate::cluster::watch::Timing;

pub(crate) enum WriteError {
    /// Another client was first, so the object must be read again.
    First,
    Other(String),
}

/// Waits for an answer, but no longer than this.
pub(crate) async fn patiently<T>(
    timing: Timing,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, WriteError> {
    match tokio::time::timeout(timing.answer, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        // If the object no longer exists, that counts as changed.
        Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => {
            Err(WriteError::First)
        }
        Ok(Err(error)) => Err(WriteError::Other(describe(&error))),
        Err(_) => Err(WriteError::Other(format!(
            "the API server said nothing for {:?}",
            timing.answer
        ))),
    }
}
