//! Health and metrics, in plain HTTP on a port of their own.
//!
//! They are served to the very end, so that a kubelet sees why a Pod is not ready while its
//! webhook port still drains.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

/// Connections at one time: a kubelet, some scrapers, a person.
pub(crate) const MAX_CONNECTIONS: usize = 64;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Admin {
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

/// What is told to whoever asks for a path that is not there.
pub(crate) const PATHS: &str = "there is /livez, /readyz and /metrics\n";

/// The admin port's routes; `paths` is said of any other.
pub(crate) fn router(metrics: Arc<Metrics>, readiness: Readiness, paths: &'static str) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .fallback(async move || (StatusCode::NOT_FOUND, paths))
        .with_state(Admin { metrics, readiness })
}

/// That this is answered is all there is to say: restarting the process would not help with
/// anything that readiness reports.
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
