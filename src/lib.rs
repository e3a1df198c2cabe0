//! `dind-injector` gives every Pod that uses the node's Docker its own Docker daemon.
//!
//! An admission review runs one way through the program, and the folders are named for the stages:
//! [`decode`], [`detect`], [`decide`], [`plan`], [`patch`], [`respond`], over one shared [`model`].
//! [`review`] is the only place that calls them in order. Everything from decode to respond is pure.
//! Everything that touches a network, a file or a clock ([`server`], [`tls`], [`cluster`], [`telemetry`],
//! [`cli`]) is around it and imports it, never the other way.

pub mod budget;
mod calendar;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod convert;
pub mod decide;
pub mod decode;
pub mod detect;
pub mod explain;
pub mod follow;
pub mod inspect;
pub mod json;
pub mod manifest;
pub mod migrate;
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
pub mod text;
pub mod tls;
pub mod uninject;
