//! What the program does with a cluster, against an API server of a few objects in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod api;
mod authority;
mod events;
mod namespaces;
mod rotation;
mod serve;
