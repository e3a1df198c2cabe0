//! Health checks and metrics, in plain HTTP on a separate port.
//!
//! They must be answered when it matters most: until the very end, so that a kubelet sees why a Pod is not
//! ready while its webhook port drains, and on a separate thread, so that they are answered while every
//! worker is busy with a review.

use std::io;
use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::server::accept;
use crate::server::args::Limits;
use crate::server::connection::{Plan, serve_http};
use crate::server::limiter::Limiter;
use crate::server::shutdown::Phase;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;
use crate::tls::CertStore;

/// Connections at one time: a kubelet, some scrapers, a person.
pub(crate) const MAX_CONNECTIONS: usize = 64;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Admin {
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

/// The answer for a path that does not exist.
pub(crate) const PATHS: &str = "there is /livez, /readyz, /metrics and /certificate\n";

/// The admin port's routes. `paths` is the answer for any other path.
pub(crate) fn router(metrics: Arc<Metrics>, readiness: Readiness, paths: &'static str) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .fallback(async move || (StatusCode::NOT_FOUND, paths))
        .with_state(Admin { metrics, readiness })
}

/// Adds the chain that the webhook's port serves, in PEM, for those who compare it with a caBundle. It is
/// what every client of that port is shown.
pub(crate) fn with_certificate(router: Router, certs: Arc<CertStore>) -> Router {
    let chain = move || {
        let pair = certs.current();
        async move {
            match pair {
                Some(pair) => (StatusCode::OK, pair.chain_pem()),
                None => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "no certificate yet\n".to_owned(),
                ),
            }
        }
    };
    router.route("/certificate", get(chain))
}

/// Serves the admin port on a separate thread until the result is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    metrics: Arc<Metrics>,
) {
    // The other end notices when this one is dropped.
    let (asked, asked_for) = oneshot::channel::<()>();
    let (ended, end) = oneshot::channel::<()>();
    let run = move || -> io::Result<()> {
        let _ended = ended;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener.into_std()?)?;
            // A phase that never changes.
            let (_phase, phases) = watch::channel(Phase::Serving);
            let plan = Plan::plain(router, limits, phases.clone(), Arc::clone(&metrics));
            let permits = Limiter::new(MAX_CONNECTIONS, usize::MAX);
            let serving = accept::run(listener, permits, phases, metrics, |stream, permit| {
                Box::pin(serve_http(plan.clone(), stream, permit))
            });
            tokio::select! {
                () = serving => {}
                _ = asked_for => {}
            }
            Ok(())
        })
    };
    let run = move || {
        if let Err(error) = run() {
            tracing::error!(%error, "the admin port cannot be served");
        }
    };
    if let Err(error) = thread::Builder::new().name("admin".to_owned()).spawn(run) {
        tracing::error!(%error, "no thread for the admin port");
        return;
    }
    let _ = end.await;
    drop(asked);
}

/// Alive means only that this is answered: restarting the process would not fix anything that readiness
/// reports.
async fn live() -> &'static str {
    "ok\n"
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let report = admin.readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, report.text)
}

async fn scrape(State(admin): State<Admin>) -> axum::response::Response {
    match admin.metrics.encode() {
        Ok(text) => ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
