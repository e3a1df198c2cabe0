//! Label selectors, as the API server reads them.
//!
//! Source: `k8s.io/apimachinery/pkg/apis/meta/v1/types.go`, `LabelSelector`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What labels must be; an empty one selects everything.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    match_labels: Labels,
    match_expressions: Vec<Requirement>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Whether an object with these labels is selected.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.refusal(labels).is_none()
    }

    /// What does not hold of these labels; none where they are selected.
    pub fn refusal(&self, labels: &Labels) -> Option<String> {
        let mut wanted = self.match_labels.iter();
        if let Some((key, value)) = wanted.find(|(key, value)| labels.get(*key) != Some(*value)) {
            return Some(format!("{key}={value}"));
        }
        let mut requirements = self.match_expressions.iter();
        let failed = requirements.find(|requirement| !requirement.holds(labels))?;
        let Requirement {
            key,
            operator,
            values,
        } = failed;
        let values = values.join(", ");
        Some(match operator {
            Operator::In => format!("{key} in ({values})"),
            Operator::NotIn => format!("{key} not in ({values})"),
            Operator::Exists => key.clone(),
            Operator::DoesNotExist => format!("no {key}"),
        })
    }
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_selected_as_the_api_server_does() {
        let labels = Labels::from([("a".to_owned(), "1".to_owned())]);
        let expression = |operator: &str, key: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (selector, refusal) in [
            (json!({}), None),
            (json!({"matchLabels": {"a": "1"}}), None),
            (json!({"matchLabels": {"a": "2"}}), Some("a=2")),
            (json!({"matchLabels": {"b": "1"}}), Some("b=1")),
            (expression("In", "a", &["0", "1"]), None),
            (expression("In", "b", &["1"]), Some("b in (1)")),
            (
                expression("NotIn", "a", &["0", "1"]),
                Some("a not in (0, 1)"),
            ),
            (expression("NotIn", "b", &["1"]), None),
            (expression("Exists", "a", &[]), None),
            (expression("Exists", "b", &[]), Some("b")),
            (expression("DoesNotExist", "a", &[]), Some("no a")),
            (expression("DoesNotExist", "b", &[]), None),
        ] {
            let read: Selector = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(read.refusal(&labels).as_deref(), refusal, "{selector}");
        }
    }
}
