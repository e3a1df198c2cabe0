//! Accepts connections for as long as the server lives.
//!
//! A server that stops accepting is an outage for a cluster, so only shutdown ends this loop: it waits after
//! a failed accept instead of spinning, and the end of one connection, even by a panic, affects no other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, unconstrained};

use crate::server::limiter::{Limiter, Permit};
use crate::server::shutdown::Phase;
use crate::telemetry::metrics::{DropReason, Metrics};

/// The first wait after an accept that failed for lack of resources. It doubles up to the last one.
/// Connections that end meanwhile free their file descriptors.
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
        // Answers are small and written whole: waiting to fill a segment only adds delay.
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
                // One at a time: a burst of connections waits in the kernel's queue, not in front of reviews
                // in ours.
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
    // Connections in the kernel's queue would be reset when the listener closes. Unconstrained, since a task that has
    // done a lot is told by tokio that nothing is there, so that others have their turn.
    while let Some(accepted) = unconstrained(listener.accept()).now_or_never() {
        match accepted {
            Ok((stream, _peer)) => admit(stream, &mut connections),
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                metrics.accept_failed();
                tracing::warn!(%error, "cannot accept the connections that wait");
                break;
            }
        }
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

/// Whether the error concerns one connection and not the next ones.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
