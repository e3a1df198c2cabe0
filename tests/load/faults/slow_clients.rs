//! 5,000 clients that hold on to connections and never get anywhere, more than the server's
//! `--max-connections`: every honest review still comes through, none waits behind them, and memory
//! stays bounded.
//!
//! Latency is the median over windows of each window's p99, before and during the attack.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dind_injector::names::metric;

use super::{Outcome, Scene, waits};
use crate::report::median;
use crate::served::Served;
use crate::traffic::{Plan, Tally, Way};

const ATTACKERS: usize = 5_000;
/// How many times slower an honest review may be.
const SLOWER: u32 = 2;
/// Connections that are open without an attack: the standing load's, and some that still close.
const HONEST: f64 = 100.0;
const WINDOW: Duration = Duration::from_secs(1);
/// The manifests' memory limit.
const MOST_KIB: u64 = 256 << 10;

/// The attackers' process, ended with its attack.
struct Attack(Child);

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Attack {
    /// Begins, and returns when all are connected.
    async fn begin(address: &str, ca: &std::path::Path) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        // What attackers compute, they compute elsewhere: here it is done when nobody else computes.
        let mut child = Command::new("chrt")
            .args(["--idle", "0"])
            .arg(program)
            .args(["attack", address])
            .arg(ca)
            .arg(ATTACKERS.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("chrt: {error}"))?;
        let output = child.stdout.take();
        let attack = Self(child);
        let on = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            let read = output.map(|output| BufReader::new(output).read_line(&mut line));
            read.is_some_and(|read| read.is_ok()) && line == "on\n"
        });
        match tokio::time::timeout(Duration::from_secs(120), on).await {
            Ok(Ok(true)) => Ok(attack),
            Ok(_) => Err("the attack failed".to_owned()),
            Err(_) => Err("the attackers are not all connected after two minutes".to_owned()),
        }
    }
}

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let windows = if scene.short { 5 } else { 15 };
    let policy = scene.bench.swaps();
    let mut served = scene
        .bench
        .serve(None, &["--config".as_ref(), policy.as_os_str()]);
    served.ready().await?;
    let ca = scene.bench.folder("ca").join("ca.crt");
    std::fs::write(&ca, served.ca_pem()?).map_err(|error| error.to_string())?;
    let way = served.way()?;
    // Honest ones who are there all the while, and have long pauses.
    let plan = Plan::paced(way.clone());
    let standing = Plan {
        pace: Some(Duration::from_millis(500)),
        ..plan
    }
    .start();
    standing.more(50).await?;
    let round = Round::run(&served, &way, &ca, windows).await?;
    let tally = standing.stop().await;
    tally.is_flawless()?;
    let peak = served.memory("VmHWM")?;
    if peak > MOST_KIB {
        return Err(format!("it took {} MiB", peak >> 10));
    }
    let told = format!("{round}; at most {} MiB", peak >> 10);
    if waits(round.during, round.before, SLOWER) {
        return Err(format!("honest reviews wait behind them: {told}"));
    }
    Ok(told)
}

/// Honest reviews before and during one attack.
struct Round {
    before: Duration,
    during: Duration,
    open: f64,
    dropped: f64,
}

impl Round {
    async fn run(
        served: &Served,
        way: &Way,
        ca: &std::path::Path,
        windows: usize,
    ) -> Result<Self, String> {
        let dropped = served.metric(metric::CONNECTIONS_DROPPED, "").await?;
        let before = p99(way, windows).await?;
        let attack = Attack::begin(&served.address.to_string(), ca).await?;
        let during = p99(way, windows).await?;
        let dropped = served.metric(metric::CONNECTIONS_DROPPED, "").await? - dropped;
        let open = served.metric(metric::CONNECTIONS, "").await?;
        drop(attack);
        served.falls_to(metric::CONNECTIONS, "", HONEST).await?;
        Ok(Self {
            before,
            during,
            open,
            dropped,
        })
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            before,
            during,
            open,
            dropped,
        } = self;
        let ratio = during.as_secs_f64() / before.as_secs_f64();
        write!(
            f,
            "p99 {before:.2?} before and {during:.2?} during, {ratio:.1} times, with {open} \
             connections open and {dropped} thrown out"
        )
    }
}

/// The median window's p99 of honest reviews. Each window has connections of its
/// own, and the first review of each, which waits for its handshake, is not counted.
async fn p99(way: &Way, windows: usize) -> Result<Duration, String> {
    let mut all = Vec::new();
    for _ in 0..windows {
        let traffic = Plan::paced(way.clone()).start();
        tokio::time::sleep(WINDOW).await;
        let mut tally: Tally = traffic.stop().await;
        tally.is_flawless()?;
        all.push(tally.quantile(0.99).as_secs_f64());
    }
    Ok(Duration::from_secs_f64(median(all)))
}
