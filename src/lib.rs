//! dind-injector

pub mod certs;
pub mod metrics;
pub mod names;
pub mod server;
