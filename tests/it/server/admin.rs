//! The admin port.

use std::sync::{Arc, Mutex, mpsc};

use dind_injector::server::{Handler, Reply, Route, StatusCode};
use dind_injector::telemetry::metrics::Metrics;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

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

/// Who compares it with a caBundle sees what the API server sees.
#[tokio::test]
async fn the_chain_that_is_served_is_shown() {
    let server = start(|_| {}).await;
    let shown = server.admin_get("/certificate").await;
    assert_eq!(shown.status, 200);
    let shown = CertificateDer::from_pem_slice(shown.text().as_bytes()).unwrap();
    let stream = server.tls().await;
    let (_, session) = stream.get_ref();
    let served = session.peer_certificates().unwrap();
    assert_eq!([shown], served);
}

/// Keeps whoever runs it until it is let go.
struct Blocks {
    entered: mpsc::SyncSender<()>,
    let_go: Mutex<mpsc::Receiver<()>>,
}

impl Handler for Blocks {
    fn handle(&self, _: Route, body: &[u8]) -> Reply {
        if body.first() == Some(&b'{') {
            self.entered.send(()).unwrap();
            // The end of the channel is all that comes.
            let _ = self.let_go.lock().unwrap().recv();
        }
        Reply::error(StatusCode::OK, "done")
    }
}

/// A server that has a thread, and what asks it, which has another; a review of `body` is kept while
/// `meanwhile` is done.
fn while_a_review_is_kept<F: Future<Output = ()>>(
    body: String,
    meanwhile: impl FnOnce(Running) -> F + Send + 'static,
) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let (entered, entries) = mpsc::sync_channel(1);
    let (hold, let_go) = mpsc::sync_channel::<()>(0);
    let let_go = Mutex::new(let_go);
    let (start, started) = mpsc::sync_channel(1);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = std::thread::spawn(move || {
        runtime().unwrap().block_on(async move {
            let handler = Blocks { entered, let_go };
            let server = start_handler(handler, Arc::new(Metrics::new()), None).await;
            start.send(server).unwrap();
            let _ = stopped.await;
        });
    });
    let server: Running = started.recv().unwrap();
    runtime().unwrap().block_on(async move {
        let mut client = server.client().await;
        let kept = tokio::spawn(async move { client.review(body).await });
        until(|| entries.try_recv().is_ok()).await;
        meanwhile(server).await;
        drop(hold);
        assert_eq!(kept.await.unwrap().status, 200);
        drop(stop);
    });
    serving.join().unwrap();
}

#[test]
fn live_while_every_worker_is_busy() {
    while_a_review_is_kept("{}".to_owned(), async |server| {
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(server.admin_get(path).await.status, 200, "{path}");
        }
    });
}

#[test]
fn a_large_review_keeps_no_worker() {
    let large = format!("{{{}}}", " ".repeat(2 << 20));
    while_a_review_is_kept(large, async |server| {
        assert_eq!(server.client().await.review("[]").await.status, 200);
    });
}

#[test]
fn a_large_review_keeps_none_of_some_hundred_kilobytes_waiting() {
    let large = format!("{{{}}}", " ".repeat(2 << 20));
    while_a_review_is_kept(large, async |server| {
        let medium = format!("[{}]", " ".repeat(300 << 10));
        assert_eq!(server.client().await.review(medium).await.status, 200);
    });
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
