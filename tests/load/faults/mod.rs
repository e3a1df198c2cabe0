//! What goes wrong around a webhook. Each fault is asserted by the answers of a load that is on
//! all the while, and by the servers' own counts.

mod api_server;
pub mod attack;
mod ca_rotation;
mod certificate_files;
mod cluster;
mod hostile;
mod mount;
mod policy_reload;
mod rolling_restart;
mod slow_clients;
mod worst_pods;

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, iter};

use crate::client::Connection;
use crate::review::{Expect, Review};
use crate::served::Bench;
use crate::traffic::Way;

/// A place for a fault to happen in.
pub struct Scene<'a> {
    pub bench: &'a Bench,
    /// Little patience: for CI.
    pub short: bool,
}

/// What is worth knowing of a fault that was borne, or what was not borne.
type Outcome = Result<String, String>;

/// A fault that has not begun.
struct Fault<'a> {
    name: &'static str,
    run: Pin<Box<dyn Future<Output = Outcome> + 'a>>,
}

fn fault<'a>(name: &'static str, run: impl Future<Output = Outcome> + 'a) -> Fault<'a> {
    Fault {
        name,
        run: Box::pin(run),
    }
}

impl Fault<'_> {
    /// Lets it happen, and says in a line whether it was borne.
    async fn happen(self) -> bool {
        let Self { name, run } = self;
        let began = Instant::now();
        let outcome = run.await;
        let took = began.elapsed().as_secs();
        match &outcome {
            Ok(note) => println!("ok    {name} ({took} s): {note}"),
            Err(why) => println!("FAIL  {name} ({took} s): {why}"),
        }
        outcome.is_ok()
    }
}

/// Runs those whose name contains one of the words, all without any; how many passed and failed.
pub async fn run(bench: &Bench, short: bool, words: &[&str]) -> (usize, usize) {
    let scene = Scene { bench, short };
    let wanted =
        |fault: &Fault<'_>| words.is_empty() || words.iter().any(|word| fault.name.contains(word));
    // These mostly wait, for files to be read again and for caches to settle: all together.
    let mut together = vec![
        fault("rolling-restart", rolling_restart::run(&scene)),
        fault("certificate-files", certificate_files::run(&scene)),
        fault("ca-rotation", ca_rotation::run(&scene)),
        fault("policy-reload", policy_reload::run(&scene)),
        fault("api-server-away", api_server::run(&scene)),
    ];
    // These want the machine for themselves.
    let mut alone = vec![
        fault("hostile-requests", hostile::run(&scene)),
        fault("slow-clients", slow_clients::run(&scene)),
        fault("worst-pods", worst_pods::run(&scene)),
    ];
    together.retain(wanted);
    alone.retain(wanted);
    let together: FuturesUnordered<_> = together.into_iter().map(Fault::happen).collect();
    let mut borne: Vec<bool> = together.collect().await;
    borne.extend(iter(alone).then(Fault::happen).collect::<Vec<_>>().await);
    let passed = borne.iter().filter(|borne| **borne).count();
    (passed, borne.len() - passed)
}

/// A p99 below this is no wait that a client of the API server could tell, and two such are as far apart as what
/// else the machine does: of what is shorter, no ratio is judged.
const TOLD_APART: Duration = Duration::from_millis(10);

/// Whether honest reviews wait for a fault: their p99 during it is longer than `times` that before it.
fn waits(during: Duration, before: Duration, times: u32) -> bool {
    during > (before * times).max(TOLD_APART)
}

/// One review of a Pod with a socket, on a new connection, is answered so.
async fn decides(way: &Way, expect: Expect) -> Result<(), String> {
    let (address, trust) = way()?;
    let mut review = Review::large().expecting(expect);
    let mut connection = Connection::open(address, &trust).await?;
    let answer = connection.exchange(review.stamped(0, 0)).await?;
    review.evaluate(answer.status, connection.body(&answer))
}
