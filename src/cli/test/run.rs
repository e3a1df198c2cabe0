//! A case through the webhook's review, and how the answer differs from what is expected.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::decide::Policy;
use crate::model::cluster::Cluster;
use crate::model::namespaces::Namespaces;
use crate::model::subject::NamespaceLabels;
use crate::review::pod::review;

use crate::cli::test::case::{Case, CaseError, Expect, Operation};

/// A field of the answer that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of `expect`.
    pub field: &'static str,
    /// What the case says.
    pub expected: String,
    /// What the webhook answers.
    pub found: String,
}

struct OneNamespace(Arc<NamespaceLabels>);

impl Namespaces for OneNamespace {
    fn labels(&self, _name: &str) -> Option<Arc<NamespaceLabels>> {
        Some(Arc::clone(&self.0))
    }
}

/// The nodes are unknown.
impl Cluster for OneNamespace {}

/// How the answer to `case` differs from what it expects; `policy` is that of cases without one.
///
/// # Errors
/// Where the case's own policy or its Pod cannot be read, or the policy has no rule that it names.
pub fn differences(case: &Case, policy: &Policy) -> Result<Vec<Difference>, CaseError> {
    let own = case.policy()?;
    let policy = own.as_ref().unwrap_or(policy);
    case.check_rule(policy)?;
    let namespaces = OneNamespace(Arc::new(case.namespace_labels.clone()));
    let error = |message: String| CaseError::Pod {
        case: case.name.clone(),
        message,
    };
    let body = admission_review(case);
    let reviewed = review(policy, &namespaces, &body).map_err(|one| error(one.to_string()))?;
    let answer: Value =
        serde_json::from_slice(&reviewed.json).map_err(|one| error(one.to_string()))?;
    let response = &answer["response"];
    let audit = |key: &str| text(&response["auditAnnotations"][key]);
    let Expect {
        outcome,
        reason,
        rule,
        profile,
        warnings,
        message,
    } = &case.expect;
    let mut found = Vec::new();
    let mut check = |field, expected: Option<&str>, is: &str| {
        if let Some(expected) = expected.filter(|expected| *expected != is) {
            found.push(Difference {
                field,
                expected: quoted(expected),
                found: quoted(is),
            });
        }
    };
    check("outcome", Some(outcome.name()), audit("outcome"));
    check("reason", reason.as_deref(), audit("reason"));
    check("rule", rule.as_deref(), audit("rule"));
    check("profile", profile.as_deref(), audit("profile"));
    if let Some(expected) = warnings {
        let given = response["warnings"].as_array();
        let given: Vec<&str> = given.into_iter().flatten().map(text).collect();
        let fits = given.len() == expected.len()
            && given
                .iter()
                .zip(expected)
                .all(|(is, part)| is.contains(part));
        if !fits {
            found.push(Difference {
                field: "warnings",
                expected: json!(expected).to_string(),
                found: json!(given).to_string(),
            });
        }
    }
    let denial = text(&response["status"]["message"]);
    for part in message
        .iter()
        .filter(|part| !denial.contains(part.as_str()))
    {
        found.push(Difference {
            field: "message",
            expected: quoted(part),
            found: quoted(denial),
        });
    }
    Ok(found)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn admission_review(case: &Case) -> Vec<u8> {
    let (operation, sub_resource) = match case.operation {
        Operation::Create => ("CREATE", ""),
        Operation::EphemeralContainers => ("UPDATE", "ephemeralcontainers"),
    };
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "test",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "subResource": sub_resource,
            "operation": operation,
            "namespace": case.namespace,
            "userInfo": {"username": case.user, "groups": case.groups},
            "object": case.pod(),
        },
    });
    review.to_string().into_bytes()
}
