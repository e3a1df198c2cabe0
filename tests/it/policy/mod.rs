//! The policy, as an admin meets it: files, decisions, commands, documentation.
//!
//! `UPDATE_GOLDENS=1 cargo test --test it policy` writes what the program makes over what is
//! committed: the schema, the tables of the documentation, the explanations.

mod backstop;
mod cases;
mod commands;
mod docs;
mod files;
mod schema;

pub use cases::preset_text;

/// Where a file of the package is.
fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Holds a committed file to what the program makes.
fn golden(name: &str, made: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "{name} is not what the program makes; look at the difference after \
         `UPDATE_GOLDENS=1 cargo test --test it policy`"
    );
}
