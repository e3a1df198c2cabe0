//! Every case of `tests/policy_cases.yaml`, through the review's bytes and through the engine.
//!
//! What comes out must be what the case says; a patch must apply, and a second pass over the
//! patched Pod must find nothing left to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::api_server::spoken;
use dind_injector::decide::Policy;
use dind_injector::decide::reason::Reason;
use dind_injector::manifest;
use dind_injector::model::cluster::Cluster;
use dind_injector::model::namespaces::Namespaces;
use dind_injector::model::scope::Scope;
use dind_injector::model::subject::{NamespaceLabels, Requester, Subject};
use dind_injector::model::view::Pod;
use dind_injector::policy_file::Config;
use dind_injector::review;
use dind_injector::review::Action;
use dind_injector::review::pod::review;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const CASES: &str = include_str!("../../policy_cases.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "policies")]
    _policies: Value,
    #[serde(rename = "pods")]
    _pods: Value,
    cases: Vec<Case>,
}

/// One case: what is given, and what must come of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    policy: Value,
    #[serde(default = "ci")]
    namespace: String,
    #[serde(default)]
    namespace_labels: NamespaceLabels,
    #[serde(default)]
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    /// The kind of the Pod's controller.
    owner: Option<String>,
    #[serde(default)]
    operation: Operation,
    pod: Value,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    annotations: Map<String, Value>,
    /// Fields of the Pod's spec, in place of those of `pod`.
    #[serde(default)]
    spec: Map<String, Value>,
    expect: Expect,
}

fn ci() -> String {
    "ci".to_owned()
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
enum Operation {
    #[default]
    Create,
    EphemeralContainers,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expect {
    outcome: String,
    reason: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    profile: String,
    /// A part of each warning, in order; there are no others.
    #[serde(default)]
    warnings: Vec<String>,
    /// Parts of the denial's text.
    #[serde(default)]
    message: Vec<String>,
}

struct OneNamespace(Arc<NamespaceLabels>);

impl Namespaces for OneNamespace {
    fn labels(&self, _name: &str) -> Option<Arc<NamespaceLabels>> {
        Some(Arc::clone(&self.0))
    }
}

impl Cluster for OneNamespace {}

pub fn preset_text(name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/manifests/presets/{name}.yaml")).unwrap()
}

fn policy_of(case: &Case) -> Policy {
    match &case.policy {
        Value::String(name) => match name.as_str() {
            "builtin" => Policy::builtin(),
            "offline" => Policy::offline(),
            name => Config::from_yaml(&preset_text(name))
                .unwrap()
                .policy()
                .clone(),
        },
        inline => {
            let mut file = json!({
                "apiVersion": "dind-injector.io/v1alpha1",
                "kind": "Policy",
            });
            let fields = file.as_object_mut().unwrap();
            fields.extend(inline.as_object().unwrap().clone());
            match Config::from_yaml(&file.to_string()) {
                Ok(config) => config.policy().clone(),
                Err(errors) => panic!("{}: {errors}", case.name),
            }
        }
    }
}

fn pod_of(case: &Case) -> Value {
    let mut pod = case.pod.clone();
    let fields = pod.as_object_mut().unwrap();
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    metadata["name"] = "build".into();
    for (key, added) in [("labels", &case.labels), ("annotations", &case.annotations)] {
        if !added.is_empty() {
            let entries = metadata
                .as_object_mut()
                .unwrap()
                .entry(key)
                .or_insert_with(|| json!({}));
            entries.as_object_mut().unwrap().extend(added.clone());
        }
    }
    if let Some(kind) = &case.owner {
        metadata["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": "x", "controller": true}]);
    }
    let spec = pod["spec"].as_object_mut().unwrap();
    for (key, value) in &case.spec {
        spec.insert(key.clone(), value.clone());
    }
    pod
}

fn review_of(case: &Case, pod: &Value) -> Vec<u8> {
    let (operation, sub_resource) = match case.operation {
        Operation::Create => ("CREATE", ""),
        Operation::EphemeralContainers => ("UPDATE", "ephemeralcontainers"),
    };
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "subResource": sub_resource,
            "operation": operation,
            "namespace": case.namespace,
            "userInfo": {"username": case.user, "groups": case.groups},
            "object": pod,
        },
    })
    .to_string()
    .into_bytes()
}

/// What came of a case, in the terms of [`Expect`].
#[derive(Debug, PartialEq)]
struct Came {
    outcome: String,
    reason: String,
    rule: String,
    profile: String,
    warnings: Vec<String>,
    message: String,
}

fn through_bytes(case: &Case, policy: &Policy, pod: &Value) -> Came {
    let namespaces = OneNamespace(Arc::new(case.namespace_labels.clone()));
    let body = review_of(case, pod);
    let reviewed = review(policy, &namespaces, &body).unwrap();
    let answer: Value = serde_json::from_slice(&reviewed.json).unwrap();
    let response = &answer["response"];
    let audit = |key: &str| {
        response["auditAnnotations"][key]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let warnings: Vec<String> = response["warnings"]
        .as_array()
        .map(|all| all.iter().map(|w| spoken(w.as_str().unwrap())).collect())
        .unwrap_or_default();
    for warning in &warnings {
        assert!(warning.chars().count() < 120, "{}: {warning}", case.name);
    }
    assert_eq!(
        response["allowed"],
        audit("outcome") != "denied",
        "{}",
        case.name
    );
    assert_eq!(
        response.get("patch").is_some(),
        audit("outcome") == "changed",
        "{}",
        case.name
    );
    Came {
        outcome: audit("outcome"),
        reason: audit("reason"),
        rule: audit("rule"),
        profile: audit("profile"),
        warnings,
        message: response["status"]["message"]
            .as_str()
            .map(spoken)
            .unwrap_or_default(),
    }
}

fn through_engine(case: &Case, policy: &Policy, pod: &Value) -> (Came, Option<Value>) {
    let text = pod.to_string();
    let view: Pod<'_> = dind_injector::json::from_str(&text).unwrap();
    let groups: Vec<_> = case.groups.iter().map(|g| g.as_str().into()).collect();
    let requester = Requester {
        user: &case.user,
        groups: &groups,
    };
    let labels = &case.namespace_labels;
    let subject = Subject::new(&view, &case.namespace, Some(labels), requester, None);
    let scope = match case.operation {
        Operation::Create => Scope::Creation,
        Operation::EphemeralContainers => Scope::EphemeralContainers,
    };
    let outcome = review::pass(policy, &subject, &view, scope).unwrap();
    let (word, reason, profile, message, patched) = match &outcome.action {
        Action::Left(reason) => ("left", reason.name(), "", String::new(), None),
        Action::Denied(denial) => ("denied", denial.reason(), "", denial.to_string(), None),
        Action::Changed(change) => {
            let patch: json_patch::Patch = serde_json::from_slice(change.patch.as_json()).unwrap();
            let mut patched = pod.clone();
            json_patch::patch(&mut patched, &patch).unwrap();
            (
                "changed",
                "Injected",
                change.profile.unwrap_or_default(),
                String::new(),
                Some(patched),
            )
        }
    };
    let came = Came {
        outcome: word.to_owned(),
        reason: reason.to_owned(),
        rule: outcome.rule.unwrap_or_default().to_owned(),
        profile: profile.to_owned(),
        warnings: outcome.notices.iter().map(ToString::to_string).collect(),
        message,
    };
    (came, patched)
}

fn check(case: &Case) -> Result<(), String> {
    let policy = policy_of(case);
    let pod = pod_of(case);
    let came = through_bytes(case, &policy, &pod);
    let (by_engine, patched) = through_engine(case, &policy, &pod);
    if came != by_engine {
        return Err(format!("by bytes {came:#?}\nby the engine {by_engine:#?}"));
    }
    let Expect {
        outcome,
        reason,
        rule,
        profile,
        warnings,
        message,
    } = &case.expect;
    let fits = came.outcome == *outcome
        && came.reason == *reason
        && came.rule == *rule
        && came.profile == *profile
        && came.warnings.len() == warnings.len()
        && came
            .warnings
            .iter()
            .zip(warnings)
            .all(|(a, b)| a.contains(b))
        && message.iter().all(|part| came.message.contains(part));
    if !fits {
        return Err(format!("expected {:#?}\ncame {came:#?}", case.expect));
    }
    if let Some(patched) = patched {
        let (again, _) = through_engine(case, &policy, &patched);
        let reason = Reason::AlreadyInjected.name();
        if (again.outcome.as_str(), again.reason.as_str()) != ("left", reason) {
            return Err(format!("a second pass came to {again:#?}"));
        }
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let documents = manifest::read(CASES).unwrap();
    let [document] = documents.as_slice() else {
        panic!("one document");
    };
    match serde_path_to_error::deserialize::<_, File>(&document.value) {
        Ok(file) => file.cases,
        Err(error) => panic!("policy_cases.yaml: {error}"),
    }
}

#[test]
fn every_case_comes_out_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, check(case).err()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// The rule that a denial names is a rule, and it does what it says.
#[test]
fn an_exemption_that_a_denial_names_works() {
    let mut tried = 0;
    for case in cases() {
        let preset = case.policy.as_str().filter(|name| *name != "offline");
        let Some(name) = preset.filter(|name| *name != "builtin") else {
            continue;
        };
        let pod = pod_of(&case);
        let came = through_bytes(&case, &policy_of(&case), &pod);
        let Some(at) = came.message.find("{name: exempt-") else {
            continue;
        };
        let rule = manifest::read(&came.message[at..]).unwrap().remove(0).value;
        let mut file = manifest::read(&preset_text(name)).unwrap().remove(0).value;
        file["rules"].as_array_mut().unwrap().insert(0, rule);
        let exempt = Config::from_yaml(&file.to_string()).unwrap();
        let after = through_bytes(&case, exempt.policy(), &pod);
        assert_eq!(after.outcome, "left", "{}: {after:#?}", case.name);
        tried += 1;
    }
    assert!(tried >= 5, "{tried}");
}

#[test]
fn every_reason_has_a_case() {
    use dind_injector::decide::cause::Cause;
    use dind_injector::decide::named::Named;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        *seen.entry(case.expect.reason).or_default() += 1;
    }
    let reasons = <Reason as Named>::ALL
        .iter()
        .map(|(reason, ..)| reason.name());
    let causes = Cause::ALL.iter().map(|(_, name, _)| *name);
    // Every changed Pod is passed over again; updates and the review at the end are for the reviews'
    // own tests, what is too much for tests/cost.rs, and what nodes decide for those of the cluster.
    let elsewhere = [
        Reason::AlreadyInjected.name(),
        Reason::NotACreation.name(),
        Reason::NotReached.name(),
        Cause::Unswapped.name(),
        Cause::SidecarImage.name(),
        Cause::PathTooLong.name(),
        Cause::TooLarge.name(),
        Cause::MissingRuntimeClass.name(),
        Cause::NodeSelector.name(),
        Cause::NodeUserNamespaces.name(),
    ];
    let missing: Vec<&str> = reasons
        .chain(causes)
        .filter(|name| !elsewhere.contains(name) && !seen.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn names_of_cases_are_their_own() {
    let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    names.sort();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
}
