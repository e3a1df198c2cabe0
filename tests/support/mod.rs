//! What the tests of whole Pods share: a model of the API server, a second reading of
//! RFC 6902, and a second opinion on what reaches the node's Docker. None of it calls the
//! code under test but for the server itself.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod api_server;
pub mod https;
pub mod lists;
pub mod model;
pub mod rfc6902;
