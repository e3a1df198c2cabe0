//! The anchors of one document, and copies of what they name within a bound.
//!
//! A few hundred bytes of aliases can name gigabytes. Every copy that an anchor or alias makes is
//! paid for from one budget for the text, so reading takes memory in proportion to the text plus
//! [`MAX_EXPANSION`].

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::manifest::{MAX_DEPTH, Problem};

/// How many MiB of values anchors and aliases of one text may add. The API server takes objects up
/// to 3 MiB.
const MAX_EXPANSION: usize = 16;

/// The finished nodes that an alias may name, by the parser's number for the anchor.
pub(super) struct Anchors {
    nodes: HashMap<usize, Value>,
    budget: usize,
}

impl Anchors {
    pub fn new() -> Self {
        Self {
            nodes: HashMap::new(),
            budget: MAX_EXPANSION * 1024 * 1024,
        }
    }

    /// Keeps a node for later aliases. Anchor 0 stands for none.
    pub fn keep(&mut self, anchor: usize, value: &Value) -> Result<(), Problem> {
        if anchor != 0 {
            let value = copy(value, 0, &mut self.budget)?;
            self.nodes.insert(anchor, value);
        }
        Ok(())
    }

    /// The finished node an alias names, to look at.
    pub fn get(&self, anchor: usize) -> Option<&Value> {
        self.nodes.get(&anchor)
    }

    /// A copy of the node an alias names, to stand at `depth`. An anchor that is still open is none
    /// yet, so nothing can contain itself.
    pub fn expand(&mut self, anchor: usize, depth: usize) -> Result<Value, Problem> {
        let node = self.nodes.get(&anchor).ok_or(Problem::Alias)?;
        copy(node, depth, &mut self.budget)
    }

    /// Forgets all: an alias reaches back only within its document, as in `kubectl`, which splits the
    /// stream before it reads it. What was spent stays spent.
    pub fn clear(&mut self) {
        self.nodes.clear();
    }
}

fn copy(value: &Value, depth: usize, budget: &mut usize) -> Result<Value, Problem> {
    pay(budget, size_of::<Value>())?;
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => {
            pay(budget, text.len())?;
            value.clone()
        }
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
            return Err(Problem::Depth(MAX_DEPTH));
        }
        Value::Array(list) => {
            let copies: Result<_, _> = list
                .iter()
                .map(|item| copy(item, depth + 1, budget))
                .collect();
            Value::Array(copies?)
        }
        Value::Object(map) => {
            let mut copies = Map::new();
            for (key, value) in map {
                pay(budget, size_of::<String>() + key.len())?;
                copies.insert(key.clone(), copy(value, depth + 1, budget)?);
            }
            Value::Object(copies)
        }
    })
}

fn pay(budget: &mut usize, bytes: usize) -> Result<(), Problem> {
    *budget = budget
        .checked_sub(bytes)
        .ok_or(Problem::Expansion(MAX_EXPANSION))?;
    Ok(())
}
