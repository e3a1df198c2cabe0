//! A Jenkins pipeline: the Pods in its strings, and the plugin's own `podTemplate(…)`.
//!
//! A string without escapes is edited as the manifest that it is. Of a template the calls of
//! `hostPathVolume(…)` go, and `podAnnotation(…)` come; the plugin mounts such a volume in every container.

use std::ops::Range;
use std::rc::Rc;

use crate::manifest::PodRef;
use crate::names::NO_NAME;
use crate::scan::sources::groovy::tokens::{Kind, Token, tokens};
use crate::scan::sources::groovy::{self, Template};
use crate::scan::sources::jenkins::{HostPath, JENKINS_AGENT, container_of, pod_of};

use crate::migrate::advice::{self, by_hand_since};
use crate::migrate::pod::{Migration, migration};
use crate::migrate::spot::Naming;
use crate::migrate::{Around, ByHand, Changed, Context, Migrated, manifest};

pub(super) fn migrate(context: &Context<'_>, text: &str, around: &Around) -> Migrated {
    let mut done = Migrated::unchanged(text);
    let name = around.name.clone().unwrap_or_else(|| "agent".to_owned());
    let inside = Around {
        name: Some(name),
        namespace: around.namespace.clone(),
        depth: around.depth + 1,
        kept: Rc::clone(&around.kept),
    };
    let pipeline = groovy::read(text);
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (block, bytes) in pipeline.blocks.iter().zip(&pipeline.known) {
        let mut part = manifest::migrate(context, &block.text, &inside);
        for changed in &mut part.changed {
            changed.line += block.line - 1;
            changed.what = format!(
                "{JENKINS_AGENT}/{}",
                inside.name.as_deref().unwrap_or(NO_NAME)
            );
        }
        done.refused
            .extend(part.refused.into_iter().map(|by_hand| ByHand {
                line: by_hand.line + block.line - 1,
                ..by_hand
            }));
        if part.changed.is_empty() {
            continue;
        }
        match inner(text, bytes, &block.text) {
            Some(range) => {
                edits.push((range, part.text));
                done.changed.extend(part.changed);
            }
            None => done.refused.extend(part.changed.into_iter().map(|changed| {
                let line = changed.line;
                let why = "by hand: its string has escapes, and is not edited; write it without them and run the command again";
                changed.undone(line, why)
            })),
        }
    }
    let tokens = tokens(text);
    for template in &pipeline.templates {
        templates(
            context, text, &tokens, template, around, &mut edits, &mut done,
        );
    }
    edits.sort_by_key(|(range, _)| range.start);
    for (range, with) in edits.iter().rev() {
        done.text.replace_range(range.clone(), with);
    }
    done.changed.sort_by_key(|changed| changed.line);
    done
}

/// The bytes between the quotes of the string at `bytes`, where it is written as it reads.
fn inner(text: &str, bytes: &Range<usize>, read: &str) -> Option<Range<usize>> {
    let written = text.get(bytes.clone())?;
    let quote = if written.starts_with("'''") || written.starts_with("\"\"\"") {
        3
    } else {
        1
    };
    let range = bytes.start + quote..bytes.end.checked_sub(quote)?;
    (text.get(range.clone())? == read).then_some(range)
}

/// Changes the calls of one template, or of the volumes that stand outside of one.
fn templates(
    context: &Context<'_>,
    text: &str,
    tokens: &[Token],
    template: &Template,
    around: &Around,
    edits: &mut Vec<(Range<usize>, String)>,
    done: &mut Migrated,
) {
    let mounts: Vec<HostPath> = template
        .volumes
        .iter()
        .map(|volume| HostPath {
            host_path: volume.host_path.clone(),
            mount_path: volume.mount_path.clone(),
        })
        .collect();
    let pod = pod_of(
        template.containers.iter().map(container_of).collect(),
        &mounts,
    );
    let name = template
        .name
        .as_deref()
        .or(around.name.as_deref())
        .unwrap_or(NO_NAME);
    let what = format!("{JENKINS_AGENT}/{name}");
    // Volumes outside of a template begin with the first of them.
    let first = template.volumes.first().map_or(1, |volume| volume.line);
    let line = if template.line == 0 {
        first
    } else {
        template.line
    };
    let setting = context.setting(around.namespace.as_deref());
    let found = PodRef {
        kind: "Pod",
        name: Some(name),
        namespace: None,
        pointer: String::new(),
        pod: Ok(&pod),
    };
    let judged = migration(context.policy, &setting, &found, Naming::Every, &|_, _| {
        None
    });
    if !matches!(judged, Ok(None))
        && let Some(reason) = around.stays_as(JENKINS_AGENT, name)
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
    let lines: Vec<u32> = migration
        .mounts
        .iter()
        .filter(|(place, _)| place.index == 0)
        .filter_map(|(_, mount)| template.volumes.get(*mount))
        .map(|volume| volume.lines.start)
        .collect();
    match edit(text, tokens, &lines, &migration) {
        Ok(new) => {
            edits.extend(new);
            done.changed.push(Changed {
                line,
                what,
                namespace: setting.namespace,
                annotations: advice::annotations(&migration.annotations),
            });
        }
        Err(why) => {
            let message = by_hand_since(
                why,
                &migration,
                "as annotations: [podAnnotation(key: …, value: …)] of its podTemplate",
            );
            done.refuse(line, what, message);
        }
    }
}

/// The edits of one `volumes: [ … ]`.
///
/// # Errors
/// Why it is left to its author.
fn edit(
    text: &str,
    tokens: &[Token],
    lines: &[u32],
    migration: &Migration,
) -> Result<Vec<(Range<usize>, String)>, &'static str> {
    const ELSEWHERE: &str =
        "its volumes do not stand in a list volumes: [ … ], each on lines of its own";
    let has_annotations = tokens.windows(2).any(|two| {
        let is_key = matches!(&two[0].kind, Kind::Word(word) if word == "annotations");
        is_key && matches!(two[1].kind, Kind::Sign(':'))
    });
    if has_annotations {
        return Err(
            "a podTemplate of this file has annotations, and a second list would take their place",
        );
    }
    in_list(text, tokens, lines, migration).ok_or(ELSEWHERE)
}

/// The same; none where the calls stand anywhere else.
fn in_list(
    text: &str,
    tokens: &[Token],
    lines: &[u32],
    migration: &Migration,
) -> Option<Vec<(Range<usize>, String)>> {
    let is_call = |token: &Token| {
        matches!(&token.kind, Kind::Word(word) if word == "hostPathVolume")
            && lines.contains(&token.line)
    };
    let first = tokens.iter().position(is_call)?;
    // `volumes: [` before the list's first item.
    let mut depth = 0_usize;
    let open = (0..first).rev().find(|index| match tokens[*index].kind {
        Kind::Sign(')' | ']') => {
            depth += 1;
            false
        }
        Kind::Sign('(' | '[') if depth == 0 => true,
        Kind::Sign('(' | '[') => {
            depth -= 1;
            false
        }
        Kind::Sign(_) | Kind::Word(_) | Kind::Text { .. } => false,
    })?;
    let is_sign = |index: usize, sign| {
        matches!(tokens.get(index)?.kind, Kind::Sign(s) if s == sign).then_some(())
    };
    is_sign(open, '[')?;
    let key = open.checked_sub(2)?;
    is_sign(key + 1, ':')?;
    if !matches!(&tokens[key].kind, Kind::Word(word) if word == "volumes") {
        return None;
    }
    let items = items(tokens, open)?;
    let close = items.last().map_or(open + 1, |item| item.end);
    let gone: Vec<&Range<usize>> = items
        .iter()
        .filter(|item| is_call(&tokens[item.start]))
        .collect();
    // Each line may have one call; more could not be told apart by their lines.
    if gone.len() != lines.len() {
        return None;
    }
    let key_at = tokens[key].bytes.start;
    let start = text[..key_at].rfind('\n').map_or(0, |at| at + 1);
    let lead = &text[start..key_at];
    let indent = &lead[..lead.len() - lead.trim_start().len()];
    let list = annotations(migration, indent);
    if gone.len() == items.len() {
        let range = key_at..tokens[close].bytes.end;
        return Some(vec![(range, list)]);
    }
    let mut edits = vec![(key_at..key_at, format!("{list},\n{indent}"))];
    for item in gone {
        let at = items.iter().position(|other| other == item)?;
        let bytes =
            |item: &Range<usize>| tokens[item.start].bytes.start..tokens[item.end - 1].bytes.end;
        let range = match (
            items.get(at + 1),
            at.checked_sub(1).and_then(|before| items.get(before)),
        ) {
            (Some(next), _) => bytes(item).start..bytes(next).start,
            (None, Some(before)) => bytes(before).end..bytes(item).end,
            (None, None) => bytes(item),
        };
        edits.push((range, String::new()));
    }
    Some(edits)
}

/// `annotations: [ … ]`, its items on lines of their own.
fn annotations(migration: &Migration, indent: &str) -> String {
    let items: Vec<String> = migration
        .annotations
        .iter()
        .map(|(key, value)| format!("{indent}    podAnnotation(key: '{key}', value: '{value}')"))
        .collect();
    format!("annotations: [\n{}\n{indent}]", items.join(",\n"))
}

/// The items of the list that opens at `open`, as ranges of tokens; the last one ends at the list's end.
fn items(tokens: &[Token], open: usize) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = open + 1;
    for (index, token) in tokens.iter().enumerate().skip(open + 1) {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(']') if depth == 0 => {
                if index > start {
                    found.push(start..index);
                }
                return Some(found);
            }
            Kind::Sign(')' | ']' | '}') => depth = depth.checked_sub(1)?,
            Kind::Sign(',') if depth == 0 => {
                found.push(start..index);
                start = index + 1;
            }
            Kind::Sign(_) | Kind::Word(_) | Kind::Text { .. } => {}
        }
    }
    None
}
