//! A borrowed view of a Pod: only the fields that decide, straight from JSON.
//!
//! Everything else is skipped while parsing and never copied, so a review costs
//! little and a field that this view does not know is never touched. Lists and
//! objects may be `null`, as Go reads them. Field names and types are those of
//! `k8s.io/api/core/v1/types.go`.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use super::map::{Annotations, Keys, Labels};
use super::place::{List, Place};
use super::text::Text;
use super::written::{Listed, Verbatim};

/// A Pod, or the template of one.
#[derive(Debug, Default, Deserialize)]
pub struct Pod<'a> {
    /// Its `metadata`; a template may have none.
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    /// Its `spec`.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub spec: Spec<'a>,
}

/// The part of `metadata` that decides.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Empty where the API server is still to make one from `generateName`.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The prefix of a name to be made.
    #[serde(borrow, default)]
    pub generate_name: Text<'a>,
    /// Often empty in a Pod template; the review's own namespace counts.
    #[serde(borrow, default)]
    pub namespace: Text<'a>,
    /// The annotations that this project reads.
    #[serde(borrow, default)]
    pub annotations: Annotations<'a>,
    /// All labels.
    #[serde(borrow, default)]
    pub labels: Labels<'a>,
    /// Who made the Pod.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub owner_references: Vec<OwnerReference<'a>>,
}

/// One of `metadata.ownerReferences`.
#[derive(Debug, Deserialize)]
pub struct OwnerReference<'a> {
    /// The owner's kind, such as `DaemonSet`.
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    /// The owner's API version.
    #[serde(rename = "apiVersion", borrow, default)]
    pub api_version: Text<'a>,
    /// The owner's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The owner's uid.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// Whether this owner manages the Pod.
    #[serde(default)]
    pub controller: Option<bool>,
}

/// The part of `spec` that decides.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec<'a> {
    /// Run one after the other before [`Spec::containers`]; native sidecars stay.
    #[serde(borrow, default)]
    pub init_containers: Listed<Container<'a>>,
    /// The Pod's own containers.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub containers: Vec<Container<'a>>,
    /// Added to a running Pod for debugging.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub ephemeral_containers: Vec<Container<'a>>,
    /// The Pod's volumes.
    #[serde(borrow, default)]
    pub volumes: Listed<Verbatim<'a, Volume<'a>>>,
    /// What holds for each container that does not say otherwise.
    #[serde(borrow, default, deserialize_with = "some")]
    security_context: Option<Verbatim<'a, Option<PodSecurityContext<'a>>>>,
    /// The node's network namespace.
    #[serde(default, deserialize_with = "or_default")]
    pub host_network: bool,
    /// The node's process namespace.
    #[serde(rename = "hostPID", default, deserialize_with = "or_default")]
    pub host_pid: bool,
    /// The node's IPC namespace.
    #[serde(rename = "hostIPC", default, deserialize_with = "or_default")]
    pub host_ipc: bool,
    /// `false` puts the Pod into a user namespace.
    #[serde(default)]
    pub host_users: Option<bool>,
    /// The operating system that the author named.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub os: Os<'a>,
    /// Labels that the node must have.
    #[serde(borrow, default)]
    pub node_selector: Labels<'a>,
    /// The service account; empty means `default`.
    #[serde(borrow, default)]
    pub service_account_name: Text<'a>,
    /// The Pod's runtime class.
    #[serde(borrow, default)]
    pub runtime_class_name: Text<'a>,
    /// `Always` (also where it is missing), `OnFailure` or `Never`.
    #[serde(borrow, default)]
    pub restart_policy: Text<'a>,
    /// Resources of the Pod as a whole.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub resources: PodResources<'a>,
}

/// `spec.os`.
#[derive(Debug, Default, Deserialize)]
pub struct Os<'a> {
    /// `linux` or `windows`.
    #[serde(borrow, default)]
    pub name: Text<'a>,
}

/// `spec.resources`: which resources the Pod as a whole has a word on.
#[derive(Debug, Default, Deserialize)]
pub struct PodResources<'a> {
    /// Requests of the whole Pod.
    #[serde(borrow, default)]
    pub requests: Keys<'a>,
    /// Limits of the whole Pod.
    #[serde(borrow, default)]
    pub limits: Keys<'a>,
}

/// One container of any of the three lists.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    /// Its name, unique in the Pod.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Its image.
    #[serde(borrow, default)]
    pub image: Text<'a>,
    /// What replaces the image's entrypoint.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub command: Vec<Text<'a>>,
    /// What replaces the image's arguments.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub args: Vec<Text<'a>>,
    /// Its environment, in order.
    #[serde(borrow, default)]
    pub env: Listed<EnvVar<'a>>,
    /// Its mounts.
    #[serde(borrow, default)]
    pub volume_mounts: Listed<Verbatim<'a, VolumeMount<'a>>>,
    /// What it may do.
    #[serde(default, deserialize_with = "or_default")]
    pub security_context: SecurityContext,
    /// `Always` makes an init container a native sidecar.
    #[serde(borrow, default)]
    pub restart_policy: Text<'a>,
}

/// One of a container's `env`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar<'a> {
    /// The variable's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Its value; empty where [`EnvVar::value_from`] says it.
    #[serde(borrow, default)]
    pub value: Text<'a>,
    /// Where its value is from, as it was written.
    #[serde(borrow, default)]
    pub value_from: Option<&'a RawValue>,
}

/// One of a container's `volumeMounts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount<'a> {
    /// The volume's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Where the container sees it.
    #[serde(borrow, default)]
    pub mount_path: Text<'a>,
    /// The part of the volume that is mounted.
    #[serde(borrow, default)]
    pub sub_path: Text<'a>,
    /// The same with `$(NAME)` from the container's environment.
    #[serde(borrow, default)]
    pub sub_path_expr: Text<'a>,
    /// Whether writing is refused.
    #[serde(default, deserialize_with = "or_default")]
    pub read_only: bool,
    /// `Disabled`, `IfPossible` or `Enabled`: whether writing below is refused too.
    #[serde(borrow, default)]
    pub recursive_read_only: Text<'a>,
    /// `None`, `HostToContainer` or `Bidirectional`.
    #[serde(borrow, default)]
    pub mount_propagation: Text<'a>,
}

/// One of the Pod's volumes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume<'a> {
    /// Its name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// A path of the node.
    #[serde(borrow, default)]
    pub host_path: Option<HostPathSource<'a>>,
    /// Present for an `emptyDir`.
    #[serde(default)]
    pub empty_dir: Option<IgnoredAny>,
}

/// A volume's `hostPath`.
#[derive(Debug, Deserialize)]
pub struct HostPathSource<'a> {
    /// The path as written.
    #[serde(borrow, default)]
    pub path: Text<'a>,
}

/// The part of `spec.securityContext` that the sidecar must know.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurityContext<'a> {
    /// The user of every container that names none.
    #[serde(default)]
    pub run_as_user: Option<i64>,
    /// The primary group of every container that names none.
    #[serde(default)]
    pub run_as_group: Option<i64>,
    /// The group of the Pod's volumes, which every container has.
    #[serde(default)]
    pub fs_group: Option<i64>,
    /// More groups of every container.
    #[serde(default)]
    pub supplemental_groups: Listed<i64>,
    /// SELinux options, as written.
    #[serde(borrow, default)]
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    /// Present where the Pod names an AppArmor profile.
    #[serde(default)]
    pub app_armor_profile: Option<IgnoredAny>,
}

/// SELinux labels of a Pod.
#[derive(Debug, Default, Deserialize)]
pub struct SeLinuxOptions<'a> {
    /// The multi-category label.
    #[serde(borrow, default)]
    pub level: Text<'a>,
}

/// The part of a container's `securityContext` that decides.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityContext {
    /// The user it runs as.
    #[serde(default)]
    pub run_as_user: Option<i64>,
    /// Its primary group.
    #[serde(default)]
    pub run_as_group: Option<i64>,
}

static NO_METADATA: Metadata<'static> = Metadata {
    name: Text::EMPTY,
    generate_name: Text::EMPTY,
    namespace: Text::EMPTY,
    annotations: Annotations::ABSENT,
    labels: Labels::ABSENT,
    owner_references: Vec::new(),
};

static NO_SECURITY: PodSecurityContext<'static> = PodSecurityContext {
    run_as_user: None,
    run_as_group: None,
    fs_group: None,
    supplemental_groups: Listed::ABSENT,
    se_linux_options: None,
    app_armor_profile: None,
};

/// `null` is the zero value, as Go decodes it.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A field that is there, be it `null`.
fn some<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl<'a> Pod<'a> {
    /// Its `metadata`, empty where it has none.
    pub fn metadata(&self) -> &Metadata<'a> {
        self.metadata.as_ref().unwrap_or(&NO_METADATA)
    }

    /// Whether it has `metadata` at all.
    pub fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Its `spec.securityContext`, empty where it has none.
    pub fn security(&self) -> &PodSecurityContext<'a> {
        let written = self.spec.security_context.as_ref();
        let context = written.and_then(|context| context.as_ref());
        context.unwrap_or(&NO_SECURITY)
    }

    /// Its `spec.securityContext` as it was written, where it was, be it `null`.
    pub fn written_security(&self) -> Option<&'a RawValue> {
        let written = self.spec.security_context.as_ref();
        written.map(|context| context.json)
    }

    /// Whether it has a `spec.securityContext` at all.
    pub fn has_security(&self) -> bool {
        let written = self.spec.security_context.as_ref();
        written.is_some_and(|context| context.is_some())
    }

    /// The containers of one list.
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

    /// The container at `place`, which must be of this Pod.
    pub fn container(&self, place: Place) -> &Container<'a> {
        &self.list(place.list)[place.index]
    }

    /// The owner that manages the Pod.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        let owners = &self.metadata().owner_references;
        owners.iter().find(|owner| owner.controller == Some(true))
    }

    /// Whether the Pod is for Windows nodes, which have no Linux sidecar.
    pub fn is_windows(&self) -> bool {
        let selector = &self.spec.node_selector;
        &*self.spec.os.name == "windows"
            || selector.get("kubernetes.io/os") == Some("windows")
            || selector.get("beta.kubernetes.io/os") == Some("windows")
    }
}

impl<'a> Container<'a> {
    /// The variable of that name; the last one counts, as in the kubelet.
    pub fn env_var(&self, name: &str) -> Option<&EnvVar<'a>> {
        self.env.iter().rev().find(|var| &*var.name == name)
    }
}
