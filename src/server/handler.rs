//! The one call from the server into the program's core.
//!
//! The server knows HTTP and nothing about Pods; the core knows Pods and nothing about HTTP except a status
//! code.

pub use axum::http::StatusCode;

use crate::telemetry::traces::Words;

/// One review in, one answer out.
///
/// Pure CPU work of some ten microseconds: it is called on the async worker itself, except for bodies of more than 32 KiB,
/// and must not block. A panic in it is caught, counted and answered 500.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request body of at most the server's body limit.
    fn handle(&self, route: Route, body: &[u8]) -> Reply;

    /// The same, with attributes for the span of a traced request.
    fn handle_traced(&self, route: Route, body: &[u8]) -> (Reply, Words) {
        (self.handle(route, body), Words::new())
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Route {
    /// `POST /mutate`: change the Pod.
    Mutate,
    /// `POST /verify`: refuse a Pod that should have been changed.
    Verify,
    /// `POST /warn`: warn of what would be changed or refused.
    Warn,
}

impl Route {
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Mutate => "/mutate",
            Self::Verify => "/verify",
            Self::Warn => "/warn",
        }
    }
}

/// A status with a JSON body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Reply {
    /// An error in the shape of all the server's errors: `{"error": "..."}`.
    #[must_use]
    pub fn error(status: StatusCode, message: &str) -> Self {
        let body = serde_json::json!({ "error": message })
            .to_string()
            .into_bytes();
        Self { status, body }
    }
}
