//! The tests of the whole program, in one binary: each is a module, and links once with the others.
//!
//! `cargo test --test it golden` runs those whose name has the word. What must have a process of its own,
//! since it counts or changes what all tests share, is a file beside this folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cluster;
mod convert;
mod convert_command;
mod docs;
mod ephemeral;
mod golden;
mod hostile_names;
mod layers;
mod manifest;
mod manifests;
mod plugin;
mod policy;
mod properties;
mod readme;
mod reload;
mod scan_command;
mod scan_corpus;
mod scan_live;
mod scan_never_silent;
mod scan_watch;
mod server;
mod start_script;
#[path = "../support/mod.rs"]
mod support;
mod uninject;
mod verify;
mod workloads;
