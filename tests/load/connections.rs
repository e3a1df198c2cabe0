//! How the cost of a review grows with the connections that are open: 1 to 5,000 of them to one
//! server, each kept alive and used in its turn.
//!
//! One review is on its way at a time, at every size, so that nothing grows but the number of
//! connections: with several, a server that finds many of them at once pays less for each.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::measure::{cores, pin};
use crate::report::{machine, median};
use crate::review::Review;
use crate::served::{Bench, Served};
use crate::traffic::{Tally, Way};

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 5_000];
/// Above the sizes, where the default is for dozens of API servers with 25 each; and however long
/// opening them takes on a busy machine, none is to end before its turn.
const LIMITS: [&str; 4] = ["--max-connections", "6000", "--idle-timeout", "1h"];
const ROUNDS: usize = 5;
/// At least so many reviews a round, and each connection at least once.
const REVIEWS: usize = 2_000;

/// What was measured with so many connections open.
pub struct Size {
    connections: usize,
    /// The server's CPU time for a review, in microseconds: the median round's.
    cpu: f64,
    /// The median, and what 99 of 100 reviews stayed below, in microseconds: the median round's.
    typical: f64,
    slow: f64,
    /// The server's resident memory, in KiB.
    resident: u64,
    /// What a connection beyond the first has added to it.
    each: Option<f64>,
}

/// Measures every size on one server, and leaves what `scripts/scaling` reads.
pub async fn run(bench: &Bench) -> Result<String, String> {
    let machine = machine();
    let (server, driver) = cores();
    if let Some(driver) = driver {
        pin(driver)?;
    }
    let policy = bench.swaps();
    let mut flags = vec!["--config".as_ref(), policy.as_os_str()];
    flags.extend(LIMITS.map(OsStr::new));
    let mut served = bench.serve(server, &flags);
    served.ready().await?;

    let mut crowd = Crowd::new(served.way()?);
    // Whatever is made once is made before anything is counted.
    crowd.grow(1).await?;
    crowd.round(REVIEWS).await?;
    let mut sizes: Vec<Size> = Vec::new();
    for connections in SIZES {
        crowd.grow(connections).await?;
        sizes.push(measured(&served, &mut crowd, sizes.first()).await?);
    }
    let file = results()?;
    std::fs::write(&file, lines(&machine, &sizes)).map_err(|error| error.to_string())?;
    Ok(format!("{}\n{}\n", table(&sizes), file.display()))
}

async fn measured(
    served: &Served,
    crowd: &mut Crowd,
    first: Option<&Size>,
) -> Result<Size, String> {
    let connections = crowd.connections.len();
    let [mut cpu, mut typical, mut slow] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let before = served.cpu()?;
        let mut tally = crowd.round(REVIEWS.max(connections)).await?;
        let used = served.cpu()?.saturating_sub(before);
        cpu.push(used.as_secs_f64() * 1e6 / tally.answered as f64);
        typical.push(tally.quantile(0.5).as_secs_f64() * 1e6);
        slow.push(tally.quantile(0.99).as_secs_f64() * 1e6);
    }
    let resident = served.memory("VmRSS")?;
    let each = first.map(|first| {
        let more = resident.saturating_sub(first.resident) as f64;
        more / (connections - first.connections) as f64
    });
    let open = served.metric("dind_injector_connections_open", "").await?;
    if (open as usize) < connections {
        return Err(format!("{open} of {connections} connections are open"));
    }
    Ok(Size {
        connections,
        cpu: median(cpu),
        typical: median(typical),
        slow: median(slow),
        resident,
        each,
    })
}

/// Open connections, each used as often as the others.
struct Crowd {
    way: Way,
    review: Review,
    connections: Vec<Connection>,
    next: usize,
    number: u64,
}

impl Crowd {
    fn new(way: Way) -> Self {
        Self {
            way,
            review: Review::large(),
            connections: Vec::new(),
            next: 0,
            number: 0,
        }
    }

    /// Opens more, until there are so many, and uses each once.
    async fn grow(&mut self, connections: usize) -> Result<(), String> {
        let (address, trust) = (self.way)()?;
        while self.connections.len() < connections {
            self.next = self.connections.len();
            let connection = Connection::open(address, &trust).await;
            self.connections
                .push(connection.map_err(|error| format!("connection {}: {error}", self.next))?);
            self.one().await?;
        }
        Ok(())
    }

    /// So many reviews, one after another.
    async fn round(&mut self, reviews: usize) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let began = Instant::now();
        for _ in 0..reviews {
            let took = self.one().await?.as_nanos();
            tally
                .latencies
                .push(u32::try_from(took).unwrap_or(u32::MAX));
            tally.answered += 1;
        }
        tally.took = began.elapsed();
        Ok(tally)
    }

    /// One review on the next connection, judged; how long its answer took.
    async fn one(&mut self) -> Result<Duration, String> {
        let index = self.next % self.connections.len();
        self.next = index + 1;
        self.number += 1;
        let connection = &mut self.connections[index];
        let request = self.review.stamped(index, self.number);
        let began = Instant::now();
        let answer = connection.exchange(request).await;
        let took = began.elapsed();
        let judged = answer.and_then(|answer| {
            self.review
                .evaluate(answer.status, connection.body(&answer))
        });
        judged.map_err(|error| format!("connection {index}: {error}"))?;
        Ok(took)
    }
}

fn table(sizes: &[Size]) -> String {
    let mut table = format!(
        "{:>12}{:>14}{:>12}{:>10}{:>12}{:>22}\n",
        "connections", "CPU a review", "median", "p99", "RSS", "for each connection"
    );
    for size in sizes {
        let each = size
            .each
            .map_or_else(String::new, |each| format!("{each:.1} KiB"));
        let _ = writeln!(
            table,
            "{:>12}{:>11.1} us{:>9.0} us{:>7.0} us{:>8.1} MiB{each:>22}",
            size.connections,
            size.cpu,
            size.typical,
            size.slow,
            size.resident as f64 / 1024.0
        );
    }
    table
}

/// For `scripts/scaling`: the machine, then a size a line, its numbers in the table's order.
fn lines(machine: &str, sizes: &[Size]) -> String {
    let mut lines = format!("# {machine}\n");
    for size in sizes {
        let each = size
            .each
            .map_or_else(String::new, |each| format!("{each:.1}"));
        let _ = writeln!(
            lines,
            "{}\t{:.1}\t{:.0}\t{:.0}\t{:.1}\t{each}",
            size.connections,
            size.cpu,
            size.typical,
            size.slow,
            size.resident as f64 / 1024.0
        );
    }
    lines
}

/// `load/connections.tsv` in the target folder that this program is in.
fn results() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    // target/release/examples/load
    let target = program.ancestors().nth(3);
    let folder = target
        .ok_or("this program is in no target folder")?
        .join("load");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder.join("connections.tsv"))
}
