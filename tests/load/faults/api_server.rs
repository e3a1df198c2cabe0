//! The API server is away for a while, for everybody but its own reviews: it refuses every
//! request, then closes every connection, then takes requests and says nothing. Reviews go on by
//! what was known, and news are heard once it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::{Outcome, Scene, decides};
use crate::api::Api;
use crate::client::Trust;
use crate::review::{Expect, Review};
use crate::traffic::{Plan, Way};

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let away = Duration::from_secs(if scene.short { 12 } else { 60 });
    let cluster = Cluster::new(scene).await?;
    let served = cluster.replica(scene).await?;
    let trust = Trust::pem(cluster.ca_bundle()?)?;
    let address = served.address;
    let way: Way = Arc::new(move || Ok((address, trust.clone())));
    let plan = Plan::paced(Arc::clone(&way));
    let reviews = vec![Review::small(), Review::large().expecting(Expect::Either)];
    let traffic = Plan {
        reviews,
        renew: Some(20),
        ..plan
    }
    .start();
    traffic.more(200).await?;
    decides(&way, Expect::Changed).await?;

    let ways_to_be_away: [fn(&Api); 3] = [
        |api| api.go_away(503, "away"),
        Api::hang_up,
        Api::fall_silent,
    ];
    for (number, be_away) in ways_to_be_away.into_iter().enumerate() {
        be_away(&cluster.api);
        if number == 0 {
            // A change that it can hear of only afterwards.
            cluster.label("disabled");
        }
        let began = Instant::now();
        while began.elapsed() < away / 3 {
            if !matches!(served.get("/readyz").await?, (200, _)) {
                return Err("it is no longer ready: nobody would review".to_owned());
            }
            decides(&way, Expect::Changed).await?;
            traffic.more(200).await?;
        }
    }
    cluster.api.come_back();
    let began = Instant::now();
    while decides(&way, Expect::Left).await.is_err() {
        if began.elapsed() > Duration::from_secs(60) {
            return Err(format!("the change is never heard of: {}", served.log()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let heard = began.elapsed().as_secs_f64();
    traffic.more(200).await?;
    let tally = traffic.stop().await;
    tally.is_flawless()?;
    Ok(format!(
        "{} reviews, none failed; away for {} s, its news heard {heard:.1} s later",
        tally.answered,
        away.as_secs()
    ))
}
