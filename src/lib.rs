//! `dind-injector` gives each Pod that needs Docker a Docker daemon of its own, in place
//! of the node's.
//!
//! A review runs one way through the program: decode (`admission`), detect (`pod`),
//! decide (`policy`), plan and patch (`sidecar`), respond (`admission`). These
//! rooms are pure; everything that touches a network, a file or a clock depends on them.

pub mod budget;
mod calendar;
pub mod cli;
pub mod cluster;
pub mod convert;
pub mod decide;
pub mod decode;
pub mod detect;
pub mod explain;
pub mod json;
pub mod manifest;
pub mod model;
pub mod names;
pub mod patch;
pub mod plan;
pub mod policy_file;
pub mod reload;
pub mod render;
pub mod reporter;
pub mod respond;
pub mod review;
pub mod scan;
pub mod server;
pub mod telemetry;
pub mod tls;
pub mod uninject;
