//! What a scan of a cluster lists, and by which paths.
//!
//! The reporter's RBAC is held to this table: it needs these lists and no other right.

use percent_encoding::utf8_percent_encode;

use crate::scan::percent;

/// Something that a cluster has lists of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource {
    root: &'static str,
    pub(super) plural: &'static str,
    pub(super) has_namespace: bool,
    /// Whether every cluster has it.
    pub(super) is_builtin: bool,
}

const fn builtin(root: &'static str, plural: &'static str) -> Resource {
    Resource {
        root,
        plural,
        has_namespace: true,
        is_builtin: true,
    }
}

const fn custom(root: &'static str, plural: &'static str) -> Resource {
    Resource {
        root,
        plural,
        has_namespace: true,
        is_builtin: false,
    }
}

/// Owners come before what they own, so that a report reads from the top down.
pub(super) const RESOURCES: [Resource; 18] = [
    builtin("/apis/apps/v1", "deployments"),
    builtin("/apis/apps/v1", "daemonsets"),
    builtin("/apis/apps/v1", "statefulsets"),
    builtin("/apis/apps/v1", "replicasets"),
    builtin("/api/v1", "replicationcontrollers"),
    builtin("/apis/batch/v1", "cronjobs"),
    builtin("/apis/batch/v1", "jobs"),
    builtin("/api/v1", "podtemplates"),
    builtin("/api/v1", "pods"),
    Resource {
        root: "/api/v1",
        plural: "persistentvolumes",
        has_namespace: false,
        is_builtin: true,
    },
    custom("/apis/argoproj.io/v1alpha1", "workflowtemplates"),
    custom("/apis/argoproj.io/v1alpha1", "cronworkflows"),
    custom("/apis/argoproj.io/v1alpha1", "rollouts"),
    custom("/apis/tekton.dev/v1", "tasks"),
    custom("/apis/tekton.dev/v1", "pipelines"),
    custom("/apis/actions.github.com/v1alpha1", "autoscalingrunnersets"),
    custom("/apis/actions.summerwind.dev/v1alpha1", "runnerdeployments"),
    custom("/apis/apps.openshift.io/v1", "deploymentconfigs"),
];

/// What a scan lists, by API group and resource; it needs no other right.
pub fn reads() -> impl Iterator<Item = (&'static str, &'static str)> {
    let namespaces = builtin("/api/v1", "namespaces");
    let all = RESOURCES.into_iter().chain([namespaces]);
    all.map(|Resource { root, plural, .. }| {
        let group = root.strip_prefix("/apis/").unwrap_or_default();
        (group.split('/').next().unwrap_or_default(), plural)
    })
}

impl Resource {
    /// The path of its list: of a namespace, or of all.
    pub(super) fn path(self, namespace: Option<&str>) -> String {
        let Self { root, plural, .. } = self;
        match namespace {
            Some(namespace) if self.has_namespace => {
                let namespace = utf8_percent_encode(namespace, percent::SEGMENT);
                format!("{root}/namespaces/{namespace}/{plural}")
            }
            Some(_) | None => format!("{root}/{plural}"),
        }
    }
}
