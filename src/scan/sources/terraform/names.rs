//! The names of hashicorp/kubernetes for what Kubernetes' API has: snake case and the singular.
//!
//! Source: its `structures_pod.go` and `schema_pod_spec.go`.

/// Blocks that may come several times, and the list that they are in.
pub(super) const LISTS: [(&str, &str); 13] = [
    ("container", "containers"),
    ("init_container", "initContainers"),
    ("volume", "volumes"),
    ("volume_mount", "volumeMounts"),
    ("volume_device", "volumeDevices"),
    ("volume_claim_template", "volumeClaimTemplates"),
    ("env", "env"),
    ("env_from", "envFrom"),
    ("port", "ports"),
    ("toleration", "tolerations"),
    ("host_aliases", "hostAliases"),
    ("image_pull_secrets", "imagePullSecrets"),
    ("topology_spread_constraint", "topologySpreadConstraints"),
];

/// Resources that are objects of Kubernetes' own, without their `_v1`.
pub(super) const KINDS: [(&str, &str, &str); 9] = [
    ("kubernetes_pod", "v1", "Pod"),
    ("kubernetes_deployment", "apps/v1", "Deployment"),
    ("kubernetes_daemonset", "apps/v1", "DaemonSet"),
    ("kubernetes_daemon_set", "apps/v1", "DaemonSet"),
    ("kubernetes_stateful_set", "apps/v1", "StatefulSet"),
    (
        "kubernetes_replication_controller",
        "v1",
        "ReplicationController",
    ),
    ("kubernetes_job", "batch/v1", "Job"),
    ("kubernetes_cron_job", "batch/v1", "CronJob"),
    ("kubernetes_persistent_volume", "v1", "PersistentVolume"),
];

/// How the names of attributes and blocks are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As the fields of Kubernetes' API.
    Fields,
    /// As they are.
    Own,
}

/// `host_path` as `hostPath`.
pub(super) fn field(name: &str, names: Names) -> String {
    if names == Names::Own {
        return name.to_owned();
    }
    let mut field = String::with_capacity(name.len());
    let mut is_next = false;
    for c in name.chars() {
        match (c, is_next) {
            ('_', _) => is_next = true,
            (c, true) => {
                field.extend(c.to_uppercase());
                is_next = false;
            }
            (c, false) => field.push(c),
        }
    }
    // The API's own way of writing it.
    match field.as_str() {
        "hostPid" => "hostPID".to_owned(),
        "hostIpc" => "hostIPC".to_owned(),
        _ => field,
    }
}
