//! An end that loses no review.

use std::net::SocketAddr;
use std::time::Duration;

use dind_injector::server::{Ended, Grace, ServerArgs};
use rustix::process::Signal;
use tokio::net::TcpStream;

use super::support::*;
use crate::support::program::Program;

const NEVER: Duration = Duration::from_secs(3600);
/// As many connections as the kernel keeps for the server, which is one more than tokio lets a task take in a row.
const WAITING: usize = 129;
const SOON: Duration = Duration::from_millis(100);

fn grace(shutdown_delay: Duration, drain_timeout: Duration) -> impl FnOnce(&mut ServerArgs) {
    move |args| {
        args.grace = Grace {
            shutdown_delay,
            drain_timeout,
        }
    }
}

#[tokio::test]
async fn unready_comes_first_and_serving_goes_on() {
    let server = start(grace(NEVER, NEVER)).await;
    let mut kept = server.client().await;
    assert_eq!(server.admin_get("/readyz").await.status, 200);
    server.stopper.gracefully();
    let ready = within(async {
        loop {
            let ready = server.admin_get("/readyz").await;
            if ready.status != 200 {
                return ready;
            }
        }
    })
    .await;
    assert!(
        ready.text().contains("[-]shutdown failed: shutting down"),
        "{}",
        ready.text()
    );
    for client in [&mut kept, &mut server.client().await] {
        let answer = client.review("{}").await;
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    server.stopper.at_once();
    assert_eq!(within(server.ended).await.unwrap(), Ended::AtOnce);
}

#[tokio::test]
async fn then_each_answer_is_its_connections_last() {
    let server = start(grace(Duration::ZERO, NEVER)).await;
    let mut kept = server.client().await;
    assert_eq!(kept.review("{}").await.header("connection"), None);
    let mut unused = server.client().await;
    server.stopper.gracefully();
    server.refuses_connections().await;
    for client in [&mut kept, &mut unused] {
        let answer = client.review("{}").await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (200, Some("close"))
        );
    }
    assert_eq!(within(server.ended).await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn a_review_under_way_is_answered() {
    let server = start(grace(Duration::ZERO, NEVER)).await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}half", head(8))).await;
    server.stopper.gracefully();
    server.refuses_connections().await;
    write(&mut stream, "done").await;
    let answer = read_some(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("halfdone"),
        "{answer}"
    );
    drop(stream);
    assert_eq!(within(server.ended).await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn the_admin_port_answers_to_the_end() {
    let server = start(grace(Duration::ZERO, NEVER)).await;
    let _kept = server.client().await;
    server.stopper.gracefully();
    server.refuses_connections().await;
    assert_eq!(server.admin_get("/livez").await.status, 200);
    assert_eq!(server.admin_get("/readyz").await.status, 503);
}

#[tokio::test]
async fn idle_connections_are_closed_when_time_is_up() {
    let server = start(grace(Duration::ZERO, SOON)).await;
    let mut used = server.tls().await;
    write(&mut used, format!("{}{{}}", head(2))).await;
    assert!(read_some(&mut used).await.starts_with("HTTP/1.1 200"));
    let mut unused = server.tls().await;
    server.stopper.gracefully();
    closed(&mut used).await;
    closed(&mut unused).await;
    assert_eq!(within(server.ended).await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn a_client_that_never_ends_cannot_hold_the_server() {
    let server = start(|args| {
        args.limits.body_timeout = NEVER;
        args.grace = Grace {
            shutdown_delay: Duration::ZERO,
            drain_timeout: SOON,
        };
    })
    .await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}half", head(8))).await;
    // Only once its body is waited for is it sure to be under way.
    assert_eq!(server.client().await.review("{}").await.status, 200);
    server.stopper.gracefully();
    assert_eq!(within(server.ended).await.unwrap(), Ended::Deadline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_under_load_loses_no_review() {
    let old = start(grace(SOON, NEVER)).await;
    let new = std::sync::Arc::new(start(|_| {}).await);
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = old.client().await;
        let new = std::sync::Arc::clone(&new);
        clients.push(tokio::spawn(async move {
            let (mut on_old, mut on_new) = (0, 0);
            loop {
                let answer = client.review(vec![b'x'; 3000]).await;
                assert_eq!((answer.status, answer.body.len()), (200, 3000));
                on_old += 1;
                if answer.header("connection") == Some("close") {
                    break;
                }
            }
            let mut client = new.client().await;
            while on_new < 20 {
                assert_eq!(client.review("{}").await.status, 200);
                on_new += 1;
            }
            on_old
        }));
    }
    old.stopper.gracefully();
    for client in clients {
        assert!(within(client).await.unwrap() > 0);
    }
    assert_eq!(within(old.ended).await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn a_dropped_stopper_asks_for_a_graceful_end() {
    let server = start(grace(Duration::ZERO, NEVER)).await;
    drop(server.stopper);
    assert_eq!(within(server.ended).await.unwrap(), Ended::Drained);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn who_has_connected_before_the_end_is_answered() {
    let server = start(grace(Duration::ZERO, NEVER)).await;
    // Taken by the kernel, while nothing of the server runs.
    let mut waiting: Vec<_> = (0..WAITING)
        .map(|_| std::net::TcpStream::connect(server.address).unwrap())
        .collect();
    server.stopper.gracefully();
    server.refuses_connections().await;
    // The last that were taken tell of the others, which would each need a handshake.
    let last = waiting.split_off(WAITING - 5);
    drop(waiting);
    for tcp in last {
        tcp.set_nonblocking(true).unwrap();
        let tcp = TcpStream::from_std(tcp).unwrap();
        let stream = server
            .tls_over(tcp, &[&rustls::version::TLS13], &[b"http/1.1"])
            .await
            .unwrap();
        let answer = Client::over(stream).await.review("{}").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(within(server.ended).await.unwrap(), Ended::Drained);
}

/// In a process of its own: whoever once listens to a signal takes it from the whole process for good.
#[tokio::test]
async fn the_first_signal_is_graceful_and_the_second_is_not() {
    let mut program = Program::start([
        "serve",
        "--no-cluster",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        "--shutdown-delay=1h",
        "--drain-timeout=1h",
    ]);
    let serving = program.event("serving");
    let admin: SocketAddr = serving["admin_address"].as_str().unwrap().parse().unwrap();
    program.signal(Signal::TERM);
    within(async {
        loop {
            let mut client = Client::over(TcpStream::connect(admin).await.unwrap()).await;
            let ready = client
                .send(hyper::Method::GET, "/readyz", None, "".into())
                .await
                .unwrap();
            if ready.text().contains("[-]shutdown failed") {
                break;
            }
        }
    })
    .await;
    program.signal(Signal::INT);
    // Connections were cut.
    assert_eq!(program.ended().code(), Some(1));
}
