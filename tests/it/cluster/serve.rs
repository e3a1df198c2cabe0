//! The whole program against an API server: what an operator sees of it from outside.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use base64_simd::STANDARD;
use dind_injector::tls::read_bundle;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::api::Api;
use crate::support::patience::{until, within};
use crate::support::program::Program;
use crate::support::scratch;

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";

/// A running `dind-injector serve`, ended with the test.
struct Served {
    _program: Program,
    directory: PathBuf,
    webhook: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn serve(api: &Api, name: &str) -> Served {
    serve_with(api, name, &[]).await
}

async fn serve_with(api: &Api, name: &str, flags: &'static [&'static str]) -> Served {
    let address = api.listen().await;
    let directory = scratch::folder(name);
    let kubeconfig = directory.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "here", "context": {
            "cluster": "here", "user": "me", "namespace": "dind-injector",
        }}],
        "users": [{"name": "me", "user": {}}],
    });
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let file = format!("--kubeconfig={}", kubeconfig.display());
    let starting = tokio::task::spawn_blocking(move || {
        let always = [
            "serve",
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--validating-configuration=dind-injector",
            &file,
        ];
        let program = Program::start(always.iter().chain(flags));
        let serving = program.event("serving");
        (program, serving)
    });
    let (program, serving) = starting.await.unwrap();
    let at = |key: &str| serving[key].as_str().unwrap().parse().unwrap();
    Served {
        webhook: at("address"),
        admin: at("admin_address"),
        _program: program,
        directory,
    }
}

impl Served {
    async fn readyz(&self) -> String {
        let tcp = TcpStream::connect(self.admin).await.unwrap();
        let (mut send, connection) = handshake(TokioIo::new(tcp)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/readyz")
            .header("host", "localhost")
            .body(Full::<Bytes>::default())
            .unwrap();
        let answer = within(send.send_request(request)).await.unwrap();
        let body = within(answer.into_body().collect())
            .await
            .unwrap()
            .to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn is_ready(&self) {
        self.report(|report| report.ends_with("readyz check passed\n"))
            .await;
    }

    /// The first report that is so.
    async fn report(&self, is_so: impl Fn(&str) -> bool) -> String {
        for _ in 0..3000 {
            let report = self.readyz().await;
            if is_so(&report) {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never so: {}", self.readyz().await);
    }

    /// Sends a review as the API server does, which trusts the configuration's caBundle alone.
    async fn review(&self, bundle: &[u8], path: &str, review: &Value) -> Value {
        let mut roots = RootCertStore::empty();
        for ca in read_bundle(bundle) {
            roots.add(ca.der().clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(self.webhook).await.unwrap();
        let name = ServerName::try_from("dind-injector.dind-injector.svc").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = within(connector.connect(name, tcp)).await.unwrap();
        let (mut send, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post(path)
            .header("host", "dind-injector.dind-injector.svc")
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(review.to_string()))
            .unwrap();
        let answer = within(send.send_request(request)).await.unwrap();
        let body = within(answer.into_body().collect())
            .await
            .unwrap()
            .to_bytes();
        serde_json::from_slice(&body).unwrap()
    }
}

fn installed() -> Api {
    let api = Api::default();
    for (collection, kind) in [
        (
            "mutatingwebhookconfigurations",
            "MutatingWebhookConfiguration",
        ),
        (
            "validatingwebhookconfigurations",
            "ValidatingWebhookConfiguration",
        ),
    ] {
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": "dind-injector"},
            "webhooks": [{"name": "a.dind-injector.io", "clientConfig": {}}],
        });
        api.put(&format!("{CONFIGURATIONS}/{collection}"), configuration);
    }
    api.put(
        "/api/v1/namespaces",
        json!({"metadata": {"name": "ci", "labels": {"dind-injector.io/injection": "enabled"}}}),
    );
    api
}

fn bundle(api: &Api, collection: &str) -> Vec<u8> {
    let object = api
        .get(&format!("{CONFIGURATIONS}/{collection}"), "dind-injector")
        .unwrap();
    let encoded = object["webhooks"][0]["clientConfig"]["caBundle"]
        .as_str()
        .unwrap();
    STANDARD.decode_to_vec(encoded).unwrap()
}

fn spec() -> Value {
    json!({
        "containers": [{
            "name": "build", "image": "docker:cli",
            "volumeMounts": [{"name": "s", "mountPath": "/var/run/docker.sock"}],
        }],
        "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}],
    })
}

fn review(group: &str, kind: &str, object: Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": group, "version": "v1", "kind": kind},
            "namespace": "ci", "operation": "CREATE", "userInfo": {"username": "ann"},
            "object": object,
        },
    })
}

#[tokio::test]
async fn from_a_fresh_install_to_a_changed_pod_a_warning_and_an_event() {
    let api = installed();
    let served = serve(&api, "fresh").await;
    served.is_ready().await;
    let readyz = served.readyz().await;
    for check in [
        "certificate",
        "authority",
        "namespaces",
        "sidecar-mode",
        "shutdown",
    ] {
        assert!(readyz.contains(&format!("[+]{check} ok\n")), "{readyz}");
    }
    assert!(
        readyz.contains("[+]policy ok: the built-in one\n"),
        "{readyz}"
    );

    let pod = json!({
        "metadata": {"generateName": "builder-", "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "builder", "uid": "r-1",
            "controller": true,
        }]},
        "spec": spec(),
    });
    let mutating = bundle(&api, "mutatingwebhookconfigurations");
    let answer = served
        .review(&mutating, "/mutate", &review("", "Pod", pod))
        .await;
    assert_eq!(answer["response"]["patchType"], "JSONPatch", "{answer}");

    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "builder"},
        "spec": {"template": {"spec": spec()}},
    });
    let validating = bundle(&api, "validatingwebhookconfigurations");
    let answer = served
        .review(
            &validating,
            "/warn",
            &review("apps", "Deployment", deployment),
        )
        .await;
    let warning = answer["response"]["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("dind-injector: in its Pods: "),
        "{warning}"
    );

    let events = "/api/v1/namespaces/ci/events";
    until(|| !api.all(events).is_empty()).await;
    assert_eq!(api.all(events)[0]["reason"], "DockerInjected");
}

#[tokio::test]
async fn while_the_api_server_is_away_it_says_why_it_is_not_ready() {
    let api = installed();
    api.go_away(503, "starting up");
    let served = serve(&api, "away").await;
    let report = served
        .report(|report| report.matches("starting up").count() >= 3)
        .await;
    for check in ["certificate", "authority", "namespaces", "sidecar-mode"] {
        assert!(report.contains(&format!("[-]{check} failed: ")), "{report}");
    }
    api.hang_up();
    let report = served
        .report(|report| report.contains("client error"))
        .await;
    assert!(report.contains("[-]namespaces failed: "), "{report}");
    api.come_back();
    served.is_ready().await;
}

/// Without the flag, no node is read, and the account needs no right to.
#[tokio::test]
async fn nodes_decide_where_they_are_watched() {
    let asking = json!({
        "metadata": {"name": "p", "annotations": {
            "dind-injector.io/inject": "true", "dind-injector.io/profile": "userns",
        }},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    });
    for (name, flags, is_allowed) in [
        ("nodes-watched", &["--watch-nodes=true"][..], false),
        ("nodes-unknown", &[], true),
    ] {
        let api = installed();
        api.put(
            "/api/v1/nodes",
            json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": "old"},
                "status": {"nodeInfo": {
                    "operatingSystem": "linux", "kernelVersion": "5.15.0-1", "kubeletVersion": "v1.36.2",
                    "containerRuntimeVersion": "containerd://2.2.9",
                }},
            }),
        );
        let served = serve_with(&api, name, flags).await;
        served.is_ready().await;
        let readyz = served.readyz().await;
        for check in ["nodes", "runtime-classes"] {
            let is_checked = readyz.contains(&format!("[+]{check} ok\n"));
            assert_eq!(is_checked, !is_allowed, "{readyz}");
        }
        assert_eq!(api.count("GET", "/nodes") > 0, !is_allowed);
        let mutating = bundle(&api, "mutatingwebhookconfigurations");
        let answer = served
            .review(&mutating, "/mutate", &review("", "Pod", asking.clone()))
            .await;
        assert_eq!(answer["response"]["allowed"], is_allowed, "{answer}");
        if !is_allowed {
            let message = answer["response"]["status"]["message"].as_str().unwrap();
            assert!(
                message.contains(
                    "which is not supported by the only node on which it may run. Choose nodes that support it with \
                     nodeSelector, or name in annotation dind-injector.io/profile another profile of rule \"enabled\""
                ),
                "{message}"
            );
        }
    }
}
