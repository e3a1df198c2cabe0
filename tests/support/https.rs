//! The real HTTPS server on loopback, and a client that talks to it as the API server does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use axum::body::Bytes;
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::server::webhook::Webhook as Reviewer;
use dind_injector::server::{Server, ServerArgs, Shutdown, Stopper};
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::readiness::Readiness;
use dind_injector::tls::{CertStore, SelfSigned};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server and one kept-alive connection to it.
pub struct Webhook {
    runtime: Runtime,
    policy: Arc<ArcSwap<Policy>>,
    connection: SendRequest<Full<Bytes>>,
    _stopper: Stopper,
}

impl Webhook {
    /// Starts a server with a certificate of its own.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let policy = Arc::new(ArcSwap::from_pointee(Policy::offline()));
        let metrics = Arc::new(Metrics::new());
        let certs = Arc::new(CertStore::new(Arc::clone(&metrics)));
        let made = SelfSigned::generate(
            vec!["localhost".to_owned()],
            Arc::clone(&certs),
            SystemTime::now(),
        )
        .expect("a certificate");
        let server = Server {
            args: ServerArgs::default(),
            certs,
            metrics: Arc::clone(&metrics),
            readiness: Readiness::new(),
        };
        let (stopper, shutdown) = Shutdown::new();
        let reviews = Reviewer {
            policy: Arc::clone(&policy),
            cluster: Arc::new(NoNamespaces),
            metrics,
            events: None,
        };
        let connection = runtime.block_on(async {
            let bound = server.bind().await.expect("a free port");
            let address = bound.address();
            tokio::spawn(bound.serve(reviews, shutdown));
            let tcp = TcpStream::connect(address).await.expect("a connection");
            let name = ServerName::try_from("localhost").expect("a name");
            let tls = tls(made.ca_pem()).connect(name, tcp).await.expect("TLS");
            let (send, connection) = handshake(TokioIo::new(tls)).await.expect("HTTP");
            tokio::spawn(connection);
            send
        });
        Self {
            runtime,
            policy,
            connection,
            _stopper: stopper,
        }
    }

    /// Sends a review to a server that has `policy`; the answer's `response`, checked for
    /// the shape that the API server demands.
    pub fn review(&mut self, policy: &Arc<Policy>, review: &Value) -> Value {
        self.answer("/mutate", policy, review)
    }

    /// The same of the review after every mutating webhook, which can change nothing.
    pub fn verify(&mut self, policy: &Arc<Policy>, review: &Value) -> Value {
        let response = self.answer("/verify", policy, review);
        assert!(response["patch"].is_null(), "{response}");
        response
    }

    fn answer(&mut self, path: &str, policy: &Arc<Policy>, review: &Value) -> Value {
        self.policy.store(Arc::clone(policy));
        let (status, body) = self.post(path, Bytes::from(review.to_string()));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).expect("an answer is JSON");
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        let response = &answer["response"];
        assert_eq!(response["uid"], review["request"]["uid"]);
        assert!(response["allowed"].is_boolean(), "{response}");
        let has_patch = !response["patch"].is_null();
        assert_eq!(
            has_patch,
            response["patchType"] == "JSONPatch",
            "{response}"
        );
        response.clone()
    }

    fn post(&mut self, path: &str, body: Bytes) -> (u16, Bytes) {
        let request = Request::post(format!("{path}?timeout=10s"))
            .header("host", "dind-injector.dind-injector.svc:443")
            .header("content-type", "application/json")
            .header("accept", "application/json, */*")
            .header("user-agent", "kube-apiserver-admission")
            .body(Full::new(body))
            .expect("a request");
        let connection = &mut self.connection;
        self.runtime.block_on(async {
            let answer = async {
                connection.ready().await?;
                let (head, body) = connection.send_request(request).await?.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok::<_, hyper::Error>((head.status.as_u16(), body))
            };
            let answer = tokio::time::timeout(PATIENCE, answer).await;
            answer.expect("took too long").expect("an answer")
        })
    }
}

fn tls(ca_pem: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(ca.expect("PEM")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
