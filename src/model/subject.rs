//! What decides besides the Pod itself: the namespace, the requesting user, the owner, the cluster.

use std::collections::BTreeMap;

use crate::json::Text;
use crate::model::cluster::Placement;
use crate::model::map::Labels;
use crate::model::view::Pod;

pub type NamespaceLabels = BTreeMap<String, String>;

#[derive(Debug)]
pub struct Subject<'a> {
    pub namespace: &'a str,
    /// `None` if they are unknown.
    pub namespace_labels: Option<&'a NamespaceLabels>,
    pub pod_labels: &'a Labels<'a>,
    pub service_account: &'a str,
    /// The user that makes the request.
    pub user: &'a str,
    pub groups: &'a [Text<'a>],
    /// The kind that created the Pod, or `Pod` if nothing did.
    pub owner: &'a str,
    /// Where the Pod may be placed, which no rule matches.
    pub placement: Placement,
}

/// The requesting user, as the API server gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requester<'a> {
    pub user: &'a str,
    pub groups: &'a [Text<'a>],
}

/// The user with which the controller manager creates the Pods of this kind of owner; `None` for kinds of
/// other controllers.
/// Source: `kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go`.
pub fn controller_of(owner: &str) -> Option<&'static str> {
    Some(match owner {
        "DaemonSet" => "system:serviceaccount:kube-system:daemon-set-controller",
        "Job" => "system:serviceaccount:kube-system:job-controller",
        "ReplicaSet" => "system:serviceaccount:kube-system:replicaset-controller",
        "ReplicationController" => "system:serviceaccount:kube-system:replication-controller",
        "StatefulSet" => "system:serviceaccount:kube-system:statefulset-controller",
        _ => return None,
    })
}

/// The groups of these users.
pub const CONTROLLER_GROUPS: [&str; 3] = [
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
    "system:authenticated",
];

impl<'a> Subject<'a> {
    /// `owner` is the kind that created `pod`, if it is known from elsewhere (a DaemonSet's template).
    pub fn new(
        pod: &'a Pod<'_>,
        namespace: &'a str,
        namespace_labels: Option<&'a NamespaceLabels>,
        requester: Requester<'a>,
        owner: Option<&'a str>,
    ) -> Self {
        let account = &*pod.spec.service_account_name;
        let controller = pod.metadata().controller().map(|owner| &*owner.kind);
        Self {
            namespace,
            namespace_labels,
            pod_labels: &pod.metadata().labels,
            service_account: if account.is_empty() {
                "default"
            } else {
                account
            },
            user: requester.user,
            groups: requester.groups,
            owner: owner.or(controller).unwrap_or("Pod"),
            placement: Placement::default(),
        }
    }

    #[must_use]
    pub fn placed(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }
}
