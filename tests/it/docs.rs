//! The documentation: every command in it is one, and every manifest is read as it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use dind_injector::cli::Cli;
use dind_injector::decide::Policy;
use dind_injector::decide::cause::Cause;
use dind_injector::decide::named::Named as _;
use dind_injector::manifest;
use dind_injector::manifest::pods;
use dind_injector::migrate::{Context, migrate};
use dind_injector::model::notice::LONGEST_TOPIC;
use dind_injector::names;
use dind_injector::policy_file::Config;
use dind_injector::render::patch::patch;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, evaluate};
use dind_injector::scan::evaluator::Evaluator;
use dind_injector::scan::finding::Verdict;
use dind_injector::scan::result::Namespaces;
use dind_injector::scan::text;
use dind_injector::scan::text::Syntax;
use serde_json::Value;

const MIGRATION: &str = "docs/migration.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// README.md and what is below docs.
fn documents() -> Vec<String> {
    let mut files = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let file = path.strip_prefix(root()).unwrap();
            files.push(file.to_str().unwrap().to_owned());
        }
    }
    files
}

/// A text's fenced blocks, each with its language, and the text without them.
fn parts(text: &str) -> (Vec<(String, String)>, String) {
    let mut found = Vec::new();
    let mut prose = String::new();
    let mut open: Option<(usize, String, String)> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        match (&mut open, trimmed.strip_prefix("```")) {
            (None, Some(language)) => {
                let indent = line.len() - trimmed.len();
                open = Some((indent, language.to_owned(), String::new()));
            }
            (Some(_), Some(_)) => {
                found.extend(open.take().map(|(_, language, block)| (language, block)));
            }
            (Some((indent, _, block)), None) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    (found, prose)
}

pub fn blocks(text: &str) -> Vec<(String, String)> {
    parts(text).0
}

/// A line of a shell as the words of this program's commands in it.
pub fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line
        .split(" #")
        .next()
        .unwrap()
        .replace("kubectl dind ", "dind-injector ");
    let commands = line.split(['|', ';', '&']);
    let commands = commands.map(|command| command.split('>').next().unwrap().trim());
    let commands = commands.filter(|command| command.starts_with("dind-injector "));
    let bare = |word: &str| word.trim_matches(['\'', '"']).to_owned();
    commands
        .map(|command| command.split_whitespace().map(bare).collect())
        .collect()
}

/// What a reader types must be a whole command.
#[test]
fn every_command_in_a_block_is_one() {
    let mut count = 0;
    for file in documents() {
        for (language, block) in blocks(&read(&file)) {
            let block = block.replace("\\\n", " ");
            let typed = block.lines().filter_map(|line| match language.as_str() {
                "sh" => Some(line),
                "console" => line.strip_prefix("$ "),
                _ => None,
            });
            for words in typed.flat_map(commands) {
                count += 1;
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{file}: {words:?}\n{error}");
                }
            }
        }
    }
    assert!(count >= 10, "{count}");
}

/// What prose speaks of may lack a value, but not be spelled wrong.
#[test]
fn every_command_that_is_spoken_of_is_one() {
    use clap::error::ErrorKind::{InvalidValue, MissingRequiredArgument};
    let mut count = 0;
    for file in documents() {
        let (_, prose) = parts(&read(&file));
        for code in prose.split('`').skip(1).step_by(2) {
            for words in commands(&code.replace("\\|", "|").replace('\n', " ")) {
                count += 1;
                if let Err(error) = Cli::try_parse_from(&words) {
                    let is_part = matches!(error.kind(), MissingRequiredArgument | InvalidValue);
                    assert!(is_part, "{file}: {words:?}\n{error}");
                }
            }
        }
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn every_link_inside_of_the_repository_leads_somewhere() {
    for file in documents() {
        let text = read(&file);
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let directory = Path::new(&file).parent().unwrap();
            let path = if path.is_empty() {
                root().join(&file)
            } else {
                root().join(directory).join(path)
            };
            assert!(path.exists(), "{file}: {target}");
            if !anchor.is_empty() {
                let there = fs::read_to_string(&path).unwrap();
                let mut titles = there.lines().filter(|line| line.starts_with('#'));
                let is_title = |title: &str| slug(title) == anchor;
                assert!(titles.any(is_title), "{file}: {target}");
            }
        }
    }
}

/// A link in a message leads to a paragraph, and every paragraph is led to.
#[test]
fn every_message_has_its_paragraph_and_no_other_has_one() {
    let page = read("docs/messages.md");
    let titles: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let source = read("src/model/notice.rs");
    let topics = source.split("fn topic(").nth(1).unwrap();
    let topics = topics
        .split("\n    }\n")
        .next()
        .unwrap()
        .split('"')
        .skip(1)
        .step_by(2);
    let mut linked: BTreeSet<String> = topics.map(str::to_owned).collect();
    assert!(linked.len() > 8);
    linked.insert("more-messages".to_owned());
    linked.extend(Cause::ALL.iter().map(|(_, name, _)| name.to_lowercase()));
    let linked: BTreeSet<&str> = linked.iter().map(String::as_str).collect();
    assert_eq!(titles, linked);
    for topic in linked {
        assert!(topic.len() <= LONGEST_TOPIC, "{topic}");
    }
}

/// A title as the anchor that it gets.
fn slug(title: &str) -> String {
    let title = title.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.collect()
}

/// What `docs/migration.md` shows is found and swapped, or asks by annotation and gets a daemon,
/// or is a policy.
#[test]
fn every_manifest_of_the_migration_does_what_it_says() {
    let (mut found, mut annotated, mut policies) = (0, 0, 0);
    for (language, block) in blocks(&read(MIGRATION)) {
        if !["yaml", "toml", "groovy"].contains(&language.as_str()) {
            continue;
        }
        if language == "yaml" {
            let documents =
                manifest::read(&block).unwrap_or_else(|error| panic!("{block}\n{error}"));
            if documents[0].value["kind"] == "Policy" {
                Config::from_yaml(&block).unwrap_or_else(|errors| panic!("{block}\n{errors}"));
                policies += 1;
                continue;
            }
            if block.contains(names::INJECT) {
                annotated += 1;
                asks(&documents[0].value, &block);
                continue;
            }
        }
        let syntax = match language.as_str() {
            "groovy" => Syntax::Groovy,
            "toml" => Syntax::Toml,
            _ => Syntax::Manifest,
        };
        if language == "toml" && block.contains(names::INJECT) {
            continue;
        }
        let evaluator = Evaluator {
            policy: Policy::offline(),
            setting: Setting::default(),
            changes: false,
        };
        let reading = text::read(&evaluator, &Namespaces::new(), MIGRATION, &block, syntax);
        assert!(reading.gaps.is_empty(), "{block}\n{:?}", reading.gaps);
        let [workload] = reading.workloads.as_slice() else {
            panic!("{block}\n{:?}", reading.workloads);
        };
        assert_eq!(workload.verdict, Verdict::Swapped, "{block}");
        found += 1;
    }
    assert_eq!((found, policies), (6, 3));
    assert!(annotated >= 1, "{annotated}");
}

/// Each diff in `docs/migration.md` is what `convert` makes of the source above it.
#[test]
fn every_diff_of_the_migration_is_made_by_convert() {
    let (mut source, mut count) = (None, 0);
    for (language, block) in blocks(&read(MIGRATION)) {
        let syntax = match language.as_str() {
            "groovy" => Syntax::Groovy,
            "toml" => Syntax::Toml,
            "yaml" => Syntax::Manifest,
            "diff" => {
                let (syntax, before): (Syntax, String) = source.take().unwrap();
                let policy = Policy::offline();
                let evaluator = Context {
                    policy: &policy,
                    setting: &Setting::default(),
                    namespaces: &Namespaces::new(),
                    patches: &[],
                };
                let done = migrate(&evaluator, &before, syntax);
                assert_eq!(done.refused, [], "{before}");
                let name = block
                    .lines()
                    .next()
                    .unwrap()
                    .strip_prefix("--- a/")
                    .unwrap();
                assert_eq!(patch(&before, &done.text, name), block);
                count += 1;
                continue;
            }
            _ => continue,
        };
        source = Some((syntax, block));
    }
    assert_eq!(count, 6);
}

/// The annotation of `document` in a Pod where it is honored; the document is a Pod, or holds
/// the metadata that its system gives to one.
fn asks(document: &Value, block: &str) {
    let annotations = annotations(document).unwrap_or_else(|| panic!("{block}"));
    // One for each system's container of that name.
    let containers: Vec<Value> = ["build", "runner", "step-build", "main"]
        .map(|name| serde_json::json!({"name": name, "image": "docker:28-cli"}))
        .to_vec();
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "annotations": annotations},
        "spec": {"containers": containers},
    });
    let label = (names::INJECTION_LABEL.to_owned(), "enabled".to_owned());
    let setting = Setting {
        namespace_labels: [label].into(),
        ..Setting::default()
    };
    let policy = Policy::builtin();
    for pod in pods(&pod) {
        let outcome = evaluate(&policy, &setting, &pod).unwrap();
        assert!(
            matches!(outcome.action, Action::Changed(_)),
            "{block}\n{:?}",
            outcome.action
        );
    }
}

/// The first `annotations` in a document.
fn annotations(value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) => fields
            .get("annotations")
            .cloned()
            .or_else(|| fields.values().find_map(annotations)),
        Value::Array(items) => items.iter().find_map(annotations),
        Value::String(text) if text.contains(names::INJECT) => {
            let inner = manifest::read(text).ok()?;
            inner
                .iter()
                .find_map(|document| annotations(&document.value))
        }
        _ => None,
    }
}
