//! `dind-injector` gives each Pod that needs Docker a Docker daemon of its own, in place
//! of the node's.
//!
//! A review runs one way through the program: decode (`admission`), detect (`pod`),
//! decide (`policy`), plan and patch (`sidecar`), respond (`admission`). These
//! rooms are pure; everything that touches a network, a file or a clock depends on them.

pub mod admission;
pub mod budget;
mod calendar;
pub mod certs;
pub mod cli;
pub mod cluster;
pub mod convert;
pub mod engine;
pub mod explain;
pub mod json;
pub mod logs;
pub mod manifest;
pub mod metrics;
pub mod names;
pub mod offline;
pub mod pod;
pub mod policy;
mod queue;
pub mod reload;
pub mod report;
pub mod reporter;
pub mod scan;
pub mod server;
pub mod sidecar;
pub mod trace;
pub mod uninject;
pub mod webhook;
