//! Where the labels of namespaces come from: a watch, or nothing at all.

use std::sync::Arc;

use super::subject::NamespaceLabels;

/// Where the labels of namespaces are known from.
pub trait Namespaces {
    /// The labels of the namespace of that name; none where they are not known.
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
