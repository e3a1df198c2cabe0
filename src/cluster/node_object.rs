//! A Node as it is read from the API server: only the fields that decide.
//!
//! A Node has some twenty kilobytes, most of it images, conditions and managed fields, and its kubelet writes it
//! every few minutes. Everything else is skipped while it is parsed.

use std::collections::BTreeMap;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::api::core::v1::Node;
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::model::nodes::{HOSTNAME, NodeKind, Support, Versions};
use crate::model::taint::{Effect, Taint};

/// The taint with which `kubectl cordon` keeps Pods away, besides `spec.unschedulable`.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct NodeObject {
    #[serde(deserialize_with = "slim")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    resource_version: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    unschedulable: Option<bool>,
    taints: Option<Vec<SpecTaint>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SpecTaint {
    key: String,
    value: Option<String>,
    effect: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    node_info: NodeInfo,
    runtime_handlers: Option<Vec<RuntimeHandler>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeInfo {
    operating_system: String,
    kernel_version: String,
    kubelet_version: String,
    container_runtime_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RuntimeHandler {
    name: Option<String>,
    features: Option<Features>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Features {
    user_namespaces: Option<bool>,
}

fn slim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let Metadata {
        name,
        labels,
        resource_version,
    } = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name,
        labels,
        resource_version,
        ..ObjectMeta::default()
    })
}

impl k8s_openapi::Resource for NodeObject {
    const API_VERSION: &'static str = <Node as k8s_openapi::Resource>::API_VERSION;
    const GROUP: &'static str = <Node as k8s_openapi::Resource>::GROUP;
    const KIND: &'static str = <Node as k8s_openapi::Resource>::KIND;
    const VERSION: &'static str = <Node as k8s_openapi::Resource>::VERSION;
    const URL_PATH_SEGMENT: &'static str = <Node as k8s_openapi::Resource>::URL_PATH_SEGMENT;
    type Scope = ClusterResourceScope;
}

impl k8s_openapi::Metadata for NodeObject {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl NodeObject {
    pub(crate) fn name(&self) -> Option<&str> {
        self.metadata.name.as_deref()
    }

    /// Its hostname and kind; `None` for one of Windows, to which no Pod with a Docker daemon goes.
    pub(crate) fn into_kind(self) -> Option<(String, NodeKind)> {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let info = status.node_info;
        if info.operating_system == "windows" {
            return None;
        }
        let mut labels = metadata.labels.unwrap_or_default();
        let hostname = labels.remove(HOSTNAME).unwrap_or_default();
        let taints = spec.taints.into_iter().flatten();
        let mut taints: Vec<Taint> = taints
            .filter_map(|taint| {
                Some(Taint {
                    effect: Effect::of(&taint.effect)?,
                    key: taint.key,
                    value: taint.value.unwrap_or_default(),
                })
            })
            .collect();
        if spec.unschedulable == Some(true) {
            taints.push(Taint {
                key: UNSCHEDULABLE.to_owned(),
                value: String::new(),
                effect: Effect::NoSchedule,
            });
        }
        taints.sort();
        taints.dedup();
        let handlers = status.runtime_handlers.into_iter().flatten();
        let handlers = handlers.map(|handler| {
            let features = handler.features.unwrap_or_default();
            let has = features.user_namespaces.unwrap_or_default();
            (handler.name.unwrap_or_default(), has)
        });
        let versions = Versions {
            kernel: &info.kernel_version,
            kubelet: &info.kubelet_version,
            runtime: &info.container_runtime_version,
        };
        let kind = NodeKind {
            labels,
            taints,
            support: Support::of(versions, handlers.collect()),
        };
        Some((hostname, kind))
    }
}
