//! Edits of block style: whole lines for what is added and removed, the node alone for what
//! is replaced.

use serde_json::{Map, Value};

use crate::manifest::{Origin, Position, Positions, below, to_block};

use crate::convert::edit::Edits;
use crate::convert::overlay::{Entry, Item, Node};
use crate::convert::style::{Style, dash_before};
use crate::convert::text::Text;

/// Writes edits of one document.
pub(super) struct Writer<'w> {
    pub text: &'w Text<'w>,
    pub positions: &'w Positions,
    pub style: Style,
    pub edits: &'w mut Edits,
}

/// What `metadata` goes before: the spec of a Pod, or the parts of a workflow's or a pipeline's step.
const BODIES: [&str; 8] = [
    "spec",
    "container",
    "script",
    "containerSet",
    "steps",
    "stepTemplate",
    "volumes",
    "params",
];

/// Spaces.
fn blanks(count: usize) -> String {
    " ".repeat(count)
}

/// `text` without the line break at its end.
fn trimmed(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

impl Writer<'_> {
    /// The edits that make of the node at `pointer` what it becomes; `was` is what it says.
    pub fn node(&mut self, node: &Node, was: &Value, pointer: &str) {
        let Some(position) = self.positions.get(pointer) else {
            return;
        };
        if matches!(node, Node::Kept) {
            return;
        }
        if self.text.get(position.node.clone()).starts_with('&') {
            self.edits.note_anchor(position.node.start);
        }
        match (node, position.origin) {
            (_, Origin::Flow) => self.flow(node, was, pointer, position),
            (Node::Map(entries), Origin::Block) => self.map(entries, was, pointer, position),
            (Node::List(items), Origin::Block) => self.list(items, was, pointer, position),
            // A new node is written by what holds it; the others refused to be changed.
            (Node::New(_) | Node::Kept, Origin::Block) | (_, Origin::Alias | Origin::Merge) => {}
        }
    }

    fn map(&mut self, entries: &[Entry], was: &Value, pointer: &str, position: &Position) {
        let keys: Vec<(&str, &Position)> = was
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .filter_map(|key| Some((key.as_str(), self.positions.get(&below(pointer, key))?)))
            .filter(|(_, position)| position.key.is_some())
            .collect();
        let Some(first) = keys.iter().find_map(|(_, position)| position.key.as_ref()) else {
            return;
        };
        let column = self.text.column(first.start);
        for (index, (key, at)) in keys.iter().enumerate() {
            let Some(key_at) = &at.key else { continue };
            let entry = entries.iter().find(|e| e.is_old && e.key == *key);
            let Some(entry) = entry else {
                let next = keys.get(index + 1).and_then(|(_, next)| next.key.as_ref());
                self.remove_entry(key_at.start, at.node.end, next.map(|next| next.start));
                continue;
            };
            let pointer = below(pointer, key);
            let was = was.get(*key).unwrap_or(&Value::Null);
            match &entry.node {
                Node::Kept => {}
                Node::New(value) => self.replace_value(at, key_at.end, column, value),
                Node::List(items) if items.is_empty() => {
                    self.replace_value(at, key_at.end, column, &Value::Array(Vec::new()));
                }
                Node::Map(entries) if entries.is_empty() => {
                    self.replace_value(at, key_at.end, column, &Value::Object(Map::new()));
                }
                changed @ (Node::Map(_) | Node::List(_)) => self.node(changed, was, &pointer),
            }
        }
        for entry in entries.iter().filter(|entry| !entry.is_old) {
            let value = entry.node.value(&Value::Null);
            let lines = Value::Object(Map::from_iter([(entry.key.clone(), value)]));
            let lines = to_block(&lines, column, self.style.block);
            let lines = trimmed(&lines);
            // As people write it: `metadata` goes before what it is of.
            // What goes takes its lines along, and what was written before it in them.
            let stays = |key: &str| entries.iter().any(|entry| entry.is_old && entry.key == key);
            let mut bodies = keys.iter();
            let spec = bodies.position(|(key, _)| BODIES.contains(key) && stays(key));
            // All lines below a text with `+` are the text's.
            let is_open = keys.last().is_some_and(|(_, last)| self.keeps_lines(last));
            let (at, text) = match spec.filter(|_| entry.key == "metadata") {
                Some(0) => (first.start, format!("{lines}\n{}", blanks(column))),
                Some(spec) => {
                    let before = self.text.line_stop(keys[spec - 1].1.node.end);
                    (before, format!("\n{}{lines}", blanks(column)))
                }
                None if is_open => (first.start, format!("{lines}\n{}", blanks(column))),
                None => {
                    let end = self.text.line_stop(position.node.end);
                    (end, format!("\n{}{lines}", blanks(column)))
                }
            };
            self.edits.insert(at, text);
        }
    }

    /// Whether a value is a text that keeps the empty lines behind it: `|+`, `>2+`.
    fn keeps_lines(&self, value: &Position) -> bool {
        let node = self.text.get(value.node.clone());
        let header = node.lines().next().unwrap_or_default();
        let is_literal = header.starts_with(['|', '>', '&', '!']);
        let header = header.split(" #").next().unwrap_or_default();
        is_literal && header.contains('+') && header.contains(['|', '>'])
    }

    fn remove_entry(&mut self, start: usize, end: usize, next: Option<usize>) {
        let text = self.text;
        match (text.is_first(start), text.stop_before(start), next) {
            (true, Some(before), _) => self.edits.delete(before..text.line_stop(end)),
            // The first line of the text, or the first key after a dash: the next key comes up.
            (_, _, Some(next)) => self.edits.delete(start..next),
            (_, _, None) => {}
        }
    }

    /// Puts `value` in place of the one of the key that ends at `key`.
    fn replace_value(&mut self, at: &Position, key: usize, column: usize, value: &Value) {
        let text = self.text;
        if text.get(at.node.clone()).starts_with('&') {
            self.edits.note_anchor(at.node.start);
        }
        let Some(colon) = text.get(key..text.all.len()).find(':') else {
            return;
        };
        let colon = key + colon + 1;
        let lines = Value::Object(Map::from_iter([("k".to_owned(), value.clone())]));
        let lines = to_block(&lines, column, self.style.block);
        let lines = trimmed(&lines).strip_prefix("k:").unwrap_or_default();
        let node = at.node.clone();
        let is_beside = !text.has_break(colon..node.start);
        if node.is_empty() {
            let at = if lines.starts_with('\n') {
                text.line_stop(colon)
            } else {
                colon
            };
            self.edits.insert(at, lines);
        } else if !lines.contains('\n') && is_beside {
            self.edits.replace(node, lines.trim_start());
        } else if lines.starts_with('\n') && is_beside && !text.has_break(node.clone()) {
            // A comment behind it stays on the key's line.
            self.edits.delete(colon..node.end);
            self.edits.insert(text.line_stop(node.end), lines);
        } else {
            self.edits.replace(colon..node.end, lines);
        }
    }

    fn list(&mut self, items: &[Item], was: &Value, pointer: &str, position: &Position) {
        let text = self.text;
        let count = was.as_array().map_or(0, Vec::len);
        let mut olds = Vec::new();
        for index in 0..count {
            let node = self.positions.get(&format!("{pointer}/{index}"));
            let Some(node) = node else { return };
            let Some(dash) = dash_before(text, node.node.start) else {
                return;
            };
            olds.push((dash, node));
        }
        let (Some((first_dash, _)), Some((_, last))) = (olds.first(), olds.last()) else {
            return;
        };
        let column = text.column(*first_dash);
        for (index, (dash, node)) in olds.iter().enumerate() {
            let item = items.iter().find(|item| item.old == Some(index));
            match item.map(|item| &item.node) {
                None => self.remove_entry(*dash, node.node.end, None),
                Some(Node::Kept) => {}
                Some(Node::New(value)) => self.replace_item(node, value),
                Some(changed @ (Node::Map(_) | Node::List(_))) => {
                    let was = was.get(index).unwrap_or(&Value::Null);
                    self.node(changed, was, &format!("{pointer}/{index}"));
                }
            }
        }
        let has_old = items.iter().any(|item| item.old.is_some());
        let key_stop = position.key.as_ref().map(|key| text.line_stop(key.end));
        let mut at = if has_old {
            // Below the key, so that a comment above the first item stays with it.
            key_stop
                .filter(|stop| stop < first_dash)
                .or_else(|| text.stop_before(*first_dash))
        } else {
            Some(text.line_stop(last.node.end))
        };
        for item in items {
            if let Some(old) = item.old.and_then(|old| olds.get(old)) {
                at = Some(text.line_stop(old.1.node.end));
                continue;
            }
            let value = Value::Array(vec![item.node.value(&Value::Null)]);
            let lines = to_block(&value, column, self.style.block);
            if let Some(at) = at {
                self.edits
                    .insert(at, format!("\n{}{}", blanks(column), trimmed(&lines)));
            }
        }
    }

    fn replace_item(&mut self, at: &Position, value: &Value) {
        let node = at.node.clone();
        let lines = to_block(value, self.text.column(node.start), self.style.block);
        self.edits.replace(node, trimmed(&lines));
    }
}
