//! The one call from the server into the program's core.
//!
//! The server knows HTTP and nothing of Pods; the core knows Pods and nothing of HTTP but a
//! status code. This is where they meet.

pub use axum::http::StatusCode;

use crate::telemetry::traces::Words;

/// One review in, one answer out.
///
/// Pure CPU work of some ten microseconds: it is called on the async worker itself, but for large bodies, and
/// must not block. A panic in it is caught, counted and answered 500.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request body of at most the server's body limit.
    fn handle(&self, route: Route, body: &[u8]) -> Reply;

    /// The same, with what a traced request's span is to say of it.
    fn handle_traced(&self, route: Route, body: &[u8]) -> (Reply, Words) {
        (self.handle(route, body), Words::new())
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Route {
    /// `POST /mutate`: rewrite the Pod.
    Mutate,
    /// `POST /verify`: refuse the Pod that should have been rewritten.
    Verify,
    /// `POST /warn`: say what would be rewritten.
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
    /// An error in the one shape that all of the server's errors have: `{"error": "..."}`.
    #[must_use]
    pub fn error(status: StatusCode, message: &str) -> Self {
        let body = serde_json::json!({ "error": message })
            .to_string()
            .into_bytes();
        Self { status, body }
    }
}
