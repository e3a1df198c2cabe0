//! The tests of the whole program, in one binary: each is a module, and links once with the others.
//!
//! `cargo test --test it golden` runs those whose name has the word. What must have a process of its own,
//! since it counts or changes what all tests share, is a file beside this folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod case_command;
mod check;
mod cluster;
mod convert;
mod convert_cluster;
mod convert_command;
mod docs;
mod docs_migration;
mod ephemeral;
mod golden;
mod hostile_names;
mod layers;
mod manifest;
mod manifests;
mod messages;
mod migrate;
mod plugin;
mod policy;
mod properties;
mod readme;
mod reload;
mod scan_beside;
mod scan_command;
mod scan_corpus;
mod scan_daemons;
mod scan_fenced;
mod scan_given;
mod scan_helm;
mod scan_live;
mod scan_never_silent;
mod scan_own;
mod scan_switches;
mod scan_watch;
mod scan_written;
mod server;
mod slot_script;
mod start_script;
#[path = "../support/mod.rs"]
mod support;
mod uninject;
mod userns_script;
mod verify;
mod workloads;

/// A file that is no module holds tests that never run.
#[test]
fn every_file_here_is_a_module() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for file in support::files::below(&root) {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap();
        let (named, declares) = match (stem, folder == root) {
            ("main", true) => continue,
            ("mod", false) => (folder.file_name().unwrap().to_str().unwrap(), "main.rs"),
            (stem, true) => (stem, "main.rs"),
            (stem, false) => (stem, "mod.rs"),
        };
        let declaring = if stem == "mod" { &root } else { folder };
        let text = std::fs::read_to_string(declaring.join(declares)).unwrap();
        let declaration = format!("mod {named};");
        assert!(
            text.lines().any(|line| line == declaration),
            "{}: no `{declaration}` in {declares}",
            file.display()
        );
    }
}
