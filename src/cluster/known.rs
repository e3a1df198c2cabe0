//! All that watches know of the cluster, for reviews.

use std::sync::Arc;

use crate::cluster::namespaces::KnownNamespaces;
use crate::cluster::placement::KnownPlacement;
use crate::model::cluster::{Cluster, Placement};
use crate::model::namespaces::Namespaces;
use crate::model::subject::NamespaceLabels;

#[derive(Clone, Debug, Default)]
pub struct KnownCluster {
    pub namespaces: KnownNamespaces,
    /// `None` if nodes are not watched.
    pub placement: Option<KnownPlacement>,
}

impl Namespaces for KnownCluster {
    fn labels(&self, name: &str) -> Option<Arc<NamespaceLabels>> {
        self.namespaces.labels(name)
    }
}

impl Cluster for KnownCluster {
    fn placement(&self) -> Placement {
        let known = self.placement.as_ref();
        known.map_or_else(Placement::default, KnownPlacement::placement)
    }
}

/// The nodes are unknown.
impl Cluster for KnownNamespaces {}
