//! One write to the API server, which is done, or was overtaken, or failed.

use crate::cluster::client::describe;
use crate::cluster::watch::Timing;

/// Why a write was not done.
pub(crate) enum WriteError {
    /// Somebody else was first: it is to be looked at again.
    First,
    Other(String),
}

/// Waits for an answer for so long and no longer.
pub(crate) async fn patiently<T>(
    timing: Timing,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, WriteError> {
    match tokio::time::timeout(timing.answer, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        // Not there any more is as good as changed.
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
