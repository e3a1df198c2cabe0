//! What becomes of each node of a document: kept as it is written, changed inside, or new.
//!
//! Operations are carried out on this tree in their order, as on a value. A node that stands
//! in shared text (an alias, or what `<<` brings) refuses to be changed inside.

use serde_json::{Map, Value};

use crate::manifest::{Operation, Origin, Positions, index, push_token, tokens};

/// What becomes of a node.
#[derive(Debug)]
pub(super) enum Node {
    /// As it is written.
    Kept,
    /// A mapping, changed inside.
    Map(Vec<Entry>),
    /// A list, changed inside.
    List(Vec<Item>),
    /// Not in the text yet.
    New(Value),
}

/// An entry of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    /// Whether the mapping had the key before, in its own text.
    pub is_old: bool,
    pub node: Node,
}

/// An item of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// Its index before, where it was there.
    pub old: Option<usize>,
    pub node: Node,
}

/// Why an operation is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It would change shared text; the line.
    Shared(u32),
    /// There is nothing at its path.
    Missing,
}

impl Node {
    /// Carries out `operation` on the root; `value` is what the text says.
    pub fn apply(
        &mut self,
        value: &Value,
        positions: &Positions,
        operation: &Operation,
    ) -> Result<(), Refused> {
        let path: Vec<String> = tokens(operation.path())
            .map(|token| token.into_owned())
            .collect();
        let step = Step {
            positions,
            operation,
        };
        step.carry_out(self, Some(value), &mut String::new(), &path)
    }

    /// What the node says in the end; `was` is what the text says there.
    pub fn value(&self, was: &Value) -> Value {
        match self {
            Self::Kept => was.clone(),
            Self::New(value) => value.clone(),
            Self::Map(entries) => {
                let entries = entries.iter().map(|entry| {
                    let was = was.get(&entry.key).unwrap_or(&Value::Null);
                    (entry.key.clone(), entry.node.value(was))
                });
                Value::Object(entries.collect::<Map<_, _>>())
            }
            Self::List(items) => {
                let items = items.iter().map(|item| {
                    let was = item.old.and_then(|old| was.get(old));
                    item.node.value(was.unwrap_or(&Value::Null))
                });
                Value::Array(items.collect())
            }
        }
    }
}

struct Step<'o> {
    positions: &'o Positions,
    operation: &'o Operation,
}

impl Step<'_> {
    fn carry_out(
        &self,
        node: &mut Node,
        was: Option<&Value>,
        pointer: &mut String,
        path: &[String],
    ) -> Result<(), Refused> {
        if let Node::New(value) = node {
            return self.on_new(value, path);
        }
        let Some((token, rest)) = path.split_first() else {
            return match self.operation {
                Operation::Add { value, .. } | Operation::Replace { value, .. } => {
                    *node = Node::New(value.clone());
                    Ok(())
                }
                Operation::Remove { .. } => Err(Refused::Missing),
            };
        };
        let was = was.ok_or(Refused::Missing)?;
        self.expand(node, was, pointer)?;
        match node {
            Node::Map(entries) => self.in_map(entries, was, pointer, token, rest),
            Node::List(items) => self.in_list(items, was, pointer, token, rest),
            Node::Kept | Node::New(_) => Err(Refused::Missing),
        }
    }

    /// Opens a kept node, so that its children can change.
    fn expand(&self, node: &mut Node, was: &Value, pointer: &str) -> Result<(), Refused> {
        if !matches!(node, Node::Kept) {
            return Ok(());
        }
        if !self.is_written_at(pointer) {
            return Err(self.shared(pointer));
        }
        *node = match was {
            Value::Object(map) => Node::Map(
                map.keys()
                    .map(|key| Entry {
                        key: key.clone(),
                        is_old: true,
                        node: Node::Kept,
                    })
                    .collect(),
            ),
            Value::Array(list) => Node::List(
                (0..list.len())
                    .map(|index| Item {
                        old: Some(index),
                        node: Node::Kept,
                    })
                    .collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(Refused::Missing);
            }
        };
        Ok(())
    }

    fn in_map(
        &self,
        entries: &mut Vec<Entry>,
        was: &Value,
        pointer: &mut String,
        token: &str,
        rest: &[String],
    ) -> Result<(), Refused> {
        let found = entries.iter().position(|entry| entry.key == token);
        pointer.push('/');
        push_token(pointer, token);
        match (found, self.operation) {
            (Some(at), Operation::Remove { .. }) if rest.is_empty() => {
                if entries[at].is_old && self.is_merged(pointer) {
                    return Err(self.shared(pointer));
                }
                entries.remove(at);
                Ok(())
            }
            (Some(at), Operation::Add { value, .. } | Operation::Replace { value, .. })
                if rest.is_empty() =>
            {
                let entry = &mut entries[at];
                // A key of the mapping's own goes before what `<<` brings.
                entry.is_old &= !self.is_merged(pointer);
                entry.node = Node::New(value.clone());
                Ok(())
            }
            (Some(at), _) => self.carry_out(&mut entries[at].node, was.get(token), pointer, rest),
            (None, Operation::Add { value, .. }) if rest.is_empty() => {
                entries.push(Entry {
                    key: token.to_owned(),
                    is_old: false,
                    node: Node::New(value.clone()),
                });
                Ok(())
            }
            (None, _) => Err(Refused::Missing),
        }
    }

    fn in_list(
        &self,
        items: &mut Vec<Item>,
        was: &Value,
        pointer: &mut String,
        token: &str,
        rest: &[String],
    ) -> Result<(), Refused> {
        let at = match token {
            "-" => items.len(),
            token => index(token).ok_or(Refused::Missing)?,
        };
        if let (Operation::Add { value, .. }, true) = (self.operation, rest.is_empty()) {
            if at > items.len() {
                return Err(Refused::Missing);
            }
            let node = Node::New(value.clone());
            items.insert(at, Item { old: None, node });
            return Ok(());
        }
        let item = items.get_mut(at).ok_or(Refused::Missing)?;
        if let (Operation::Remove { .. }, true) = (self.operation, rest.is_empty()) {
            items.remove(at);
            return Ok(());
        }
        // The text's own pointer, for positions: items may have moved.
        let old = item.old.unwrap_or_default();
        pointer.push_str(&format!("/{old}"));
        self.carry_out(&mut item.node, was.get(old), pointer, rest)
    }

    fn on_new(&self, value: &mut Value, path: &[String]) -> Result<(), Refused> {
        let mut inner = String::new();
        for token in path {
            inner.push('/');
            push_token(&mut inner, token);
        }
        let operation = match self.operation.clone() {
            Operation::Add { value, .. } => Operation::Add { path: inner, value },
            Operation::Replace { value, .. } => Operation::Replace { path: inner, value },
            Operation::Remove { .. } => Operation::Remove { path: inner },
        };
        operation.apply(value).map_err(|_| Refused::Missing)
    }

    /// Whether the node's own text stands at its place.
    fn is_written_at(&self, pointer: &str) -> bool {
        let position = self.positions.get(pointer);
        position.is_some_and(|position| match position.origin {
            Origin::Block | Origin::Flow => true,
            Origin::Alias | Origin::Merge => false,
        })
    }

    fn is_merged(&self, pointer: &str) -> bool {
        let position = self.positions.get(pointer);
        position.is_none_or(|position| position.origin == Origin::Merge)
    }

    fn shared(&self, pointer: &str) -> Refused {
        let nearest = self.positions.nearest(pointer);
        Refused::Shared(nearest.map_or(1, |position| position.line))
    }
}
