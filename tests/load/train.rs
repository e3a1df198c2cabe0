//! What a release is optimized for: reviews of both sizes, changed and not, at a stretch and one at
//! a time, over connections that stay and that come anew. The servers end by themselves, since an
//! instrumented program writes its counts when it ends.

use std::time::Duration;

use rustix::process::Signal;

use crate::review::{Expect, Review};
use crate::served::{Bench, Served};
use crate::traffic::Plan;

const STRETCH: Duration = Duration::from_secs(5);

/// The product and the floor, both alike: a floor that is worse optimized would flatter the product.
pub async fn run(bench: &Bench) -> Result<(), String> {
    let policy = bench.swaps();
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let config = ["--config".as_ref(), policy.as_os_str()];
    under_traffic(bench.serve(None, &config), Review::each()).await?;
    // It knows reviews by their size alone.
    let either = Review::each().map(|review| review.expecting(Expect::Either));
    let floor = bench.start(&program, None, &["floor".as_ref()]);
    under_traffic(floor, either).await
}

async fn under_traffic(mut served: Served, reviews: [Review; 4]) -> Result<(), String> {
    served.ready().await?;
    for review in reviews {
        let flat_out = Plan::flat_out(served.way()?, review);
        let paced = Plan {
            pace: Some(Duration::from_millis(25)),
            renew: Some(10),
            ..flat_out.clone()
        };
        for plan in [flat_out, paced] {
            let traffic = plan.start();
            tokio::time::sleep(STRETCH).await;
            traffic.stop().await.is_flawless()?;
        }
    }
    served.get("/metrics").await?;
    served.signal(Signal::TERM)?;
    let status = served.ended().await?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| format!("a server ended with {status}"))
}
