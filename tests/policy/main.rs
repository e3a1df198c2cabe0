//! The policy, as an admin meets it: files, decisions, documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backstop;
mod cases;
mod files;
mod schema;
