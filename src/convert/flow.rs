//! Edits of flow style, `{…}` and `[…]`: within the brackets, in one line or in many.

use std::ops::Range;

use serde_json::Value;

use crate::manifest::{Flow, Position, Spacing, below, to_flow, to_flow_entry};

use crate::convert::block::Writer;
use crate::convert::overlay::Node;

/// What becomes of a child that the text has.
struct Old<'n> {
    /// With its key.
    range: Range<usize>,
    node: Option<&'n Node>,
    pointer: String,
    was: &'n Value,
}

/// A child that the text has not: after which old one, and its key.
struct New<'n> {
    after: Option<usize>,
    key: Option<&'n str>,
    value: Value,
}

impl Writer<'_> {
    /// The edits of a node that stands in flow style.
    pub(super) fn flow(&mut self, node: &Node, was: &Value, pointer: &str, at: &Position) {
        let (olds, news) = match node {
            Node::Map(entries) => {
                let mut olds = Vec::new();
                for (key, was) in was.as_object().into_iter().flatten() {
                    let pointer = below(pointer, key);
                    let Some(position) = self.positions.get(&pointer) else {
                        continue;
                    };
                    let Some(key_at) = &position.key else {
                        continue;
                    };
                    let found = entries.iter().find(|e| e.is_old && e.key == *key);
                    olds.push(Old {
                        range: key_at.start..position.node.end,
                        node: found.map(|entry| &entry.node),
                        pointer,
                        was,
                    });
                }
                let last = olds.iter().rposition(|old| old.node.is_some());
                let news = entries.iter().filter(|entry| !entry.is_old);
                let news = news.map(|entry| New {
                    after: last,
                    key: Some(&entry.key),
                    value: entry.node.value(&Value::Null),
                });
                (olds, news.collect())
            }
            Node::List(items) => {
                let list = was.as_array().map(Vec::as_slice).unwrap_or_default();
                let mut olds = Vec::new();
                for (index, was) in list.iter().enumerate() {
                    let pointer = format!("{pointer}/{index}");
                    let Some(position) = self.positions.get(&pointer) else {
                        return;
                    };
                    let found = items.iter().find(|item| item.old == Some(index));
                    olds.push(Old {
                        range: position.node.clone(),
                        node: found.map(|item| &item.node),
                        pointer,
                        was,
                    });
                }
                let mut after = None;
                let mut news = Vec::new();
                for item in items {
                    match item.old {
                        Some(old) => after = Some(old),
                        None => news.push(New {
                            after,
                            key: None,
                            value: item.node.value(&Value::Null),
                        }),
                    }
                }
                (olds, news)
            }
            Node::New(value) => return self.replace_flow(at, value, self.style.flow.spacing),
            Node::Kept => return,
        };
        if olds.iter().all(|old| old.node.is_none()) {
            return self.replace_flow(at, &node.value(was), self.spacing(at, &olds));
        }
        self.children(&olds, at);
        self.remove(&olds);
        self.insert(&olds, &news, at);
    }

    /// What stands between the children of a node.
    fn spacing(&self, at: &Position, olds: &[Old<'_>]) -> Spacing {
        let first = olds.first().map(|old| old.range.start);
        match first.filter(|first| self.text.is_first(*first)) {
            Some(first) => {
                let indent = self.text.column(first);
                let outer = self.text.indent(at.node.start);
                let step = indent.checked_sub(outer).filter(|step| *step > 0);
                let step = step.unwrap_or(self.style.step);
                Spacing::Lines { indent, step }
            }
            None => self.style.flow.spacing,
        }
    }

    fn with(&self, spacing: Spacing) -> Flow {
        Flow {
            spacing,
            ..self.style.flow
        }
    }

    fn replace_flow(&mut self, at: &Position, value: &Value, spacing: Spacing) {
        let spacing = match spacing {
            Spacing::Lines { step, .. } => Spacing::Lines {
                indent: self.text.indent(at.node.start),
                step,
            },
            spacing @ (Spacing::Tight | Spacing::Line) => spacing,
        };
        let mut text = to_flow(value, self.with(spacing));
        if at.node.is_empty() {
            let is_bare = at.key.as_ref().is_some_and(|key| key.end == at.node.start);
            text.insert_str(0, if is_bare { ": " } else { " " });
        }
        self.edits.replace(at.node.clone(), text);
    }

    fn children(&mut self, olds: &[Old<'_>], at: &Position) {
        let spacing = self.spacing(at, olds);
        for old in olds {
            match old.node {
                Some(Node::New(value)) => {
                    if let Some(position) = self.positions.get(&old.pointer) {
                        if self.text.get(position.node.clone()).starts_with('&') {
                            self.edits.note_anchor(position.node.start);
                        }
                        self.replace_flow(position, value, spacing);
                    }
                }
                Some(changed) => self.node(changed, old.was, &old.pointer),
                None => {}
            }
        }
    }

    /// Takes children away with the comma before the next, or with the one before the last.
    fn remove(&mut self, olds: &[Old<'_>]) {
        let last = olds.iter().rposition(|old| old.node.is_some());
        for (index, old) in olds.iter().enumerate() {
            let next = olds.get(index + 1);
            match (last, next) {
                (Some(last), Some(next)) if old.node.is_none() && index < last => {
                    self.edits.delete(old.range.start..next.range.start);
                }
                (Some(last), _) if index == last => {
                    let end = olds.last().map_or(old.range.end, |last| last.range.end);
                    if end > old.range.end {
                        self.edits.delete(old.range.end..end);
                    }
                }
                _ => {}
            }
        }
    }

    fn insert(&mut self, olds: &[Old<'_>], news: &[New<'_>], at: &Position) {
        let spacing = self.spacing(at, olds);
        let separator = match spacing {
            Spacing::Tight => ",".to_owned(),
            Spacing::Line => ", ".to_owned(),
            Spacing::Lines { indent, .. } => format!(",\n{}", " ".repeat(indent)),
        };
        // Where each child has one line, so has a new one.
        let has_line = |old: &Old<'_>| !self.text.has_break(old.range.clone());
        let is_collection = |old: &Old<'_>| old.was.is_object() || old.was.is_array();
        let flow = if olds.iter().all(has_line) && olds.iter().any(is_collection) {
            self.style.flow
        } else {
            self.with(spacing)
        };
        for new in news {
            let text = match new.key {
                Some(key) => to_flow_entry(key, &new.value, flow),
                None => to_flow(&new.value, flow),
            };
            match new.after.and_then(|after| olds.get(after)) {
                Some(after) => {
                    // A comma close to a colon would be no comma for every parser.
                    let blank = match self.text.get(after.range.clone()).ends_with(':') {
                        true => " ",
                        false => "",
                    };
                    let text = format!("{blank}{separator}{text}");
                    self.edits.insert(after.range.end, text);
                }
                None => {
                    let start = olds.first().map_or(at.node.end, |old| old.range.start);
                    self.edits.insert(start, format!("{text}{separator}"));
                }
            }
        }
    }
}
