//! A borrowed view of a Pod: only the fields that decide, straight from JSON.
//!
//! A review must be cheap, and must not touch fields that this version does not know. So everything else is
//! skipped while parsing and never copied. Lists and objects may be `null`, as in Go. Field names and types
//! are those of `k8s.io/api/core/v1/types.go`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json::{Text, object, or_default};
use crate::model::map::{Amounts, Annotations, Labels};
use crate::model::place::{List, Place};
use crate::model::taint::Toleration;
use crate::model::written::{Listed, Verbatim, written};

mod container;
mod volume;

pub use container::{Capabilities, Container, EnvVar, SecurityContext, VolumeMount};
pub use volume::{ClaimSource, HostPathSource, Volume};

/// A Pod or a Pod template.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Pod<'a> {
    /// A template may have none.
    metadata: Option<Metadata<'a>>,
    #[serde(deserialize_with = "or_default")]
    pub spec: Spec<'a>,
}

/// The fields of `metadata` that decide.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Metadata<'a> {
    /// Empty if the API server still has to create one from `generateName`.
    pub name: Text<'a>,
    pub generate_name: Text<'a>,
    /// Often empty in a Pod template. The review's own namespace counts.
    pub namespace: Text<'a>,
    /// Those that this project reads.
    pub annotations: Annotations<'a>,
    pub labels: Labels<'a>,
    pub owner_references: Listed<OwnerReference<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct OwnerReference<'a> {
    /// Such as `DaemonSet`.
    pub kind: Text<'a>,
    pub api_version: Text<'a>,
    pub name: Text<'a>,
    pub uid: Text<'a>,
    /// Whether this owner manages the Pod.
    pub controller: Option<bool>,
}

/// The most containers of a Pod, of all three lists, that one review looks at.
pub const MOST_CONTAINERS: usize = 1_000;

/// One more than a Pod may have, in each list: further ones are not kept, and the Pod is refused.
const TOO_MANY: usize = MOST_CONTAINERS + 1;

/// The fields of `spec` that decide.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Spec<'a> {
    /// Run one after the other before [`Spec::containers`]. Native sidecars keep running.
    pub init_containers: Listed<Container<'a>, TOO_MANY>,
    pub containers: Listed<Container<'a>, TOO_MANY>,
    /// Added to a running Pod for debugging.
    pub ephemeral_containers: Listed<Container<'a>, TOO_MANY>,
    pub volumes: Listed<Verbatim<'a, Volume<'a>>>,
    /// The default for each container.
    #[serde(deserialize_with = "written")]
    security_context: Option<Verbatim<'a, Option<PodSecurityContext<'a>>>>,
    #[serde(deserialize_with = "or_default")]
    pub host_network: bool,
    #[serde(rename = "hostPID", deserialize_with = "or_default")]
    pub host_pid: bool,
    #[serde(rename = "hostIPC", deserialize_with = "or_default")]
    pub host_ipc: bool,
    /// `false` puts the Pod into a user namespace.
    pub host_users: Option<bool>,
    /// Whether its containers see each other's processes, and what these have mounted.
    #[serde(deserialize_with = "or_default")]
    pub share_process_namespace: bool,
    #[serde(deserialize_with = "or_default")]
    pub os: Os<'a>,
    /// Empty unless the author chose a node.
    pub node_name: Text<'a>,
    /// Labels that the node must have.
    pub node_selector: Labels<'a>,
    /// As written: few reviews need it.
    #[serde(deserialize_with = "written")]
    tolerations: Option<&'a RawValue>,
    /// As written: few reviews need it.
    #[serde(deserialize_with = "written")]
    affinity: Option<&'a RawValue>,
    /// Names that the kubelet writes into the Pod's `/etc/hosts`.
    pub host_aliases: Listed<HostAlias<'a>>,
    /// Empty means `default`.
    pub service_account_name: Text<'a>,
    pub runtime_class_name: Text<'a>,
    /// `Always` (also if empty), `OnFailure` or `Never`.
    pub restart_policy: Text<'a>,
    /// Resources of the Pod as a whole.
    #[serde(deserialize_with = "or_default")]
    pub resources: PodResources<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub struct HostAlias<'a> {
    pub ip: Text<'a>,
    pub hostnames: Listed<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct Os<'a> {
    /// `linux` or `windows`.
    pub name: Text<'a>,
}

/// `spec.resources`: requests and limits of the Pod as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub struct PodResources<'a> {
    #[serde(deserialize_with = "or_default")]
    pub requests: Amounts<'a>,
    #[serde(deserialize_with = "or_default")]
    pub limits: Amounts<'a>,
}

/// The fields of `spec.securityContext` that the sidecar depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct PodSecurityContext<'a> {
    /// The user of every container that sets none.
    pub run_as_user: Option<i64>,
    /// The primary group of every container that sets none.
    pub run_as_group: Option<i64>,
    /// The group of the Pod's volumes, which every container gets.
    pub fs_group: Option<i64>,
    /// More groups of every container.
    pub supplemental_groups: Listed<i64>,
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    /// Present if the Pod sets an AppArmor profile.
    pub app_armor_profile: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
pub struct SeLinuxOptions<'a> {
    pub level: Text<'a>,
}

object!(
    Pod<'a>,
    Metadata<'a>,
    OwnerReference<'a>,
    Spec<'a>,
    HostAlias<'a>,
    Os<'a>,
    PodResources<'a>,
    PodSecurityContext<'a>,
    SeLinuxOptions<'a>,
);

/// The `metadata` of a Pod without any.
pub(crate) static NO_METADATA: Metadata<'static> = Metadata {
    name: Text::EMPTY,
    generate_name: Text::EMPTY,
    namespace: Text::EMPTY,
    annotations: Annotations::ABSENT,
    labels: Labels::ABSENT,
    owner_references: Listed::ABSENT,
};

static NO_SECURITY: PodSecurityContext<'static> = PodSecurityContext {
    run_as_user: None,
    run_as_group: None,
    fs_group: None,
    supplemental_groups: Listed::ABSENT,
    se_linux_options: None,
    app_armor_profile: None,
};

impl<'a> Pod<'a> {
    /// Empty if it has none.
    pub fn metadata(&self) -> &Metadata<'a> {
        self.metadata.as_ref().unwrap_or(&NO_METADATA)
    }

    pub fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Empty if it has none.
    pub fn security(&self) -> &PodSecurityContext<'a> {
        let written = self.spec.security_context.as_ref();
        let context = written.and_then(|written| written.as_ref());
        context.unwrap_or(&NO_SECURITY)
    }

    /// `spec.securityContext` as it was written, even as `null`.
    pub fn written_security(&self) -> Option<&'a RawValue> {
        let written = self.spec.security_context.as_ref();
        written.map(|written| written.json)
    }

    pub fn has_security(&self) -> bool {
        let written = self.spec.security_context.as_ref();
        written.is_some_and(|written| written.is_some())
    }

    pub fn list(&self, list: List) -> &[Container<'a>] {
        match list {
            List::Init => &self.spec.init_containers,
            List::Main => &self.spec.containers,
            List::Ephemeral => &self.spec.ephemeral_containers,
        }
    }

    /// Every container with its place, init containers first.
    pub fn containers(&self) -> impl Iterator<Item = (Place, &Container<'a>)> {
        List::ALL.into_iter().flat_map(move |list| {
            let places = self.list(list).iter().enumerate();
            places.map(move |(index, container)| (Place { list, index }, container))
        })
    }

    /// `place` must be one of this Pod.
    pub fn container(&self, place: Place) -> &Container<'a> {
        &self.list(place.list)[place.index]
    }

    /// Whether the Pod is for Windows nodes, which cannot run the sidecar.
    pub fn is_windows(&self) -> bool {
        let selector = &self.spec.node_selector;
        &*self.spec.os.name == "windows"
            || selector.get("kubernetes.io/os") == Some("windows")
            || selector.get("beta.kubernetes.io/os") == Some("windows")
    }
}

/// The parts of `spec.affinity` that can keep a Pod off a node.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Affinity {
    node_affinity: Option<NodeAffinity>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeAffinity {
    required_during_scheduling_ignored_during_execution: Option<IgnoredAny>,
}

impl Spec<'_> {
    /// The bytes of what [`Self::tolerations`] and [`Self::requires_affinity`] read.
    pub fn placement_bytes(&self) -> usize {
        let parts = [self.tolerations, self.affinity].into_iter().flatten();
        parts.map(|part| part.get().len()).sum()
    }

    /// # Errors
    /// If a field has a wrong type, which an API server does not send.
    pub fn tolerations(&self) -> Result<Vec<Toleration>, serde_json::Error> {
        let Some(written) = self.tolerations else {
            return Ok(Vec::new());
        };
        let list: Option<Vec<Toleration>> = serde_json::from_str(written.get())?;
        Ok(list.unwrap_or_default())
    }

    /// Whether nodes are chosen by more than `nodeSelector`.
    ///
    /// # Errors
    /// If a field has a wrong type, which an API server does not send.
    pub fn requires_affinity(&self) -> Result<bool, serde_json::Error> {
        let Some(written) = self.affinity else {
            return Ok(false);
        };
        let affinity: Option<Affinity> = serde_json::from_str(written.get())?;
        let of_nodes = affinity
            .unwrap_or_default()
            .node_affinity
            .unwrap_or_default();
        Ok(of_nodes
            .required_during_scheduling_ignored_during_execution
            .is_some())
    }
}

impl<'a> Metadata<'a> {
    /// The owner that manages the Pod.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        let mut owners = self.owner_references.iter();
        owners.find(|owner| owner.controller == Some(true))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::json::from_str;

    #[test]
    fn a_field_of_a_part_that_is_kept_as_written_is_named_whole() {
        for (pod, expected) in [
            (
                r#"{"spec":{"volumes":[{},{"name":"v","hostPath":{"path":1}}]}}"#,
                "spec.volumes[1].hostPath.path: a string was expected",
            ),
            (
                r#"{"spec":{"volumes":[null]}}"#,
                "spec.volumes[0]: an object was expected",
            ),
            (
                r#"{"spec":{"containers":[{"volumeMounts":[{"readOnly":"\u0000"}]}]}}"#,
                r#"spec.containers[0].volumeMounts[0].readOnly: true or false was expected"#,
            ),
            (
                r#"{"spec":{"securityContext":[]}}"#,
                "spec.securityContext: an object was expected",
            ),
            (
                r#"{"metadata":{"labels":{"a":"b","a.b/c":1}}}"#,
                "metadata.labels.a.b/c: a string was expected",
            ),
        ] {
            let error = from_str::<Pod<'_>>(pod).unwrap_err();
            assert_eq!(error.without_place().to_string(), expected, "{pod}");
        }
    }

    #[test]
    fn an_error_is_short_whatever_was_written() {
        let long = "é".repeat(1 << 20);
        let pod =
            format!(r#"{{"metadata":{{"labels":{{"{long}":"v","x":"{long}","{long}":1}}}}}}"#);
        let error = from_str::<Pod<'_>>(&pod).unwrap_err().to_string();
        assert!(error.len() < 1000, "{}", error.len());
    }
}
