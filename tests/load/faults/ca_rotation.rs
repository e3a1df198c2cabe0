//! The self-managed CA is replaced while reviews come: its Secret is emptied, as the
//! operator's page tells to, and two replicas go over to a new one.
//!
//! The API server's side trusts the caBundle alone, and learns of a change two seconds late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, SECRETS};
use super::{Outcome, Scene};
use crate::client::{Connection, Trust};
use crate::traffic::{Plan, Way};

const LATE: Duration = Duration::from_secs(2);
const SECRET: &str = "dind-injector-ca";

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let cluster = Cluster::new(scene).await?;
    let replicas = [cluster.replica(scene).await?, cluster.replica(scene).await?];
    let first = cluster.ca_bundle()?;
    let (trust, _follower) = cluster.trust(LATE)?;
    let addresses = [replicas[0].address, replicas[1].address];
    let turn = AtomicUsize::new(0);
    let way: Way = Arc::new(move || {
        let address = addresses[turn.fetch_add(1, Relaxed) % 2];
        Ok((address, trust.borrow().clone()))
    });
    let plan = Plan::paced(way);
    let traffic = Plan {
        renew: Some(10),
        ..plan
    }
    .start();
    traffic.more(200).await?;

    let mut secret = cluster
        .api
        .get(SECRETS, SECRET)
        .ok_or("the Secret is gone")?;
    let lost = signer(&secret);
    secret["data"] = json!({});
    cluster.api.put(SECRETS, secret);
    let signs = || {
        cluster
            .api
            .get(SECRETS, SECRET)
            .map(|secret| signer(&secret))
    };
    let is_new = || {
        signs()
            .flatten()
            .is_some_and(|signer| Some(&signer) != lost.as_ref())
    };
    crate::until("another CA signs", is_new).await?;
    traffic.more(200).await?;

    // Both serve leaves of the new CA now, to whoever trusts no other.
    let old = Trust::pem(&first)?;
    for replica in &replicas {
        let mut looks = 0;
        while Connection::open(replica.address, &old).await.is_ok() {
            looks += 1;
            if looks > 200 {
                return Err("a leaf of the old CA is still served".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Connection::open(replica.address, &Trust::pem(cluster.ca_bundle()?)?).await?;
    }
    traffic.more(1000).await?;
    let tally = traffic.stop().await;
    tally.is_flawless()?;
    Ok(format!(
        "{} reviews on {} connections, none failed",
        tally.answered, tally.connects
    ))
}

/// The certificate of the CA that signs, as the Secret has it.
fn signer(secret: &serde_json::Value) -> Option<String> {
    let certificate = &secret["data"][dind_injector::names::ca_secret::CERT];
    certificate.as_str().map(str::to_owned)
}
