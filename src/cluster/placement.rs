//! The nodes and RuntimeClasses of the cluster, as of the last watch events.
//!
//! Which profile a Pod gets may depend on what nodes can run. Not every cluster has profiles for which that
//! matters, and reading nodes is a right of its own, so these watches are off unless they are asked for. A review
//! reads what they have left without a lock and without waiting. While one is down, its last state stays in use.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use futures_util::future::join;
use k8s_openapi::api::core::v1::Toleration as ApiToleration;
use k8s_openapi::api::node::v1::RuntimeClass as ApiClass;
use kube::{Api, Client};

use crate::cluster::node_object::NodeObject;
use crate::cluster::watch::{Change, Health, Timing, follow};
use crate::model::cluster::Placement;
use crate::model::nodes::Nodes;
use crate::model::runtime_class::{RuntimeClass, RuntimeClasses};
use crate::model::taint::Toleration;
use crate::telemetry::metrics::{Metrics, Watch};
use crate::telemetry::readiness::Readiness;

/// Whether nodes are watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::Args)]
pub struct PlacementArgs {
    /// Whether to watch nodes and RuntimeClasses, so that a Pod gets no profile that the cluster cannot run; needs
    /// the right to list and watch them
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = false,
        action = clap::ArgAction::Set,
        env = "DIND_INJECTOR_WATCH_NODES"
    )]
    pub watch_nodes: bool,
}

/// What is known. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct KnownPlacement(Arc<Known>);

/// Empty until the first list.
#[derive(Debug, Default)]
struct Known {
    nodes: ArcSwapOption<Nodes>,
    runtime_classes: ArcSwapOption<RuntimeClasses>,
}

impl KnownPlacement {
    pub fn placement(&self) -> Placement {
        let Known {
            nodes,
            runtime_classes,
        } = &*self.0;
        Placement {
            nodes: nodes.load_full(),
            runtime_classes: runtime_classes.load_full(),
        }
    }

    /// Only one watch writes. Each change that matters copies the map of names and pointers; a kubelet's sign of
    /// life changes nothing here.
    fn change_nodes(&self, change: Change<NodeObject>) {
        let old = self.0.nodes.load_full().unwrap_or_default();
        let new = match change {
            Change::All(all) => Some(nodes(all)),
            Change::Applied(node) => {
                let Some(name) = node.name().map(str::to_owned) else {
                    return;
                };
                match node.into_kind() {
                    Some((hostname, kind)) => old.with(&name, &hostname, kind),
                    None => old.without(&name),
                }
            }
            Change::Removed(node) => node.name().and_then(|name| old.without(name)),
        };
        if let Some(new) = new {
            self.0.nodes.store(Some(Arc::new(new)));
        }
    }

    fn change_runtime_classes(&self, change: Change<ApiClass>) {
        let old = self.0.runtime_classes.load_full().unwrap_or_default();
        let new: RuntimeClasses = match change {
            Change::All(all) => runtime_classes(all),
            Change::Applied(class) => {
                let mut classes = RuntimeClasses::clone(&old);
                classes.extend(entry(class));
                classes
            }
            Change::Removed(class) => {
                let mut classes = RuntimeClasses::clone(&old);
                classes.remove(&class.metadata.name.unwrap_or_default());
                classes
            }
        };
        self.0.runtime_classes.store(Some(Arc::new(new)));
    }
}

pub(super) fn nodes(all: Vec<NodeObject>) -> Nodes {
    let all = all.into_iter().filter_map(|node| {
        let name = node.name()?.to_owned();
        let (hostname, kind) = node.into_kind()?;
        Some((name, hostname, kind))
    });
    all.collect()
}

pub(super) fn runtime_classes(all: Vec<ApiClass>) -> RuntimeClasses {
    all.into_iter().filter_map(entry).collect()
}

fn entry(class: ApiClass) -> Option<(String, RuntimeClass)> {
    let scheduling = class.scheduling.unwrap_or_default();
    let tolerations = scheduling.tolerations.into_iter().flatten();
    let class_of_model = RuntimeClass {
        handler: class.handler,
        node_selector: scheduling.node_selector.unwrap_or_default(),
        tolerations: tolerations.map(toleration).collect(),
    };
    Some((class.metadata.name?, class_of_model))
}

fn toleration(toleration: ApiToleration) -> Toleration {
    let ApiToleration {
        key,
        operator,
        value,
        effect,
        toleration_seconds: _,
    } = toleration;
    Toleration {
        key,
        operator,
        value,
        effect,
    }
}

/// The watches that update [`KnownPlacement`]. They run beside the server.
#[derive(Debug)]
pub struct PlacementWatch {
    nodes: (Api<NodeObject>, Arc<Health>),
    runtime_classes: (Api<ApiClass>, Arc<Health>),
    known: KnownPlacement,
    timing: Timing,
}

/// The readiness checks `nodes` and `runtime-classes` fail until the first lists are complete.
#[must_use]
pub fn watch_placement(
    client: Client,
    metrics: &Arc<Metrics>,
    readiness: &Readiness,
    timing: Timing,
) -> (KnownPlacement, PlacementWatch) {
    let health = |watch, name| {
        let health = Health::new(watch, Arc::clone(metrics));
        let asked = Arc::clone(&health);
        readiness.probe_in_detail(name, move || asked.report());
        health
    };
    let known = KnownPlacement::default();
    let watch = PlacementWatch {
        nodes: (Api::all(client.clone()), health(Watch::Nodes, "nodes")),
        runtime_classes: (
            Api::all(client),
            health(Watch::RuntimeClasses, "runtime-classes"),
        ),
        known: known.clone(),
        timing,
    };
    (known, watch)
}

impl PlacementWatch {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let Self {
            nodes: (nodes, of_nodes),
            runtime_classes: (classes, of_classes),
            known,
            timing,
        } = self;
        let nodes = follow(nodes, None, &of_nodes, timing, |change| {
            known.change_nodes(change);
        });
        let classes = follow(classes, None, &of_classes, timing, |change| {
            known.change_runtime_classes(change);
        });
        join(nodes, classes).await;
    }
}
