//! How a document is laid out, so that what is inserted looks as if its author wrote it.

use serde_json::Value;

use crate::manifest::{Flow, Layout, Origin, Positions, Spacing, below, push_token};

use crate::convert::text::Text;

/// The habits of a document's author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Block style: the most frequent indentations.
    pub block: Layout,
    /// Flow style within one line.
    pub flow: Flow,
    /// Columns for each level of flow style over several lines.
    pub step: usize,
}

impl Style {
    /// The style of a document.
    pub fn of(text: &Text<'_>, value: &Value, positions: &Positions) -> Self {
        let mut seen = Seen::default();
        let survey = Survey { text, positions };
        survey.node(value, &mut String::new(), &mut seen);
        let is_json = positions.get("").is_some_and(|root| {
            root.origin == Origin::Flow
                && serde_json::from_str::<serde::de::IgnoredAny>(text.get(root.node.clone()))
                    .is_ok()
        });
        Self {
            block: Layout {
                step: seen.step.most(Layout::KUBECTL.step),
                dash: seen.dash.most(Layout::KUBECTL.dash),
                item: seen.item.most(Layout::KUBECTL.item),
            },
            flow: Flow {
                json: is_json,
                spacing: match seen.tight.most(0) {
                    0 => Spacing::Line,
                    _ => Spacing::Tight,
                },
            },
            step: seen.flow_step.most(2),
        }
    }
}

/// Where the dash of an item stands whose node starts at `node`.
pub(super) fn dash_before(text: &Text<'_>, node: usize) -> Option<usize> {
    let before = text.get(0..node).trim_end_matches([' ', '\t', '\r', '\n']);
    before.ends_with('-').then(|| before.len() - 1)
}

/// How often a number was seen; larger ones than there is room for are nobody's habit.
#[derive(Debug, Default)]
struct Counts([usize; 10]);

impl Counts {
    fn count(&mut self, number: usize) {
        if let Some(count) = self.0.get_mut(number) {
            *count += 1;
        }
    }

    fn most(&self, otherwise: usize) -> usize {
        let counts = self.0.iter().copied().enumerate();
        let seen = counts.filter(|(_, count)| *count > 0);
        // Of two that are as frequent, the smaller.
        let most = seen.max_by_key(|(number, count)| (*count, usize::MAX - number));
        most.map_or(otherwise, |(number, _)| number)
    }
}

#[derive(Debug, Default)]
struct Seen {
    step: Counts,
    dash: Counts,
    item: Counts,
    flow_step: Counts,
    tight: Counts,
}

struct Survey<'s> {
    text: &'s Text<'s>,
    positions: &'s Positions,
}

impl Survey<'_> {
    fn node(&self, value: &Value, pointer: &mut String, seen: &mut Seen) {
        let Some(position) = self.positions.get(pointer) else {
            return;
        };
        let mark = pointer.len();
        match value {
            Value::Object(map) => {
                for (key, child) in map {
                    pointer.push('/');
                    push_token(pointer, key);
                    self.entry(position.origin, child, pointer, seen);
                    self.node(child, pointer, seen);
                    pointer.truncate(mark);
                }
            }
            Value::Array(list) => {
                for (index, child) in list.iter().enumerate() {
                    pointer.push_str(&format!("/{index}"));
                    self.node(child, pointer, seen);
                    pointer.truncate(mark);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// What an entry of a mapping tells.
    fn entry(&self, parent: Origin, child: &Value, pointer: &str, seen: &mut Seen) {
        let text = self.text;
        let Some(position) = self.positions.get(pointer) else {
            return;
        };
        let Some(key) = &position.key else {
            return;
        };
        let first = match child {
            Value::Object(map) => map.keys().next().map(|key| below(pointer, key)),
            Value::Array(list) => list.first().map(|_| format!("{pointer}/0")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        let first = first.and_then(|first| self.positions.get(&first));
        if parent == Origin::Flow {
            let after = text.get(key.end..position.node.start);
            if !after.is_empty() {
                seen.tight.count(usize::from(after == ":"));
            }
            if let Some(first) = first {
                let start = first.key.as_ref().map_or(first.node.start, |key| key.start);
                if text.is_first(start) {
                    let step = text.column(start).checked_sub(text.indent(key.start));
                    step.into_iter().for_each(|step| seen.flow_step.count(step));
                }
            }
            return;
        }
        let (Origin::Block, Some(first)) = (position.origin, first) else {
            return;
        };
        let column = text.column(key.start);
        match &first.key {
            Some(inner) => {
                let step = text.column(inner.start).checked_sub(column);
                let step = step.filter(|step| *step > 0);
                step.into_iter().for_each(|step| seen.step.count(step));
            }
            None => {
                let Some(dash) = dash_before(text, first.node.start) else {
                    return;
                };
                let offset = text.column(dash).checked_sub(column);
                offset
                    .into_iter()
                    .for_each(|offset| seen.dash.count(offset));
                if !text.has_break(dash..first.node.start) {
                    seen.item.count(first.node.start - dash);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::manifest::read_with_positions;

    fn style(text: &str) -> Style {
        let document = read_with_positions(text).unwrap().remove(0);
        Style::of(
            &Text::new(text),
            &document.value,
            &document.positions.unwrap(),
        )
    }

    #[test]
    fn block_style_is_that_of_most_nodes() {
        for (text, step, dash, item) in [
            ("a:\n  b:\n  - c: 1\n", 2, 0, 2),
            ("a:\n    b:\n      - c: 1\n", 4, 2, 2),
            ("a:\n  b:\n    -   c:\n          d: 1\n", 2, 2, 4),
            ("a: 1\n", 2, 0, 2),
            ("a:\n - 1\nb:\n - 1\nc:\n- 1\n", 2, 1, 2),
        ] {
            let found = style(text).block;
            assert_eq!(
                (found.step, found.dash, found.item),
                (step, dash, item),
                "{text}"
            );
        }
    }

    #[test]
    fn json_is_told_from_flow_style() {
        let json = |text| style(text).flow;
        let tight = Flow {
            json: true,
            spacing: Spacing::Tight,
        };
        assert_eq!(json(r#"{"a":{"b":1}}"#), tight);
        assert!(!json("{a: {b: 1}}").json);
        assert_eq!(style("{\n    \"a\": {\n        \"b\": 1\n    }\n}").step, 4);
    }
}
