//! JSON Patch operations (RFC 6902) on values that keep the order of their keys.
//!
//! Only `add`, `replace` and `remove`, of which this project's patches are made. The crate
//! `json-patch`, which tests hold this against, moves a mapping's last key to where one is
//! removed, and an author's manifest must not be shuffled.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::pointer::tokens;

/// One change of a document.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Sets a mapping's entry, new or not, or inserts an item before the one at an index, or
    /// after the last for `-`.
    Add {
        /// The JSON Pointer of what is added.
        path: String,
        /// What is added.
        value: Value,
    },
    /// Sets what is there already.
    Replace {
        /// The JSON Pointer of what is replaced.
        path: String,
        /// What stands there from now on.
        value: Value,
    },
    /// Takes away what is there.
    Remove {
        /// The JSON Pointer of what is removed.
        path: String,
    },
}

/// An operation that does not fit its document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// There is nothing at the path, or the path leads through a scalar.
    #[error("nothing at `{0}`")]
    Missing(String),
    /// Not a list of the operations known here.
    #[error("not a JSON Patch: {0}")]
    Unreadable(String),
}

/// Reads a JSON Patch.
///
/// # Errors
/// Where it is not one, or uses other operations than those of [`Operation`].
pub fn operations(patch: &[u8]) -> Result<Vec<Operation>, OperationError> {
    serde_json::from_slice(patch).map_err(|error| OperationError::Unreadable(error.to_string()))
}

impl Operation {
    /// The JSON Pointer of what is changed.
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => path,
        }
    }

    /// The same operation in a document that holds this one at `pointer`.
    pub fn below(mut self, pointer: &str) -> Self {
        match &mut self {
            Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => {
                path.insert_str(0, pointer);
            }
        }
        self
    }

    /// Carries it out.
    ///
    /// # Errors
    /// Where it does not fit; the document is then as it was.
    pub fn apply(self, document: &mut Value) -> Result<(), OperationError> {
        let missing = OperationError::Missing(self.path().to_owned());
        self.carry_out(document).ok_or(missing)
    }

    fn carry_out(self, document: &mut Value) -> Option<()> {
        let path = self.path();
        let Some((parent, last)) = path.rsplit_once('/') else {
            let (Self::Add { value, .. } | Self::Replace { value, .. }) = self else {
                return None;
            };
            *document = value;
            return Some(());
        };
        let last = tokens(&path[parent.len()..])
            .next()
            .map_or_else(|| last.to_owned(), |token| token.into_owned());
        let parent = document.pointer_mut(parent)?;
        match (parent, self) {
            (Value::Object(map), Self::Add { value, .. }) => {
                map.insert(last, value);
            }
            (Value::Object(map), Self::Replace { value, .. }) => {
                *map.get_mut(&last)? = value;
            }
            (Value::Object(map), Self::Remove { .. }) => {
                map.shift_remove(&last)?;
            }
            (Value::Array(list), Self::Add { value, .. }) => {
                let index = if last == "-" {
                    list.len()
                } else {
                    index(&last)?
                };
                if index > list.len() {
                    return None;
                }
                list.insert(index, value);
            }
            (Value::Array(list), Self::Replace { value, .. }) => {
                *list.get_mut(index(&last)?)? = value;
            }
            (Value::Array(list), Self::Remove { .. }) => {
                let index = index(&last)?;
                if index >= list.len() {
                    return None;
                }
                list.remove(index);
            }
            (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => return None,
        }
        Some(())
    }
}

/// An index as RFC 6901 writes it: no sign, no leading zero.
pub(crate) fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    token.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn applied(document: &Value, patch: &Value) -> Option<Value> {
        let mut document = document.clone();
        for operation in operations(&serde_json::to_vec(patch).unwrap()).unwrap() {
            operation.apply(&mut document).ok()?;
        }
        Some(document)
    }

    #[test]
    fn does_what_json_patch_does() {
        let document = json!({"a": 1, "b": [1, 2, {"c/d": null}], "e~f": {"g": []}});
        for path in [
            "",
            "/a",
            "/b",
            "/b/0",
            "/b/2",
            "/b/3",
            "/b/4",
            "/b/-",
            "/b/00",
            "/b/+1",
            "/b/2/c~1d",
            "/b/2/x",
            "/e~0f/g",
            "/e~0f/g/0",
            "/e~0f/g/-",
            "/a/x",
            "/x/y",
        ] {
            for op in ["add", "replace", "remove"] {
                if (path, op) == ("", "remove") {
                    // json-patch leaves null; there is no manifest without a root.
                    continue;
                }
                let patch = match op {
                    "remove" => json!([{"op": op, "path": path}]),
                    _ => json!([{"op": op, "path": path, "value": {"new": true}}]),
                };
                let mut theirs = document.clone();
                let parsed: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
                let theirs = json_patch::patch(&mut theirs, &parsed)
                    .is_ok()
                    .then_some(theirs);
                assert_eq!(applied(&document, &patch), theirs, "{patch}");
            }
        }
    }

    #[test]
    fn keys_keep_their_order() {
        let document = json!({"a": 1, "b": 2, "c": 3, "d": 4});
        let patch =
            json!([{"op": "remove", "path": "/b"}, {"op": "add", "path": "/a", "value": 0}]);
        let after = applied(&document, &patch).unwrap();
        assert_eq!(after.to_string(), r#"{"a":0,"c":3,"d":4}"#);
    }
}
