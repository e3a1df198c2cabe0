//! A live scan against an API server of scripted lists: pages, owners, refusals.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dind_injector::decide::Policy;
use dind_injector::review::offline::Setting;
use dind_injector::scan::evaluator::Evaluator;
use dind_injector::scan::live::{AT_ONCE, LiveError, scan};
use dind_injector::scan::result::{Report, Why};
use serde_json::json;

use crate::support::lists::{Api, Shared, client, pod, workload};

fn scanned(api: Api, namespaces: &[&str]) -> (Result<Report, LiveError>, Shared, usize) {
    let evaluator = Evaluator {
        policy: Policy::offline(),
        setting: Setting::default(),
        // Diffs of thousands of Pods take an unoptimized build long.
        changes: api.lists["/api/v1/pods"].len() < 100,
    };
    let api = Arc::new(Mutex::new(api));
    let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
    let done = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(async {
        scan(client(&api), evaluator, &names, AT_ONCE, Arc::clone(&done)).await
    });
    (report, api, done.load(Ordering::Relaxed))
}

fn report(api: Api, namespaces: &[&str]) -> Report {
    scanned(api, namespaces).0.unwrap()
}

fn names(report: &Report) -> Vec<String> {
    let rows = report.workloads.iter();
    rows.map(|row| format!("{}/{}/{}", row.namespace, row.kind, row.name))
        .collect()
}

#[test]
fn two_thousand_pods_are_a_row_for_each_owner() {
    let mut deployments = Vec::new();
    let mut sets = Vec::new();
    let mut pods = Vec::new();
    for d in 0..40 {
        let (name, set) = (format!("app-{d:02}"), format!("app-{d:02}-1"));
        deployments.push(workload(&name, "ci", None));
        sets.push(workload(&set, "ci", Some(("Deployment", &name))));
        for p in 0..50 {
            pods.push(pod(&format!("{set}-{p}"), "ci", Some(("ReplicaSet", &set))));
        }
    }
    let api = Api::new(&["ci"])
        .with("/apis/apps/v1/deployments", deployments)
        .with("/apis/apps/v1/replicasets", sets)
        .with("/api/v1/pods", pods);
    let (report, api, done) = scanned(api, &[]);
    let report = report.unwrap();
    assert_eq!(report.workloads.len(), 40);
    assert_eq!(names(&report)[0], "ci/Deployment/app-00");
    assert_eq!(report.seen.pods, 2080);
    assert_eq!(done, 2080);
    assert!(report.is_complete());
    let requests = &api.lock().unwrap().requests;
    let pages = requests
        .iter()
        .filter(|uri| uri.starts_with("/api/v1/pods?"));
    assert_eq!(pages.count(), 4, "pages of 500");
}

#[test]
fn the_kinds_decide_and_the_owner_counts() {
    let api = Api::new(&["ci"])
        .with("/apis/apps/v1/daemonsets", [workload("agent", "ci", None)])
        .with("/api/v1/pods", [
            pod("agent-a", "ci", Some(("DaemonSet", "agent"))),
            pod("orphan-a", "ci", Some(("DaemonSet", "deleted"))),
            pod("run-a", "ci", Some(("EphemeralRunner", "run"))),
            pod("run-b", "ci", Some(("EphemeralRunner", "run"))),
            pod("bare", "ci", None),
        ])
        .with("/api/v1/persistentvolumes", [
            json!({"metadata": {"name": "socket"}, "spec": {"hostPath": {"path": "/var/run/docker.sock"}}}),
        ]);
    let report = report(api, &[]);
    assert_eq!(
        names(&report),
        [
            "/PersistentVolume/socket",
            "ci/DaemonSet/agent",
            "ci/DaemonSet/deleted",
            "ci/EphemeralRunner/run",
            "ci/Pod/bare",
        ]
    );
    let verdicts: Vec<_> = report
        .workloads
        .iter()
        .map(|row| row.verdict.name())
        .collect();
    assert_eq!(
        verdicts,
        ["unseen", "denied", "denied", "swapped", "swapped"]
    );
    assert_eq!(
        report.workloads[4].findings[0].pointer,
        "/spec/containers/0/volumeMounts/0"
    );
    let change = report.workloads[4].change.as_ref().unwrap();
    assert!(change.before.get("status").is_none());
    assert!(change.before["metadata"].get("managedFields").is_none());
}

#[test]
fn what_is_over_reaches_nothing() {
    let mut finished = pod("done", "ci", None);
    finished["status"]["phase"] = "Succeeded".into();
    let mut old = workload("web-1", "ci", Some(("Deployment", "web")));
    old["spec"]["replicas"] = 0.into();
    let api = Api::new(&["ci"])
        .with("/api/v1/pods", [finished])
        .with("/apis/apps/v1/replicasets", [old]);
    assert_eq!(names(&report(api, &[])), [""; 0]);
}

/// They end while the new ones run already.
#[test]
fn the_last_pods_of_an_earlier_revision_are_their_deployments() {
    let mut old = workload("web-1", "ci", Some(("Deployment", "web")));
    old["spec"]["replicas"] = 0.into();
    let api = Api::new(&["ci"])
        .with("/apis/apps/v1/deployments", [workload("web", "ci", None)])
        .with("/apis/apps/v1/replicasets", [old.clone()])
        .with(
            "/api/v1/pods",
            [pod("web-1-a", "ci", Some(("ReplicaSet", "web-1")))],
        );
    let with = report(api, &[]);
    assert_eq!(names(&with), ["ci/Deployment/web"]);
    assert_eq!(
        with.live_pods(),
        Some(1),
        "it reaches the socket to its end"
    );

    let api = Api::new(&["ci"])
        .with("/apis/apps/v1/replicasets", [old])
        .with(
            "/api/v1/pods",
            [pod("web-1-a", "ci", Some(("ReplicaSet", "web-1")))],
        );
    assert_eq!(
        names(&report(api, &[])),
        ["ci/ReplicaSet/web-1"],
        "the Deployment itself is clean"
    );
}

#[test]
fn the_labels_of_a_namespace_decide_too() {
    let mut api = Api::new(&[]).with("/api/v1/pods", [pod("bare", "ci", None)]);
    api.lists.insert(
        "/api/v1/namespaces".to_owned(),
        vec![json!({"metadata": {"name": "ci",
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})],
    );
    assert_eq!(report(api, &[]).workloads[0].reason, "PodSecurity");
}

#[test]
fn only_the_namespaces_that_were_named_are_asked() {
    let pods = [
        pod("a", "one", None),
        pod("b", "two", None),
        pod("c", "three", None),
    ];
    let api = Api::new(&["one", "two", "three"]).with("/api/v1/pods", pods);
    let (report, api, _) = scanned(api, &["one", "three"]);
    assert_eq!(names(&report.unwrap()), ["one/Pod/a", "three/Pod/c"]);
    let requests = &api.lock().unwrap().requests;
    assert!(
        !requests
            .iter()
            .any(|uri| uri.contains("two") || uri.starts_with("/api/v1/pods"))
    );
}

#[test]
fn a_namespace_that_is_not_there_is_an_error() {
    let (report, ..) = scanned(Api::new(&["ci"]), &["cii"]);
    assert_eq!(
        report.unwrap_err().to_string(),
        "cannot ask the cluster: there is no namespace cii"
    );
}

#[test]
fn where_all_namespaces_are_refused_each_is_asked_and_the_refused_are_listed() {
    let pods = [pod("a", "one", None), pod("b", "two", None)];
    let mut api = Api::new(&["one", "two"]).with("/api/v1/pods", pods);
    api.forbidden = [
        "/api/v1/pods",
        "/api/v1/namespaces/two/pods",
        "/apis/batch/v1/jobs",
        "/apis/batch/v1/namespaces/two/jobs",
        "/api/v1/persistentvolumes",
    ]
    .map(str::to_owned)
    .to_vec();
    let report = report(api, &[]);
    assert_eq!(names(&report), ["one/Pod/a"]);
    let gaps: Vec<_> = report
        .gaps
        .iter()
        .map(|gap| (gap.place.as_str(), gap.why, gap.message.as_str()))
        .collect();
    assert_eq!(
        gaps,
        [
            (
                "namespace two",
                Why::Forbidden,
                "not allowed to see jobs, pods: not for you"
            ),
            (
                "the cluster",
                Why::Forbidden,
                "not allowed to see persistentvolumes: not for you"
            ),
        ]
    );
}

#[test]
fn without_the_labels_of_namespaces_the_rest_is_scanned() {
    let mut api = Api::new(&["ci"]).with("/api/v1/pods", [pod("bare", "ci", None)]);
    api.forbidden = vec!["/api/v1/namespaces".to_owned()];
    let report = report(api, &[]);
    assert_eq!(names(&report), ["ci/Pod/bare"]);
    assert_eq!(
        report.gaps[0].message,
        "not allowed to see labels of namespaces: not for you"
    );
}

#[test]
fn a_list_that_expires_is_read_anew() {
    let pods = (0..700).map(|n| pod(&format!("p{n}"), "ci", None));
    let mut api = Api::new(&["ci"]).with("/api/v1/pods", pods);
    api.expire = 2;
    let (first, ..) = scanned(api, &[]);
    let first = first.unwrap();
    assert_eq!(first.workloads.len(), 700);
    assert!(first.is_complete());
    let pods = (0..700).map(|n| pod(&format!("p{n}"), "ci", None));
    let mut api = Api::new(&["ci"]).with("/api/v1/pods", pods);
    api.expire = 99;
    let second = report(api, &[]);
    assert_eq!(second.workloads.len(), 0);
    assert!(
        second.gaps[0].message.starts_with("could not read pods:"),
        "{:?}",
        second.gaps
    );
}

#[test]
fn a_cluster_that_is_away_is_an_error() {
    let mut api = Api::new(&["ci"]);
    api.down = true;
    let (report, ..) = scanned(api, &[]);
    let error = report.unwrap_err().to_string();
    assert!(error.contains("etcd is away"), "{error}");
}
