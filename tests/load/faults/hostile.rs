//! Requests that no API server sends, many of each while honest ones come: each kind gets its
//! status, and the server's memory stays bounded.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use dind_injector::names::metric;

use super::{Outcome, Scene};
use crate::client::{Connection, within};
use crate::review::head;
use crate::reviews::{SMALL, UID, body};
use crate::served::Served;
use crate::traffic::{Plan, Way};

/// How many of most kinds are sent at one time.
const EACH: usize = 100;
const MIB: usize = 1 << 20;
/// The manifests' memory limit, less a quarter.
const MOST_KIB: u64 = 192 << 10;

/// A request, how it ends, and the status that is due.
#[derive(Clone)]
struct Kind {
    name: &'static str,
    request: Vec<u8>,
    /// How many are sent at one time.
    many: usize,
    /// The client closes its half after it.
    half_closed: bool,
    status: u16,
}

fn kind(name: &'static str, status: u16, more: &str, body: &[u8]) -> Kind {
    let request = [head(body.len(), more).as_bytes(), body].concat();
    Kind {
        name,
        request,
        many: EACH,
        half_closed: false,
        status,
    }
}

/// As many spaces as a review may have bytes, and eight times as many, in some 64 KiB.
fn bomb() -> Result<Vec<u8>, String> {
    let made = std::process::Command::new("sh")
        .args(["-c", "head -c 67108864 /dev/zero | tr '\\0' ' ' | gzip -9"])
        .output()
        .map_err(|error| error.to_string())?;
    let bomb = made.stdout;
    if bomb.starts_with(&[0x1f, 0x8b]) && bomb.len() > MIB / 32 {
        Ok(bomb)
    } else {
        Err("gzip made no bomb".to_owned())
    }
}

fn kinds() -> Result<Vec<Kind>, String> {
    let review = body(SMALL, false);
    let text = String::from_utf8_lossy(&review);
    let number = text.replacen(&format!("\"{UID}\""), "7", 1);
    let none = text.replacen(&format!("\"uid\":\"{UID}\","), "", 1);
    let empty = text.replacen(UID, "", 1);
    let bomb = bomb()?;
    let deep = "[".repeat(MIB);
    let mut cut = kind("truncated", 400, "", &review);
    cut.request.truncate(cut.request.len() - 100);
    cut.half_closed = true;
    let mut chunked =
        head(0, "Transfer-Encoding: chunked\r\n").replace("Content-Length: 0\r\n", "");
    chunked.push_str("1800001\r\n");
    let mut endless = kind("oversize, in chunks", 413, "", b"");
    // What has no declared length is kept until it is too long: more would be shed.
    endless.many = 1;
    endless.request = [
        chunked.as_bytes(),
        &vec![b' '; 24 * MIB + 1],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    Ok(vec![
        Kind {
            many: 10,
            ..kind("oversize", 413, "", &vec![b' '; 25 * MIB])
        },
        endless,
        cut,
        kind("gzip bomb", 415, "Content-Encoding: gzip\r\n", &bomb),
        kind("gzip bomb that does not say so", 400, "", &bomb),
        kind("no uid", 400, "", none.as_bytes()),
        kind("empty uid", 400, "", empty.as_bytes()),
        kind("uid a number", 400, "", number.as_bytes()),
        kind("random bytes", 400, "", &random(16 << 10)),
        kind("nested too deep", 400, "", deep.as_bytes()),
        kind("empty", 400, "", b""),
        Kind {
            name: "not HTTP",
            request: random(4 << 10),
            many: EACH,
            half_closed: false,
            status: 400,
        },
    ])
}

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let policy = scene.bench.swaps();
    let mut served = scene
        .bench
        .serve(None, &["--config".as_ref(), policy.as_os_str()]);
    served.ready().await?;
    let way = served.way()?;
    let traffic = Plan::paced(way.clone()).start();
    traffic.more(200).await?;
    let kinds = kinds()?;
    for kind in &kinds {
        at_once(&way, kind)
            .await
            .map_err(|error| format!("{}: {error}", kind.name))?;
    }
    hold_back(&way)
        .await
        .map_err(|error| format!("bodies held back: {error}"))?;
    not_tls(&served)
        .await
        .map_err(|error| format!("random bytes before TLS: {error}"))?;
    traffic.more(200).await?;
    let tally = traffic.stop().await;
    tally.is_flawless()?;
    if served.metric(metric::PANICS, "").await? > 0.0 {
        return Err(format!("a panic: {}", served.log()));
    }
    let peak = served.memory("VmHWM")?;
    if peak > MOST_KIB {
        return Err(format!("it took {} MiB", peak >> 10));
    }
    Ok(format!(
        "up to {EACH} at once of {} kinds; memory at most {} MiB; {} honest reviews, none failed",
        kinds.len() + 2,
        peak >> 10,
        tally.answered
    ))
}

/// Many of a kind, each on a connection of its own, all at the same time.
async fn at_once(way: &Way, kind: &Kind) -> Result<(), String> {
    let mut all = JoinSet::new();
    for _ in 0..kind.many {
        let (way, kind) = (way.clone(), kind.clone());
        all.spawn(async move {
            let (address, trust) = way()?;
            let mut connection = Connection::open(address, &trust).await?;
            let answer = within(async {
                // An answer may come, and the connection close, before all is sent.
                let sent = connection.write(&kind.request).await;
                if kind.half_closed {
                    connection.finish().await?;
                }
                connection
                    .read()
                    .await
                    .map_err(|error| format!("{error} ({sent:?})"))
            });
            let answer = answer.await?;
            let text = String::from_utf8_lossy(connection.body(&answer));
            if answer.status != kind.status {
                return Err(format!(
                    "answered {} {text}, not {}",
                    answer.status, kind.status
                ));
            }
            Ok::<_, String>(())
        });
    }
    while let Some(one) = all.join_next().await {
        one.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// Large bodies that do not say their length, and whose last byte never comes: room is made by telling some to
/// come again later. (One that says its length gets its turn before it is read, and takes no room.)
async fn hold_back(way: &Way) -> Result<(), String> {
    let said = head(8 * MIB, "");
    let unsaid = said.replace(
        &format!("Content-Length: {}", 8 * MIB),
        "Transfer-Encoding: chunked",
    );
    let mut body = format!("{unsaid}{:x}\r\n", 8 * MIB).into_bytes();
    body.resize(body.len() + 8 * MIB - 1, b' ');
    let mut held = Vec::new();
    let mut shed = 0;
    for _ in 0..8 {
        let (address, trust) = way()?;
        let mut connection = Connection::open(address, &trust).await?;
        // One that is shed meanwhile may be closed under the writing.
        let _ = within(connection.write(&body)).await;
        held.push(connection);
    }
    for mut connection in held {
        match connection.exchange(b"").await {
            // Or it is not asked to make way, and its time runs out.
            Ok(answer) if answer.status == 503 => shed += 1,
            Ok(answer) if answer.status == 408 => {}
            Ok(answer) => return Err(format!("answered {}", answer.status)),
            Err(_) => {}
        }
    }
    if shed == 0 {
        return Err("none was shed".to_owned());
    }
    Ok(())
}

/// What is no TLS is ended at once, and counted.
async fn not_tls(served: &Served) -> Result<(), String> {
    for _ in 0..EACH {
        let tcp = TcpStream::connect(served.address).await;
        let mut tcp = tcp.map_err(|error| error.to_string())?;
        // It may be closed before all is written.
        let _ = tcp.write_all(&random(2 << 10)).await;
        let mut rest = Vec::new();
        let _ = within(async { Ok(tcp.read_to_end(&mut rest).await) }).await?;
    }
    served
        .reaches(metric::HANDSHAKE_FAILURES, "", EACH as f64)
        .await
}

/// Bytes that are the same in every run.
fn random(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
