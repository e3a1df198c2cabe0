//! That what was counted of reviews (`scripts/release.profdata.gz`) is of what is released.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The crates that are linked, each with its version and features.
fn crates(edges: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--prefix=none", "--format={p} {f}"])
        .arg(format!("--edges={edges}"))
        .output()
        .unwrap();
    let (out, err) = (tree.stdout, String::from_utf8_lossy(&tree.stderr));
    assert!(tree.status.success(), "{err}");
    let out = String::from_utf8(out).unwrap();
    let lines = out.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// A function is known by its crate, and a crate by its features and those of what it depends on. So
/// what is counted beside the floor, with what tests ask of dependencies, must be what is built alone.
#[test]
fn the_binary_is_of_the_same_crates_beside_tests_as_alone() {
    let (alone, beside) = (crates("normal"), crates("normal,dev"));
    assert!(alone.len() > 50, "{alone:?}");
    let other: Vec<_> = alone.difference(&beside).collect();
    assert!(
        other.is_empty(),
        "with other features beside tests: {other:?}"
    );
}

/// By another compiler `scripts/release` builds without what was counted.
#[test]
fn the_image_is_built_by_the_compiler_that_reviews_were_counted_with() {
    let counted = text("scripts/release.rustc");
    let counted = counted.split(' ').nth(1).unwrap();
    let image = format!("\nARG RUST_IMAGE=rust:{counted}-");
    assert!(text("Dockerfile").contains(&image), "not {image:?}");
}
