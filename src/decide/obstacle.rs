//! What in a Pod forbids a user namespace (`hostUsers: false`).
//!
//! The API server refuses some of it, and the kubelet the rest, long after admission. A `hostPath` is refused by
//! neither, and is the worst: Pods' volumes are mounted with the Pod's ids, so root in the container is root on a
//! path of the node. Nor does `readOnly: true` help: all containers share one user namespace, so one with
//! `SYS_ADMIN`, such as the sidecar's, can enter the mount namespace of another and mount it writable. So each is
//! found before, and the Pod gets another profile or a denial that names the field.
//!
//! Sources: `kubernetes/pkg/apis/core/validation/validation.go`, `validateHostUsers`; containerd and runc refuse
//! a mount of a file system without idmapped mounts.

use std::collections::{BTreeMap, HashSet};

use crate::budget::{Budget, Excess};
use crate::detect::mounts::Finding;
use crate::model::view::Pod;
use crate::text::shortened;

/// What forbids it, in the Pod's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A field of the Pod that is true.
    #[error("{0}: true")]
    Field(&'static str),
    #[error("runtimeClassName: {0}")]
    RuntimeClass(String),
    #[error("volumeDevices of container {0}")]
    Devices(String),
    /// A volume whose file system has no idmapped mounts.
    #[error("volume {volume} ({field})")]
    FileSystem { volume: String, field: &'static str },
    #[error("{field}: {id}, above {LARGEST_ID},")]
    Id { field: &'static str, id: i64 },
    #[error("hostPath {0}")]
    HostPath(String),
}

/// The kubelet gives a Pod that many ids.
/// Source: `kubernetes/pkg/kubelet/userns/userns_manager.go`; only `userNamespaces.idsPerPod` of the kubelet's
/// configuration can raise it.
const LARGEST_ID: i64 = 65_535;

/// Characters of a name or path in these texts, which are part of a warning.
const LONGEST_WORD: usize = 36;

impl Obstacle {
    /// What the Pod's author can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Field(_) | Self::RuntimeClass(_) => "Remove that field",
            Self::Devices(_) => "Remove them",
            Self::FileSystem { .. } => "Use a volume of another file system",
            Self::Id { .. } => "Use ids that the Pod has",
            Self::HostPath(_) => {
                "Root in such a Pod is root on that path of the node, and can make a read-only mount of it \
                 writable: use a volume of the Pod's own"
            }
        }
    }
}

/// A Pod as the policy sees it.
pub(crate) struct Seen<'s, 'a> {
    pub pod: &'s Pod<'a>,
    pub findings: &'s [Finding],
    /// Indexes of the findings that are swapped: such a mount is gone then.
    pub swap: &'s [usize],
    pub budget: &'s Budget,
}

impl Seen<'_, '_> {
    /// The first thing in the Pod that forbids a user namespace, with `runtime_class_name` as the profile has it.
    ///
    /// # Errors
    /// If it takes too many steps to find.
    pub fn obstacle(&self, runtime_class_name: Option<&str>) -> Result<Option<Obstacle>, Excess> {
        let spec = &self.pod.spec;
        for (is_set, field) in [
            (spec.host_users == Some(true), "hostUsers"),
            (spec.host_network, "hostNetwork"),
            (spec.host_pid, "hostPID"),
            (spec.host_ipc, "hostIPC"),
        ] {
            if is_set {
                return Ok(Some(Obstacle::Field(field)));
            }
        }
        // What another runtime makes of a user namespace is not known.
        let class = &*spec.runtime_class_name;
        if !class.is_empty() && runtime_class_name != Some(class) {
            return Ok(Some(Obstacle::RuntimeClass(word(class))));
        }
        let mut containers = self.pod.containers();
        if let Some((_, container)) =
            containers.find(|(_, container)| !container.volume_devices.is_empty())
        {
            return Ok(Some(Obstacle::Devices(word(&container.name))));
        }
        if let Some((field, id)) = self.unmapped_id() {
            return Ok(Some(Obstacle::Id { field, id }));
        }
        let file_system = spec.volumes.iter().find_map(|volume| {
            let field = volume.without_idmapped_mounts()?;
            let volume = word(&volume.name);
            Some(Obstacle::FileSystem { volume, field })
        });
        match file_system {
            Some(obstacle) => Ok(Some(obstacle)),
            None => self.host_path(),
        }
    }

    /// An id that the Pod would not have.
    fn unmapped_id(&self) -> Option<(&'static str, i64)> {
        let whole = self.pod.security();
        let groups = whole.supplemental_groups.iter();
        let of_pod = [
            ("runAsUser", whole.run_as_user),
            ("runAsGroup", whole.run_as_group),
            ("fsGroup", whole.fs_group),
        ]
        .into_iter()
        .chain(groups.map(|group| ("supplementalGroups", Some(*group))));
        let of_containers = self.pod.containers().flat_map(|(_, container)| {
            let own = &container.security_context;
            [
                ("runAsUser", own.run_as_user),
                ("runAsGroup", own.run_as_group),
            ]
        });
        let mut ids = of_pod.chain(of_containers);
        ids.find_map(|(field, id)| Some((field, id.filter(|id| *id > LARGEST_ID)?)))
    }

    /// A path of the node that would stay in the Pod.
    fn host_path(&self) -> Result<Option<Obstacle>, Excess> {
        let volumes = self.pod.spec.volumes.iter();
        let mut paths: BTreeMap<&str, &str> = volumes
            .filter_map(|volume| Some((&*volume.name, volume.node_path()?)))
            .collect();
        if paths.is_empty() {
            return Ok(None);
        }
        let swapped = self.swap.iter().map(|index| &self.findings[*index]);
        let swapped: HashSet<_> = swapped.map(|found| (found.place, found.mount)).collect();
        // A volume goes with its last mount.
        let mut gone: BTreeMap<&str, bool> = BTreeMap::new();
        for (place, container) in self.pod.containers() {
            self.budget.spend(container.volume_mounts.len())?;
            for (index, mount) in container.volume_mounts.iter().enumerate() {
                if paths.contains_key(&*mount.name) {
                    let is_swapped = swapped.contains(&(place, index));
                    *gone.entry(&*mount.name).or_insert(true) &= is_swapped;
                }
            }
        }
        paths.retain(|name, _| gone.get(name) != Some(&true));
        let first = paths.into_values().next();
        Ok(first.map(|path| Obstacle::HostPath(word(path))))
    }
}

fn word(text: &str) -> String {
    shortened(text, LONGEST_WORD).into_owned()
}
