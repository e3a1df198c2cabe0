//! `convert`: what a manifest's text becomes. Every golden input and corpus file is converted
//! and held to what must be true of any; the cases in `tests/convert/` show what it looks like.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dind_injector::convert::{ConvertError, convert};
use dind_injector::decide::Policy;
use dind_injector::manifest::{
    Document, Flow, Layout, Operation, Spacing, pods, read, read_with_positions, to_block, to_flow,
};
use dind_injector::model::start::START_SCRIPT;
use dind_injector::review::offline::{Setting, changes, evaluate};
use serde_json::Value;

use crate::support::files;

/// Stands for the lines of the start script in expected files.
const PLACEHOLDER: &str = "<start.sh>";

type Changes = Vec<(Document, Vec<Operation>)>;

/// What `convert` is given for a text, and how many Pods change.
fn plan(text: &str) -> Option<Changes> {
    let documents = read_with_positions(text).ok()?;
    let policy = Policy::offline();
    let plan = documents.into_iter().map(|document| {
        let mut operations = Vec::new();
        for pod in pods(&document.value) {
            if let Ok(outcome) = evaluate(&policy, &Setting::default(), &pod) {
                operations.extend(changes(&pod.pointer, &outcome).unwrap());
            }
        }
        (document, operations)
    });
    Some(plan.collect())
}

fn changed(changes: &Changes) -> bool {
    changes.iter().any(|(_, operations)| !operations.is_empty())
}

fn converted(text: &str) -> Result<String, ConvertError> {
    convert(text, &plan(text).expect("a manifest"))
}

/// Every text that is a manifest and changes.
fn texts() -> Vec<(String, String)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = ["golden", "corpus", "convert"].map(|folder| files::below(&tests.join(folder)));
    let texts = folders.into_iter().flatten().filter_map(|path| {
        let name = path.strip_prefix(&tests).unwrap().display().to_string();
        let text = fs::read_to_string(path).unwrap();
        let is_input = name.ends_with(".yaml") || name.ends_with(".json");
        let is_input = is_input && !name.contains(".expected.");
        (is_input && plan(&text).is_some_and(|plan| changed(&plan))).then_some((name, text))
    });
    texts.collect()
}

/// The same text with LF, CRLF, without a line end at its end, and with a comment above each
/// line where that changes nothing.
fn variants(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let mut commented = String::new();
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let with = format!("{commented}{}# A note.\n", &line[..indent]);
        commented = with + line;
    }
    let values = |text: &str| {
        let read = read(text).ok()?;
        Some(read.into_iter().map(|d| d.value).collect::<Vec<_>>())
    };
    let mut variants = vec![
        text.clone(),
        text.replace('\n', "\r\n"),
        text.trim_end_matches('\n').to_owned(),
    ];
    if values(&commented) == values(&text) {
        variants.push(commented);
    }
    variants
}

/// The lines that an operation may touch: those of the node at its path, or of the empty list
/// or flow node that holds what is added.
fn touched(text: &str, document: &Document, operations: &[Operation]) -> BTreeSet<usize> {
    let positions = document.positions.as_ref().unwrap();
    let line = |byte: usize| text[..byte].matches('\n').count();
    let mut lines = BTreeSet::new();
    for operation in operations {
        let path = operation.path();
        let place = match operation {
            Operation::Add { .. } => positions.nearest(path).filter(|nearest| {
                let node = &text[nearest.node.clone()];
                node.starts_with(['[', '{', '"']) || !node.contains('\n')
            }),
            Operation::Replace { .. } | Operation::Remove { .. } => positions.get(path),
        };
        if let Some(place) = place {
            let start = place.key.as_ref().map_or(place.node.start, |key| key.start);
            lines.extend(line(start)..=line(place.node.end));
            // A dash or bracket of its own may stand on the line before.
            if place.key.is_none() {
                lines.extend(line(start).checked_sub(1));
            }
        }
    }
    lines
}

#[test]
fn every_text_says_what_the_engine_says_and_keeps_its_other_lines() {
    let texts = texts();
    assert!(texts.len() > 120, "only {} texts change", texts.len());
    let mut shared = Vec::new();
    for (name, text) in &texts {
        for text in variants(text) {
            let plan = plan(&text).unwrap();
            let result = match convert(&text, &plan) {
                Ok(result) => result,
                Err(ConvertError::Shared { .. }) => {
                    shared.push(name.clone());
                    continue;
                }
                Err(error) => panic!("{name}: {error}"),
            };
            let now: Vec<Value> = read(&result)
                .unwrap()
                .into_iter()
                .map(|d| d.value)
                .collect();
            let mut may_go = BTreeSet::new();
            let mut expected = Vec::new();
            for (document, operations) in &plan {
                let mut value = document.value.clone();
                may_go.extend(touched(&text, document, operations));
                for operation in operations {
                    operation.clone().apply(&mut value).unwrap();
                }
                expected.push(value);
            }
            assert_eq!(now, expected, "{name}");
            let mut after = result.split_inclusive('\n');
            for (index, line) in text.split_inclusive('\n').enumerate() {
                let ended = |l: &str| l == line || l.trim_end() == line && !line.ends_with('\n');
                if !may_go.contains(&index) {
                    assert!(
                        after.by_ref().any(ended),
                        "{name}: line {} went: {line}{result}",
                        index + 1
                    );
                }
            }
            let line_ends = |t: &str| (t.contains("\r\n"), t.replace("\r\n", "").contains('\n'));
            if text.contains('\n') {
                assert_eq!(line_ends(&text), line_ends(&result), "{name}");
            }
            assert!(
                !changed(&self::plan(&result).unwrap()),
                "{name}: a second time"
            );
        }
    }
    shared.dedup();
    assert!(shared.len() < 5, "{shared:?}");
}

#[test]
fn every_layout_is_edited_in_place() {
    let mut count = 0;
    for (name, text) in texts() {
        for document in read(&text).unwrap() {
            let value = document.value;
            let mut layouts: Vec<String> = Vec::new();
            for (step, dash, item) in [(2, 2, 2), (4, 4, 4), (1, 1, 3)] {
                layouts.push(to_block(&value, 0, Layout { step, dash, item }));
            }
            let lines = Spacing::Lines { indent: 0, step: 3 };
            for (json, spacing) in [(true, Spacing::Tight), (true, lines), (false, lines)] {
                layouts.push(to_flow(&value, Flow { json, spacing }));
            }
            for text in layouts {
                if read(&text).map(|read| read[0].value == value) != Ok(true) {
                    panic!("{name}: the writer is wrong:\n{text}");
                }
                let plan = plan(&text).unwrap();
                count += usize::from(changed(&plan));
                convert(&text, &plan).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
            }
        }
    }
    assert!(count > 700, "only {count}");
}

/// The expected file with the start script's lines as one.
fn folded(text: &str) -> String {
    let first = START_SCRIPT.lines().next().unwrap();
    let last = START_SCRIPT.lines().last().unwrap();
    let json = Value::from(START_SCRIPT).to_string();
    let mut out = String::new();
    let mut inside = false;
    for line in text.replace(&json, PLACEHOLDER).split_inclusive('\n') {
        inside |= line.trim() == first;
        if !inside {
            out.push_str(line);
        }
        if inside && line.trim() == last {
            inside = false;
            let indent = line.len() - line.trim_start().len();
            out.push_str(&format!("{}{PLACEHOLDER}\n", &line[..indent]));
        }
    }
    out
}

#[test]
fn every_case_looks_as_expected() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert");
    let (inputs, mut others): (Vec<_>, Vec<_>) = files::below(&dir)
        .into_iter()
        .partition(|path| !path.to_str().unwrap().contains(".expected."));
    assert!(inputs.len() > 10);
    for input in inputs {
        let name = input.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&input).unwrap();
        let result = match converted(&text) {
            Ok(result) => folded(&result),
            Err(error) => format!("{error}\n"),
        };
        let extension = input.extension().unwrap().to_str().unwrap();
        let expected = input.with_extension(format!("expected.{extension}"));
        if update {
            fs::write(&expected, &result).unwrap();
        }
        let read = fs::read_to_string(&expected).unwrap_or_else(|_| {
            panic!("{name}: no expected file; UPDATE_GOLDENS=1 makes it, read it")
        });
        assert_eq!(result, read, "{name}");
        others.retain(|path| *path != expected);
    }
    assert!(others.is_empty() || update, "no test reads {others:?}");
}

#[test]
fn a_line_before_one_that_goes_keeps_its_own_end() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: main\n    image: x\n    \
                volumeMounts:\n    - name: s\n      mountPath: /var/run/docker.sock\n  volumes:\n  - name: s\n    hostPath:\n      \
                path: /var/run/docker.sock\n  restartPolicy: Never\n";
    let count = text.lines().count();
    // Each line has one end or the other; every line alone, and all others.
    for odd in 0..count {
        for is_odd in [true, false] {
            let ends = |index: usize| {
                if (index == odd) == is_odd {
                    "\r\n"
                } else {
                    "\n"
                }
            };
            let lines = text.lines().enumerate();
            let mixed: String = lines
                .map(|(index, line)| format!("{line}{}", ends(index)))
                .collect();
            let document = read_with_positions(&mixed).unwrap().remove(0);
            let gone = [
                "/spec/volumes",
                "/spec/containers/0/volumeMounts",
                "/spec/restartPolicy",
            ];
            let remove = gone.map(|path| Operation::Remove {
                path: path.to_owned(),
            });
            let come = ["/metadata/added", "/spec/added"];
            let add = come.map(|path| Operation::Add {
                path: path.to_owned(),
                value: Value::from("x"),
            });
            let operations = [remove.to_vec(), add.to_vec()].concat();
            let after = convert(&mixed, &[(document, operations)]).unwrap();
            let after: Vec<&str> = after.split_inclusive('\n').collect();
            let (added, after): (Vec<&str>, Vec<&str>) = after
                .into_iter()
                .partition(|line| line.contains("added: x"));
            assert_eq!(added.len(), come.len());
            let kept: Vec<&str> = mixed.split_inclusive('\n').take(8).collect();
            assert_eq!(after, kept, "{odd}");
        }
    }
}
