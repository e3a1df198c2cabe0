//! What the tests of whole Pods share: a model of the API server, a second reading of
//! RFC 6902, a second opinion on what reaches the node's Docker, and what must hold for any
//! Pod. None of it calls the code under test but for the server itself, and the statements.

pub mod api_server;
pub mod files;
pub mod https;
#[allow(dead_code, reason = "fuzz/ uses the rest")]
pub mod invariants;
pub mod lists;
pub mod model;
pub mod order;
pub mod parts;
pub mod patience;
pub mod program;
pub mod rfc6902;
pub mod scratch;
