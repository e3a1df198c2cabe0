//! Reviews on 25 kept-alive connections, for as long as wanted, each answer judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::{Connection, Trust};
use crate::review::Review;

/// What an API server keeps open to one host.
pub const CONNECTIONS: usize = 25;
/// How many failures are told in words.
const TOLD: usize = 5;

/// Where the next connection goes, and who is trusted there.
pub type Way = Arc<dyn Fn() -> Result<(std::net::SocketAddr, Trust), String> + Send + Sync>;

/// A load to come.
#[derive(Clone)]
pub struct Plan {
    pub way: Way,
    /// Sent in turns.
    pub reviews: Vec<Review>,
    /// Between two reviews of one connection; none to send as fast as answers come.
    pub pace: Option<Duration>,
    /// Reviews after which a connection is given up for a new one; none to keep it.
    pub renew: Option<u64>,
}

/// A load that is on.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    connections: JoinSet<Tally>,
    began: Instant,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Tally {
    pub answered: u64,
    pub connects: u64,
    pub failed: u64,
    pub failures: Vec<String>,
    /// Nanoseconds from a review's being due to its answer's end, on connections that stood.
    pub latencies: Vec<u32>,
    pub took: Duration,
}

impl Plan {
    /// Reviews of both sizes in turns at some 1,000 a second, to one server.
    pub fn paced(way: Way) -> Self {
        Self {
            way,
            reviews: vec![Review::small(), Review::large()],
            pace: Some(Duration::from_millis(25)),
            renew: None,
        }
    }

    /// As fast as answers come.
    pub fn flat_out(way: Way, review: Review) -> Self {
        Self {
            way,
            reviews: vec![review],
            pace: None,
            renew: None,
        }
    }

    pub fn start(self) -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for index in 0..CONNECTIONS {
            let pace = self.pace.map(|pace| {
                let offset = pace * u32::try_from(index).unwrap_or(0) / CONNECTIONS as u32;
                (began + offset, pace)
            });
            connections.spawn(run(
                self.clone(),
                index,
                pace,
                Arc::clone(&stop),
                Arc::clone(&answered),
            ));
        }
        Traffic {
            stop,
            answered,
            connections,
            began,
        }
    }
}

async fn run(
    plan: Plan,
    index: usize,
    mut pace: Option<(Instant, Duration)>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
) -> Tally {
    let Plan {
        way,
        mut reviews,
        pace: _,
        renew,
    } = plan;
    let mut tally = Tally::default();
    let mut connection: Option<(Connection, u64)> = None;
    let kinds = reviews.len();
    for number in 0.. {
        let mut due = Instant::now();
        if let Some((next, pace)) = &mut pace {
            if *next > due {
                tokio::time::sleep_until((*next).into()).await;
                due = Instant::now();
            } else {
                // The answer before this was late: the wait is this one's too.
                due = *next;
            }
            *next += *pace;
        }
        if stop.load(Relaxed) {
            break;
        }
        let review = &mut reviews[(index + number as usize) % kinds];
        match one(&way, &mut connection, review, index, number, &mut tally).await {
            Ok(stood) => {
                tally.answered += 1;
                answered.fetch_add(1, Relaxed);
                if stood {
                    let took = due.elapsed().as_nanos();
                    tally
                        .latencies
                        .push(u32::try_from(took).unwrap_or(u32::MAX));
                }
            }
            Err(failure) => {
                connection = None;
                tally.fail(format!("connection {index}, review {number}: {failure}"));
                // A caller whose call failed does not call again at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        if let (Some((_, used)), Some(renew)) = (&connection, renew)
            && *used >= renew
        {
            connection = None;
        }
    }
    tally
}

/// One review; says whether the connection stood before it.
async fn one(
    way: &Way,
    kept: &mut Option<(Connection, u64)>,
    review: &mut Review,
    index: usize,
    number: u64,
    tally: &mut Tally,
) -> Result<bool, String> {
    if let Some((connection, _)) = kept
        && connection.is_closed().await
    {
        *kept = None;
    }
    let (connection, used) = match kept {
        Some(kept) => kept,
        None => {
            let (address, trust) = way()?;
            tally.connects += 1;
            kept.insert((Connection::open(address, &trust).await?, 0))
        }
    };
    let request = review.stamped(index, number);
    let answer = connection.exchange(request).await?;
    review.evaluate(answer.status, connection.body(&answer))?;
    *used += 1;
    let stood = *used > 1;
    if answer.close {
        *kept = None;
    }
    Ok(stood)
}

impl Traffic {
    /// How many reviews were answered well so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    /// Waits until so many more were answered.
    pub async fn more(&self, count: u64) -> Result<(), String> {
        let goal = self.answered() + count;
        crate::until("more answers", || self.answered() >= goal).await
    }

    /// Ends the load and gathers what came of it.
    pub async fn stop(mut self) -> Tally {
        self.stop.store(true, Relaxed);
        let took = self.began.elapsed();
        let mut tally = Tally::default();
        while let Some(ended) = self.connections.join_next().await {
            match ended {
                Ok(part) => tally.add(part),
                Err(error) => tally.fail(format!("the driver: {error}")),
            }
        }
        tally.took = took;
        tally
    }
}

impl Tally {
    fn fail(&mut self, failure: String) {
        self.failed += 1;
        if self.failures.len() < TOLD {
            self.failures.push(failure);
        }
    }

    pub fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.connects += other.connects;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.failures.truncate(TOLD);
        self.latencies.extend(other.latencies);
        self.took += other.took;
    }

    /// No review has failed, and there were some.
    pub fn is_flawless(&self) -> Result<(), String> {
        if self.failed > 0 {
            let told = self.failures.join("; ");
            return Err(format!(
                "{} of {} reviews failed: {told}",
                self.failed, self.answered
            ));
        }
        if self.answered == 0 {
            return Err("no review was sent".to_owned());
        }
        Ok(())
    }

    /// Reviews a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// The latency that this part of the reviews stayed below.
    pub fn quantile(&mut self, part: f64) -> Duration {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * part).ceil() as usize;
        let nanos = self.latencies.get(at).copied().unwrap_or(0);
        Duration::from_nanos(nanos.into())
    }
}
