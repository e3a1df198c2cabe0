//! The HTTPS server over real sockets and real TLS, on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod admin;
mod certs;
mod clients;
mod http;
mod limits;
mod logs;
mod shutdown;
mod support;
mod traces;
