//! What a client may hold, and for how long, before honest ones would feel it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

const SHORT: Duration = Duration::from_millis(200);

fn dropped(reason: &str) -> String {
    format!(r#"dind_injector_connections_dropped_total{{reason="{reason}"}}"#)
}

#[tokio::test]
async fn a_half_open_handshake_is_closed() {
    let server = start(|args| args.limits.handshake_timeout = SHORT).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut begun = TcpStream::connect(server.address).await.unwrap();
    // A record header that promises 512 bytes of handshake.
    begun
        .write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
        .await
        .unwrap();
    closed(&mut silent).await;
    closed(&mut begun).await;
    let series = r#"dind_injector_tls_handshake_failures_total{reason="timeout"}"#;
    until(|| server.metric(series) == 2.0).await;
    until(|| server.metric("dind_injector_connections_open") == 0.0).await;
}

#[tokio::test]
async fn a_head_that_trickles_is_closed_while_idle_connections_live_on() {
    let server = start(|args| args.limits.stall_timeout = SHORT).await;
    let mut used = server.client().await;
    assert_eq!(used.review("{}").await.status, 200);
    let mut unused = server.client().await;

    let mut trickling = server.tls().await;
    write(&mut trickling, "POST /mutate HTTP/1.1\r\nhost:").await;
    // Bytes that keep coming do not put the end off.
    let (mut read, mut sent) = tokio::io::split(trickling);
    let trickle = tokio::spawn(async move {
        while sent.write_all(b"x").await.is_ok() && sent.flush().await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    });
    closed(&mut read).await;
    trickle.abort();
    until(|| server.metric(&dropped("stalled")) == 1.0).await;

    // By now both have been idle for longer than the trickler was let live.
    assert_eq!(used.review("{}").await.status, 200);
    assert_eq!(unused.review("{}").await.status, 200);
}

#[tokio::test]
async fn a_second_head_that_trickles_is_closed_too() {
    let server = start(|args| args.limits.stall_timeout = SHORT).await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}{{}}", head(2))).await;
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200"));
    write(&mut stream, "POST").await;
    closed(&mut stream).await;
    until(|| server.metric(&dropped("stalled")) == 1.0).await;
}

#[tokio::test]
async fn a_quiet_connection_is_closed_in_the_end() {
    let server = start(|args| args.limits.idle_timeout = SHORT).await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}{{}}", head(2))).await;
    assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200"));
    closed(&mut stream).await;
    until(|| server.metric(&dropped("idle")) == 1.0).await;
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let server = start(|args| args.limits.stall_timeout = SHORT).await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}huge", head(4))).await;
    until(|| server.metric(&dropped("stalled")) == 1.0).await;
    until(|| server.metric("dind_injector_connections_open") == 0.0).await;
}

#[tokio::test]
async fn answers_that_nobody_reads_make_way_for_others() {
    let server = start(|args| {
        args.limits.stall_timeout = Duration::from_secs(600);
        // One of 32 MiB, and not two.
        args.limits.max_waiting_memory = 40 << 20;
    })
    .await;
    let mut unread = Vec::new();
    for dropped_before in [0.0, 1.0, 2.0] {
        let mut stream = server.tls().await;
        write(&mut stream, format!("{}huge", head(4))).await;
        unread.push(stream);
        until(|| server.metric(&dropped("stalled")) == dropped_before).await;
    }
    let mut last = unread.pop().unwrap();
    let mut piece = vec![0; 64 << 10];
    let mut read = 0;
    while read < 32 << 20 {
        let more = within(last.read(&mut piece)).await.unwrap();
        assert_ne!(more, 0, "{read}");
        read += more;
    }
}

#[tokio::test]
async fn a_slow_body_is_answered_408() {
    let server = start(|args| args.limits.body_timeout = SHORT).await;
    let mut stream = server.tls().await;
    write(&mut stream, format!("{}half", head(8))).await;
    let answer = read_some(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("connection: close"),
        "{answer}"
    );
    closed(&mut stream).await;
}

#[tokio::test]
async fn too_many_waiting_requests_shed_one_with_retry_after() {
    let server = start(|args| args.limits.max_waiting = 1).await;
    let mut one = server.tls().await;
    let mut two = server.tls().await;
    write(&mut one, format!("{}half", head(8))).await;
    write(&mut two, format!("{}half", head(8))).await;
    // Whichever came first has waited longest and makes way for the other.
    let (shed, one_was_shed) = tokio::select! {
        shed = read_some(&mut one) => (shed, true),
        shed = read_some(&mut two) => (shed, false),
    };
    assert!(shed.starts_with("HTTP/1.1 503"), "{shed}");
    assert!(shed.contains("retry-after: 1\r\n"), "{shed}");
    assert!(
        shed.ends_with(r#"{"error":"too many requests wait for their body"}"#),
        "{shed}"
    );
    let mut kept = if one_was_shed { two } else { one };
    write(&mut kept, "done").await;
    let answer = read_some(&mut kept).await;
    assert!(answer.ends_with("halfdone"), "{answer}");
    assert_eq!(
        server.metric(r#"dind_injector_requests_shed_total{reason="requests"}"#),
        1.0
    );
    // A whole request waits for nothing, so a full room is no matter to it.
    let mut waiting = server.tls().await;
    write(&mut waiting, format!("{}half", head(8))).await;
    assert_eq!(server.client().await.review("{}").await.status, 200);
}

#[tokio::test]
async fn memory_for_waiting_bodies_is_bounded() {
    let server = start(|args| args.limits.max_waiting_memory = 25_000).await;
    let half = vec![b'x'; 15_000];
    let mut one = server.tls().await;
    let mut two = server.tls().await;
    for stream in [&mut one, &mut two] {
        write(stream, head(30_000)).await;
        write(stream, &half).await;
    }
    let shed = tokio::select! {
        shed = read_some(&mut one) => shed,
        shed = read_some(&mut two) => shed,
    };
    assert!(
        shed.starts_with("HTTP/1.1 503") && shed.contains("memory"),
        "{shed}"
    );
    assert_eq!(
        server.metric(r#"dind_injector_requests_shed_total{reason="memory"}"#),
        1.0
    );
}

#[tokio::test]
async fn silent_connections_make_way_for_newcomers_and_never_for_the_proven() {
    let server = start(|args| args.limits.max_connections = 3).await;
    let mut proven = server.client().await;
    assert_eq!(proven.review("{}").await.status, 200);
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    until(|| server.metric(&dropped("evicted")) == 8.0).await;
    assert_eq!(server.client().await.review("{}").await.status, 200);
    assert_eq!(proven.review("{}").await.status, 200);
}

#[tokio::test]
async fn a_request_that_has_come_is_answered_before_its_connection_makes_way() {
    let server = start(|args| args.limits.max_connections = 1).await;
    let mut first = server.tls().await;
    let head = head(8).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    write(&mut first, head).await;
    let begun = read_some(&mut first).await;
    assert!(begun.starts_with("HTTP/1.1 100"), "{begun}");
    // Its seat is the newcomer's from here on.
    assert_eq!(server.client().await.review("{}").await.status, 200);
    write(&mut first, "half").await;
    write(&mut first, "done").await;
    let answer = read_some(&mut first).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    closed(&mut first).await;
}

#[tokio::test]
async fn a_server_full_of_proven_connections_turns_newcomers_away() {
    let server = start(|args| args.limits.max_connections = 1).await;
    let mut proven = server.client().await;
    assert_eq!(proven.review("{}").await.status, 200);
    let mut newcomer = TcpStream::connect(server.address).await.unwrap();
    closed(&mut newcomer).await;
    assert_eq!(server.metric(&dropped("full")), 1.0);
    assert_eq!(proven.review("{}").await.status, 200);
}
