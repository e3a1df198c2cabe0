//! The fields of a Pod's `spec` and of a container: what stands beside these in the same mapping is another program's.
//!
//! Source: `k8s.io/api/core/v1/types.go` of Kubernetes 1.34, with what older versions had.

use serde_json::{Map, Value};

use crate::manifest::below;

const SPEC: [&str; 43] = [
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resourceClaims",
    "resources",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
    "$patch",
    "$setElementOrder",
];

const CONTAINER: [&str; 26] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "script",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];

/// Whether a Pod's `spec` has a field of this name.
pub fn is_of_spec(key: &str) -> bool {
    SPEC.contains(&key)
}

/// The pointers to what stands beside the fields of a Pod's `spec`, which is at `at`, and of its containers.
pub fn beside(spec: &Map<String, Value>, at: &str) -> Vec<String> {
    let others = spec.keys().filter(|key| !is_of_spec(key));
    let mut found: Vec<String> = others.map(|key| below(at, key)).collect();
    for list in ["containers", "initContainers"] {
        let containers = spec.get(list).and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let at = format!("{at}/{list}/{index}");
            let keys = container.as_object().into_iter().flat_map(Map::keys);
            let others = keys.filter(|key| !CONTAINER.contains(&key.as_str()));
            found.extend(others.map(|key| below(&at, key)));
        }
    }
    found
}
