//! The benchmark: the product and the floor in alternation, on the same core, in one run.
//!
//! The machine may be at others' disposal too, so every round is a pair and the ratios count,
//! not the numbers. A time that is missed is reported and fails nothing; a review that is
//! answered wrongly fails the run.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use crate::client::Connection;
use crate::report::{Row, Table, median};
use crate::review::Review;
use crate::served::{Bench, Served};
use crate::traffic::{Plan, Tally};

const ROUNDS: usize = 12;
const ROUND: Duration = Duration::from_millis(700);
/// Some thousand reviews a second are more than the largest clusters create Pods.
const PACE: Duration = Duration::from_millis(25);

/// What the issue asks for.
const SKIP_RATE: f64 = 0.8;
const INJECT_RATE: f64 = 0.6;
const P99: f64 = 1.5;
const IDLE_KIB: u64 = 16 << 10;
const CONNECTED_KIB: u64 = 40 << 10;
const CONNECTED: usize = 1_000;
const START: Duration = Duration::from_millis(50);
const STARTS: usize = 15;
const BINARY: u64 = 12_000_000;

/// Measures everything. The driver is on a core of its own where there are two.
pub async fn run(bench: &Bench) -> Result<Table, String> {
    let (server, driver) = cores();
    if let Some(driver) = driver {
        pin(driver)?;
    }
    let policy = bench.swaps();
    let config = ["--config".as_ref(), policy.as_os_str()];
    let mut rows = size(bench)?;
    rows.push(starts(bench, server).await?);

    let mut floor = beside(bench, server, &config)?;
    let mut product = bench.serve(server, &config);
    floor.ready().await?;
    product.ready().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (idle_floor, idle) = (floor.memory("VmRSS")?, product.memory("VmRSS")?);

    let pair = Pair {
        floor: &floor,
        product: &product,
    };
    let mut saturated = Vec::new();
    let mut paced = Vec::new();
    for (review, name, rate) in [
        (Review::small(), "3 KB skip", SKIP_RATE),
        (Review::large(), "17 KB injection", INJECT_RATE),
    ] {
        let [throughput, cost, full] = pair.flat_out(&review, name, rate).await?;
        saturated.extend([throughput, cost, full]);
        paced.push(pair.paced(&review, name).await?);
    }
    rows.splice(0..0, saturated.into_iter().chain(paced));
    drop((floor, product));

    rows.push(kib("RSS, idle", idle_floor, idle, IDLE_KIB));
    let mut product = bench.serve(None, &config);
    let mut floor = beside(bench, None, &config)?;
    product.ready().await?;
    floor.ready().await?;
    let (floor, product) = (connected(&floor).await?, connected(&product).await?);
    rows.push(kib("RSS, 1,000 connections", floor, product, CONNECTED_KIB));
    Ok(Table(rows))
}

/// What the product is held against: the floor, or the binary that `DIND_INJECTOR_BASELINE` names,
/// for a change that is measured against what was before it.
fn beside(bench: &Bench, core: Option<usize>, config: &[&OsStr]) -> Result<Served, String> {
    if let Some(baseline) = std::env::var_os("DIND_INJECTOR_BASELINE") {
        let mut arguments = vec![OsStr::new("serve")];
        arguments.extend(config);
        return Ok(bench.start(baseline.as_ref(), core, &arguments));
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(bench.start(&program, core, &["floor".as_ref()]))
}

/// Keeps the driver's core from falling asleep. On one machine, to wake it is the work of the
/// server that sends: some microseconds in a virtual machine, and the more often the slower the
/// server is. Between machines it is nobody's.
struct Awake(tokio::task::JoinHandle<()>);

impl Awake {
    fn new() -> Self {
        Self(tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        }))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Pair<'a> {
    floor: &'a Served,
    product: &'a Served,
}

impl Pair<'_> {
    /// Both in turns, for each round; the one that begins alternates.
    async fn rounds(
        &self,
        plan: impl Fn(&Served) -> Result<Plan, String>,
    ) -> Result<Vec<[(Tally, Duration); 2]>, String> {
        let mut rounds = Vec::new();
        for round in 0..=ROUNDS {
            let mut results = [None, None];
            for turn in 0..2 {
                let which = (round + turn) % 2;
                let served = [self.floor, self.product][which];
                let before = served.cpu()?;
                let traffic = plan(served)?.start();
                tokio::time::sleep(ROUND).await;
                let tally = traffic.stop().await;
                tally.is_flawless()?;
                results[which] = Some((tally, served.cpu()?.saturating_sub(before)));
            }
            // The first round warms up.
            if let ([Some(floor), Some(product)], 1..) = (results, round) {
                rounds.push([floor, product]);
            }
        }
        Ok(rounds)
    }

    async fn flat_out(&self, review: &Review, name: &str, target: f64) -> Result<[Row; 3], String> {
        let plan = |served: &Served| Ok(Plan::flat_out(served.way()?, review.clone()));
        let awake = Awake::new();
        let rounds = self.rounds(plan).await?;
        drop(awake);
        let rates = |which: usize| rounds.iter().map(|round| round[which].0.rate()).collect();
        let costs = |which: usize| {
            let cost =
                |(tally, cpu): &(Tally, Duration)| cpu.as_secs_f64() * 1e6 / tally.answered as f64;
            rounds.iter().map(|round| cost(&round[which])).collect()
        };
        let ratios = rounds
            .iter()
            .map(|[floor, product]| product.0.rate() / floor.0.rate());
        let ratio = median(ratios.collect());
        let throughput = Row {
            what: format!("throughput, {name}"),
            floor: format!("{:.0}/s", median(rates(0))),
            product: format!("{:.0}/s", median(rates(1))),
            ratio: Some(ratio),
            target: format!(">= {target}"),
            met: Some(ratio >= target),
        };
        let (floor, product) = (median(costs(0)), median(costs(1)));
        let cost = Row {
            what: format!("CPU a review, {name}"),
            floor: format!("{floor:.1} us"),
            product: format!("{product:.1} us"),
            ratio: Some(product / floor),
            target: String::new(),
            met: None,
        };
        let latency = p99(rounds, format!("p99 flat out, {name}"), None);
        Ok([throughput, cost, latency])
    }

    async fn paced(&self, review: &Review, name: &str) -> Result<Row, String> {
        let plan = |served: &Served| {
            Ok(Plan {
                pace: Some(PACE),
                ..Plan::flat_out(served.way()?, review.clone())
            })
        };
        let rounds = self.rounds(plan).await?;
        Ok(p99(rounds, format!("p99 at 1,000/s, {name}"), Some(P99)))
    }
}

/// The median round's p99 of both: a round that others disturbed does not decide.
fn p99(rounds: Vec<[(Tally, Duration); 2]>, what: String, target: Option<f64>) -> Row {
    let mut of: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in rounds {
        for (which, (mut tally, _)) in round.into_iter().enumerate() {
            of[which].push(tally.quantile(0.99).as_secs_f64() * 1e6);
        }
    }
    let [floor, product] = of.map(median);
    let ratio = product / floor;
    Row {
        what,
        floor: format!("{floor:.0} us"),
        product: format!("{product:.0} us"),
        ratio: Some(ratio),
        target: target
            .map(|target| format!("<= {target}"))
            .unwrap_or_default(),
        met: target.map(|target| ratio <= target),
    }
}

fn kib(what: &str, floor: u64, product: u64, most: u64) -> Row {
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    Row {
        what: what.to_owned(),
        floor: mib(floor),
        product: mib(product),
        ratio: None,
        target: format!("<= {} MiB", most >> 10),
        met: Some(product <= most),
    }
}

fn size(bench: &Bench) -> Result<Vec<Row>, String> {
    let bytes = std::fs::metadata(&bench.binary)
        .map_err(|error| error.to_string())?
        .len();
    Ok(vec![Row {
        what: "stripped binary".to_owned(),
        floor: String::new(),
        product: format!("{:.1} MB", bytes as f64 / 1e6),
        ratio: None,
        target: format!("<= {} MB", BINARY / 1_000_000),
        met: Some(bytes <= BINARY),
    }])
}

/// The median of some starts, from the process' being made to a 200 of `/readyz`.
async fn starts(bench: &Bench, core: Option<usize>) -> Result<Row, String> {
    let mut all = Vec::new();
    for _ in 0..STARTS {
        let mut served = bench.serve::<&str>(core, &[]);
        all.push(served.ready().await?.as_secs_f64() * 1e3);
    }
    let took = median(all);
    Ok(Row {
        what: "start to ready, without a cluster".to_owned(),
        floor: String::new(),
        product: format!("{took:.0} ms"),
        ratio: None,
        target: format!("<= {} ms", START.as_millis()),
        met: Some(took <= START.as_secs_f64() * 1e3),
    })
}

/// The resident memory with 1,000 open connections, each of which has had its Pod injected.
async fn connected(served: &Served) -> Result<u64, String> {
    let way = served.way()?;
    let mut review = Review::large();
    let mut connections = Vec::new();
    for index in 0..CONNECTED {
        let (address, trust) = way()?;
        let mut connection = Connection::open(address, &trust).await?;
        let answer = connection.exchange(review.stamped(index, 0)).await?;
        review.evaluate(answer.status, connection.body(&answer))?;
        connections.push(connection);
    }
    served.memory("VmRSS")
}

/// A core for the servers and one for the driver, where there are two.
pub fn cores() -> (Option<usize>, Option<usize>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut cores = list.unwrap_or_default().trim().split(',').flat_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: usize = first.parse().unwrap_or(0);
        first..=last.parse().unwrap_or(first)
    });
    match (cores.next(), cores.next()) {
        (Some(first), Some(second)) => (Some(first), Some(second)),
        _ => (None, None),
    }
}

/// This process, from now on, on one core.
pub fn pin(core: usize) -> Result<(), String> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &core.to_string()]);
    let done = taskset.arg(std::process::id().to_string()).output();
    let done = done.map_err(|error| format!("taskset: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!(
        "taskset: {}",
        String::from_utf8_lossy(&done.stderr)
    ))
}
