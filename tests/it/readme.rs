//! What README and the docs point at is there, and what README says is shown by a test is.
//!
//! Links are relative paths into this repository. A test that is renamed or dropped takes its
//! row of README's table with it, or fails here.

use std::fs;
use std::path::{Path, PathBuf};

use dind_injector::names;

const TABLE: &str = "## What a hand-made DinD set-up gets wrong";

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut found = 0;
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        let folder = root().join(document.parent().unwrap());
        for link in links(&text).filter(|link| is_relative(link)) {
            found += 1;
            let path = link.split('#').next().unwrap();
            if !folder.join(path).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(found > 20, "only {found} links were found");
    assert!(
        broken.is_empty(),
        "links to nothing:\n{}",
        broken.join("\n")
    );
}

#[test]
fn every_fault_that_readme_names_has_its_test() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split(TABLE).nth(1).expect("README has the table");
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .collect();
    assert!(rows.len() >= 14, "only {} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "not fault, remedy and test: {row}");
        let tests: Vec<&str> = links(cells[2]).collect();
        assert!(!tests.is_empty(), "names no test: {row}");
        for test in tests {
            assert!(is_test(&root().join(test)), "{test} is no test: {row}");
        }
    }
}

/// The quickstart's commands speak of what is in the manifests: the image that they name, the namespace of the
/// example, the label that the built-in policy looks for.
#[test]
fn the_quickstart_is_five_commands_that_fit_the_manifests() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## On kind, in five commands").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let commands: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    let [_, image, install, label, run] = commands[..] else {
        panic!("{} commands", commands.len());
    };
    let manifest = fs::read_to_string(root().join("manifests/install.yaml")).unwrap();
    let name = image
        .split_whitespace()
        .find(|word| word.starts_with("dind-injector:"))
        .unwrap();
    assert!(
        image.ends_with(&format!("kind load docker-image {name}")),
        "{image}"
    );
    assert!(manifest.contains(&format!("image: \"{name}\"")), "{name}");
    assert!(
        install.contains("kubectl apply -f manifests/install.yaml"),
        "{install}"
    );
    assert!(
        label.ends_with(&format!("namespace ci {}=enabled", names::INJECTION_LABEL)),
        "{label}"
    );
    let file = run
        .split_whitespace()
        .find(|word| word.ends_with(".yaml"))
        .unwrap();
    let pod = fs::read_to_string(root().join(file)).unwrap();
    let pod = &dind_injector::manifest::read(&pod).unwrap()[0].value;
    assert_eq!(pod["metadata"]["namespace"], "ci");
    let waits_for = format!("pod/{}", pod["metadata"]["name"].as_str().unwrap());
    assert!(run.contains(&waits_for), "{run}");
    let container = pod["spec"]["containers"][0]["name"].as_str().unwrap();
    assert!(run.ends_with(&format!("-c {container}")), "{run}");
}

/// A scenario has a `check`, a group of goldens has expected files.
fn is_test(path: &Path) -> bool {
    let is_golden = |name: &str| name.ends_with(".expected.yaml");
    path.join("check").is_file()
        || fs::read_dir(path).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| is_golden(&entry.file_name().to_string_lossy()))
        })
}

/// Every document at the root, in `docs` and of the end-to-end tests.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "tests/e2e"];
    let files = folders.iter().flat_map(|folder| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        entries.map(move |entry| Path::new(folder).join(entry.unwrap().file_name()))
    });
    files
        .filter(|file| file.extension().is_some_and(|it| it == "md"))
        .collect()
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

fn is_relative(link: &str) -> bool {
    !link.contains("://") && !link.starts_with('#')
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
