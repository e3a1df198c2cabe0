//! The Pod, and the container of it, in which something stands that a text says. Pure.

use std::cmp::Reverse;
use std::ops::Range;

use serde_json::Value;

use crate::manifest::{Document, MAX_DEPTH, Positions};

use crate::scan::account::Known;
use crate::scan::nodes;
use crate::scan::places::Places;

/// The Pods of a text that were judged, and their containers, by their bytes.
#[derive(Debug, Default)]
pub(super) struct PodsAt {
    /// In the order in which they start, the outer one first.
    all: Vec<(Range<usize>, String)>,
    /// Of each, the one that it is in.
    around: Vec<Option<usize>>,
}

impl PodsAt {
    /// Those of `documents`, of which this is `known`.
    pub fn of(documents: &[Document], known: &[Known], places: &mut Places<'_>) -> Self {
        let mut all = Vec::new();
        for (index, (document, known)) in documents.iter().zip(known).enumerate() {
            let Some(positions) = places.positions(index) else {
                continue;
            };
            for (name, pointers) in &known.pods {
                for pointer in pointers {
                    let Some(position) = positions.get(pointer) else {
                        continue;
                    };
                    all.push((position.node.clone(), name.clone()));
                    if let Some(value) = document.value.pointer(pointer) {
                        containers(value, pointer, name, positions, &mut all);
                    }
                }
            }
        }
        all.sort_by_key(|(bytes, _)| (bytes.start, Reverse(bytes.end)));
        let mut around = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (index, (bytes, _)) in all.iter().enumerate() {
            while open
                .pop_if(|last| all[*last].0.end <= bytes.start)
                .is_some()
            {}
            around.push(open.last().copied());
            open.push(index);
        }
        Self { all, around }
    }

    /// The name of the innermost one that has a byte.
    pub fn name(&self, byte: usize) -> Option<&str> {
        let before = self.all.partition_point(|(bytes, _)| bytes.start <= byte);
        let mut at = before.checked_sub(1);
        while let Some(index) = at {
            let (bytes, name) = &self.all[index];
            if bytes.contains(&byte) {
                return Some(name);
            }
            at = self.around[index];
        }
        None
    }
}

/// The containers somewhere in a value: what has an image and a name.
fn containers(
    value: &Value,
    at: &str,
    pod: &str,
    positions: &Positions,
    found: &mut Vec<(Range<usize>, String)>,
) {
    nodes::mappings(value, at, MAX_DEPTH, &mut |map, at| {
        let name = map.get("name").and_then(Value::as_str);
        let name = name.filter(|_| map.contains_key("image"));
        if let Some(name) = name
            && let Some(position) = positions.get(at)
        {
            found.push((position.node.clone(), format!("{pod}, container {name}")));
        }
    });
}
