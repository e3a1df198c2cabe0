//! Texts inside of a document's strings: a ConfigMap's files, a chart's values, Jenkins' templates.
//!
//! A literal block keeps every line that is the same inside; a quoted string is written again as JSON
//! writes it, where it was written so. Any other form is left to its author.

use std::rc::Rc;

use base64_simd::STANDARD;
use serde_json::Value;

use crate::manifest::{Position, read_with_positions};
use crate::names::NO_NAME;
use crate::scan::candidate::{Object, each_item};
use crate::scan::mentions::Words;
use crate::scan::sources::embedded;
use crate::scan::text::syntax_of;

use crate::migrate::{Around, ByHand, Context, Lines, MAX_TEXTS, Migrated, line_of, within};

/// A text to look into: the document's index, the string's pointer, and what is around it.
struct Inner {
    document: usize,
    pointer: String,
    text: String,
    around: Around,
}

/// Changes what stands inside of the strings of `done`, which was made of the text `was`.
pub(super) fn migrate(
    context: &Context<'_>,
    was: &str,
    mut done: Migrated,
    around: &Around,
) -> Migrated {
    if around.depth >= MAX_TEXTS {
        return done;
    }
    for inner in inner_texts(context, &done.text, around) {
        let part = within(context, &inner.text, syntax_of(&inner.text), &inner.around);
        if part.changed.is_empty() && part.refused.is_empty() {
            continue;
        }
        // Pointers stay what they are: only strings change.
        let read = read_with_positions(&done.text).unwrap_or_default();
        let positions = read
            .get(inner.document)
            .and_then(|document| document.positions.as_ref());
        let position = positions.and_then(|all| all.get(&inner.pointer));
        let Some(position) = position else { continue };
        let before = position
            .key
            .as_ref()
            .map_or(position.line, |_| line_of(&done.text, position.node.start));
        let before = Lines::between(was, &done.text).before(before);
        for by_hand in part.refused {
            done.refused.push(ByHand {
                line: before.saturating_add(by_hand.line),
                ..by_hand
            });
        }
        if part.changed.is_empty() {
            continue;
        }
        match spliced(&done.text, position, &inner.text, &part.text) {
            Some(text) => {
                done.text = text;
                done.changed.extend(part.changed.into_iter().map(|mut changed| {
                    changed.line = before.saturating_add(changed.line);
                    changed
                }));
            }
            None => done.refused.extend(part.changed.into_iter().map(|changed| {
                let why = "by hand: it stands in a string of a form that is not edited; write the string as a literal block (|) \
                           and run the command again";
                changed.undone(before, why)
            })),
        }
    }
    done
}

fn inner_texts(context: &Context<'_>, text: &str, around: &Around) -> Vec<Inner> {
    let words = Words::of(&context.policy.sockets);
    let is_empty = !words.is_in(text) && !embedded::may_be_in(text) && !embedded::has_encoded(text);
    let documents = match is_empty {
        true => Vec::new(),
        false => crate::manifest::read(text).unwrap_or_default(),
    };
    let mut found = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        each_item(&document.value, &mut |item: &Value, pointer| {
            let head = Object::of(item);
            for inner in embedded::texts(item, pointer, &words) {
                let outer = (head.name != NO_NAME).then_some(head.name);
                let name = match outer.or(around.name.as_deref()) {
                    Some(outer) => format!("{outer}/{}", inner.name),
                    None => inner.name.to_owned(),
                };
                let namespace = inner.namespace.or(head.namespace);
                found.push(Inner {
                    document: index,
                    pointer: inner.pointer,
                    text: inner.text.into_owned(),
                    around: Around {
                        name: Some(name),
                        namespace: namespace
                            .map(str::to_owned)
                            .or_else(|| around.namespace.clone()),
                        depth: around.depth + 1,
                        kept: Rc::clone(&around.kept),
                    },
                });
            }
        });
    }
    found
}

/// The text with another string at `position`; none where its form is not edited.
fn spliced(text: &str, position: &Position, before: &str, after: &str) -> Option<String> {
    let node = text.get(position.node.clone())?;
    let with = if node.starts_with('|') {
        literal(node, before, after)?
    } else if node == STANDARD.encode_to_string(before) {
        // A Secret's data.
        STANDARD.encode_to_string(after)
    } else if node == serde_json::to_string(before).ok()? {
        serde_json::to_string(after).ok()?
    } else {
        return None;
    };
    let mut out = text.to_owned();
    out.replace_range(position.node.clone(), &with);
    // What is said is what was meant, or nothing is.
    let (was, now) = (
        crate::manifest::read(text).ok()?,
        crate::manifest::read(&out).ok()?,
    );
    (was.len() == now.len()).then_some(out)
}

/// A literal block with another text.
fn literal(node: &str, before: &str, after: &str) -> Option<String> {
    let (header, body) = node.split_once('\n')?;
    let lines: Vec<&str> = body.split('\n').collect();
    let first = lines.iter().find(|line| !line.trim().is_empty())?;
    let indent = first.len() - first.trim_start_matches(' ').len();
    let first_inner = before.lines().find(|line| !line.trim().is_empty())?;
    let own = first_inner.len() - first_inner.trim_start_matches(' ').len();
    let indent = indent.checked_sub(own)?;
    let line_end = if header.ends_with('\r') { "\r" } else { "" };
    let old: Vec<&str> = before.trim_end_matches('\n').split('\n').collect();
    let new: Vec<&str> = after.trim_end_matches('\n').split('\n').collect();
    if old.len() != lines.len() {
        return None;
    }
    let is_same = |(line, inner): (&&str, &&str)| {
        let line = line.trim_end_matches('\r');
        line.get(indent..).unwrap_or("") == *inner || (line.trim().is_empty() && inner.is_empty())
    };
    if !lines.iter().zip(&old).all(is_same) {
        return None;
    }
    let head = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most);
    let tail = tail.take_while(|(old, new)| old == new).count();
    let written = |inner: &&str| match inner.is_empty() {
        true => line_end.to_owned(),
        false => format!("{}{inner}{line_end}", " ".repeat(indent)),
    };
    let mut out: Vec<String> = lines[..head]
        .iter()
        .map(|line| (*line).to_owned())
        .collect();
    out.extend(new[head..new.len() - tail].iter().map(written));
    out.extend(
        lines[lines.len() - tail..]
            .iter()
            .map(|line| (*line).to_owned()),
    );
    // The node ends before the last line's end.
    let mut body = out.join("\n");
    if tail == 0 {
        body.truncate(body.trim_end_matches('\r').len());
    }
    Some(format!("{header}\n{body}"))
}
