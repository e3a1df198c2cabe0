//! 5,000 clients that hold on to connections and never get anywhere, more than the server's
//! `--max-connections`: every honest review still comes through, and memory stays bounded.
//!
//! How much slower they are is told, with the target beside it, and fails nothing: on a machine
//! of few cores the attackers' own work is a part of it. Latency is the median over windows of each window's p99, before and during the attack.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dind_injector::names::metric;

use super::{Outcome, Scene};
use crate::report::median;
use crate::traffic::{Plan, Tally, Way};

const ATTACKERS: usize = 5_000;
/// The target.
const SLOWER: f64 = 2.0;
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
    let before = p99(&way, windows).await?;
    let attack = Attack::begin(&served.address.to_string(), &ca).await?;
    let during = p99(&way, windows).await?;
    let dropped = served.metric(metric::CONNECTIONS_DROPPED, "").await?;
    let open = served.metric(metric::CONNECTIONS, "").await?;
    drop(attack);
    let tally = standing.stop().await;
    tally.is_flawless()?;
    let peak = served.memory("VmHWM")?;
    if peak > MOST_KIB {
        return Err(format!("it took {} MiB", peak >> 10));
    }
    let ratio = during / before;
    let met = if ratio > SLOWER { "not met" } else { "met" };
    Ok(format!(
        "p99 {before:.2} ms before and {during:.2} ms during, {ratio:.1} times (target {SLOWER}: \
         {met}); {open} connections open, {dropped} thrown out, at most {} MiB",
        peak >> 10
    ))
}

/// The median window's p99 of honest reviews on new connections, in milliseconds.
async fn p99(way: &Way, windows: usize) -> Result<f64, String> {
    let mut all = Vec::new();
    for _ in 0..windows {
        let traffic = Plan::paced(way.clone()).start();
        tokio::time::sleep(WINDOW).await;
        let mut tally: Tally = traffic.stop().await;
        tally.is_flawless()?;
        all.push(tally.quantile(0.99).as_secs_f64() * 1e3);
    }
    Ok(median(all))
}
