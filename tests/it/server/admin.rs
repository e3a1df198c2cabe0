//! The admin port.

use super::support::*;

#[tokio::test]
async fn live_whatever_readiness_says() {
    let server = start(|_| {}).await;
    let policy = server.readiness.check("policy");
    policy.fail("no such file");
    assert_eq!(server.admin_get("/livez").await.status, 200);
    let ready = server.admin_get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(
        ready.text().contains("[-]policy failed: no such file\n"),
        "{}",
        ready.text()
    );
    policy.pass();
    let ready = server.admin_get("/readyz").await;
    assert_eq!(ready.status, 200);
    for line in ["[+]certificate ok", "[+]shutdown ok", "[+]policy ok"] {
        assert!(
            ready.text().lines().any(|has| has == line),
            "{}",
            ready.text()
        );
    }
}

#[tokio::test]
async fn a_scrape_shows_what_happened() {
    let server = start(|_| {}).await;
    let before = server.metric("dind_injector_certificate_expiry_timestamp_seconds");
    assert!(before > 1.7e9, "{before}");
    assert_eq!(server.client().await.review("{}").await.status, 200);
    let scrape = server.admin_get("/metrics").await;
    assert_eq!(scrape.status, 200);
    assert!(
        scrape
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let line = r#"dind_injector_request_duration_seconds_count{route="mutate"} 1"#;
    assert!(scrape.text().contains(line), "{}", scrape.text());
    assert!(scrape.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn reviews_are_not_served_there_nor_metrics_on_the_webhook_port() {
    let server = start(|_| {}).await;
    assert_eq!(server.admin_get("/mutate").await.status, 404);
    let mut client = server.client().await;
    let answer = client
        .send(hyper::Method::GET, "/metrics", None, "".into())
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn scrapers_that_stay_do_not_shut_out_the_kubelet() {
    let server = start(|_| {}).await;
    let mut staying = Vec::new();
    for _ in 0..64 {
        let tcp = tokio::net::TcpStream::connect(server.admin).await.unwrap();
        let mut client = Client::over(tcp).await;
        let answer = client
            .send(hyper::Method::GET, "/livez", None, "".into())
            .await;
        assert_eq!(answer.unwrap().status, 200);
        staying.push(client);
    }
    assert_eq!(server.admin_get("/livez").await.status, 200);
    assert_eq!(server.admin_get("/readyz").await.status, 200);
}
