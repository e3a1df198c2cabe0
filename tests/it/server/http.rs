//! What each kind of request is answered.

use axum::body::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test]
async fn both_tls_versions_are_served() {
    let server = start(|_| {}).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = server.tls_with(&[version], &[b"http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let answer = Client::over(stream).await.review("{}").await;
        assert_eq!((answer.status, answer.text()), (200, "{}"));
    }
}

#[tokio::test]
async fn http_1_1_is_spoken_and_nothing_else() {
    let server = start(|_| {}).await;
    let both = [&b"h2"[..], b"http/1.1"];
    let versions = [&rustls::version::TLS13];
    let stream = server.tls_with(&versions, &both).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(server.tls_with(&versions, &[b"h2"]).await.is_err());
    let series = r#"dind_injector_tls_handshake_failures_total{reason="incompatible"}"#;
    until(|| server.metric(series) > 0.0).await;
}

#[tokio::test]
async fn each_route_reaches_the_handler() {
    let server = start(|_| {}).await;
    let mut client = server.client().await;
    for (path, route) in [
        ("/mutate", "Mutate"),
        ("/verify?timeout=5s", "Verify"),
        ("/warn?timeout=5s", "Warn"),
    ] {
        let json = Some("application/json; charset=utf-8");
        let answer = client
            .send(Method::POST, path, json, "route".into())
            .await
            .unwrap();
        assert_eq!((answer.status, answer.text()), (200, route));
    }
}

#[tokio::test]
async fn every_refusal_is_a_json_error_and_leaves_the_connection_usable() {
    let server = start(|args| args.limits.max_body = 1000).await;
    let mut client = server.client().await;
    let json = Some("application/json");
    let (get, post) = (Method::GET, Method::POST);
    let large = Bytes::from(vec![b' '; 1001]);
    let cases = [
        (405, get.clone(), "/mutate", json, Bytes::new(), "POST"),
        (405, Method::PUT, "/warn", json, "{}".into(), "POST"),
        (404, post.clone(), "/validate", json, "{}".into(), "/mutate"),
        (404, get, "/", None, Bytes::new(), "/mutate"),
        (
            415,
            post.clone(),
            "/mutate",
            None,
            "{}".into(),
            "application/json",
        ),
        (
            415,
            post.clone(),
            "/mutate",
            Some("text/plain"),
            "{}".into(),
            "application/json",
        ),
        (
            415,
            post.clone(),
            "/mutate",
            Some("application/jsonp"),
            "{}".into(),
            "application/json",
        ),
        (413, post.clone(), "/mutate", json, large, "1000 bytes"),
        (
            422,
            post,
            "/mutate",
            json,
            "unprocessable".into(),
            "told to",
        ),
    ];
    for (status, method, path, kind, body, says) in cases {
        let answer = client.send(method.clone(), path, kind, body).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path} {kind:?}");
        assert!(answer.error().contains(says), "{answer:?}");
        assert_eq!(answer.header("connection"), None, "{answer:?}");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("POST"));
        }
    }
    assert_eq!(client.review("still here").await.text(), "still here");
    assert_eq!(
        server.metric(r#"dind_injector_requests_total{route="mutate",code="415"}"#),
        3.0
    );
}

#[tokio::test]
async fn a_compressed_body_is_refused_unread() {
    let server = start(|_| {}).await;
    let mut client = server.client().await;
    let request = Request::post("/mutate")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .body(Full::new(Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0")))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status, 415);
    assert!(answer.error().contains("Content-Encoding"));
}

#[tokio::test]
async fn a_body_in_chunks_is_joined_and_bounded() {
    let server = start(|args| args.limits.max_body = 10).await;
    let chunked = "POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                   transfer-encoding: chunked\r\n\r\n";
    let mut stream = server.tls().await;
    write(&mut stream, format!("{chunked}3\r\nabc\r\n4\r\ndefg\r\n")).await;
    write(&mut stream, "3\r\nhij\r\n0\r\n\r\n").await;
    let answer = read_some(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("abcdefghij"),
        "{answer}"
    );

    write(
        &mut stream,
        format!("{chunked}6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n"),
    )
    .await;
    let answer = read_some(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn the_largest_review_passes_whole() {
    let server = start(|_| {}).await;
    let body: Bytes = (0..8 << 20).map(|i: u32| i.to_le_bytes()[1]).collect();
    let answer = server.client().await.review(body.clone()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == body);
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_before_it_is_sent() {
    let server = start(|_| {}).await;
    let mut stream = server.tls().await;
    write(&mut stream, head(1 << 40)).await;
    let answer = read_some(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("connection: close"),
        "{answer}"
    );
    closed(&mut stream).await;
}

#[tokio::test]
async fn one_connection_serves_many_reviews() {
    let server = start(|_| {}).await;
    let mut client = server.client().await;
    for i in 0..200 {
        let body = format!("review {i}");
        assert_eq!(client.review(body.clone()).await.text(), body);
    }
    assert_eq!(server.metric("dind_injector_connections_open"), 1.0);
    assert_eq!(
        server.metric(r#"dind_injector_requests_total{route="mutate",code="200"}"#),
        200.0
    );
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let server = start(|_| {}).await;
    let mut client = server.client().await;
    let answer = client.review("panic").await;
    assert_eq!(answer.status, 500);
    assert!(
        !answer.error().contains("told to"),
        "inner words stay inside"
    );
    assert_eq!(client.review("after").await.text(), "after");
    assert_eq!(server.metric("dind_injector_handler_panics_total"), 1.0);
}

#[tokio::test]
async fn a_truncated_body_never_reaches_the_handler() {
    let server = start(|_| {}).await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}half", head(100))).await;
    stream.shutdown().await.unwrap();
    closed(&mut stream).await;
    let series = r#"dind_injector_requests_total{route="mutate",code="400"}"#;
    until(|| server.metrics.encode().unwrap().contains(series)).await;
    assert_eq!(server.client().await.review("{}").await.status, 200);
}

#[tokio::test]
async fn garbage_ends_its_connection_and_no_other() {
    let server = start(|_| {}).await;
    let mut honest = server.client().await;
    let mut stream = server.tls().await;
    write(&mut stream, "\0\x01\x02 garbage \r\n\r\n").await;
    closed(&mut stream).await;
    let series = r#"dind_injector_connections_dropped_total{reason="protocol"}"#;
    until(|| server.metric(series) == 1.0).await;
    assert_eq!(honest.review("{}").await.status, 200);
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_counted() {
    let server = start(|_| {}).await;
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(head(0).as_bytes()).await.unwrap();
    closed(&mut plain).await;
    let series = r#"dind_injector_tls_handshake_failures_total{reason="not_tls"}"#;
    until(|| server.metric(series) == 1.0).await;
}

#[tokio::test]
async fn a_client_that_distrusts_us_is_counted() {
    let server = start(|_| {}).await;
    let other = start(|_| {}).await;
    let confused = Running {
        address: server.address,
        ..other
    };
    let versions = [&rustls::version::TLS13];
    assert!(confused.tls_with(&versions, &[b"http/1.1"]).await.is_err());
    let series = r#"dind_injector_tls_handshake_failures_total{reason="certificate_refused"}"#;
    until(|| server.metric(series) == 1.0).await;
}
