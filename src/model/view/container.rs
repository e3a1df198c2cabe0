//! The fields of a container that decide.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json::{Text, object, or_default};
use crate::model::written::{Listed, Verbatim, written};

/// A container of any of the three lists.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Container<'a> {
    /// Unique in the Pod.
    pub name: Text<'a>,
    pub image: Text<'a>,
    /// Replaces the image's entrypoint.
    pub command: Listed<Text<'a>>,
    /// Replaces the image's arguments.
    pub args: Listed<Text<'a>>,
    /// Present if ConfigMaps or Secrets add variables as a whole.
    pub env_from: Option<IgnoredAny>,
    /// In order: a later variable can refer to an earlier one.
    pub env: Listed<EnvVar<'a>>,
    pub volume_mounts: Listed<Verbatim<'a, VolumeMount<'a>>>,
    /// Block devices of claims.
    pub volume_devices: Listed<IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    pub security_context: SecurityContext,
    /// `Always` makes an init container a native sidecar.
    pub restart_policy: Text<'a>,
    /// As written: few reviews need it.
    #[serde(deserialize_with = "written")]
    resources: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct EnvVar<'a> {
    pub name: Text<'a>,
    /// Empty if [`EnvVar::value_from`] is set.
    pub value: Text<'a>,
    /// The source of the value, as it was written.
    pub value_from: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct VolumeMount<'a> {
    pub name: Text<'a>,
    pub mount_path: Text<'a>,
    /// The part of the volume that is mounted.
    pub sub_path: Text<'a>,
    /// The same with `$(NAME)` from the container's environment.
    pub sub_path_expr: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub read_only: bool,
    /// `Disabled`, `IfPossible` or `Enabled`: whether mounts below are read-only too.
    pub recursive_read_only: Text<'a>,
    /// `None`, `HostToContainer` or `Bidirectional`.
    pub mount_propagation: Text<'a>,
}

/// The fields of a container's `securityContext` that decide.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct SecurityContext {
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    pub privileged: bool,
    #[serde(deserialize_with = "or_default")]
    pub capabilities: Capabilities,
}

#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub struct Capabilities {
    /// Those besides the runtime's own.
    pub add: Listed<IgnoredAny>,
}

object!(
    Container<'a>,
    EnvVar<'a>,
    VolumeMount<'a>,
    SecurityContext,
    Capabilities,
);

impl<'a> Container<'a> {
    /// The variable with this name. The last one counts, as in the kubelet.
    /// Whether its `limits` have `ephemeral-storage`.
    pub fn limits_disk(&self) -> bool {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Resources {
            limits: Option<Limits>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Limits {
            #[serde(rename = "ephemeral-storage")]
            disk: Option<IgnoredAny>,
        }
        let resources = self
            .resources
            .map(|written| serde_json::from_str(written.get()));
        let resources: Option<Resources> = resources.and_then(Result::ok);
        let limits = resources.and_then(|resources| resources.limits);
        limits.is_some_and(|limits| limits.disk.is_some())
    }

    pub fn env_var(&self, name: &str) -> Option<&EnvVar<'a>> {
        self.env.iter().rev().find(|var| &*var.name == name)
    }
}
