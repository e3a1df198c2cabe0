//! A GitLab Runner's `config.toml`: its volumes of the node go, and its Pods' annotations come.
//!
//! The runner mounts each volume in all of a job's containers, which get their names from the runner, so
//! the annotation names none. Tables are edited by their lines, and annotations come where the runner has its own: a
//! table cannot be written twice. What comes of it is read again, and has to say what was said but for these. Source:
//! gitlab-runner, `docs/executors/kubernetes`.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Value, json};

use crate::manifest::{PodRef, tokens};
use crate::scan::candidate::{Candidate, candidates};
use crate::scan::sources::tekton::Beside;
use crate::scan::sources::toml_document;

use crate::migrate::advice::{annotations, by_hand_since};
use crate::migrate::pod::{Migration, migration};
use crate::migrate::spot::Naming;
use crate::migrate::{Around, ByHand, Changed, Context, Migrated};

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
    let judged = migration(context.policy, &setting, &found, Naming::Every, &|_, _| {
        None
    });
    if !matches!(judged, Ok(None))
        && let Some(reason) = around.stays(candidate)
    {
        done.refused.push(ByHand::ignored(line, what, reason));
        return;
    }
    let migration = match judged {
        Ok(Some(migration)) => migration,
        Ok(None) => return,
        Err(refusal) => {
            return done.refuse(line, what, refusal.to_string());
        }
    };
    match edited(&done.text, candidate, &migration) {
        Ok((text, line)) => {
            done.text = text;
            done.changed.push(Changed {
                line,
                what,
                namespace: setting.namespace,
                annotations: annotations(&migration.annotations),
            });
        }
        Err(why) => {
            let message = by_hand_since(
                &why,
                &migration,
                "in the runner's table [runners.kubernetes.pod_annotations]",
            );
            done.refuse(line, what, message);
        }
    }
}

/// The text with a runner's tables edited, and the first line of them.
///
/// # Errors
/// Why it is left to its author.
fn edited(
    text: &str,
    candidate: &Candidate<'_>,
    migration: &Migration,
) -> Result<(String, u32), String> {
    const UNLIKE: &str = "its volumes are no tables [[runners.kubernetes.volumes.host_path]]";
    let before = toml_document::read(text);
    if let Some((line, error)) = before.error {
        return Err(format!("line {line} of it is no TOML ({error})"));
    }
    let Gone { runner, volumes } = Gone::of(candidate, migration).ok_or(UNLIKE)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let tables = tables(&lines);
    let own = of_runner(&tables, runner).ok_or(UNLIKE)?;
    let all: Vec<&Table> = own.iter().filter(|table| table.name == VOLUME).collect();
    let gone: Vec<Range<usize>> = volumes
        .iter()
        .map(|index| all.get(*index).map(|table| table.lines.clone()))
        .collect::<Option<_>>()
        .ok_or(UNLIKE)?;
    let first = gone.first().ok_or(UNLIKE)?.start;
    let at = format!("/runners/{runner}/kubernetes/pod_annotations");
    let mut edits: Vec<(usize, String)> = Vec::new();
    if let Some(table) = own.iter().find(|table| table.name == ANNOTATIONS) {
        edits.push((
            table.lines.end,
            entries(&lines, table.lines.clone(), migration),
        ));
    } else if before.document.value.pointer(&at).is_some() {
        return Err(
            "its pod_annotations are not written as a table of their own, and a second one would be no TOML"
                .to_owned(),
        );
    } else {
        let header = lines.get(first).copied().unwrap_or_default();
        let table = format!("{}[{ANNOTATIONS}]{}", indent(header), line_end(header));
        let entries = entries(&lines, first..first + 2, migration);
        edits.push((first, format!("{table}{entries}")));
    }
    let mut out = String::with_capacity(text.len() + 256);
    for index in 0..=lines.len() {
        for (_, new) in edits.iter().filter(|(at, _)| *at == index) {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push_str(line_end(text));
            }
            out.push_str(new);
        }
        if let Some(line) = lines
            .get(index)
            .filter(|_| !gone.iter().any(|gone| gone.contains(&index)))
        {
            out.push_str(line);
        }
    }
    let expected = expected(before.document.value, runner, &volumes, migration);
    if !says(&out, expected, runner) {
        return Err("what would be written does not say the same".to_owned());
    }
    Ok((out, u32::try_from(first + 1).unwrap_or(u32::MAX)))
}

/// The volumes that go.
struct Gone {
    runner: usize,
    volumes: BTreeSet<usize>,
}

impl Gone {
    /// Those of a migration; none where one stands anywhere else than in a runner's list.
    fn of(candidate: &Candidate<'_>, migration: &Migration) -> Option<Self> {
        let mut found = Self {
            runner: 0,
            volumes: BTreeSet::new(),
        };
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
            found.runner = of.parse().ok()?;
            found.volumes.insert(index.parse::<usize>().ok()?);
        }
        Some(found)
    }
}

/// The entries of the annotations, indented as the lines `like` are behind their header.
fn entries(lines: &[&str], like: Range<usize>, migration: &Migration) -> String {
    let header = lines.get(like.start).copied().unwrap_or_default();
    let first = lines.get(like.start + 1).filter(|_| like.len() > 1);
    let inner = indent(first.copied().unwrap_or(header));
    let entry = |(key, value): &(&str, String)| {
        format!(
            "{inner}{} = {}{}",
            json!(key),
            json!(value),
            line_end(header)
        )
    };
    migration.annotations.iter().map(entry).collect()
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn line_end(line: &str) -> &'static str {
    match line.ends_with("\r\n") {
        true => "\r\n",
        false => "\n",
    }
}

/// What the document is to say.
fn expected(
    mut document: Value,
    runner: usize,
    volumes: &BTreeSet<usize>,
    migration: &Migration,
) -> Value {
    let of_runner = document.pointer_mut(&format!("/runners/{runner}/kubernetes"));
    let Some(own) = of_runner.and_then(Value::as_object_mut) else {
        return document;
    };
    let list = own
        .get_mut("volumes")
        .and_then(|all| all.get_mut("host_path"));
    if let Some(list) = list.and_then(Value::as_array_mut) {
        let mut index = 0;
        list.retain(|_| {
            index += 1;
            !volumes.contains(&(index - 1))
        });
    }
    let all = own.entry("pod_annotations").or_insert_with(|| json!({}));
    if let Some(all) = all.as_object_mut() {
        for (key, value) in &migration.annotations {
            all.insert((*key).to_owned(), json!(value));
        }
    }
    document
}

/// Whether `text` is TOML that says `expected`. A list of which nothing is left is not written.
fn says(text: &str, mut expected: Value, runner: usize) -> bool {
    let mut now = toml_document::read(text);
    prune(&mut expected, runner);
    prune(&mut now.document.value, runner);
    now.error.is_none() && now.document.value == expected
}

fn prune(document: &mut Value, runner: usize) {
    let of_runner = document.pointer_mut(&format!("/runners/{runner}/kubernetes"));
    let Some(own) = of_runner.and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(all) = own.get_mut("volumes").and_then(Value::as_object_mut) {
        all.retain(|_, list| list.as_array().is_none_or(|list| !list.is_empty()));
        if all.is_empty() {
            own.remove("volumes");
        }
    }
}

/// The tables of one of the runners.
fn of_runner(tables: &[Table], runner: usize) -> Option<&[Table]> {
    let starts = tables.iter().enumerate();
    let mut starts = starts
        .filter(|(_, table)| table.name == "runners")
        .skip(runner);
    let (from, _) = starts.next()?;
    let to = starts.next().map_or(tables.len(), |(index, _)| index);
    tables.get(from..to)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Policy;
    use crate::review::offline::Setting;
    use crate::scan::result::Namespaces;

    fn migrated(text: &str) -> Migrated {
        let context = Context {
            policy: &Policy::offline(),
            setting: &Setting::default(),
            namespaces: &Namespaces::new(),
            patches: &[],
        };
        migrate(&context, text, &Around::default())
    }

    const VOLUME: &str = "[[runners.kubernetes.volumes.host_path]]\nname = \"d\"\nmount_path = \"/var/run/docker.sock\"\n";

    #[test]
    fn a_mount_path_that_is_filled_in_later_is_left_to_its_author() {
        let volume = VOLUME.replace("/var/run/docker.sock", "{{ .Values.sock }}");
        let text = format!(
            "[[runners]]\nexecutor = \"kubernetes\"\n{volume}host_path = \"/var/run/docker.sock\"\n"
        );
        let done = migrated(&text);
        assert_eq!(done.text, text);
        let message = &done.refused[0].message;
        assert!(
            message.contains("which no annotation can carry"),
            "{message}"
        );
    }

    #[test]
    fn annotations_come_into_the_table_that_a_runner_has() {
        let own = "[runners.kubernetes.pod_annotations]\nteam = \"ci\"\n";
        for (text, is_like) in [
            (
                format!("[[runners]]\nexecutor = \"kubernetes\"\n{own}{VOLUME}"),
                true,
            ),
            (
                format!(
                    "[[runners]]\nexecutor = \"kubernetes\"\n{VOLUME}{}",
                    own.trim_end()
                ),
                true,
            ),
            (
                format!("[[runners]]\nexecutor = \"kubernetes\"\n{VOLUME}"),
                false,
            ),
        ] {
            let done = migrated(&text);
            assert_eq!(done.refused, [], "{text}");
            let now = toml_document::read(&done.text);
            assert_eq!(now.error, None, "{}", done.text);
            let all = &now.document.value["runners"][0]["kubernetes"]["pod_annotations"];
            assert_eq!(all["dind-injector.io/inject"], "true", "{}", done.text);
            assert_eq!(all["team"] == "ci", is_like, "{}", done.text);
        }
    }

    #[test]
    fn annotations_that_are_no_table_are_left_with_what_to_write() {
        for own in [
            "[runners.kubernetes]\npod_annotations.team = \"ci\"\n",
            "[runners.kubernetes]\npod_annotations = {team = \"ci\"}\n",
            "kubernetes.pod_annotations.team = \"ci\"\n",
            "[runners.kubernetes.pod_annotations]\n\"dind-injector.io/inject\" = \"false\"\n",
            "[runners.kubernetes]\nbearer_token = \"\"\"a\n[[runners]]\n\"\"\"\n",
            "{{ if .x }}\n",
        ] {
            let text = format!("[[runners]]\nexecutor = \"kubernetes\"\n{own}{VOLUME}");
            let done = migrated(&text);
            assert_eq!(done.text, text);
            assert_eq!(done.changed, []);
            let message = &done.refused[0].message;
            assert!(
                message.contains("dind-injector.io/inject: \"true\""),
                "{message}"
            );
        }
    }
}
