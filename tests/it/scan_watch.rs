//! `scan --watch`: what the page and the metrics say while a cluster changes, refuses or is
//! away.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use dind_injector::decide::Policy;
use dind_injector::reporter::{Reporter, Settings};
use dind_injector::telemetry::metrics::{Metrics, ScanResult};
use dind_injector::telemetry::readiness::Readiness;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use crate::support::lists::{Api, Shared, client, listen, pod, workload};
use crate::support::patience::within;
use crate::support::program::Program;
use crate::support::scratch;

const PODS: &str = "/api/v1/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";

/// A reporter, and what readers see of it.
struct Watched {
    api: Shared,
    reporter: Reporter,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    pages: Router,
}

impl Watched {
    fn new(api: Api) -> Self {
        let api = Arc::new(Mutex::new(api));
        let metrics = Arc::new(Metrics::for_reporter());
        let readiness = Readiness::new();
        let settings = Settings {
            namespaces: Vec::new(),
            interval: Duration::from_secs(300),
            diffs: false,
        };
        let reporter = Reporter::new(
            client(&api),
            Arc::new(ArcSwap::from_pointee(Policy::offline())),
            settings,
            Arc::clone(&metrics),
            &readiness,
        );
        Self {
            api,
            pages: reporter.pages(),
            reporter,
            metrics,
            readiness,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Api)) {
        change(&mut self.api.lock().unwrap());
    }

    async fn page(&self) -> (u16, String) {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let answer = self.pages.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = within(answer.into_body().collect())
            .await
            .unwrap()
            .to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The lines of a scrape that begin so.
    fn lines(&self, start: &str) -> Vec<String> {
        let text = self.metrics.encode().unwrap();
        let lines = text.lines().filter(|line| line.starts_with(start));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn remaining(&self) -> Vec<String> {
        let name = "dind_injector_remaining{";
        let lines = self.lines(name).into_iter();
        lines.map(|line| line[name.len()..].to_owned()).collect()
    }
}

/// Prometheus takes an empty label for none, and would put the reporter's namespace there.
#[tokio::test]
async fn what_has_no_namespace_says_so() {
    let volume = json!({"metadata": {"name": "socket"},
                        "spec": {"hostPath": {"path": "/var/run/docker.sock"}}});
    let api = Api::new(&["ci"]).with("/api/v1/persistentvolumes", [volume]);
    let mut watched = Watched::new(api);
    watched.reporter.look().await;
    watched.change(|api| {
        drop(
            api.lists
                .insert("/api/v1/persistentvolumes".to_owned(), vec![]),
        )
    });
    watched.reporter.look().await;
    watched.reporter.look().await;
    assert_eq!(
        watched.remaining(),
        [r#"namespace="(none)",kind="PersistentVolume",verdict="unseen"} 0"#]
    );
}

fn ci() -> Api {
    Api::new(&["ci", "web"])
        .with(DEPLOYMENTS, [workload("runner", "ci", None)])
        .with(
            PODS,
            [
                pod("runner-a", "ci", Some(("Deployment", "runner"))),
                pod("runner-b", "ci", Some(("Deployment", "runner"))),
                pod("bare", "web", None),
            ],
        )
}

#[tokio::test]
async fn what_changes_in_the_cluster_changes_on_the_page_and_in_the_metrics() {
    let mut watched = Watched::new(ci());
    assert_eq!(watched.reporter.look().await, ScanResult::Complete);
    assert_eq!(
        watched.remaining(),
        [
            r#"namespace="ci",kind="Deployment",verdict="swapped"} 1"#,
            r#"namespace="web",kind="Pod",verdict="swapped"} 1"#,
        ]
    );
    assert_eq!(
        watched.lines("dind_injector_remaining_pods{"),
        [
            r#"dind_injector_remaining_pods{namespace="ci"} 2"#,
            r#"dind_injector_remaining_pods{namespace="web"} 1"#,
        ]
    );
    let (status, page) = watched.page().await;
    assert_eq!(status, 200);
    assert!(page.contains("2 workloads reach a node’s container runtime"));
    assert!(page.contains("3 Pods reach it as stored now"));
    assert!(!page.contains("Incomplete") && !page.contains("Not of now"));

    watched.change(|api| api.lists.get_mut(PODS).unwrap().clear());
    watched.reporter.look().await;
    assert_eq!(
        watched.remaining(),
        [
            r#"namespace="ci",kind="Deployment",verdict="swapped"} 1"#,
            r#"namespace="web",kind="Pod",verdict="swapped"} 0"#,
        ],
        "zero is shown"
    );
    assert_eq!(
        watched.lines("dind_injector_remaining_pods{"),
        [
            r#"dind_injector_remaining_pods{namespace="ci"} 0"#,
            r#"dind_injector_remaining_pods{namespace="web"} 0"#,
        ]
    );

    watched.change(|api| api.lists.get_mut(DEPLOYMENTS).unwrap().clear());
    watched.reporter.look().await;
    assert_eq!(
        watched.remaining(),
        [
            r#"namespace="ci",kind="Deployment",verdict="swapped"} 0"#,
            r#"namespace="web",kind="Pod",verdict="swapped"} 0"#,
        ]
    );
    let (_, page) = watched.page().await;
    assert!(page.contains("Nothing reaches a node’s container runtime"));
    assert_eq!(
        watched.lines("dind_injector_scans_total{"),
        [
            r#"dind_injector_scans_total{result="complete"} 3"#,
            r#"dind_injector_scans_total{result="failed"} 0"#,
            r#"dind_injector_scans_total{result="incomplete"} 0"#,
        ]
    );
}

#[tokio::test]
async fn a_namespace_that_is_gone_is_zero_once_and_then_gone() {
    let mut watched = Watched::new(ci());
    watched.reporter.look().await;
    watched.change(|api| {
        let namespaces = api.lists.get_mut("/api/v1/namespaces").unwrap();
        namespaces.retain(|namespace| namespace["metadata"]["name"] != "web");
        let pods = api.lists.get_mut(PODS).unwrap();
        pods.retain(|pod| pod["metadata"]["namespace"] != "web");
    });
    let web = |watched: &Watched| {
        let mut lines = watched.remaining();
        lines.retain(|line| line.contains(r#""web""#));
        lines
    };
    watched.reporter.look().await;
    assert_eq!(
        web(&watched),
        [r#"namespace="web",kind="Pod",verdict="swapped"} 0"#]
    );
    watched.reporter.look().await;
    assert_eq!(web(&watched), [""; 0]);
}

#[tokio::test]
async fn while_the_api_server_is_away_the_last_result_stays_and_says_so() {
    let mut watched = Watched::new(ci());
    watched.reporter.look().await;
    let before = watched.remaining();
    let success = watched.lines("dind_injector_scan_last_success_timestamp_seconds");
    assert!(!success[0].ends_with(" 0"), "{success:?}");

    watched.change(|api| api.down = true);
    assert_eq!(watched.reporter.look().await, ScanResult::Failed);
    assert_eq!(watched.remaining(), before);
    assert_eq!(
        watched.lines("dind_injector_scan_last_success_timestamp_seconds"),
        success
    );
    assert_eq!(
        watched.lines(r#"dind_injector_scans_total{result="failed"#),
        [r#"dind_injector_scans_total{result="failed"} 1"#]
    );
    let (status, page) = watched.page().await;
    assert_eq!(status, 200);
    assert!(page.contains("2 workloads reach a node’s container runtime"));
    assert!(page.contains("<strong>Not of now.</strong> The last scan failed ("));
    assert!(page.contains("etcd is away"));
    let report = watched.readiness.report();
    assert!(report.ready, "the last result is still worth reading");
    assert!(report.text.contains("etcd is away"), "{}", report.text);

    watched.change(|api| api.down = false);
    assert_eq!(watched.reporter.look().await, ScanResult::Complete);
    let (_, page) = watched.page().await;
    assert!(!page.contains("Not of now"));
    assert!(!watched.readiness.report().text.contains("etcd"));
}

#[tokio::test]
async fn an_api_server_that_goes_in_the_middle_of_a_scan_does_not_empty_the_result() {
    let mut watched = Watched::new(ci());
    watched.reporter.look().await;
    let before = watched.remaining();
    watched.change(|api| api.broken = vec![PODS.to_owned(), DEPLOYMENTS.to_owned()]);
    assert_eq!(watched.reporter.look().await, ScanResult::Failed);
    assert_eq!(watched.remaining(), before);
    let (_, page) = watched.page().await;
    assert!(page.contains("could not read deployments, pods: etcd is away"));

    let mut fresh = Watched::new(ci());
    fresh.change(|api| api.broken = vec![PODS.to_owned()]);
    assert_eq!(
        fresh.reporter.look().await,
        ScanResult::Incomplete,
        "with nothing before it, half a result is more than none"
    );
}

#[tokio::test]
async fn a_namespace_that_is_refused_makes_the_result_incomplete_and_no_zeros() {
    let mut watched = Watched::new(ci());
    watched.reporter.look().await;
    watched.change(|api| {
        api.forbidden = vec![PODS.to_owned(), "/api/v1/namespaces/web/pods".to_owned()];
        api.lists.get_mut(DEPLOYMENTS).unwrap().clear();
        let pods = api.lists.get_mut(PODS).unwrap();
        pods.retain(|pod| pod["metadata"]["namespace"] == "web");
    });
    assert_eq!(watched.reporter.look().await, ScanResult::Incomplete);
    assert_eq!(
        watched.remaining(),
        [
            r#"namespace="ci",kind="Deployment",verdict="swapped"} 0"#,
            r#"namespace="web",kind="Pod",verdict="swapped"} 1"#,
        ],
        "what is not seen is not gone"
    );
    assert_eq!(
        watched.lines("dind_injector_scan_gaps"),
        ["dind_injector_scan_gaps 1"]
    );
    let (_, page) = watched.page().await;
    assert!(page.contains("<strong>Incomplete.</strong> 1 place could not be looked at."));
    assert!(page.contains("namespace web"));
    assert!(
        watched
            .readiness
            .report()
            .text
            .contains("[+]scan ok: incomplete: 1 place could not be looked at\n")
    );
}

#[tokio::test]
async fn before_the_first_result_there_is_no_page_and_no_readiness() {
    let mut watched = Watched::new(ci());
    assert_eq!(
        watched.page().await,
        (503, "the first scan has not ended\n".to_owned())
    );
    assert!(!watched.readiness.report().ready);
    watched.change(|api| api.down = true);
    watched.reporter.look().await;
    let (status, text) = watched.page().await;
    assert_eq!(status, 503);
    assert!(text.contains("etcd is away"), "{text}");
    assert!(!watched.readiness.report().ready);
    assert_eq!(watched.remaining(), [""; 0]);
    assert_eq!(
        watched.lines("dind_injector_scan_last_success_timestamp_seconds"),
        ["dind_injector_scan_last_success_timestamp_seconds 0"]
    );
}

#[tokio::test]
async fn an_owner_of_any_kind_makes_no_series_of_its_own() {
    let pods = (0..20).map(|n| pod(&format!("p{n}"), "ci", Some((&format!("Kind{n}"), "x"))));
    let mut watched = Watched::new(Api::new(&["ci"]).with(PODS, pods.collect::<Vec<_>>()));
    watched.reporter.look().await;
    let remaining = watched.remaining();
    assert_eq!(remaining.len(), 1, "{remaining:?}");
    assert!(remaining[0].starts_with(r#"namespace="ci",kind="Other""#));
}

#[tokio::test]
async fn every_list_is_asked_in_pages() {
    let mut watched = Watched::new(ci());
    watched.reporter.look().await;
    watched.change(|api| {
        assert!(api.requests.len() < 25, "{:?}", api.requests);
        for request in &api.requests {
            assert!(request.contains("limit="), "{request}");
        }
    });
}

#[tokio::test]
async fn the_webhooks_metrics_are_not_shown() {
    let text = Metrics::for_reporter().encode().unwrap();
    for name in [
        "certificate",
        "ca_bundle",
        "reviews",
        "build_info",
        "watch_age",
    ] {
        assert!(
            !text.contains(name),
            "{name}: an alert would take it for the webhook's"
        );
    }
    assert!(!Metrics::new().encode().unwrap().contains("remaining"));
}

/// A running `dind-injector scan --watch`, ended with the test.
struct Process {
    program: Program,
    address: SocketAddr,
}

fn start(api: SocketAddr) -> Process {
    let directory = scratch::folder("watch");
    let kubeconfig = directory.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://{api}")}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let program = Program::start([
        "scan",
        "--watch",
        "--listen=127.0.0.1:0",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
    ]);
    let address = program.event("reporting")["address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    Process { program, address }
}

impl Process {
    async fn get(&self, path: &str) -> (u16, String) {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let (mut send, connection) = handshake(TokioIo::new(tcp)).await.unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::get(path)
            .header("host", "localhost")
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = within(send.send_request(request)).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_page_health_and_metrics_and_ends_on_sigterm() {
    let api = Arc::new(Mutex::new(ci()));
    let address = listen(&api).await;
    let mut process = tokio::task::spawn_blocking(move || start(address))
        .await
        .unwrap();
    within(async {
        while process.get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(process.get("/livez").await, (200, "ok\n".to_owned()));
    let (status, page) = process.get("/").await;
    assert_eq!(status, 200);
    assert!(page.contains("2 workloads reach a node’s container runtime"));
    let (_, metrics) = process.get("/metrics").await;
    // The policy is the webhook's own without a file: no namespace is labeled.
    for line in [
        r#"dind_injector_remaining{namespace="ci",kind="Deployment",verdict="warned"} 1"#,
        r#"dind_injector_policy_info{sha256="builtin"} 1"#,
        "dind_injector_scan_gaps 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}:\n{metrics}");
    }
    let (status, text) = process.get("/nothing").await;
    assert_eq!(status, 404);
    assert_eq!(text, "there is /, /livez, /readyz and /metrics\n");

    process.program.signal(Signal::TERM);
    let ended = tokio::task::spawn_blocking(move || process.program.ended().code());
    assert_eq!(ended.await.unwrap(), Some(0));
}
