//! How many allocations one review makes, held exactly: a number that grows is a cost that
//! nobody decided on, and one that shrinks is written down here.
//!
//! Counted are those of this thread alone. Texts are borrowed from the body: one with no Docker
//! in it costs what its lists of containers, mounts and variables cost.
#![allow(clippy::unwrap_used, missing_docs)]

use allocation_counter::measure;
use dind_injector::decide::Policy;
use dind_injector::decode::creation::{From, creation};
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use reviews::{LARGE, SMALL, UID, body};
use serde_json::{Value, json};

#[path = "support/reviews.rs"]
mod reviews;

#[test]
fn a_review_allocates_as_often_as_it_did() {
    let policy = Policy::offline();
    let held = [
        ("skip, 3 KB", SMALL, false, 6),
        ("skip, 17 KB", LARGE, false, 6),
        // Three are for the warning as the API server passes it on, beside its text for the log.
        ("inject, 3 KB", SMALL, true, 96),
        ("inject, 17 KB", LARGE, true, 148),
    ];
    let counted = held.map(|(name, size, docker, _)| {
        let body = body(size, docker);
        let answer = || drop(review(&policy, &NoNamespaces, &body).unwrap());
        // What is made once for the process is made here.
        answer();
        (name, size, docker, measure(answer).count_total)
    });
    assert_eq!(counted, held, "counted, held");
}

/// A free name is looked for behind all that are taken, and each one that is tried is written.
/// Twice as many are at most twice the work, whosever names they are.
#[test]
fn names_like_ours_cost_in_proportion() {
    let policy = Policy::offline();
    let count = |n: usize| {
        let name = |k: usize| format!("dind-socket-{}", k + 2);
        let volumes = (0..n).map(|k| json!({"name": name(k), "emptyDir": {}}));
        let mounts =
            (0..n).map(|k| json!({"name": name(k), "mountPath": format!("/dind-{}", k + 2)}));
        let socket = json!({"name": "dind-socket", "hostPath": {"path": "/run/docker.sock"}});
        let at = json!({"name": "dind-socket", "mountPath": "/var/run/docker.sock"});
        let volumes: Vec<Value> = std::iter::once(socket).chain(volumes).collect();
        let mounts: Vec<Value> = std::iter::once(at).chain(mounts).collect();
        let pod = json!({"spec": {"volumes": volumes,
            "containers": [{"name": "c", "image": "docker:cli", "volumeMounts": mounts}]}});
        let from = From {
            uid: UID,
            namespace: "ci",
            owner: None,
        };
        let body = creation(pod.as_object().unwrap(), from).to_string();
        let answer = || review(&policy, &NoNamespaces, body.as_bytes()).unwrap();
        assert_eq!(answer().record.outcome, "changed");
        measure(|| drop(answer())).count_total
    };
    let (some, twice) = (count(400), count(800));
    assert!(twice <= some * 21 / 10, "{some}, then {twice}");
}
