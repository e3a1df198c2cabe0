//! `check --run`: the one Pod, against an API server that plays its life.

use std::future::pending;
use std::time::Duration;

use dind_injector::check::trial;
use dind_injector::check::{Outcome, Report};
use dind_injector::inspect::api::Api as Asker;
use dind_injector::inspect::{Task, run};
use serde_json::{Value, json};

use super::api::{Api, State, status};
use super::installed::{fine, swapped};
use super::{check, found, outcome};

const POD: &str = "/api/v1/namespaces/ci/pods/dind-injector-check-1";
const LOG: &str = "/api/v1/namespaces/ci/pods/dind-injector-check-1/log";
const LINES: &str = "\
    dind-injector-check cgroup ok version 2, driver cgroupfs\n\
    dind-injector-check storage ok overlay2\n\
    dind-injector-check container ok docker run, by Docker 28.5.2\n\
    dind-injector-check mount ok a volume of the Pod\n\
    dind-injector-check mtu ok 1450 inside\n\
    dind-injector-check contained ok killed alone\n";

fn task() -> Task {
    Task {
        name: "dind-injector".to_owned(),
        namespace: Some("ci".to_owned()),
        image: None,
        node: Some("one".to_owned()),
        profile: None,
        timeout: Duration::from_secs(30),
    }
}

/// A Pod that has ended with this status, two seconds after its daemon began to start.
fn ended(code: i32) -> Value {
    let mut pod = swapped(&trial::pod());
    pod["spec"]["nodeName"] = json!("one");
    pod["status"] = json!({
        "phase": "Running",
        "initContainerStatuses": [{"name": "dind", "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}}],
        "containerStatuses": [{"name": "check", "state": {"terminated": {
            "exitCode": code, "startedAt": "2026-01-01T00:00:03Z",
        }}}],
    });
    pod
}

async fn ran(task: &Task, change: impl FnOnce(&mut State)) -> (Report, Api) {
    let mut state = fine();
    state.created_for_good = Some(ended(0));
    state.texts.insert(LOG.to_owned(), LINES.to_owned());
    change(&mut state);
    let api = Api::of(state);
    let report = run(&Asker::new(api.client()), task, pending()).await;
    (report, api)
}

#[tokio::test]
async fn a_pod_that_ends_well_is_all_green_and_gone() {
    let (report, api) = ran(&task(), |_| {}).await;
    let sizes = found(&report, "run-profiles");
    assert_eq!(sizes, "privileged, userns, rootless");
    assert_eq!(report.worst(), Outcome::Ok, "{report:#?}");
    assert_eq!(found(&report, "run-daemon"), "after 2 seconds");
    let state = api.state();
    assert!(!state.objects.contains_key(POD), "it is still there");
    let pod = &state.pods[0];
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 30);
    assert_eq!(pod["spec"]["containers"][0]["image"], "docker:28.5.2-dind");
    assert_eq!(
        pod["metadata"]["annotations"]["dind-injector.io/memory"],
        "384Mi"
    );
    assert!(
        pod["spec"]["affinity"].to_string().contains("[\"one\"]"),
        "{pod}"
    );
    assert_eq!(state.pods.len(), 1, "one Pod");
}

#[tokio::test]
async fn image_and_profile_are_those_that_were_named() {
    let task = Task {
        image: Some("registry.example/docker:cli".to_owned()),
        profile: Some("rootless".to_owned()),
        ..task()
    };
    let (_, api) = ran(&task, |_| {}).await;
    let pod = &api.state().pods[0];
    assert_eq!(
        pod["spec"]["containers"][0]["image"],
        "registry.example/docker:cli"
    );
    assert_eq!(
        pod["metadata"]["annotations"]["dind-injector.io/profile"],
        "rootless"
    );
}

#[tokio::test]
async fn no_pod_is_created_that_would_get_the_nodes_daemon() {
    let (report, api) = ran(&task(), |state| state.created = None).await;
    assert_eq!(outcome(&report, "run-pod"), Outcome::Failed);
    assert!(
        found(&report, "run-pod").contains("not swapped"),
        "{report:#?}"
    );
    assert_eq!(api.state().pods.len(), 0);
}

#[tokio::test]
async fn a_pod_that_is_stored_with_the_nodes_socket_is_deleted_at_once() {
    let (report, api) = ran(&task(), |state| state.created_for_good = Some(trial::pod())).await;
    assert_eq!(outcome(&report, "run-pod"), Outcome::Failed);
    assert_eq!(outcome(&report, "run-deleted"), Outcome::Ok);
    let requests = api.state().requests.clone();
    let deletion = format!("DELETE {POD}?gracePeriodSeconds=0");
    assert!(requests.contains(&deletion), "{requests:#?}");
}

#[tokio::test]
async fn what_a_pod_fails_at_is_told_and_it_is_deleted() {
    let (report, api) = ran(&task(), |state| {
        state.created_for_good = Some(ended(1));
        let lines = LINES.replace(
            "mtu ok 1450 inside",
            "mtu failed 1500 inside, and the Pod has 1450",
        );
        state.texts.insert(LOG.to_owned(), lines);
    })
    .await;
    assert_eq!(outcome(&report, "run-mtu"), Outcome::Failed);
    assert_eq!(outcome(&report, "run-mount"), Outcome::Ok);
    assert_eq!(outcome(&report, "run-pod"), Outcome::Failed);
    assert!(!api.state().objects.contains_key(POD));
}

#[tokio::test]
async fn a_pod_that_comes_to_its_deadline_says_what_it_waited_for() {
    let (report, api) = ran(&task(), |state| {
        let mut pod = ended(137);
        pod["status"] = json!({"phase": "Failed", "reason": "DeadlineExceeded", "containerStatuses": [
            {"name": "check", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
        ]});
        state.created_for_good = Some(pod);
    })
    .await;
    assert_eq!(outcome(&report, "run-pod"), Outcome::Failed);
    assert!(
        found(&report, "run-pod").contains("ImagePullBackOff: no such image"),
        "{report:#?}"
    );
    assert!(!api.state().objects.contains_key(POD));
}

#[tokio::test]
async fn whoever_interrupts_it_leaves_no_pod() {
    let mut state = fine();
    let mut pod = ended(0);
    pod["status"] = json!({"phase": "Pending"});
    state.created_for_good = Some(pod);
    let api = Api::of(state);
    let interrupted = async {
        let was_created = || api.state().objects.contains_key(POD);
        crate::support::patience::until(was_created).await;
    };
    let report = run(&Asker::new(api.client()), &task(), interrupted).await;
    assert_eq!(outcome(&report, "run-pod"), Outcome::CouldNotAsk);
    assert_eq!(outcome(&report, "run-deleted"), Outcome::Ok);
    assert!(!api.state().objects.contains_key(POD));
}

#[tokio::test]
async fn a_pod_that_cannot_be_deleted_is_named() {
    let (report, _) = ran(&task(), |_| {}).await;
    assert_eq!(outcome(&report, "run-deleted"), Outcome::Ok);
    let mut state = fine();
    state.created_for_good = Some(ended(0));
    state.refused.insert(POD.to_owned(), 403);
    let report = run(&Asker::new(Api::of(state).client()), &task(), pending()).await;
    assert_eq!(outcome(&report, "run-deleted"), Outcome::Failed);
    let fix = check(&report, "run-deleted").fix.clone().unwrap();
    assert_eq!(fix, "kubectl -n ci delete pod dind-injector-check-1");
}

#[tokio::test]
async fn a_policy_that_sets_sizes_itself_is_no_obstacle() {
    let message = "admission webhook \"pods.dind-injector.io\" denied the request: too much";
    let (report, api) = ran(&task(), |state| {
        state.created = Some((403, status(403, message)))
    })
    .await;
    assert_eq!(outcome(&report, "run-pod"), Outcome::Failed);
    assert!(
        found(&report, "run-pod").contains("too much"),
        "{report:#?}"
    );
    let requests = api.state().requests.clone();
    let dry = requests
        .iter()
        .filter(|request| request.ends_with("pods?dryRun=All"));
    assert_eq!(
        dry.count(),
        5,
        "three profiles, with a size and without: {requests:#?}"
    );
}
