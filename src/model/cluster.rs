//! What a review is told of the cluster: its namespaces and, where they are watched, its nodes and RuntimeClasses.
//!
//! Offline, or without these watches, they are unknown, and what is unknown never decides.

use std::sync::Arc;

use super::namespaces::{Namespaces, NoNamespaces};
use super::nodes::Nodes;
use super::runtime_class::RuntimeClasses;

pub trait Cluster: Namespaces {
    fn placement(&self) -> Placement {
        Placement::default()
    }
}

impl Cluster for NoNamespaces {}

/// What decides whether a Pod can run where it may be placed.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// `None` if they are unknown.
    pub nodes: Option<Arc<Nodes>>,
    /// `None` if they are unknown.
    pub runtime_classes: Option<Arc<RuntimeClasses>>,
}
