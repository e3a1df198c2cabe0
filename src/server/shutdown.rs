//! How the server ends without losing a review.
//!
//! Before 1.37 the API server keeps using its connections to a terminating Pod, and it does not retry a
//! review on a connection that closes under it. So nothing closes early. First the server is unready but
//! serves, until no new connections arrive; then each answer announces that it is the last on its connection;
//! after a time, connections that are still idle are closed.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::server::args::Grace;
use crate::telemetry::readiness::Check;

/// Time to write the last answers after idle connections are closed.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    Serving,
    /// Unready, but still serving.
    Leaving,
    /// Accepts no connections. Every answer is the last on its connection.
    Closing,
    /// Idle connections are closed.
    Ending,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stop {
    No,
    Gracefully,
    AtOnce,
}

/// Asks a server to end.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<Stop>);

/// Notices when a server is asked to end. If every [`Stopper`] is dropped, that asks for a graceful end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Stop>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Every connection ended by itself.
    Drained,
    /// The deadline ended some connections.
    Deadline,
    /// A second request to stop did not let it drain.
    AtOnce,
}

impl Shutdown {
    /// A shutdown that code asks for.
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(Stop::No);
        (Stopper(sender), Self(receiver))
    }

    /// SIGTERM or SIGINT ends the server gracefully, a second one at once. Code may ask too.
    ///
    /// # Errors
    /// If the signals cannot be handled.
    pub fn on_signals() -> io::Result<(Stopper, Self)> {
        let (stopper, shutdown) = Self::new();
        let by_code = stopper.clone();
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            for first in [true, false] {
                let name = tokio::select! {
                    _ = term.recv() => "SIGTERM",
                    _ = int.recv() => "SIGINT",
                };
                if first {
                    tracing::info!(signal = name, "ending; a second signal ends at once");
                    stopper.gracefully();
                } else {
                    tracing::warn!(signal = name, "ending at once");
                    stopper.at_once();
                }
            }
        });
        Ok((by_code, shutdown))
    }

    pub(crate) async fn asked(&mut self) {
        // An error is a dropped `Stopper`.
        let _ = self.0.wait_for(|stop| *stop >= Stop::Gracefully).await;
    }

    pub(crate) async fn asked_at_once(&mut self) {
        if self.0.wait_for(|stop| *stop >= Stop::AtOnce).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Stopper {
    pub fn gracefully(&self) {
        self.ask(Stop::Gracefully);
    }

    pub fn at_once(&self) {
        self.ask(Stop::AtOnce);
    }

    fn ask(&self, stop: Stop) {
        self.0.send_if_modified(|now| {
            let more = stop > *now;
            if more {
                *now = stop;
            }
            more
        });
    }
}

/// Goes through the phases once asked, and returns at the deadline.
pub(crate) async fn walk(
    mut shutdown: Shutdown,
    phase: &watch::Sender<Phase>,
    ready: &Check,
    grace: Grace,
) {
    let Grace {
        shutdown_delay,
        drain_timeout,
    } = grace;
    shutdown.asked().await;
    ready.fail("shutting down");
    phase.send_replace(Phase::Leaving);
    tokio::time::sleep(shutdown_delay).await;
    phase.send_replace(Phase::Closing);
    tokio::time::sleep(drain_timeout).await;
    phase.send_replace(Phase::Ending);
    tokio::time::sleep(LAST_WORDS).await;
}
