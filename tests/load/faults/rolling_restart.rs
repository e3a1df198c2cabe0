//! Two replicas are replaced one by one, as a Deployment does, while reviews come.
//!
//! New connections go to who is an endpoint: who was ready at the last probe, with a delay, as
//! nodes learn of it. Connections that stand stay with whom they were made to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dind_injector::tls::write_development;
use rustix::process::Signal;

use super::{Outcome, Scene};
use crate::client::{SERVER_NAME, Trust};
use crate::served::{Bench, Served, get};
use crate::traffic::{Plan, Way};

/// Between two probes of a replica.
const PROBE: Duration = Duration::from_millis(250);
/// From a failed probe to the last node's knowing.
const SPREAD: Duration = Duration::from_secs(1);

/// The Service's endpoints.
#[derive(Clone, Default)]
struct Endpoints(Arc<Mutex<Vec<SocketAddr>>>);

impl Endpoints {
    /// Follows a replica for as long as it answers probes.
    fn follow(&self, served: &Served) {
        let (endpoints, address, admin) = (self.clone(), served.address, served.admin);
        tokio::spawn(async move {
            let mut listed = false;
            loop {
                let ready = matches!(get(admin, "/readyz").await, Ok((200, _)));
                if ready != listed {
                    if !ready {
                        tokio::time::sleep(SPREAD).await;
                    }
                    let mut list = endpoints.0.lock().expect("nobody panics with it");
                    list.retain(|other| *other != address);
                    list.extend(ready.then_some(address));
                    if !ready {
                        return;
                    }
                }
                listed = ready;
                tokio::time::sleep(PROBE).await;
            }
        });
    }

    fn contain(&self, served: &Served) -> bool {
        self.0
            .lock()
            .expect("nobody panics with it")
            .contains(&served.address)
    }

    /// One after the other, as kube-proxy's dice do on average.
    fn way(&self, trust: Trust) -> Way {
        let list = Arc::clone(&self.0);
        let turn = AtomicUsize::new(0);
        Arc::new(move || {
            let list = list.lock().expect("nobody panics with it");
            let count = list.len().max(1);
            let chosen = list.get(turn.fetch_add(1, Relaxed) % count);
            let address = chosen.ok_or("the Service has no endpoints")?;
            Ok((*address, trust.clone()))
        })
    }
}

pub async fn run(scene: &Scene<'_>) -> Outcome {
    let bench: &Bench = scene.bench;
    let folder = bench.folder("certificates");
    let names = [SERVER_NAME.to_owned()];
    let made = write_development(&folder, &names, false, std::time::SystemTime::now());
    let made = made.map_err(|error| error.to_string())?;
    let ca = std::fs::read(&made.ca).map_err(|error| error.to_string())?;
    let policy = bench.swaps();
    let start = || {
        let tls = [
            "--tls-cert".as_ref(),
            made.certificate.as_os_str(),
            "--tls-key".as_ref(),
        ];
        let mut flags = tls.to_vec();
        flags.extend([
            made.key.as_os_str(),
            "--config".as_ref(),
            policy.as_os_str(),
        ]);
        bench.serve(None, &flags)
    };

    let endpoints = Endpoints::default();
    let mut replicas = vec![start(), start()];
    for replica in &mut replicas {
        replica.ready().await?;
        endpoints.follow(replica);
    }
    for replica in &replicas {
        crate::until("an endpoint", || endpoints.contain(replica)).await?;
    }
    let traffic = Plan::paced(endpoints.way(Trust::pem(&ca)?)).start();
    traffic.more(200).await?;
    for _ in 0..2 {
        // maxSurge 1, maxUnavailable 0.
        let mut new = start();
        new.ready().await?;
        endpoints.follow(&new);
        crate::until("a new endpoint", || endpoints.contain(&new)).await?;
        let mut old = replicas.remove(0);
        old.signal(Signal::TERM)?;
        let status = old.ended().await?;
        if !status.success() {
            return Err(format!("a replica did not drain: {status}: {}", old.log()));
        }
        replicas.push(new);
    }
    traffic.more(200).await?;
    for replica in &replicas {
        if replica.metric("dind_injector_reviews_total", "").await? == 0.0 {
            return Err("a new replica was sent nothing".to_owned());
        }
    }
    let tally = traffic.stop().await;
    tally.is_flawless()?;
    Ok(format!(
        "{} reviews on {} connections, none failed",
        tally.answered, tally.connects
    ))
}
