//! Spans of reviews that the API server traces, and a collector that takes them, or is away.

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::server::webhook::Webhook;
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::traces::{Exporter, TraceArgs, Tracer, open};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::support::{Running, start_handler, until, within};
use crate::support::scratch;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What a collector was sent: the path and the delivery.
type Deliveries = mpsc::Receiver<(String, ExportTraceServiceRequest)>;

/// A collector on a free port.
struct Stub {
    url: String,
    deliveries: Deliveries,
}

/// Takes deliveries by HTTP, or by HTTPS.
async fn collector(tls: Option<TlsAcceptor>) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (sender, deliveries) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (sender, tls) = (sender.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => take(stream, sender).await,
                    Some(tls) => {
                        // A client that does not trust us ends here.
                        if let Ok(stream) = tls.accept(stream).await {
                            take(stream, sender).await;
                        }
                    }
                }
            });
        }
    });
    Stub {
        url: format!("{scheme}://localhost:{port}"),
        deliveries,
    }
}

async fn take<S>(stream: S, sender: mpsc::Sender<(String, ExportTraceServiceRequest)>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let sender = sender.clone();
        async move {
            let path = request.uri().path().to_owned();
            assert_eq!(request.headers()["content-type"], "application/x-protobuf");
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = ExportTraceServiceRequest::decode(body).unwrap();
            sender.send((path, body)).await.unwrap();
            Ok::<_, Infallible>(hyper::Response::new(Full::<Bytes>::default()))
        }
    });
    // The client keeps the connection until it ends.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn tracing(args: &TraceArgs, metrics: &Arc<Metrics>) -> (Tracer, Exporter) {
    let opened = open(args, "pod-1".to_owned(), Arc::clone(metrics)).unwrap();
    opened.expect("a collector is named")
}

fn named(url: &str) -> TraceArgs {
    TraceArgs {
        otlp_endpoint: Some(url.parse().unwrap()),
        otlp_ca_file: None,
    }
}

async fn webhook(args: &TraceArgs) -> Running {
    let metrics = Arc::new(Metrics::new());
    let (tracer, exporter) = tracing(args, &metrics);
    tokio::spawn(exporter.run());
    let webhook = Webhook {
        policy: Arc::new(ArcSwap::from_pointee(Policy::offline())),
        cluster: Arc::new(NoNamespaces),
        metrics: Arc::clone(&metrics),
        events: None,
    };
    start_handler(webhook, metrics, Some(tracer)).await
}

/// Waits until spans were not delivered.
async fn failed(running: &Running) {
    let failed = || running.metric(r#"dind_injector_spans_total{result="failed"}"#);
    until(|| failed() >= 1.0).await;
}

/// Values as OTLP has them.
fn said(attributes: &[KeyValue]) -> Vec<(&str, &Value)> {
    attributes
        .iter()
        .map(|KeyValue { key, value, .. }| {
            let value = value.as_ref().unwrap().value.as_ref();
            (&**key, value.unwrap())
        })
        .collect()
}

async fn review(running: &Running, uid: &str, traceparent: Option<&str>) {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": uid, "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "ci", "operation": "CREATE", "userInfo": {"username": "ann"},
            "object": {"metadata": {"name": "build"}, "spec": {"containers": []}},
        },
    });
    let mut request = Request::post("/mutate")
        .header("host", "localhost")
        .header("content-type", "application/json");
    if let Some(parent) = traceparent {
        request = request.header("traceparent", parent);
    }
    let request = request.body(Full::from(review.to_string())).unwrap();
    let answer = running.client().await.request(request).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_review_that_the_api_server_traces_gets_a_span_below_its_own() {
    let mut stub = collector(None).await;
    let running = webhook(&named(&stub.url)).await;
    review(&running, "untraced", None).await;
    review(
        &running,
        "unsampled",
        Some(&format!("00-{TRACE}-{PARENT}-00")),
    )
    .await;
    review(&running, "traced", Some(&format!("00-{TRACE}-{PARENT}-01"))).await;

    let (path, delivery) = within(stub.deliveries.recv()).await.unwrap();
    assert_eq!(path, "/v1/traces");
    let text = |value: &str| Value::StringValue(value.to_owned());
    let of_process = &delivery.resource_spans[0];
    let resource = said(&of_process.resource.as_ref().unwrap().attributes);
    for (key, value) in [
        ("service.name", "dind-injector"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", "pod-1"),
    ] {
        assert!(resource.contains(&(key, &text(value))), "{resource:?}");
    }

    let [span] = &of_process.scope_spans[0].spans[..] else {
        panic!("not one span: {delivery:?}");
    };
    let hex = |bytes: &[u8]| {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(span.span_id.len(), 8);
    assert_ne!(hex(&span.span_id), PARENT);
    assert_ne!(span.span_id, [0; 8]);
    assert_eq!(span.name, "POST /mutate");
    assert_eq!(span.kind, SpanKind::Server as i32);
    // Sampled, and below a span of another process.
    assert_eq!(span.flags, 0x301);
    assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    let attributes = said(&span.attributes);
    for (key, value) in [
        ("http.route", text("/mutate")),
        ("http.response.status_code", Value::IntValue(200)),
        ("dind_injector.uid", text("traced")),
        ("k8s.namespace.name", text("ci")),
        ("dind_injector.name", text("build")),
        ("dind_injector.outcome", text("left")),
    ] {
        assert!(attributes.contains(&(key, &value)), "{key}: {attributes:?}");
    }
}

/// A certificate of a collector for `localhost`, in PEM, and the collector's end of TLS with it.
fn certificate() -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

async fn webhook_trusting(ca: &str, stub: &Stub) -> Running {
    let folder = scratch::folder("collector");
    let file = folder.join("ca.pem");
    fs::write(&file, ca).unwrap();
    let running = webhook(&TraceArgs {
        otlp_ca_file: Some(file),
        ..named(&stub.url)
    })
    .await;
    fs::remove_dir_all(folder).unwrap();
    running
}

#[tokio::test]
async fn spans_go_by_https_to_a_collector_that_the_named_ca_vouches_for() {
    let (ca, tls) = certificate();
    let mut stub = collector(Some(tls)).await;
    let running = webhook_trusting(&ca, &stub).await;
    review(&running, "traced", Some(&format!("00-{TRACE}-{PARENT}-01"))).await;
    let (path, delivery) = within(stub.deliveries.recv()).await.unwrap();
    assert_eq!(path, "/v1/traces");
    let spans = &delivery.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans.len(), 1);
}

#[tokio::test]
async fn no_span_goes_to_a_collector_that_the_named_ca_does_not_vouch_for() {
    let (_, tls) = certificate();
    let (other, _) = certificate();
    let mut stub = collector(Some(tls)).await;
    let running = webhook_trusting(&other, &stub).await;
    review(&running, "traced", Some(&format!("00-{TRACE}-{PARENT}-01"))).await;
    failed(&running).await;
    assert!(stub.deliveries.try_recv().is_err());
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_no_reviews() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let running = webhook(&named(&format!("http://{address}"))).await;
    review(&running, "traced", Some(&format!("00-{TRACE}-{PARENT}-01"))).await;
    failed(&running).await;
    review(
        &running,
        "traced too",
        Some(&format!("00-{TRACE}-{PARENT}-01")),
    )
    .await;
}

#[tokio::test]
async fn spans_beyond_the_queue_are_dropped_and_counted() {
    let metrics = Arc::new(Metrics::new());
    // Never run: nothing is taken from the queue.
    let (tracer, _exporter) = tracing(&named("http://127.0.0.1:1"), &metrics);
    let mut headers = hyper::HeaderMap::new();
    let parent = format!("00-{TRACE}-{PARENT}-01");
    headers.insert("traceparent", parent.parse().unwrap());
    for _ in 0..2000 {
        let span = tracer.begin(&headers).unwrap();
        span.end("/mutate", 200, std::time::Duration::ZERO);
    }
    let text = metrics.encode().unwrap();
    let dropped = r#"dind_injector_spans_total{result="dropped"} 976"#;
    assert!(text.lines().any(|line| line == dropped), "{text}");
}
