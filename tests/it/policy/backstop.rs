//! The detection, held to the table that the backstop's CEL is held to by a real API server.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dind_injector::budget::Budget;
use dind_injector::decide::Policy;
use dind_injector::detect::mounts::{Reach, Watch, detect};
use dind_injector::manifest;
use dind_injector::model::place::List;
use dind_injector::model::scope::Scope;
use dind_injector::model::sockets::Sockets;
use dind_injector::model::sockets_table::{Above, Entry, Kind, TABLE};
use dind_injector::model::subject::{Requester, Subject};
use dind_injector::model::view::Pod;
use dind_injector::names;
use dind_injector::policy_file::Config;
use dind_injector::review::{self, Action};
use serde::Deserialize;
use serde_json::{Value, json};

use super::cases::preset_text;
use super::{golden, path};

const CASES: &str = include_str!("../../backstop_cases.yaml");
const FILE: &str = "manifests/backstop.yaml";

fn backstop() -> String {
    std::fs::read_to_string(path(FILE)).unwrap()
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Whether it is refused in a namespace that is labeled `enabled`.
    reaches: bool,
    /// Whether it is refused in one that is labeled `enforce`; as `reaches` where that is missing.
    enforced: Option<bool>,
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
    let findings = detect(&pod, &Sockets::default(), Watch::Runtimes, &Budget::new()).unwrap();
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
                | Reach::Storage
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

/// Under the preset `enforce`, such a Pod is not left as it is.
fn is_enforced(policy: &Policy, spec: &Value) -> bool {
    let text = json!({"spec": spec}).to_string();
    let pod: Pod<'_> = dind_injector::json::from_str(&text).unwrap();
    let scope = match pod.spec.ephemeral_containers.is_empty() {
        true => Scope::Creation,
        false => Scope::EphemeralContainers,
    };
    let subject = Subject::new(&pod, "ci", None, Requester::default(), None);
    let outcome = review::pass(policy, &subject, &pod, scope).unwrap();
    !matches!(outcome.action, Action::Left(_))
}

#[test]
fn the_preset_enforce_refuses_or_swaps_what_the_table_says() {
    let config = Config::from_yaml(&preset_text("enforce")).unwrap();
    let cases = cases();
    for yes_or_no in [true, false] {
        let mut enforced = cases.iter().filter_map(|case| case.enforced);
        assert!(enforced.any(|enforced| enforced == yes_or_no) || !yes_or_no);
    }
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| {
            let expected = case.enforced.or(case.detected).unwrap_or(case.reaches);
            is_enforced(config.policy(), &case.spec) != expected
        })
        .map(|case| format!("{}: {:?} {}", case.name, case.enforced, case.reaches))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_backstop_is_bound_by_our_label_and_fails_closed() {
    let documents = manifest::read(&backstop()).unwrap();
    assert_eq!(documents.len(), 6, "three policies, each with its binding");
    for pair in documents.chunks(2) {
        let [policy, binding] = pair else {
            panic!("a policy and a binding");
        };
        assert_eq!(policy.value["spec"]["failurePolicy"], "Fail");
        assert_eq!(
            binding.value["spec"]["policyName"],
            policy.value["metadata"]["name"]
        );
        assert_eq!(binding.value["spec"]["validationActions"], json!(["Deny"]));
        let selector = &binding.value["spec"]["matchResources"]["namespaceSelector"];
        let expected = match policy.value["metadata"]["name"].as_str() {
            Some("dind-injector-backstop") => json!({"matchExpressions": [
                {"key": names::BACKSTOP_LABEL, "operator": "In", "values": ["enabled", "enforce"]}]}),
            _ => json!({"matchLabels": {names::BACKSTOP_LABEL: "enforce"}}),
        };
        assert_eq!(*selector, expected);
    }
}

/// A path of the table as a regular expression in CEL, without its first slash and its last;
/// `/run` is `/var/run` too.
fn pattern(path: &str) -> String {
    let parts: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|part| match part {
            "*" => "[^/]+".to_owned(),
            part => part.replace('.', "[.]"),
        })
        .collect();
    parts.join("/")
}

/// The directories above a path, `/` first.
fn above(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn entries(is: impl Fn(Kind) -> bool) -> Vec<&'static Entry> {
    TABLE.iter().filter(|entry| is(entry.kind)).collect()
}

fn holding(entries: &[&Entry]) -> BTreeSet<String> {
    let above = entries.iter().flat_map(|entry| {
        let above = above(entry.path);
        let of_these = above.clone().count();
        above.skip(match entry.above {
            Above::Every => 0,
            Above::Parent => of_these - 1,
            Above::None => of_these,
        })
    });
    above.map(pattern).collect()
}

/// A variable of the policy that is one regular expression of these alternatives, each a line.
fn variable(name: &str, about: &str, alternatives: impl IntoIterator<Item = String>) -> String {
    let alternatives: Vec<String> = alternatives.into_iter().collect();
    let mut text = format!("    # {about}\n    - name: {name}\n      expression: >-\n");
    text.push_str("        '(?s)^/('\n");
    for (index, one) in alternatives.iter().enumerate() {
        let or = if index == 0 { "" } else { "|" };
        writeln!(text, "        + '{or}{one}'").unwrap();
    }
    text.push_str("        + ')$'\n");
    text
}

/// At one of these, or below one.
fn within(entries: &[&Entry]) -> Vec<String> {
    let all = entries.iter().map(|entry| pattern(entry.path) + "/.*");
    all.collect()
}

fn slashed(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!("{path}/"),
    }
}

fn with_part(document: &str, part: &str, made: &str) -> String {
    let begin = format!("    # begin {part}\n");
    let end = format!("    # end {part}\n");
    let (before, rest) = document.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{made}{end}{after}")
}

#[test]
fn the_lists_of_the_backstop_are_the_programs() {
    let docker = entries(|kind| kind == Kind::DockerSocket);
    let runtimes = entries(|kind| matches!(kind, Kind::Runtime(_)));
    let data = entries(|kind| matches!(kind, Kind::Data(_)));
    let mounted = entries(|kind| matches!(kind, Kind::Data(runtime) if runtime.mounts_in_data()));
    let (above_docker, above_runtimes) = (holding(&docker), holding(&runtimes));
    // `/var` holds the link /var/run.
    assert!(above_docker.contains("var"));
    let processes = "proc/(([0-9]+|self|thread-self)/.*)?";
    let behind_links = "dev/(fd|stdin|stdout|stderr)/.*";
    let at_docker = docker.iter().map(|entry| pattern(entry.path) + "/");
    let made = variable(
        "docker",
        "Docker sockets, what is above them, and processes of the node, whose links lead anywhere.",
        at_docker
            .chain(above_docker.iter().map(|path| slashed(path)))
            .chain([processes.to_owned(), behind_links.to_owned()]),
    ) + &variable(
        "holding",
        "What holds another runtime's socket somewhere below.",
        above_runtimes
            .difference(&above_docker)
            .map(|path| slashed(path)),
    );
    let document = with_part(&backstop(), "docker", &made);

    let made = variable(
        "runtimes",
        "Other runtimes' sockets and directories, and what is above them.",
        within(&runtimes)
            .into_iter()
            .chain(above_runtimes.iter().map(|path| slashed(path))),
    ) + &variable(
        "data",
        "Images and containers, and what is above them.",
        within(&data)
            .into_iter()
            .chain(holding(&data).iter().map(|path| slashed(path))),
    ) + &variable(
        "mounted",
        "Of these, where file systems of containers are mounted: readOnly alone does not cover them.",
        within(&mounted)
            .into_iter()
            .chain(holding(&mounted).iter().map(|path| slashed(path))),
    );
    let document = with_part(&document, "runtimes", &made);

    let config = Config::from_yaml(&preset_text("enforce")).unwrap();
    let mut made = String::new();
    for (name, about, read_only) in [
        (
            "allowedToRead",
            "As the preset `enforce`: with readOnly: true, and what is below these",
            true,
        ),
        ("allowed", "Without it, and nothing below these", false),
    ] {
        writeln!(made, "    # {about}.").unwrap();
        writeln!(made, "    - name: {name}\n      expression: >-\n        [").unwrap();
        let all = &config.policy().otherwise.allowed_host_paths;
        for allowed in all.iter().filter(|allowed| allowed.read_only == read_only) {
            assert_eq!(
                allowed.is_prefix, read_only,
                "{}: who writes below a path can leave a link there",
                allowed.path
            );
            writeln!(made, "        '{}/',", allowed.path).unwrap();
        }
        made.push_str("        ]\n");
    }
    golden(FILE, &with_part(&document, "allowed", &made));
}
