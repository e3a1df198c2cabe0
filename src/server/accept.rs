//! Takes connections from a listener, for as long as the server lives.
//!
//! Nothing here ends the loop but shutdown: an accept that fails is waited out, never spun on,
//! and a connection's end, even by a panic, is its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::server::limiter::{Limiter, Permit};
use crate::server::shutdown::Phase;
use crate::telemetry::metrics::{DropReason, Metrics};

/// The first wait after an accept that failed for want of resources; it doubles to the last.
/// Connections that end in the meantime give their file descriptors back.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
const BACKOFF_LAST: Duration = Duration::from_secs(1);

/// Accepts until the phase is [`Phase::Closing`], then waits for every connection to end.
pub(crate) async fn run(
    listener: TcpListener,
    permits: Arc<Limiter>,
    mut phase: watch::Receiver<Phase>,
    metrics: Arc<Metrics>,
    serve: impl Fn(TcpStream, Permit) -> BoxFuture<'static, ()>,
) {
    let mut connections = JoinSet::new();
    let admit = |stream: TcpStream, connections: &mut JoinSet<()>| {
        let Ok(permit) = permits.enter() else {
            metrics.dropped(DropReason::Full);
            return;
        };
        // Answers are small and whole: waiting to fill a segment only adds delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        connections.spawn(serve(stream, permit));
    };
    let mut backoff = BACKOFF_FIRST;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase >= Phase::Closing) => break,
            Some(ended) = connections.join_next() => {
                note(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                backoff = BACKOFF_FIRST;
                admit(stream, &mut connections);
                // One at a time: a storm of connections waits in the kernel's queue, and not
                // in ours in front of reviews.
                tokio::task::yield_now().await;
            }
            Err(error) if is_the_peers(&error) => {
                tracing::debug!(%error, "a connection ended before it was accepted");
            }
            Err(error) => {
                metrics.accept_failed();
                tracing::warn!(%error, wait = ?backoff, "cannot accept connections");
                tokio::time::sleep(backoff).await;
                backoff = BACKOFF_LAST.min(backoff * 2);
            }
        }
    }
    // Those that the kernel has taken for us would be reset with the listener.
    while let Some(Ok((stream, _peer))) = listener.accept().now_or_never() {
        admit(stream, &mut connections);
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        note(ended);
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

/// Whether the error is one connection's and says nothing of the next.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
