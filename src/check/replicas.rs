//! The replicas: whether they are there, reached, alike and up to date.

use std::collections::BTreeSet;

use crate::check::installed::{Installed, Replica};
use crate::check::metrics::Samples;
use crate::check::outcome::{Check, counted};
use crate::check::questions::{REPLICAS, SERVICE, VERSIONS, WATCHES};
use crate::check::read::Unread;
use crate::names::metric;

/// A healthy watch is younger; see [`metric::WATCH_AGE`].
const OLD_WATCH: f64 = 120.0;
/// Twice that, and some: an API server that was restarted is back by then.
const DEAD_WATCH: f64 = 300.0;

/// Every check of the replicas but those of certificates.
pub fn checks(installed: &Installed) -> Vec<Check> {
    let mut checks = vec![service(installed), replicas(installed)];
    if !installed.replicas.is_empty() {
        checks.push(versions(installed));
        checks.push(watches(installed));
    }
    checks
}

fn service(installed: &Installed) -> Check {
    let (name, home) = (&installed.name, &installed.home);
    let fix = format!("kubectl -n {home} get pods,endpointslices; then as the replicas' line says");
    let port = match &installed.service {
        Ok(service) => service.spec.ports.iter().map(|port| port.port).next(),
        Err(Unread::Missing) => {
            return SERVICE.fails(
                format!("there is no Service {name} in {home}: every call fails"),
                "install again",
            );
        }
        Err(unread) => return SERVICE.could_not_ask(unread),
    };
    let Some(port) = port else {
        return SERVICE.fails(format!("the Service {name} has no port"), "install again");
    };
    let slices = match &installed.slices {
        Ok(slices) => slices,
        Err(unread) => return SERVICE.could_not_ask(unread),
    };
    let endpoints = slices.iter().flat_map(|slice| &slice.endpoints);
    let ready = endpoints.filter(|endpoint| endpoint.conditions.ready != Some(false));
    match ready.count() {
        0 => SERVICE.fails(
            format!("the Service {name} in {home} has no ready endpoint: every call fails"),
            fix,
        ),
        ready => SERVICE.ok(format!(
            "{name}.{home}.svc:{port} has {}",
            counted(ready, "ready endpoint")
        )),
    }
}

fn replicas(installed: &Installed) -> Check {
    let (name, home) = (&installed.name, &installed.home);
    let wanted = match &installed.deployment {
        Ok(deployment) => deployment.spec.replicas.unwrap_or(1),
        Err(Unread::Missing) => {
            return REPLICAS.fails(
                format!("there is no Deployment {name} in {home}"),
                "install again",
            );
        }
        Err(unread) => return REPLICAS.could_not_ask(unread),
    };
    let pods = match &installed.pods {
        Ok(pods) => pods,
        Err(unread) => return REPLICAS.could_not_ask(unread),
    };
    let ready = pods.iter().filter(|pod| pod.is_ready()).count();
    let trouble = pods.iter().find(|pod| !pod.is_ready());
    let trouble = trouble.map(|pod| (pod.metadata.name.as_str(), pod.trouble()));
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    match (wanted, ready, trouble) {
        (0, 0, _) => REPLICAS.fails(
            format!("the Deployment {name} is scaled to 0: no review is answered"),
            format!("kubectl -n {home} scale deployment {name} --replicas=2; to switch the webhook off, delete its configurations"),
        ),
        (_, _, Some((pod, why))) => {
            let found = format!("{ready} of {wanted} replicas are ready; {pod} is not: {why}");
            let fix = format!(
                "kubectl -n {home} describe pod {pod}; /readyz of its port 9090 names what it waits for"
            );
            match ready {
                0 => REPLICAS.fails(found, fix),
                _ => REPLICAS.warns(found, fix),
            }
        }
        (_, 0, None) => REPLICAS.fails(
            format!("0 of {wanted} replicas are there"),
            format!("kubectl -n {home} describe replicasets: a quota, or an admission policy?"),
        ),
        (1, _, None) => REPLICAS.warns(
            "the one replica is ready: a drain of its node leaves the cluster without the webhook",
            "set replicas: 2 of the chart",
        ),
        (_, ready, None) if ready < wanted => REPLICAS.warns(
            format!("{ready} of {wanted} replicas are there"),
            format!("kubectl -n {home} describe replicasets: a quota, or an admission policy?"),
        ),
        (_, ready, None) => REPLICAS.ok(format!("{ready} of {wanted} replicas are ready")),
    }
}

/// The metrics of every replica; the first that has none otherwise.
pub fn every_metrics(replicas: &[Replica]) -> Result<Vec<(&str, &Samples)>, Unread> {
    let of = |replica: &'_ Replica| match &replica.metrics {
        Ok(_) => Ok(()),
        Err(unread) => Err(unread.clone()),
    };
    replicas.iter().try_for_each(of)?;
    let read = replicas.iter().filter_map(|replica| {
        let metrics = replica.metrics.as_ref().ok()?;
        Some((replica.pod.as_str(), metrics))
    });
    Ok(read.collect())
}

/// What to do where the admin port is not reached.
pub const ADMIN_PORT: &str = "allow the API server to reach port 9090 of the Pods \
                              (networkPolicy.scrapesFrom of the chart), and the caller `get` of pods/proxy";

fn versions(installed: &Installed) -> Check {
    let metrics = match every_metrics(&installed.replicas) {
        Ok(metrics) => metrics,
        Err(unread) => return VERSIONS.could_not_ask_but(unread.to_string(), ADMIN_PORT),
    };
    let version = |samples: &Samples| {
        let version = samples.label(metric::BUILD_INFO, "version");
        version.unwrap_or("without a version").to_owned()
    };
    let versions: BTreeSet<String> = metrics
        .iter()
        .map(|(_, samples)| version(samples))
        .collect();
    let told = versions.iter().cloned().collect::<Vec<_>>().join(" and ");
    match versions.len() {
        1 => VERSIONS.ok(told),
        _ => VERSIONS.warns(
            format!("replicas are of {told}"),
            format!(
                "wait for the rollout: kubectl -n {} rollout status deployment {}",
                installed.home, installed.name
            ),
        ),
    }
}

fn watches(installed: &Installed) -> Check {
    let metrics = match every_metrics(&installed.replicas) {
        Ok(metrics) => metrics,
        Err(unread) => return WATCHES.could_not_ask_but(unread.to_string(), ADMIN_PORT),
    };
    let ages = metrics.iter().flat_map(|(pod, samples)| {
        let ages = samples.by_label(metric::WATCH_AGE, "watch");
        ages.map(|(watch, age)| (*pod, watch, age))
    });
    let oldest = ages.max_by(|one, other| one.2.total_cmp(&other.2));
    let Some((pod, watch, age)) = oldest else {
        return WATCHES.warns(
            "no replica watches the cluster: no namespace has labels, for rules that match them",
            "start it with a service account (automountServiceAccountToken), without --no-cluster",
        );
    };
    let fix = format!(
        "kubectl -n {} logs {pod}: is the API server reached from the Pods (networkPolicy.apiServerPorts)?",
        installed.home
    );
    let found = format!("the oldest, {watch} of {pod}, showed life {age:.0} seconds ago");
    if age > DEAD_WATCH {
        WATCHES.fails(found, fix)
    } else if age > OLD_WATCH {
        WATCHES.warns(found, fix)
    } else {
        WATCHES.ok(found)
    }
}
