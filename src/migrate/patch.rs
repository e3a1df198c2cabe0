//! A patch of a kustomization, which changes an object that stands in another file.
//!
//! A conversion sees the object alone; the patch is laid over what it leaves. A target is met where it may be:
//! what is a pattern, or selects by labels, is not computed.

use serde_json::Value;

use crate::manifest::read_with_positions;
use crate::names::NO_NAME;
use crate::scan::candidate::Object;

/// Its objects, by what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    kind: Option<String>,
    name: Option<String>,
    /// Whether a kustomization between gives the objects another name.
    is_renamed: bool,
}

/// What a patch does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// The operations of RFC 6902.
    Operations(Vec<Step>),
    /// A strategic merge patch, and its place.
    Merge(Value, String),
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// `prod/kustomization.yaml:4`.
    pub place: String,
    pub op: String,
    pub path: String,
    pub from: Option<String>,
    pub value: Value,
}

/// A patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    target: Target,
    pub(super) change: Change,
}

impl Target {
    /// The `target` of an entry of a kustomization.
    pub fn of(target: &Value, is_renamed: bool) -> Self {
        let text = |key: &str| target.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            kind: text("kind"),
            name: text("name"),
            is_renamed,
        }
    }

    fn may_be(&self, kind: &str, name: &str) -> bool {
        let is_kind = self.kind.as_deref().is_none_or(|own| is_like(own, kind));
        let is_name = self.name.as_deref().is_none_or(|own| {
            let is_part = self.is_renamed && own.contains(name);
            is_part || is_like(own, name)
        });
        is_kind && is_name
    }
}

/// Whether a target's text, which is a regular expression, may be for `own`.
fn is_like(pattern: &str, own: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    pattern.is_empty() || pattern == own || !pattern.chars().all(is_plain)
}

impl Patch {
    /// The patches that `text` is, each at the place that its line has; for `target`, or each for the object that it
    /// names itself.
    pub fn all(
        text: &str,
        target: Option<&Target>,
        is_renamed: bool,
        place: &dyn Fn(u32) -> String,
    ) -> Vec<Self> {
        let documents = read_with_positions(text).unwrap_or_default().into_iter();
        let own = documents.filter_map(|document| {
            let positions = document.positions.as_ref();
            let (own, change) = match document.value {
                Value::Array(all) => {
                    let steps = all.iter().enumerate().filter_map(|(index, one)| {
                        let at = positions.and_then(|all| all.nearest(&format!("/{index}")));
                        Step::of(one, place(at.map_or(document.line, |at| at.line)))
                    });
                    (Target::default(), Change::Operations(steps.collect()))
                }
                object @ Value::Object(_) => {
                    let head = Object::of(&object);
                    let text = |text: &str| {
                        let is_said = !text.is_empty() && text != NO_NAME;
                        is_said.then(|| text.to_owned())
                    };
                    let own = Target {
                        kind: text(head.kind),
                        name: text(head.name),
                        is_renamed,
                    };
                    (own, Change::Merge(object, place(document.line)))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
            };
            Some(Self {
                target: target.cloned().unwrap_or(own),
                change,
            })
        });
        own.collect()
    }

    /// Whether it may change the object of this kind and name.
    pub(super) fn may_change(&self, kind: &str, name: &str) -> bool {
        self.target.may_be(kind, name)
    }
}

impl Step {
    fn of(operation: &Value, place: String) -> Option<Self> {
        let text = |key: &str| operation.get(key).and_then(Value::as_str);
        Some(Self {
            place,
            op: text("op")?.to_owned(),
            path: text("path")?.to_owned(),
            from: text("from").map(str::to_owned),
            value: operation.get("value").cloned().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_target_is_met_where_it_may_be() {
        for (target, is_renamed, is_met) in [
            (json!({}), false, true),
            (json!({"kind": "Deployment"}), false, true),
            (json!({"kind": "Deployment", "name": "web"}), false, true),
            (json!({"kind": "Deployment", "name": "w.*"}), false, true),
            (json!({"kind": "Deployment", "name": "a-web"}), true, true),
            (json!({"kind": "Deployment", "name": "a-web"}), false, false),
            (json!({"kind": "Job", "name": "web"}), false, false),
            (json!({"labelSelector": "a=b"}), false, true),
        ] {
            let found = Target::of(&target, is_renamed);
            assert_eq!(found.may_be("Deployment", "web"), is_met, "{target}");
        }
    }
}
