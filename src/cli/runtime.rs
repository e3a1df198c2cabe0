//! Where a command's asynchronous work runs: one worker a core.

use std::future::Future;
use std::io;

use futures_util::future::LocalBoxFuture;

/// Runs work to its end.
///
/// # Errors
/// When the system has no threads or no epoll to give.
pub(super) fn run<'w, T: 'w>(work: impl Future<Output = T> + 'w) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // Boxed: each kind of runtime that tokio has would hold a copy of the work's code.
    let work: LocalBoxFuture<'w, T> = Box::pin(work);
    Ok(runtime.block_on(work))
}
