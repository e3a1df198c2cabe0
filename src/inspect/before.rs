//! Reads a cluster in which nothing is installed yet.

use serde_json::{Value, json};

use crate::check::before::Before;
use crate::check::guards::Right;
use crate::check::metrics::Samples;
use crate::check::objects::Node;
use crate::check::{Read, Unread};
use crate::inspect::api::Api;
use crate::names;

/// How many nodes' kubelets are asked: their metrics are long.
const KUBELETS: usize = 3;
/// The kubelet's metric of its cgroup version.
/// Source: `kubernetes/pkg/kubelet/metrics/metrics.go`, `CgroupVersion`.
const CGROUP_VERSION: &str = "kubelet_cgroup_version";

const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// What the chart creates: group, resource, and whether in the namespace of the installation.
const CREATED: [(&str, &str, bool); 14] = [
    ("", "namespaces", false),
    ("", "serviceaccounts", true),
    ("", "services", true),
    ("", "secrets", true),
    ("", "configmaps", true),
    ("apps", "deployments", true),
    ("policy", "poddisruptionbudgets", true),
    ("networking.k8s.io", "networkpolicies", true),
    (RBAC, "clusterroles", false),
    (RBAC, "clusterrolebindings", false),
    (RBAC, "roles", true),
    (RBAC, "rolebindings", true),
    (ADMISSION, "mutatingwebhookconfigurations", false),
    (ADMISSION, "validatingwebhookconfigurations", false),
];
/// The same, where the API server has ValidatingAdmissionPolicies.
const CREATED_POLICIES: [(&str, &str, bool); 3] = [
    (ADMISSION, "validatingadmissionpolicies", false),
    (ADMISSION, "validatingadmissionpolicybindings", false),
    ("scheduling.k8s.io", "priorityclasses", false),
];

/// Reads it.
pub async fn before(api: &Api) -> Before {
    let admission = resources(api).await;
    let has_policies = admission.as_ref().is_ok_and(|resources| {
        resources
            .iter()
            .any(|it| it == "validatingadmissionpolicies")
    });
    let mut rights = Vec::new();
    let policies = CREATED_POLICIES.iter();
    let policies = policies.filter(|(group, ..)| has_policies || *group != ADMISSION);
    for (group, resource, is_inside) in CREATED.iter().chain(policies) {
        let right = Right {
            group,
            resource,
            verb: "create",
            namespace: if *is_inside {
                names::NAMESPACE.to_owned()
            } else {
                String::new()
            },
            ..Right::default()
        };
        let allowed = api.may(&right, None).await;
        rights.push((right, allowed));
    }
    let nodes: Read<Vec<Node>> = api.list("/api/v1/nodes").await;
    let mut cgroups = Vec::new();
    for node in nodes.iter().flatten().take(KUBELETS) {
        let name = &node.metadata.name;
        let metrics = api
            .text(&format!("/api/v1/nodes/{name}/proxy/metrics"))
            .await;
        let version = metrics.map(|text| {
            let version = Samples::read(&text).value(CGROUP_VERSION);
            version.map(|version| if version >= 2.0 { 2 } else { 1 })
        });
        cgroups.push((name.clone(), version));
    }
    Before {
        version: api.version().await,
        admission,
        match_conditions: match_conditions(api).await,
        rights,
        namespaces: api.list("/api/v1/namespaces").await,
        nodes,
        cgroups,
        runtime_classes: api.list("/apis/node.k8s.io/v1/runtimeclasses").await,
    }
}

async fn resources(api: &Api) -> Read<Vec<String>> {
    let all: Value = api.get(&format!("/apis/{ADMISSION}/v1")).await?;
    let resources = all["resources"].as_array().into_iter().flatten();
    let names = resources.filter_map(|resource| resource["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// Whether a field is known is seen by what a dry run keeps of it. No webhook is asked about configurations.
async fn match_conditions(api: &Api) -> Read<bool> {
    let configuration = json!({
        "apiVersion": format!("{ADMISSION}/v1"),
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"generateName": "dind-injector-check-"},
        "webhooks": [{
            "name": names::POD_WEBHOOK,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {"service": {"name": names::SERVICE, "namespace": names::NAMESPACE}},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
            }],
            "matchConditions": [{"name": "none", "expression": "false"}],
        }],
    });
    let path = format!("/apis/{ADMISSION}/v1/mutatingwebhookconfigurations?dryRun=All");
    let kept: Value = match api.post(&path, &configuration).await?.read() {
        Err(Unread::Missing) => return Ok(false),
        kept => kept?,
    };
    Ok(kept.pointer("/webhooks/0/matchConditions/0").is_some())
}
