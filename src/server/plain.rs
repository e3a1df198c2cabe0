//! The admin port alone, with pages beside it: what a program serves that is no webhook.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::server::args::{Grace, Limits};
use crate::server::connection::{Plan, serve_http};
use crate::server::limiter::Limiter;
use crate::server::shutdown::{Ended, Phase, Shutdown, walk};
use crate::server::{ServerError, accept, admin, listen};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

const PATHS: &str = "there is /, /livez, /readyz and /metrics\n";

/// A plain HTTP server that has no port yet.
#[derive(Debug)]
pub struct PlainServer {
    pub listen: SocketAddr,
    pub grace: Grace,
    /// What is counted, and shown.
    pub metrics: Arc<Metrics>,
    /// What must hold before this is ready; the server adds `shutdown`.
    pub readiness: Readiness,
    /// What is served beside health and metrics.
    pub pages: Router,
}

/// A plain HTTP server with its port, not yet answering.
#[derive(Debug)]
pub struct BoundPlain {
    server: PlainServer,
    listener: TcpListener,
    address: SocketAddr,
}

impl PlainServer {
    /// Takes the port.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub async fn bind(self) -> Result<BoundPlain, ServerError> {
        let (listener, address) = listen("--listen", self.listen).await?;
        Ok(BoundPlain {
            server: self,
            listener,
            address,
        })
    }
}

impl BoundPlain {
    /// The address, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is asked to stop, and for as long after as its connections need.
    pub async fn serve(self, shutdown: Shutdown) -> Ended {
        let Self {
            server,
            listener,
            address: _,
        } = self;
        let PlainServer {
            listen: _,
            grace,
            metrics,
            readiness,
            pages,
        } = server;
        let staying = readiness.check("shutdown");
        staying.pass();
        let (phase, phases) = watch::channel(Phase::Serving);
        let router = admin::router(Arc::clone(&metrics), readiness, PATHS).merge(pages);
        let limits = Limits::default();
        let plan = Plan::plain(router, limits, phases.clone(), Arc::clone(&metrics));
        let permits = Limiter::new(admin::MAX_CONNECTIONS, usize::MAX);
        let serving = accept::run(listener, permits, phases, metrics, |stream, permit| {
            Box::pin(serve_http(plan.clone(), stream, permit))
        });
        let mut at_once = shutdown.clone();
        tokio::select! {
            biased;
            () = at_once.asked_at_once() => Ended::AtOnce,
            () = serving => Ended::Drained,
            () = walk(shutdown, &phase, &staying, grace) => Ended::Deadline,
        }
    }
}
