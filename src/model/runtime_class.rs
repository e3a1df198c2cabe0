//! The RuntimeClasses of a cluster: which handler runs a Pod, and to which nodes they restrict it.
//!
//! The API server refuses a Pod whose RuntimeClass does not exist, or whose own `nodeSelector` contradicts the
//! RuntimeClass's, and adds the RuntimeClass's selector and tolerations to the others.
//! Source: `kubernetes/plugin/pkg/admission/runtimeclass/admission.go`.

use std::collections::BTreeMap;

use super::taint::Toleration;

/// By name.
pub type RuntimeClasses = BTreeMap<String, RuntimeClass>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuntimeClass {
    /// What the node's container runtime calls it.
    pub handler: String,
    pub node_selector: BTreeMap<String, String>,
    pub tolerations: Vec<Toleration>,
}
