//! What a rule may look at beside the Pod itself.

use std::collections::BTreeMap;

use crate::json::Text;
use crate::model::map::Labels;
use crate::model::view::Pod;

/// The labels of a namespace.
pub type NamespaceLabels = BTreeMap<String, String>;

/// Who asks for which Pod, and where.
#[derive(Debug)]
pub struct Subject<'a> {
    pub namespace: &'a str,
    /// Its labels; none where they are not known.
    pub namespace_labels: Option<&'a NamespaceLabels>,
    pub pod_labels: &'a Labels<'a>,
    pub service_account: &'a str,
    /// The user that makes the request.
    pub user: &'a str,
    pub groups: &'a [Text<'a>],
    /// The kind that made the Pod; `Pod` where nothing made it.
    pub owner: &'a str,
}

/// Who asks, as the API server says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requester<'a> {
    pub user: &'a str,
    pub groups: &'a [Text<'a>],
}

/// The user by which the controller manager makes the Pods of this kind of owner; none for
/// kinds that other programs look after.
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

/// The groups of such a user.
pub const CONTROLLER_GROUPS: [&str; 3] = [
    "system:serviceaccounts",
    "system:serviceaccounts:kube-system",
    "system:authenticated",
];

impl<'a> Subject<'a> {
    /// The subject of a request for `pod`. `owner` names the kind that made it where that
    /// is known better than from the Pod itself (a template of a DaemonSet).
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
        }
    }
}
