//! Imports run one way. A newcomer may rely on it: what a stage knows is in the stages before it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders and files of `src`, each after everything that it may import.
///
/// Up to `check` they are pure: no network, no clock, no cluster.
const ORDER: [&str; 33] = [
    "names",
    "text",
    "calendar",
    "json",
    "model",
    "budget",
    "decode",
    "detect",
    "decide",
    "plan",
    "patch",
    "respond",
    "manifest",
    "policy_file",
    "review",
    "explain",
    "convert",
    "uninject",
    "check",
    // Adapters.
    "telemetry",
    "follow",
    "reload",
    "cluster",
    "tls",
    "server",
    "inspect",
    "scan",
    "migrate",
    "render",
    "reporter",
    "cli",
    "lib",
    "main",
];

/// The last pure folder.
const LAST_PURE: &str = "check";

/// Crates that no pure folder names.
const ADAPTERS: [&str; 10] = [
    "tokio",
    "hyper",
    "hyper_util",
    "axum",
    "kube",
    "k8s_openapi",
    "rustls",
    "tokio_rustls",
    "prometheus_client",
    "clap",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The folder of `src` (or the file, where it stands in `src` itself) that holds `file`.
fn folder_of(file: &Path) -> String {
    let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let first = below.unwrap().iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file: no comments, no tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The names that follow `crate::` in a piece of code, those of `crate::{a, b::c}` included.
fn imported(code: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.chars().take_while(is_name).collect()
    };
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => names.push(name(after)),
            Some(list) => {
                let mut depth = 0;
                let mut begins = true;
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        c if begins && !c.is_whitespace() => {
                            names.push(name(&list[at..]));
                            begins = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names
}

/// Every file of `src`, with its code alone.
fn every_source() -> Vec<(PathBuf, String)> {
    let files = every_file().into_iter();
    files.map(|(file, text)| (file, code(&text))).collect()
}

fn every_file() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    files.sort();
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn no_folder_imports_one_that_comes_after_it() {
    let place: BTreeMap<&str, usize> = ORDER
        .iter()
        .enumerate()
        .map(|(at, name)| (*name, at))
        .collect();
    let mut against = Vec::new();
    for (file, code) in every_source() {
        let own = folder_of(&file);
        let Some(own_place) = place.get(own.as_str()) else {
            panic!("src/{own} has no place in ORDER: put it after everything that it imports");
        };
        for name in imported(&code) {
            // Items of lib.rs itself are not folders.
            if place
                .get(name.as_str())
                .is_some_and(|other| other > own_place)
            {
                against.push(format!("{}: crate::{name}", file.display()));
            }
        }
    }
    assert!(
        against.is_empty(),
        "imports against the order of ORDER:\n{}",
        against.join("\n")
    );
}

#[test]
fn no_pure_folder_names_a_crate_of_the_network_or_the_command_line() {
    let last = ORDER.iter().position(|name| *name == LAST_PURE).unwrap();
    for (file, code) in every_source() {
        if !ORDER[..=last].contains(&folder_of(&file).as_str()) {
            continue;
        }
        for name in ADAPTERS {
            let is_named = code.contains(&format!("{name}::"));
            assert!(!is_named, "{} names {name}", file.display());
        }
        for name in [
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "std::fs",
            "std::time::Instant",
            "SystemTime::now",
            "async fn",
        ] {
            assert!(!code.contains(name), "{} names {name}", file.display());
        }
    }
}

/// The longest file of `src` but for tests and tables, in lines.
const LONGEST_FILE: usize = 500;

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let mut long = Vec::new();
    for (file, text) in every_file() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let is_exempt = name == "tests" || name.ends_with("_table");
        let lines = text.lines().count();
        if lines > LONGEST_FILE && !is_exempt {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(
        long.is_empty(),
        "split by noun what has more than {LONGEST_FILE} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn only_one_file_cuts_text() {
    let mut others = Vec::new();
    for (file, code) in every_source() {
        let code: String = code.split_whitespace().collect();
        let cuts = code.contains(".chars().take(") || code.contains("floor_char_boundary(");
        if folder_of(&file) != "text" && cuts {
            others.push(file.display().to_string());
        }
    }
    assert!(
        others.is_empty(),
        "use `shortened` or `beginning` of src/text.rs instead:\n{}",
        others.join("\n")
    );
}

#[test]
fn the_reader_of_imports_sees_every_form() {
    let code = "use crate::{model::view::Pod, names, plan::{a, b}};\nlet x = crate::decide::f();";
    assert_eq!(imported(code), ["model", "names", "plan", "decide"]);
}

#[test]
fn what_contributing_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let begin = text
        .find("### Where a change goes")
        .expect("CONTRIBUTING.md has the table");
    let section = text[begin..].split("\n## ").next().unwrap();
    let table = section.lines().filter(|line| line.starts_with('|'));
    let mut named = 0;
    for cell in table.flat_map(|line| line.split('`').skip(1).step_by(2)) {
        if cell.contains('/') {
            assert!(root.join(cell).exists(), "CONTRIBUTING.md names {cell}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}
