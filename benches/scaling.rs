//! How the cost of one review grows with the size of what it is about:
//! `cargo bench --bench scaling`, then `scripts/scaling` writes docs/scaling.md.
//!
//! Each axis grows alone, from bytes to bytes, in a Pod whose socket is swapped.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dind_injector::cluster::KnownNamespaces;
use dind_injector::decide::Policy;
use dind_injector::decode::creation::{From, creation};
use dind_injector::model::cluster::Cluster;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::policy_file::Config;
use dind_injector::review::pod::review;
use serde_json::{Value, json};

/// A container that mounts the node's socket, and `more`.
fn container(name: &str, more: Vec<Value>, env: Vec<Value>) -> Value {
    let mut mounts = vec![json!({"name": "docker", "mountPath": "/var/run/docker.sock"})];
    mounts.extend(more);
    json!({"name": name, "image": "docker:28-cli", "volumeMounts": mounts, "env": env})
}

fn body(containers: Vec<Value>, more_volumes: Vec<Value>) -> Vec<u8> {
    let mut volumes =
        vec![json!({"name": "docker", "hostPath": {"path": "/var/run/docker.sock", "type": ""}})];
    volumes.extend(more_volumes);
    let pod = json!({"metadata": {"name": "p"},
        "spec": {"containers": containers, "volumes": volumes}});
    let from = From {
        uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
        namespace: "team-0",
        owner: None,
    };
    creation(pod.as_object().unwrap(), from)
        .to_string()
        .into_bytes()
}

fn empty_dir(name: &str) -> Value {
    json!({"name": name, "emptyDir": {}})
}

fn containers(n: usize) -> Vec<u8> {
    let each = (0..n).map(|index| container(&format!("c-{index}"), Vec::new(), Vec::new()));
    body(each.collect(), Vec::new())
}

/// All of them in one container, which the sidecar must then see as well.
fn volumes(n: usize) -> Vec<u8> {
    let name = |index| format!("volume-{index}");
    let mounts = (0..n).map(|i| json!({"name": name(i), "mountPath": format!("/data/{i}")}));
    body(
        vec![container("c", mounts.collect(), Vec::new())],
        (0..n).map(|i| empty_dir(&name(i))).collect(),
    )
}

/// Each names the one before, and the last is in a mount's path: all are looked up.
fn env(n: usize) -> Vec<u8> {
    let var = |index: usize| match index {
        0 => json!({"name": "V0", "value": "x"}),
        _ => json!({"name": format!("V{index}"), "value": format!("$(V{})", index - 1)}),
    };
    let mount = json!({"name": "work", "mountPath": "/work",
        "subPathExpr": format!("$(V{})", n - 1)});
    body(
        vec![container("c", vec![mount], (0..n).map(var).collect())],
        vec![empty_dir("work")],
    )
}

/// Volumes by the names that ours would get, so that a free one is far.
fn taken_names(n: usize) -> Vec<u8> {
    let numbered = (0..n / 2).flat_map(|index| {
        let number = match index {
            0 => String::new(),
            _ => format!("-{}", index + 1),
        };
        ["dind-socket", "dind-storage"].map(|base| empty_dir(&format!("{base}{number}")))
    });
    body(
        vec![container("c", Vec::new(), Vec::new())],
        numbered.collect(),
    )
}

/// The last of `n` rules is the one that matches.
fn rules(n: usize) -> Policy {
    let mut text = String::from(
        "apiVersion: dind-injector.io/v1alpha1\nkind: Policy\ndefault: {hostSockets: Swap}\nrules:\n",
    );
    for index in 1..n {
        text += &format!(
            "- name: rule-{index}\n  match: {{namespaces: [\"other-{index}-*\"]}}\n  hostSockets: Deny\n"
        );
    }
    text += "- name: last\n  match: {namespaces: [\"team-*\"]}\n  hostSockets: Swap\n";
    Config::from_yaml(&text).unwrap().policy().clone()
}

fn namespaces(n: usize) -> KnownNamespaces {
    let labels = |index: usize| [("team".to_owned(), format!("t{index}"))].into();
    (0..n)
        .map(|index| (format!("team-{index}"), labels(index)))
        .collect()
}

fn scaling(c: &mut Criterion) {
    let mut group = c.benchmark_group("scaling");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    let mut measure = |axis: &str, n: usize, policy: &Policy, known: &dyn Cluster, body: &[u8]| {
        let answer = review(policy, known, body).unwrap();
        assert_eq!(answer.record.outcome, "changed", "{axis} {n}");
        group.bench_function(BenchmarkId::new(axis, n), |b| {
            b.iter(|| review(policy, known, black_box(body)).unwrap());
        });
    };
    let policy = Policy::offline();
    let none = &NoNamespaces;
    for n in [1, 4, 16, 64, 125, 250] {
        measure("containers", n, &policy, none, &containers(n));
    }
    for n in [1, 10, 100, 500, 1000] {
        measure("volumes", n, &policy, none, &volumes(n));
    }
    for n in [1, 10, 100, 500, 1000] {
        measure("variables", n, &policy, none, &env(n));
    }
    for n in [500, 1000, 2000, 4000] {
        measure("names that are taken", n, &policy, none, &taken_names(n));
    }
    let one = containers(1);
    for n in [1, 10, 100, 500, 1000] {
        measure("rules", n, &rules(n), none, &one);
    }
    for n in [1, 100, 1000, 5000, 10_000] {
        measure("namespaces", n, &policy, &namespaces(n), &one);
    }
    group.finish();
}

criterion_group!(benches, scaling);
criterion_main!(benches);
