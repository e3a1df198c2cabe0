//! `docs/policy.md`: its tables are the program's own, and every policy in it is one.

use std::fmt::Write as _;

use dind_injector::decide::Policy;
use dind_injector::decide::cause::Cause;
use dind_injector::decide::named::Named;
use dind_injector::decide::reason::Reason;
use dind_injector::manifest;
use dind_injector::model::sockets_table::{Entry, Kind, TABLE};
use dind_injector::policy_file::{Config, tables};

use super::{golden, path};

fn document() -> String {
    std::fs::read_to_string(path("docs/policy.md")).unwrap()
}

/// Puts `made` between the two comments that name a part.
fn with_part(document: &str, part: &str, made: &str) -> String {
    let begin = format!("<!-- begin {part} -->\n");
    let end = format!("<!-- end {part} -->");
    let (before, rest) = document.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}\n{made}\n{end}{after}")
}

fn reasons<T: Named>() -> String {
    let mut table = "| word | when |\n| --- | --- |\n".to_owned();
    for (_, name, meaning) in T::ALL {
        writeln!(table, "| `{name}` | {meaning} |").unwrap();
    }
    table
}

fn paths() -> String {
    let mut table =
        "| path | what is there | runtime | source |\n| --- | --- | --- | --- |\n".to_owned();
    for Entry {
        path, kind, source, ..
    } in TABLE
    {
        let path = match kind {
            Kind::Pipe(_) => format!("\\\\.\\pipe\\{path}"),
            Kind::DockerSocket | Kind::Runtime(_) | Kind::Data(_) | Kind::Client => {
                (*path).to_owned()
            }
        };
        let (what, runtime) = (kind.name(), kind.runtime().name());
        writeln!(table, "| `{path}` | {what} | {runtime} | {source} |").unwrap();
    }
    table
}

#[test]
fn the_tables_are_what_the_program_says() {
    let document = document();
    let document = with_part(&document, "fields", tables().trim_end());
    let document = with_part(&document, "paths", paths().trim_end());
    let document = with_part(&document, "denied", reasons::<Cause>().trim_end());
    let document = with_part(&document, "left", reasons::<Reason>().trim_end());
    golden("docs/policy.md", &document);
}

/// The fenced YAML blocks of a Markdown text.
fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match &mut open {
            None if line == "```yaml" => open = Some(String::new()),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

#[test]
fn every_policy_in_the_documentation_is_one() {
    let mut policies = 0;
    for block in blocks(&document()) {
        let documents = manifest::read(&block).unwrap();
        if documents.len() == 1 && documents[0].value["kind"] == "Policy" {
            if let Err(errors) = Config::from_yaml(&block) {
                panic!("{block}\n{errors}");
            }
            policies += 1;
        }
    }
    assert!(policies >= 5, "{policies}");
}

#[test]
fn the_built_in_policy_is_what_the_documentation_says() {
    let document = document();
    let (_, after) = document.split_once("## The built-in policy").unwrap();
    let block = blocks(after).remove(0);
    let config = Config::from_yaml(&block).unwrap();
    assert_eq!(*config.policy(), Policy::builtin());
}
