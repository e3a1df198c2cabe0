//! The HTTPS server over real sockets and real TLS, on loopback.

mod admin;
mod certs;
mod clients;
mod http;
mod limits;
mod logs;
mod shutdown;
mod support;
mod traces;
