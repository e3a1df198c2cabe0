//! The admin port alone with additional pages, for a program that serves no webhook.

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

/// A plain HTTP server that is not bound yet.
#[derive(Debug)]
pub struct PlainServer {
    pub listen: SocketAddr,
    pub grace: Grace,
    pub metrics: Arc<Metrics>,
    /// Checks that must pass before this is ready. The server adds `shutdown`.
    pub readiness: Readiness,
    /// Routes besides health and metrics.
    pub pages: Router,
}

/// A plain HTTP server with its port, which does not answer yet.
#[derive(Debug)]
pub struct BoundPlain {
    server: PlainServer,
    listener: TcpListener,
    address: SocketAddr,
}

impl PlainServer {
    /// # Errors
    /// If the port cannot be bound.
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
    /// The address with its actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown, and then until its connections end.
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
