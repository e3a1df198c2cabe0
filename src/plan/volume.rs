//! A new volume, written straight into the patch.
//!
//! The fields are those of `k8s.io/api/core/v1/types.go`, in the usual order of a manifest.

use serde::Serialize;

use crate::model::node_storage::NodeStorage;
use crate::model::profile::Storage;
use crate::model::quantity::Quantity;
use crate::plan::pod::{NewVolume, VolumeSource};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume<'v> {
    name: &'v str,
    #[serde(flatten)]
    source: Source<'v>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Source<'v> {
    EmptyDir(EmptyDir<'v>),
    ConfigMap { name: &'v str },
    Ephemeral(Ephemeral<'v>),
    HostPath(HostPath<'v>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EmptyDir<'v> {
    #[serde(skip_serializing_if = "Option::is_none")]
    size_limit: Option<&'v Quantity>,
}

#[derive(Serialize)]
struct HostPath<'v> {
    path: &'v str,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ephemeral<'v> {
    volume_claim_template: Template<'v>,
}

#[derive(Serialize)]
struct Template<'v> {
    spec: Claim<'v>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claim<'v> {
    access_modes: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class_name: Option<&'v str>,
    resources: ClaimResources<'v>,
}

#[derive(Serialize)]
struct ClaimResources<'v> {
    requests: ClaimRequests<'v>,
}

#[derive(Serialize)]
struct ClaimRequests<'v> {
    storage: &'v Quantity,
}

impl<'v> Volume<'v> {
    pub(crate) fn of(volume: &'v NewVolume<'_>) -> Self {
        let source = match &volume.source {
            VolumeSource::Shared => Source::EmptyDir(EmptyDir { size_limit: None }),
            VolumeSource::ConfigMap(name) => Source::ConfigMap { name },
            VolumeSource::Slots(path) => Source::HostPath(HostPath {
                path,
                r#type: "DirectoryOrCreate",
            }),
            VolumeSource::Storage(
                Storage::EmptyDir { size_limit } | Storage::Node(NodeStorage { size_limit, .. }),
            ) => Source::EmptyDir(EmptyDir {
                size_limit: size_limit.as_ref(),
            }),
            VolumeSource::Storage(Storage::Ephemeral {
                storage_class,
                size,
            }) => Source::Ephemeral(Ephemeral {
                volume_claim_template: Template {
                    spec: Claim {
                        access_modes: ["ReadWriteOnce"],
                        storage_class_name: storage_class.as_deref(),
                        resources: ClaimResources {
                            requests: ClaimRequests { storage: size },
                        },
                    },
                },
            }),
        };
        Self {
            name: &volume.name,
            source,
        }
    }
}
