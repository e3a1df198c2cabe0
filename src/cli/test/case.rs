//! One case: what is given, and what must come of it. The format of `tests/policy_cases.yaml`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::decide::Policy;
use crate::decide::cause::Cause;
use crate::decide::named::Named;
use crate::decide::reason::Reason;
use crate::decide::suggest::nearest;
use crate::manifest::Document;
use crate::model::subject::NamespaceLabels;
use crate::names;
use crate::policy_file::{Config, ConfigErrors};
use crate::review::INJECTED;

/// Why a file's cases cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It is not one document with a list of cases.
    #[error("one document with a list `cases` was expected")]
    Document,
    /// A field.
    #[error("{path}: {message}")]
    Field {
        /// Where it stands.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// A policy by name that is none.
    #[error(
        "case {case}: policy {policy}: write builtin, offline, audit, migrate, enforce, or the fields of a \
         policy file"
    )]
    Policy {
        /// The case's name.
        case: String,
        /// The name.
        policy: String,
    },
    /// A policy's fields.
    #[error("case {case}: policy: {errors}")]
    Config {
        /// The case's name.
        case: String,
        /// Everything that is wrong with it.
        errors: ConfigErrors,
    },
    /// A word of `expect` that no answer has.
    #[error("case {case}: expect.{field} is {value:?}, {problem}")]
    Word {
        /// The case's name.
        case: String,
        /// The field of `expect`.
        field: &'static str,
        /// As written.
        value: String,
        /// What is wrong with it, what there is, and what was probably meant.
        problem: String,
    },
    /// Two cases of one name.
    #[error("case {0} is there twice; give one of the two another name")]
    Twice(String),
    /// The Pod.
    #[error("case {case}: {message}")]
    Pod {
        /// The case's name.
        case: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The presets of `manifests/presets`, by their names.
const PRESETS: [(&str, &str); 3] = [
    (
        "audit",
        include_str!("../../../manifests/presets/audit.yaml"),
    ),
    (
        "migrate",
        include_str!("../../../manifests/presets/migrate.yaml"),
    ),
    (
        "enforce",
        include_str!("../../../manifests/presets/enforce.yaml"),
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Anchors only.
    #[serde(default, rename = "policies")]
    _policies: Value,
    /// Anchors only.
    #[serde(default, rename = "pods")]
    _pods: Value,
    cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// In place of the policy of the command.
    policy: Option<Value>,
    #[serde(default = "ci")]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) namespace_labels: NamespaceLabels,
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// The kind of the Pod's controller.
    owner: Option<String>,
    #[serde(default)]
    pub(super) operation: Operation,
    pod: Map<String, Value>,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    annotations: Map<String, Value>,
    /// Fields of the Pod's spec, in place of those of `pod`.
    #[serde(default)]
    spec: Map<String, Value>,
    pub(super) expect: Expect,
}

fn ci() -> String {
    "ci".to_owned()
}

/// What is asked of the API server.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Operation {
    /// A Pod is created.
    #[default]
    Create,
    /// A container is added to a running one.
    EphemeralContainers,
}

/// What must come of a case; what is none is not checked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    pub(super) outcome: Word,
    pub(super) reason: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) profile: Option<String>,
    /// A part of each warning, in order; there are no others.
    pub(super) warnings: Option<Vec<String>>,
    /// Parts of the denial's text.
    #[serde(default)]
    pub(super) message: Vec<String>,
}

/// What is done with a Pod.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It stays as it is.
    Left,
    /// It is refused.
    Denied,
    /// It gets its own daemon.
    Changed,
}

impl Word {
    /// As audit annotations write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Denied => "denied",
            Self::Changed => "changed",
        }
    }
}

/// The cases of a file.
///
/// # Errors
/// Where it is none, or a field is wrong.
pub fn read(documents: &[Document]) -> Result<Vec<Case>, CaseError> {
    let [document] = documents else {
        return Err(CaseError::Document);
    };
    if document.value.get("cases").is_none() {
        return Err(CaseError::Document);
    }
    match serde_path_to_error::deserialize::<_, File>(&document.value) {
        Ok(file) => sound(file.cases),
        Err(error) => Err(CaseError::Field {
            path: error.path().to_string(),
            message: error.inner().to_string(),
        }),
    }
}

/// The cases, if each has a name of its own, and a reason that there is.
fn sound(cases: Vec<Case>) -> Result<Vec<Case>, CaseError> {
    let mut names = HashSet::new();
    for case in &cases {
        if !names.insert(case.name.as_str()) {
            return Err(CaseError::Twice(case.name.clone()));
        }
        case.check_reason()?;
    }
    Ok(cases)
}

/// Every reason of an answer.
fn reasons() -> impl Iterator<Item = &'static str> {
    let left = Reason::ALL.iter().map(|(_, name, _)| *name);
    let denied = Cause::ALL.iter().map(|(_, name, _)| *name);
    left.chain(denied).chain([INJECTED])
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

impl Case {
    /// # Errors
    /// Where no answer has the reason that it expects.
    fn check_reason(&self) -> Result<(), CaseError> {
        let Some(reason) = self.expect.reason.as_deref() else {
            return Ok(());
        };
        if reasons().any(|known| known == reason) {
            return Ok(());
        }
        Err(CaseError::Word {
            case: self.name.clone(),
            field: "reason",
            value: reason.to_owned(),
            problem: format!(
                "which is none; docs/policy.md lists them{}",
                did_you_mean(nearest(reason, reasons()))
            ),
        })
    }

    /// # Errors
    /// Where the policy has no rule of the name that it expects.
    pub(super) fn check_rule(&self, policy: &Policy) -> Result<(), CaseError> {
        // An answer that no rule has decided has an empty name.
        let Some(rule) = self.expect.rule.as_deref().filter(|rule| !rule.is_empty()) else {
            return Ok(());
        };
        let rules = policy.rules.iter().chain([&policy.otherwise]);
        let known: Vec<&str> = rules.map(|rule| rule.name.as_str()).collect();
        if known.contains(&rule) {
            return Ok(());
        }
        Err(CaseError::Word {
            case: self.name.clone(),
            field: "rule",
            value: rule.to_owned(),
            problem: format!(
                "which its policy does not have; there are: {}{}",
                known.join(", "),
                did_you_mean(nearest(rule, known.iter().copied()))
            ),
        })
    }

    /// Its own policy; none where it takes the command's.
    ///
    /// # Errors
    /// Where it is no policy.
    pub fn policy(&self) -> Result<Option<Policy>, CaseError> {
        let fields = match &self.policy {
            None => return Ok(None),
            Some(Value::String(name)) => {
                let preset = PRESETS.iter().find(|(preset, _)| preset == name);
                return match (name.as_str(), preset) {
                    ("builtin", _) => Ok(Some(Policy::builtin())),
                    ("offline", _) => Ok(Some(Policy::offline())),
                    (_, Some((_, text))) => self.read_policy(text).map(Some),
                    (other, None) => Err(CaseError::Policy {
                        case: self.name.clone(),
                        policy: other.to_owned(),
                    }),
                };
            }
            Some(fields) => fields,
        };
        let mut file = json!({"apiVersion": names::API_VERSION, "kind": "Policy"});
        if let (Some(file), Some(fields)) = (file.as_object_mut(), fields.as_object()) {
            file.extend(fields.clone());
        }
        self.read_policy(&file.to_string()).map(Some)
    }

    fn read_policy(&self, text: &str) -> Result<Policy, CaseError> {
        match Config::from_yaml(text) {
            Ok(config) => Ok(config.policy().clone()),
            Err(errors) => Err(CaseError::Config {
                case: self.name.clone(),
                errors,
            }),
        }
    }

    /// Its Pod, with what the case adds.
    pub fn pod(&self) -> Value {
        let mut pod = self.pod.clone();
        let metadata = pod.entry("metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.entry("name").or_insert_with(|| "test".into());
            for (key, added) in [("labels", &self.labels), ("annotations", &self.annotations)] {
                if added.is_empty() {
                    continue;
                }
                let entries = metadata.entry(key).or_insert_with(|| json!({}));
                if let Value::Object(entries) = entries {
                    entries.extend(added.clone());
                }
            }
            if let Some(kind) = &self.owner {
                let owner = json!([{"apiVersion": "apps/v1", "kind": kind, "name": "x", "controller": true}]);
                metadata.insert("ownerReferences".to_owned(), owner);
            }
        }
        let spec = pod.entry("spec").or_insert_with(|| json!({}));
        if let Value::Object(spec) = spec {
            spec.extend(self.spec.clone());
        }
        Value::Object(pod)
    }
}
