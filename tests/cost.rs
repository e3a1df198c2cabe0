//! What a Pod can make one review cost: work and memory in proportion to its bytes, whatever is long and
//! whatever is many in it.
//!
//! Counted are allocations, their bytes and the steps of the budget; no time. The Pods are made of every pair
//! of something long and something many.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use cost::cost;
use dind_injector::budget::MOST_STEPS;
use dind_injector::decide::Policy;
use dind_injector::manifest;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::policy_file::Config;
use dind_injector::review::offline::{Setting, evaluate};
use dind_injector::review::pod::review;
use dind_injector::server::Limits;
use hostile::{Hostile, all, some};

#[path = "support/cost.rs"]
mod cost;
#[path = "support/hostile.rs"]
mod hostile;

/// The body of most Pods here; the known worst ones are as large as the server takes, too.
const BODY: usize = 128 << 10;
const LARGEST_BODY: usize = 24 << 20;

/// A policy that looks at all that a rule can look at, and swaps.
fn curious() -> Policy {
    let text = r#"
apiVersion: dind-injector.io/v1alpha1
kind: Policy
rules:
  - {name: labels, match: {podLabels: {team: ["*a*b*c*d", "x*"], l1: "*-*-*z"}}, hostSockets: Deny}
  - {name: accounts, match: {serviceAccounts: ["*a*a*a*a*b", "ci/*x*x*x*y"]}, hostSockets: Deny}
  - {name: groups, match: {groups: ["*a*a*a*a*b", "nobody"]}, hostSockets: Deny}
  - {name: users, match: {users: ["*a*a*a*a*b"]}, hostSockets: Deny}
  - {name: owners, match: {owners: [Ghost]}, hostSockets: Deny}
default: {hostSockets: Swap, annotation: Honor, tcpDockerHost: Replace, otherRuntimes: Warn, ancestors: Warn}
"#;
    Config::from_yaml(text).unwrap().policy().clone()
}

/// The same, but that everything is told and nothing is done.
fn talkative() -> Policy {
    let text = "
apiVersion: dind-injector.io/v1alpha1
kind: Policy
default: {hostSockets: Warn, tcpDockerHost: Warn, otherRuntimes: Warn, ancestors: Warn}
";
    Config::from_yaml(text).unwrap().policy().clone()
}

/// What is wrong with the costs of some Pods, of which every `of`th is tried from the `first` on.
fn faults(pods: impl Iterator<Item = Hostile>, (first, of): (usize, usize)) -> Vec<String> {
    let policies = [("curious", curious()), ("talkative", talkative())];
    let mut faults = Vec::new();
    for (index, pod) in pods.enumerate().skip(first).step_by(of) {
        // Each policy meets every kind, in other company.
        let (name, policy) = &policies[index / of % 2];
        let cost = cost(policy, pod.is_workload, pod.body.as_bytes());
        let pod = &pod.name;
        faults.extend(
            cost.faults()
                .iter()
                .map(|fault| format!("{name}, {pod}: {fault}")),
        );
    }
    faults
}

/// All of the Pods, by as many threads as there are processors: allocations are counted a thread.
fn all_faults<I: Iterator<Item = Hostile>>(pods: impl Fn() -> I + Sync) -> String {
    let threads = std::thread::available_parallelism().unwrap().get();
    let faults = std::thread::scope(|scope| {
        let pods = &pods;
        let running: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || faults(pods(), (first, threads))))
            .collect();
        let ended = running.into_iter().map(|thread| thread.join().unwrap());
        ended.collect::<Vec<_>>().concat()
    });
    faults.join("\n")
}

/// What etcd stores of a Pod, in Go's JSON: `<` as six bytes, and in an update of it twice.
#[test]
fn the_largest_pod_that_can_be_stored_is_answered() {
    let value = r"\u003c".repeat(1_400 << 10);
    let env = format!(r#"[{{"name":"E","value":"{value}"}}]"#);
    let mount = r#"[{"name":"s","mountPath":"/var/run/docker.sock"}]"#;
    let pod = format!(
        r#"{{"spec":{{"volumes":[{{"name":"s","hostPath":{{"path":"/var/run/docker.sock"}}}}],"containers":[{{"name":"c","env":{env},"volumeMounts":{mount}}}]}}}}"#
    );
    let body = |operation: &str, old: &str| {
        format!(
            r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},{operation},"object":{pod},"oldObject":{old}}}}}"#
        )
    };
    let policy = curious();
    for (body, outcome) in [
        (body(r#""operation":"CREATE""#, "null"), "changed"),
        (
            body(
                r#""subResource":"ephemeralcontainers","operation":"UPDATE""#,
                &pod,
            ),
            "left",
        ),
    ] {
        assert!(body.len() <= Limits::default().max_body, "{}", body.len());
        let reviewed = review(&policy, &NoNamespaces, body.as_bytes()).unwrap();
        assert_eq!(reviewed.record.outcome, outcome);
    }
}

/// How far the Pods of all goldens and corpora are from what a review may cost: docs/policy.md has the figure.
#[test]
fn a_pod_that_somebody_would_write_costs_a_five_hundredth_at_most() {
    let policies = [curious(), talkative(), Policy::offline()];
    let mut most = (0, String::new());
    let mut seen = 0;
    for file in manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")) {
        let text = fs::read_to_string(&file).unwrap();
        // What is no manifest is for other tests.
        for document in manifest::read(&text).into_iter().flatten() {
            for pod in manifest::pods(&document.value) {
                for policy in &policies {
                    let Ok(outcome) = evaluate(policy, &Setting::default(), &pod) else {
                        continue;
                    };
                    seen += 1;
                    most = most.max((outcome.steps, file.display().to_string()));
                }
            }
        }
    }
    assert!(seen > 500, "{seen}");
    assert!(most.0 <= MOST_STEPS / 500, "{most:?} of {MOST_STEPS}");
}

/// The YAML files of goldens and corpora.
fn manifests(tests: &Path) -> Vec<PathBuf> {
    let mut open = ["golden", "corpus", "convert", "scan"]
        .map(|folder| tests.join(folder))
        .to_vec();
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn a_hostile_pod_costs_in_proportion_to_its_bytes() {
    assert_eq!(all_faults(|| some(BODY)), "");
}

#[test]
#[ignore = "takes minutes without optimization: .ci/weekly runs it"]
fn a_hostile_pod_costs_in_proportion_to_its_bytes_in_every_proportion_at_the_limit() {
    assert_eq!(all_faults(|| all(BODY)), "");
    assert_eq!(all_faults(|| some(LARGEST_BODY)), "");
}

#[test]
fn the_worst_pods_cost_no_more_at_the_limit() {
    let worst = || hostile::worst(LARGEST_BODY);
    assert_eq!(worst().count(), hostile::WORST.len());
    assert_eq!(all_faults(worst), "");
}

/// Found by fuzzing: each mount that is mirrored owned a copy of every directory above it.
#[test]
fn mounts_of_a_deep_host_path_are_mirrored_without_a_copy_of_every_directory_above() {
    // One that is many, and nothing long: the sixth, in 8,805 bytes.
    let mut choices = [0, 1, 5, 8805, 999, 0].into_iter();
    let pod = hostile::chosen(64 << 10, |_| choices.next().unwrap());
    let cost = cost(&Policy::offline(), pod.is_workload, pod.body.as_bytes());
    assert!(cost.steps > MOST_STEPS / 10, "{cost:?}");
    assert_eq!(cost.faults(), Vec::<String>::new());
}

/// Found by fuzzing: one kind chosen twice wrote a key of the Pod twice, which is no review.
#[test]
fn a_kind_that_is_chosen_twice_still_makes_a_review() {
    let mut kinds = [1, 1];
    for (of, count) in [(0, [2, 0]), (1, [0, 2])] {
        let mut kind = 0;
        while kind < kinds[of] {
            let [long, many] = count;
            let mut choices = match of {
                0 => vec![long, kind, 900, kind, 900, many, 0],
                _ => vec![long, many, kind, 900, 9, kind, 900, 9, 0],
            }
            .into_iter();
            let mut bounds = Vec::new();
            let pod = hostile::chosen(64 << 10, |bound| {
                bounds.push(bound);
                choices.next().unwrap()
            });
            kinds[of] = bounds[1 + of];
            assert_eq!(choices.next(), None);
            cost(&Policy::offline(), pod.is_workload, pod.body.as_bytes());
            kind += 1;
        }
    }
    assert!(kinds.iter().all(|kinds| *kinds > 10), "{kinds:?}");
}

/// A list in an annotation that names one container again and again was kept whole.
#[test]
fn a_list_that_names_one_container_a_million_times_is_kept_once() {
    let list = "c,".repeat(1 << 20);
    let pod = format!(
        r#"{{"metadata":{{"name":"p","annotations":{{"dind-injector.io/inject":"true","dind-injector.io/containers":"{list}"}}}},"spec":{{"containers":[{{"name":"c"}}]}}}}"#
    );
    let body = format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"operation":"CREATE","object":{pod}}}}}"#
    );
    let cost = cost(&curious(), false, body.as_bytes());
    assert!(cost.answer > 4096, "it is swapped: {cost:?}");
    assert!(cost.allocations.bytes_max < 1 << 20, "{cost:?}");
}
