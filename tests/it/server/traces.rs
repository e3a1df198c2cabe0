//! Spans of reviews that the API server traces, and a collector that takes them, or is away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::server::webhook::Webhook;
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::traces::{Exporter, Tracer, open};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::support::{Running, start_handler, until, within};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes deliveries on a free port.
async fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "holds what one test sends")]
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let sender = sender.clone();
                async move {
                    let path = request.uri().path().to_owned();
                    assert_eq!(request.headers()["content-type"], "application/json");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body = serde_json::from_slice(&body).unwrap();
                    sender.send((path, body)).unwrap();
                    Ok::<_, Infallible>(hyper::Response::new(Full::<Bytes>::from("{}")))
                }
            });
            let stream = TokioIo::new(stream);
            tokio::spawn(http1::Builder::new().serve_connection(stream, service));
        }
    });
    (address, received)
}

fn tracing(address: SocketAddr, metrics: &Arc<Metrics>) -> (Tracer, Exporter) {
    let collector = format!("http://{address}").parse().unwrap();
    open(collector, "pod-1".to_owned(), Arc::clone(metrics))
}

async fn webhook(address: SocketAddr) -> Running {
    let metrics = Arc::new(Metrics::new());
    let (tracer, exporter) = tracing(address, &metrics);
    tokio::spawn(exporter.run());
    let webhook = Webhook {
        policy: Arc::new(ArcSwap::from_pointee(Policy::offline())),
        namespaces: Arc::new(NoNamespaces),
        metrics: Arc::clone(&metrics),
        events: None,
    };
    start_handler(webhook, metrics, Some(tracer)).await
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
    let (address, mut deliveries) = collector().await;
    let running = webhook(address).await;
    review(&running, "untraced", None).await;
    review(
        &running,
        "unsampled",
        Some(&format!("00-{TRACE}-{PARENT}-00")),
    )
    .await;
    review(&running, "traced", Some(&format!("00-{TRACE}-{PARENT}-01"))).await;

    let (path, delivery) = within(deliveries.recv()).await.unwrap();
    assert_eq!(path, "/v1/traces");
    let resource = &delivery["resourceSpans"][0]["resource"]["attributes"];
    let is = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let said = resource.as_array().unwrap();
    assert!(
        said.contains(&is("service.name", "dind-injector")),
        "{said:?}"
    );
    assert!(
        said.contains(&is("service.instance.id", "pod-1")),
        "{said:?}"
    );

    let spans = &delivery["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans.as_array().unwrap().len(), 1, "{spans}");
    let span = &spans[0];
    assert_eq!(span["traceId"], TRACE);
    assert_eq!(span["parentSpanId"], PARENT);
    assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
    assert_ne!(span["spanId"], PARENT);
    assert_eq!(span["name"], "POST /mutate");
    let nanos = |key: &str| span[key].as_str().unwrap().parse::<u128>().unwrap();
    assert!(nanos("startTimeUnixNano") < nanos("endTimeUnixNano"));
    let said = span["attributes"].as_array().unwrap();
    for (key, value) in [
        ("http.route", "/mutate"),
        ("dind_injector.uid", "traced"),
        ("k8s.namespace.name", "ci"),
        ("dind_injector.name", "build"),
        ("dind_injector.outcome", "left"),
    ] {
        assert!(said.contains(&is(key, value)), "{key}: {said:?}");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_no_reviews() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let running = webhook(address).await;
    review(&running, "traced", Some(&format!("00-{TRACE}-{PARENT}-01"))).await;
    let failed = || running.metric(r#"dind_injector_spans_total{result="failed"}"#);
    until(|| failed() >= 1.0).await;
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
    let (tracer, _exporter) = tracing("127.0.0.1:1".parse().unwrap(), &metrics);
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
