//! The labels of namespaces, which decide in a cluster and are unknown offline.

use std::sync::Arc;

use super::subject::NamespaceLabels;

pub trait Namespaces {
    /// `None` if they are unknown.
    fn labels(&self, name: &str) -> Option<Arc<NamespaceLabels>>;
}

/// Knows no namespace: for use without a cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNamespaces;

impl Namespaces for NoNamespaces {
    fn labels(&self, _name: &str) -> Option<Arc<NamespaceLabels>> {
        None
    }
}
