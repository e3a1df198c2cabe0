//! The worst Pods that are known, on as many connections as an API server has, while honest reviews go on: of
//! these none fails or waits for long, and the server stays within the memory that the chart gives it. Not as fast
//! as answers come: who sends and who is tested share the processors, and half a gigabyte a second is a flood
//! whatever is in it.

use std::fs::read_link;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinSet;

use dind_injector::names::metric;

use super::{Outcome, Scene, waits};
use crate::client::Connection;
use crate::hostile::worst;
use crate::review::head;
use crate::reviews::{SMALL, body};
use crate::traffic::{CONNECTIONS, Plan, Way};

const CHART: &str = include_str!("../../../manifests/chart/values.yaml");

/// As many honest reviews decide, without the others and with them.
const HONEST: u64 = 3000;
/// The sizes of the worst: nearly as large as a server takes, and such as are reviewed on its workers.
const SIZES: [usize; 3] = [23 << 20, 1000 << 10, 120 << 10];
/// One connection sends no more often: 25 such Pods a second, most of 290 MB.
const PACE: Duration = Duration::from_secs(1);
/// How many times longer an honest review may take beside them.
const TIMES: u32 = 5;

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let policy = scene.bench.swaps();
    let mut served = scene
        .bench
        .serve(None, &["--config".as_ref(), policy.as_os_str()]);
    served.ready().await?;
    let way = served.way()?;
    let caller = Apart::first()?;
    let alone = honest(&way, &caller).await?;

    let (mut plain, mut hostile) = (Vec::new(), Vec::new());
    for size in SIZES {
        plain.push(request("plain".to_owned(), &padded(size)));
        hostile.extend(worst(size).map(|pod| request(pod.name, pod.body.as_bytes())));
    }
    let kinds = hostile.len();
    let callers = (Apart::last()?, caller);
    let flood = Attack::of(plain);
    let beside_plain = flood.beside(&way, &callers).await?;
    let attack = Attack::of(hostile);
    let beside = attack.beside(&way, &callers).await?;
    let live = served.get("/livez").await?;
    if live.0 != 200 {
        return Err(format!("/livez answered {}", live.0));
    }
    if served.metric(metric::PANICS, "").await? > 0.0 {
        return Err(format!("a panic: {}", served.log()));
    }
    let (peak, most) = (served.memory("VmHWM")?, limit()?);
    if peak > most {
        return Err(format!(
            "it took {} MiB, and the chart gives it {}",
            peak >> 10,
            most >> 10
        ));
    }
    let shed = attack.shed.load(Relaxed);
    if shed > 0 {
        return Err(format!(
            "{shed} of the worst were not answered, which fails open"
        ));
    }
    if waits(beside, alone, TIMES) {
        return Err(format!(
            "p99 of honest reviews {beside:?}, without the others {alone:?}; {} answered, memory at most \
             {} MiB",
            attack.answered.load(Relaxed),
            peak >> 10
        ));
    }
    Ok(format!(
        "{kinds} kinds on {CONNECTIONS} connections: {} answered, none told to come again; p99 of {HONEST} \
         honest reviews {beside:?}, {beside_plain:?} beside plain Pods of these sizes, {alone:?} without; memory at most {} MiB of {}",
        attack.answered.load(Relaxed),
        peak >> 10,
        most >> 10
    ))
}

/// Threads of those who call the server. They stand for an API server on another machine, with processors of its own: here,
/// what it spends and waits for would be measured as the server's time.
struct Apart(Option<Runtime>);

impl Apart {
    /// Run before all others, as whoever waits for an answer there: it is read when it comes.
    fn first() -> Result<Self, String> {
        Self::new(1, &["--rr", "--pid", "1"])
    }

    /// Run when nothing else does: what sending costs.
    fn last() -> Result<Self, String> {
        Self::new(2, &["--idle", "--pid", "0"])
    }

    fn new(threads: usize, policy: &'static [&'static str]) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            // Where it is refused, honest reviews wait for longer.
            .on_thread_start(move || {
                let thread = read_link("/proc/thread-self").unwrap_or_default();
                let _ = Command::new("chrt")
                    .args(policy)
                    .arg(thread.file_name().unwrap_or_default())
                    .status();
            })
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it is taken when dropped").handle()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The 99th percentile of honest reviews, of which none may fail.
async fn honest(way: &Way, caller: &Apart) -> Result<Duration, String> {
    let way = way.clone();
    let measured = caller.handle().spawn(async move {
        let traffic = Plan::paced(way).start();
        traffic.more(HONEST).await?;
        let mut tally = traffic.stop().await;
        tally.is_flawless()?;
        Ok(tally.quantile(0.99))
    });
    measured.await.map_err(|error| error.to_string())?
}

#[derive(Clone)]
struct Attack {
    requests: Arc<Vec<Named>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    shed: Arc<AtomicU64>,
}

type Named = (String, Vec<u8>);

fn request(name: String, body: &[u8]) -> Named {
    let head = head(body.len(), "").into_bytes();
    (name, [&head, body].concat())
}

/// An honest review that a long text makes `size` bytes long: what a flood costs, whatever is in it.
fn padded(size: usize) -> Vec<u8> {
    let review = body(SMALL, false);
    let padding = "a".repeat(size.saturating_sub(review.len()));
    let start = format!("{{\"padding\":\"{padding}\",");
    [start.as_bytes(), &review[1..]].concat()
}

impl Attack {
    fn of(requests: Vec<Named>) -> Self {
        Self {
            requests: Arc::new(requests),
            stop: Arc::default(),
            answered: Arc::default(),
            shed: Arc::default(),
        }
    }

    /// How honest reviews fare beside it.
    async fn beside(
        &self,
        way: &Way,
        (senders, caller): &(Apart, Apart),
    ) -> Result<Duration, String> {
        let mut attackers = JoinSet::new();
        for first in 0..CONNECTIONS {
            attackers.spawn_on(self.clone().run(way.clone(), first), senders.handle());
        }
        crate::until("an answer to the flood", || self.answered.load(Relaxed) > 0).await?;
        let p99 = honest(way, caller).await?;
        self.stop.store(true, Relaxed);
        while let Some(ended) = attackers.join_next().await {
            ended.map_err(|error| error.to_string())??;
        }
        Ok(p99)
    }

    /// One connection: each kind in turn, one a second. Each gets an answer, or is told to come
    /// again.
    async fn run(self, way: Way, first: usize) -> Result<(), String> {
        let mut pace = tokio::time::interval(PACE);
        let mut kept: Option<Connection> = None;
        let mut turns = self.requests.iter().cycle().skip(first);
        while let Some((name, request)) = turns.next()
            && !self.stop.load(Relaxed)
        {
            pace.tick().await;
            let (address, trust) = way()?;
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(address, &trust).await?,
            };
            match connection.exchange(request).await {
                Ok(answer) => {
                    match answer.status {
                        200 => self.answered.fetch_add(1, Relaxed),
                        503 => self.shed.fetch_add(1, Relaxed),
                        other => return Err(format!("{name}: answered {other}")),
                    };
                    kept = (!answer.close).then_some(connection);
                }
                // One that is told to come again may be closed while it is still written.
                Err(_) => {
                    self.shed.fetch_add(1, Relaxed);
                }
            }
        }
        Ok(())
    }
}

/// The memory that the chart gives a webhook, in KiB.
fn limit() -> Result<u64, String> {
    let mut lines = CHART.lines().skip_while(|line| *line != "resources:");
    let limit = lines
        .by_ref()
        .skip_while(|line| line.trim() != "limits:")
        .find_map(|line| line.trim().strip_prefix("memory: ")?.strip_suffix("Mi"));
    let limit = limit.and_then(|mib| mib.parse::<u64>().ok());
    limit
        .map(|mib| mib << 10)
        .ok_or_else(|| "manifests/chart/values.yaml names no memory limit".to_owned())
}
