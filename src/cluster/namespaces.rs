//! The labels of every namespace, as of the last watch event.
//!
//! A review reads them without a lock and without waiting. Only names and labels are requested and kept.
//! While the watch is down, the last state stays in use.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};

use crate::cluster::watch::{Change, Health, MetadataOf, Timing, follow};
use crate::model::namespaces::Namespaces;
use crate::model::subject::NamespaceLabels;
use crate::telemetry::metrics::{Metrics, Watch};
use crate::telemetry::readiness::Readiness;

type Map = HashMap<String, Arc<NamespaceLabels>>;

/// The known namespaces. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct KnownNamespaces(Arc<ArcSwap<Map>>);

impl Namespaces for KnownNamespaces {
    fn labels(&self, name: &str) -> Option<Arc<NamespaceLabels>> {
        self.0.load().get(name).cloned()
    }
}

/// A fixed set, for use without a cluster.
impl FromIterator<(String, NamespaceLabels)> for KnownNamespaces {
    fn from_iter<I: IntoIterator<Item = (String, NamespaceLabels)>>(all: I) -> Self {
        let all = all.into_iter();
        let map: Map = all.map(|(name, labels)| (name, Arc::new(labels))).collect();
        Self(Arc::new(ArcSwap::from_pointee(map)))
    }
}

impl KnownNamespaces {
    /// Only one watch writes. Each change copies the map of names and pointers, which for ten thousand
    /// namespaces costs less than the reviews of one Pod.
    fn change(&self, change: Change<PartialObjectMeta<Namespace>>) {
        let old = self.0.load();
        let new = match change {
            Change::All(all) => all.into_iter().filter_map(entry).collect(),
            Change::Applied(one) => {
                let Some((name, labels)) = entry(one) else {
                    return;
                };
                if old.get(&name) == Some(&labels) {
                    return;
                }
                let mut map = Map::clone(&old);
                map.insert(name, labels);
                map
            }
            Change::Removed(one) => {
                let Some(name) = one.metadata.name else {
                    return;
                };
                let mut map = Map::clone(&old);
                map.remove(&name);
                map
            }
        };
        self.0.store(Arc::new(new));
    }
}

fn entry(namespace: PartialObjectMeta<Namespace>) -> Option<(String, Arc<NamespaceLabels>)> {
    let metadata = namespace.metadata;
    let labels = metadata.labels.unwrap_or_default();
    Some((metadata.name?, Arc::new(labels)))
}

/// The watch that updates [`KnownNamespaces`]. Runs beside the server.
#[derive(Debug)]
pub struct NamespaceWatch {
    api: Api<Namespace>,
    known: KnownNamespaces,
    health: Arc<Health>,
    timing: Timing,
}

/// The readiness check `namespaces` fails until the first list is complete.
#[must_use]
pub fn watch_namespaces(
    client: Client,
    metrics: Arc<Metrics>,
    readiness: &Readiness,
    timing: Timing,
) -> (KnownNamespaces, NamespaceWatch) {
    let health = Health::new(Watch::Namespaces, metrics);
    let asked = Arc::clone(&health);
    readiness.probe_in_detail("namespaces", move || asked.report());
    let known = KnownNamespaces::default();
    let watch = NamespaceWatch {
        api: Api::all(client),
        known: known.clone(),
        health,
        timing,
    };
    (known, watch)
}

impl NamespaceWatch {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let Self {
            api,
            known,
            health,
            timing,
        } = self;
        follow(MetadataOf(api), None, &health, timing, |change| {
            known.change(change);
        })
        .await;
    }
}
