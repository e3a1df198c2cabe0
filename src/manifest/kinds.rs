//! The kinds whose objects hold one whole Pod template, and where: the one registry of them, for
//! every command.
//!
//! What makes Pods in a form of its own (an Argo workflow, a Tekton task) is not here: `scan` puts
//! those together in `scan::sources`, and the commands that edit a Pod in its place say so.

/// A kind that makes Pods of a template.
#[derive(Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The API groups that have it.
    pub groups: &'static [&'static str],
    /// The way from the object to its template.
    pub path: &'static [&'static str],
    /// The kind that will own the Pods; none for a Pod itself.
    pub owner: Option<&'static str>,
    /// Whether every object of it has the template. Where one need not (a Rollout may name a
    /// Deployment), a template that is missing is nothing wrong.
    pub always: bool,
}

const TEMPLATE: &[&str] = &["spec", "template"];
const APPS: &[&str] = &["apps", "extensions"];

const fn builtin(
    name: &'static str,
    groups: &'static [&'static str],
    path: &'static [&'static str],
    owner: Option<&'static str>,
) -> Kind {
    Kind {
        name,
        groups,
        path,
        owner,
        always: true,
    }
}

const fn other(
    name: &'static str,
    groups: &'static [&'static str],
    path: &'static [&'static str],
    owner: &'static str,
) -> Kind {
    Kind {
        name,
        groups,
        path,
        owner: Some(owner),
        always: false,
    }
}

/// Every kind. Sources: k8s.io/api; openshift/api `apps/v1`; argo-rollouts, keda,
/// actions-runner-controller and kruise, each `api` or `apis`.
pub static KINDS: &[Kind] = &[
    builtin("Pod", &[""], &[], None),
    builtin("PodTemplate", &[""], &["template"], None),
    builtin(
        "ReplicationController",
        &[""],
        TEMPLATE,
        Some("ReplicationController"),
    ),
    builtin("Deployment", APPS, TEMPLATE, Some("ReplicaSet")),
    builtin("ReplicaSet", APPS, TEMPLATE, Some("ReplicaSet")),
    builtin("DaemonSet", APPS, TEMPLATE, Some("DaemonSet")),
    builtin("StatefulSet", &["apps"], TEMPLATE, Some("StatefulSet")),
    builtin("Job", &["batch"], TEMPLATE, Some("Job")),
    builtin(
        "CronJob",
        &["batch"],
        &["spec", "jobTemplate", "spec", "template"],
        Some("Job"),
    ),
    other(
        "DeploymentConfig",
        &["apps.openshift.io"],
        TEMPLATE,
        "ReplicationController",
    ),
    other("Rollout", &["argoproj.io"], TEMPLATE, "ReplicaSet"),
    other(
        "ScaledJob",
        &["keda.sh"],
        &["spec", "jobTargetRef", "template"],
        "Job",
    ),
    other(
        "AutoscalingRunnerSet",
        &["actions.github.com"],
        TEMPLATE,
        "EphemeralRunner",
    ),
    other("CloneSet", &["apps.kruise.io"], TEMPLATE, "CloneSet"),
    other(
        "BroadcastJob",
        &["apps.kruise.io"],
        TEMPLATE,
        "BroadcastJob",
    ),
];

/// The kind of an object that says `kind` and, if any, `apiVersion`.
pub fn kind(api_version: Option<&str>, kind: &str) -> Option<&'static Kind> {
    let group = api_version.map(|version| version.split_once('/').map_or("", |(group, _)| group));
    let mut kinds = KINDS.iter().filter(|known| known.name == kind);
    // Without a version the name alone counts.
    kinds.find(|known| group.is_none_or(|group| known.groups.contains(&group)))
}

/// The kind that makes the Pods of a workload of this kind; none for a Pod itself, and the kind
/// itself where it is not known.
pub fn owner_of(kind: &str) -> Option<&str> {
    match KINDS.iter().find(|known| known.name == kind) {
        Some(known) => known.owner,
        None => Some(kind),
    }
}
