//! Every question has its row in the documentation, its link, and a scenario in which it fails.

use std::fs;
use std::path::Path;

use dind_injector::check::guide::Guide;
use dind_injector::check::questions::ALL;

use crate::support::files;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_to_a_heading() {
    for guide in Guide::ALL {
        let (file, wanted) = guide.path().split_once('#').unwrap();
        let text = fs::read_to_string(root().join(file)).unwrap();
        let mut headings = text.lines().filter(|line| line.starts_with('#'));
        assert!(
            headings.any(|heading| anchor(heading) == wanted),
            "{}",
            guide.path()
        );
    }
}

#[test]
fn every_question_has_its_row_in_operations() {
    let text = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    for question in ALL {
        let row = format!("| `{}` | {} |", question.name, question.asked);
        assert!(text.contains(&row), "docs/operations.md lacks:\n{row}");
    }
}

#[test]
fn every_question_fails_in_a_scenario() {
    let scenarios = root().join("tests/e2e/scenarios");
    let mut text = String::new();
    for file in files::below(&scenarios) {
        if file.parent().unwrap().to_str().unwrap().contains("-check") {
            text += &fs::read_to_string(&file).unwrap();
        }
    }
    for question in ALL {
        let name = question.name;
        let shown = ["failed", "warning", "could-not-ask"];
        let is_shown = shown
            .iter()
            .any(|outcome| text.contains(&format!("told {name} {outcome} ")));
        assert!(is_shown, "no scenario shows {name}");
    }
}
