//! The fields of a container that decide.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json::{Text, object, or_default};
use crate::model::written::{Listed, Verbatim};

/// One container of any of the three lists.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Container<'a> {
    /// Its name, unique in the Pod.
    pub name: Text<'a>,
    pub image: Text<'a>,
    /// What replaces the image's entrypoint.
    pub command: Listed<Text<'a>>,
    /// What replaces the image's arguments.
    pub args: Listed<Text<'a>>,
    /// Present where ConfigMaps or Secrets give it variables as a whole.
    pub env_from: Option<IgnoredAny>,
    /// Its environment, in order.
    pub env: Listed<EnvVar<'a>>,
    pub volume_mounts: Listed<Verbatim<'a, VolumeMount<'a>>>,
    #[serde(deserialize_with = "or_default")]
    pub security_context: SecurityContext,
    /// `Always` makes an init container a native sidecar.
    pub restart_policy: Text<'a>,
}

/// One of a container's `env`.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct EnvVar<'a> {
    pub name: Text<'a>,
    /// Its value; empty where [`EnvVar::value_from`] says it.
    pub value: Text<'a>,
    /// Where its value is from, as it was written.
    pub value_from: Option<&'a RawValue>,
}

/// One of a container's `volumeMounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct VolumeMount<'a> {
    pub name: Text<'a>,
    /// Where the container sees it.
    pub mount_path: Text<'a>,
    /// The part of the volume that is mounted.
    pub sub_path: Text<'a>,
    /// The same with `$(NAME)` from the container's environment.
    pub sub_path_expr: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub read_only: bool,
    /// `Disabled`, `IfPossible` or `Enabled`: whether writing below is refused too.
    pub recursive_read_only: Text<'a>,
    /// `None`, `HostToContainer` or `Bidirectional`.
    pub mount_propagation: Text<'a>,
}

/// The part of a container's `securityContext` that decides.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct SecurityContext {
    /// The user it runs as.
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
}

object!(Container<'a>, EnvVar<'a>, VolumeMount<'a>, SecurityContext,);

impl<'a> Container<'a> {
    /// The variable of that name; the last one counts, as in the kubelet.
    pub fn env_var(&self, name: &str) -> Option<&EnvVar<'a>> {
        self.env.iter().rev().find(|var| &*var.name == name)
    }
}
