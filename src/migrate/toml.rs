//! A GitLab Runner's `config.toml`: its volumes of the node go, and its Pods' annotations come.
//!
//! The runner mounts each volume in all of a job's containers, which get their names from the runner, so
//! the annotation names none. Tables are edited by their lines; what is written as one line of TOML is left to
//! its author. Source: gitlab-runner, `docs/executors/kubernetes`.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::json;

use crate::manifest::{PodRef, tokens};
use crate::scan::candidate::{Candidate, candidates};
use crate::scan::sources::tekton::Beside;
use crate::scan::sources::toml_document;

use crate::migrate::advice::by_hand;
use crate::migrate::pod::{Migration, migration};
use crate::migrate::spot::Naming;
use crate::migrate::{Around, Changed, Context, Migrated};

/// The table of a runner's annotations.
const ANNOTATIONS: &str = "runners.kubernetes.pod_annotations";
/// The table of a volume of the node.
const VOLUME: &str = "runners.kubernetes.volumes.host_path";

pub(super) fn migrate(context: &Context<'_>, text: &str, around: &Around) -> Migrated {
    let mut done = Migrated::unchanged(text);
    let document = toml_document::read(text).document;
    let found = candidates(&document.value, &Beside::default());
    // From the last on, so that the lines of those before stay what they are.
    for candidate in found.iter().rev() {
        let positions = document.positions.as_ref();
        let line = positions.and_then(|all| all.nearest(candidate.pointers.base()));
        one(
            context,
            around,
            candidate,
            line.map_or(1, |at| at.line),
            &mut done,
        );
    }
    done.changed.reverse();
    done.refused.reverse();
    done
}

fn one(
    context: &Context<'_>,
    around: &Around,
    candidate: &Candidate<'_>,
    line: u32,
    done: &mut Migrated,
) {
    let what = format!("{}/{}", candidate.kind, around.name_of(candidate));
    let setting = context.setting(candidate.namespace.or(around.namespace.as_deref()));
    let found = PodRef {
        kind: candidate.maker,
        name: Some(&candidate.name),
        namespace: candidate.namespace,
        pointer: String::new(),
        pod: candidate
            .pod
            .as_ref()
            .map(|pod| pod.as_ref())
            .map_err(Clone::clone),
    };
    let migration = match migration(context.policy, &setting, &found, Naming::Every, &|_, _| {
        None
    }) {
        Ok(Some(migration)) => migration,
        Ok(None) => return,
        Err(refusal) => {
            return done.refuse(line, what, refusal.to_string());
        }
    };
    match edited(&done.text, candidate, &migration) {
        Some((text, line)) => {
            done.text = text;
            done.changed.push(Changed {
                line,
                what,
                namespace: setting.namespace,
            });
        }
        None => {
            let message = by_hand(
                &migration,
                "in the runner's table [runners.kubernetes.pod_annotations]",
            );
            done.refuse(line, what, message);
        }
    }
}

/// The text with a runner's tables edited, and the first line of them; none where they are no tables of their own.
fn edited(text: &str, candidate: &Candidate<'_>, migration: &Migration) -> Option<(String, u32)> {
    let mut runner = 0;
    let mut volumes = BTreeSet::new();
    for (place, mount) in &migration.mounts {
        let at = candidate
            .pointers
            .outer(&format!("{place}/volumeMounts/{mount}"));
        let parts: Vec<_> = tokens(&at).collect();
        let [first, of, kubernetes, kind, list, index, _] = parts.as_slice() else {
            return None;
        };
        let is_volume = [first, kubernetes, kind, list].map(|part| part.as_ref())
            == ["runners", "kubernetes", "volumes", "host_path"];
        if !is_volume {
            return None;
        }
        runner = of.parse().ok()?;
        volumes.insert(index.parse::<usize>().ok()?);
    }
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let tables = tables(&lines);
    let starts: Vec<usize> = tables
        .iter()
        .enumerate()
        .filter(|(_, table)| table.name == "runners")
        .map(|(index, _)| index)
        .collect();
    let from = *starts.get(runner)?;
    let to = starts.get(runner + 1).copied().unwrap_or(tables.len());
    let own = tables.get(from..to)?;
    if own.iter().any(|table| table.name == ANNOTATIONS) {
        return None;
    }
    let all: Vec<&Table> = own.iter().filter(|table| table.name == VOLUME).collect();
    let gone: Vec<Range<usize>> = volumes
        .iter()
        .map(|index| all.get(*index).map(|table| table.lines.clone()))
        .collect::<Option<_>>()?;
    let first = gone.first()?.start;
    let header = lines.get(first)?;
    let line_end = if header.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let indent = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
    let outer = indent(header);
    let inner = lines
        .get(first + 1)
        .map_or_else(|| outer.clone(), |line| indent(line));
    let mut table = format!("{outer}[{ANNOTATIONS}]{line_end}");
    for (key, value) in &migration.annotations {
        table.push_str(&format!(
            "{inner}{} = {}{line_end}",
            json!(key),
            json!(value)
        ));
    }
    for gone in gone.iter().rev() {
        lines.drain(gone.clone());
    }
    lines.insert(first, &table);
    Some((lines.concat(), u32::try_from(first + 1).unwrap_or(u32::MAX)))
}

/// A table: its name, and its lines from the header to its last entry.
struct Table {
    name: String,
    lines: Range<usize>,
}

fn tables(lines: &[&str]) -> Vec<Table> {
    let mut found: Vec<Table> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            let name = line.split('#').next().unwrap_or_default().trim();
            let name = name.trim_matches(['[', ']']).replace(['"', '\'', ' '], "");
            found.push(Table {
                name,
                lines: index..index + 1,
            });
        } else if !line.is_empty()
            && !line.starts_with('#')
            && let Some(last) = found.last_mut()
        {
            last.lines.end = index + 1;
        }
    }
    found
}
