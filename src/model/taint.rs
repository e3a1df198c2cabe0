//! Taints of nodes, and the tolerations with which Pods are scheduled to such nodes all the same.
//!
//! Source: `k8s.io/api/core/v1/toleration.go`, `ToleratesTaint`.

use serde::Deserialize;

/// A taint that keeps Pods away. `PreferNoSchedule` only discourages, and is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    NoSchedule,
    NoExecute,
}

impl Effect {
    /// `None` for an effect that keeps no Pod away.
    pub fn of(name: &str) -> Option<Self> {
        let mut all = [Self::NoSchedule, Self::NoExecute].into_iter();
        all.find(|effect| effect.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Toleration {
    /// Empty, with the operator `Exists`: every key.
    pub key: Option<String>,
    /// `Equal` if it is missing.
    pub operator: Option<String>,
    pub value: Option<String>,
    /// Every effect if it is missing.
    pub effect: Option<String>,
}

impl Toleration {
    pub fn tolerates(&self, taint: &Taint) -> bool {
        let [key, operator, value, effect] = [&self.key, &self.operator, &self.value, &self.effect]
            .map(|field| field.as_deref().unwrap_or_default());
        if !effect.is_empty() && effect != taint.effect.name() {
            return false;
        }
        if !key.is_empty() && key != taint.key {
            return false;
        }
        match operator {
            "" | "Equal" => value == taint.value,
            "Exists" => true,
            // The API server would refuse it, or it compares numbers (1.35, where enabled).
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_toleration_is_as_wide_as_it_is_written() {
        let taint = Taint {
            key: "dedicated".to_owned(),
            value: "ci".to_owned(),
            effect: Effect::NoSchedule,
        };
        for (toleration, expected) in [
            (r#"{"operator":"Exists"}"#, true),
            (r#"{"key":"dedicated","operator":"Exists"}"#, true),
            (r#"{"key":"dedicated","value":"ci"}"#, true),
            (
                r#"{"key":"dedicated","operator":"Equal","value":"ci","effect":"NoSchedule"}"#,
                true,
            ),
            (r#"{"key":"dedicated","value":null}"#, false),
            (r#"{"key":"other","operator":"Exists"}"#, false),
            (
                r#"{"key":"dedicated","operator":"Exists","effect":"NoExecute"}"#,
                false,
            ),
            (r#"{"key":"dedicated","operator":"Gt","value":"1"}"#, false),
        ] {
            let read: Toleration = crate::json::from_str(toleration).unwrap();
            assert_eq!(read.tolerates(&taint), expected, "{toleration}");
        }
    }

    #[test]
    fn a_taint_that_only_discourages_is_none() {
        for (name, expected) in [
            ("NoSchedule", Some(Effect::NoSchedule)),
            ("NoExecute", Some(Effect::NoExecute)),
            ("PreferNoSchedule", None),
        ] {
            assert_eq!(Effect::of(name), expected);
        }
    }
}
