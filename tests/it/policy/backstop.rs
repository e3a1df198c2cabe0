//! The detection, held to the table that the backstop's CEL is held to by a real API server.

use dind_injector::detect::mounts::{Reach, Watch, detect};
use dind_injector::manifest;
use dind_injector::model::place::List;
use dind_injector::model::sockets::Sockets;
use dind_injector::model::view::Pod;
use dind_injector::names;
use serde::Deserialize;
use serde_json::{Value, json};

const CASES: &str = include_str!("../../backstop_cases.yaml");
const BACKSTOP: &str = include_str!("../../../manifests/backstop.yaml");

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    reaches: bool,
    detected: Option<bool>,
    spec: Value,
}

fn cases() -> Vec<Case> {
    let documents = manifest::read(CASES).unwrap();
    match serde_path_to_error::deserialize::<_, File>(&documents[0].value) {
        Ok(file) => file.cases,
        Err(error) => panic!("backstop_cases.yaml: {error}"),
    }
}

fn reaches(spec: &Value) -> bool {
    let text = json!({"spec": spec}).to_string();
    let pod: Pod<'_> = dind_injector::json::from_str(&text).unwrap();
    let only_new = !pod.spec.ephemeral_containers.is_empty();
    let findings = detect(&pod, &Sockets::default(), Watch::Runtimes);
    findings.iter().any(|finding| {
        let in_scope = !only_new || finding.place.list == List::Ephemeral;
        in_scope
            && match finding.reach {
                Reach::Socket(_)
                | Reach::Directory
                | Reach::Ancestor
                | Reach::Unresolved
                | Reach::Link => true,
                Reach::Client
                | Reach::Runtime(_)
                | Reach::Data(_)
                | Reach::UnknownSocket
                | Reach::HostPath
                | Reach::Pipe(_) => false,
            }
    })
}

#[test]
fn the_detection_finds_what_the_table_says() {
    let cases = cases();
    assert!(cases.len() >= 40);
    for yes_or_no in [true, false] {
        assert!(cases.iter().any(|case| case.reaches == yes_or_no));
    }
    let wrong: Vec<&str> = cases
        .iter()
        .filter(|case| reaches(&case.spec) != case.detected.unwrap_or(case.reaches))
        .map(|case| case.name.as_str())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_backstop_never_refuses_less_than_is_detected() {
    for case in cases() {
        let detected = case.detected.unwrap_or(case.reaches);
        assert!(case.reaches || !detected, "{}", case.name);
    }
}

#[test]
fn the_backstop_is_bound_by_our_label_and_fails_closed() {
    let documents = manifest::read(BACKSTOP).unwrap();
    let [policy, binding] = documents.as_slice() else {
        panic!("a policy and a binding");
    };
    assert_eq!(policy.value["spec"]["failurePolicy"], "Fail");
    assert_eq!(
        binding.value["spec"]["policyName"],
        policy.value["metadata"]["name"]
    );
    assert_eq!(binding.value["spec"]["validationActions"], json!(["Deny"]));
    let selector = &binding.value["spec"]["matchResources"]["namespaceSelector"];
    assert_eq!(
        selector,
        &json!({"matchLabels": {names::BACKSTOP_LABEL: "enabled"}})
    );
    for socket in Sockets::default().docker() {
        let sockets = policy.value["spec"]["variables"][0]["expression"].as_str();
        let spelled = format!("'{}/'", socket.as_str());
        assert!(sockets.unwrap().contains(&spelled), "{spelled}");
    }
}
