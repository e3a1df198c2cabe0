//! The plan: everything that a Pod needs to have a Docker daemon of its own.
//!
//! Pure: a Pod, what was found in it and what the policy ordered go in; the sidecar, the
//! volumes and the edits of containers come out. Containers that need nothing are not in
//! it. Where an earlier pass has put the sidecar into the Pod, only what is missing is.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::names;
use crate::pod::detect::{Finding, Reach};
use crate::pod::path::CleanPath;
use crate::pod::sockets::DEFAULT_SOCKET;
use crate::pod::view::{Container, List, Place, Pod};

use super::container::{
    EnvEntry, Lifecycle, Mount, Probe, ResourceRequirements, Sidecar, SidecarMode, SidecarSecurity,
};
use super::flags;
use super::group::{self, SocketGroup};
use super::installed::Installed;
use super::mirror::{Mirror, MirrorBuilder, Treat};
use super::notice::Notice;
use super::original;
use super::profile::{Profile, Resources, Storage};

/// What the policy decided to have done to a Pod.
#[derive(Clone, Debug)]
pub struct Order<'o> {
    /// What the sidecar looks like.
    pub profile: &'o Profile,
    /// Its resources, the Pod's own wishes included.
    pub resources: Resources,
    /// Its storage, the Pod's own wishes included.
    pub storage: Storage,
    /// The findings to swap, by index.
    pub swap: Vec<usize>,
    /// Containers that get a socket because the annotation asks for it.
    pub targets: Vec<Place>,
    /// `DOCKER_HOST` variables that lead to the node over TCP, to be replaced.
    pub replace_docker_host: Vec<(Place, usize)>,
    /// How the cluster runs sidecars.
    pub mode: SidecarMode,
}

/// What is to be changed in a Pod.
#[derive(Debug)]
pub struct Plan<'p> {
    /// Edits of the Pod's containers, in their order.
    pub edits: Vec<ContainerEdit<'p>>,
    /// The sidecar, where the Pod has none.
    pub sidecar: Option<Sidecar<'p>>,
    /// How the sidecar is placed.
    pub mode: SidecarMode,
    /// Volumes that nothing uses any more, by index, ascending.
    pub remove_volumes: Vec<usize>,
    /// New volumes.
    pub add_volumes: Vec<NewVolume<'p>>,
    /// A group for `spec.securityContext.supplementalGroups`.
    pub add_group: Option<i64>,
    /// Labels that the profile adds.
    pub labels: &'p [(String, String)],
    /// Annotations that the profile adds.
    pub annotations: &'p [(String, String)],
    /// The Pod's `runtimeClassName`.
    pub runtime_class_name: Option<&'p str>,
    /// The Pod's `hostUsers`.
    pub host_users: Option<bool>,
    /// What the author should know.
    pub notices: Vec<Notice>,
}

/// The edits of one container.
#[derive(Debug)]
pub struct ContainerEdit<'p> {
    /// The container.
    pub place: Place,
    /// Mounts that lead elsewhere from now on.
    pub swaps: Vec<MountSwap>,
    /// Mounts at the end of the list.
    pub add_mounts: Vec<Mount<'p>>,
    /// Variables at the end of the list.
    pub add_env: Vec<EnvEntry<'p>>,
    /// New values of variables, by index.
    pub set_env: Vec<(usize, String)>,
    /// Whether `restartPolicy: Always` is to be put back.
    pub restore_restart_policy: bool,
}

impl ContainerEdit<'_> {
    fn at(place: Place) -> Self {
        Self {
            place,
            swaps: Vec::new(),
            add_mounts: Vec::new(),
            add_env: Vec::new(),
            set_env: Vec::new(),
            restore_restart_policy: false,
        }
    }

    fn is_empty(&self) -> bool {
        let Self {
            place: _,
            swaps,
            add_mounts,
            add_env,
            set_env,
            restore_restart_policy,
        } = self;
        swaps.is_empty()
            && add_mounts.is_empty()
            && add_env.is_empty()
            && set_env.is_empty()
            && !restore_restart_policy
    }
}

/// A mount that leads to the socket volume from now on.
#[derive(Debug)]
pub struct MountSwap {
    /// Its index in `volumeMounts`.
    pub mount: usize,
    /// The new volume.
    pub volume: String,
    /// The file of the socket volume; none for the whole directory.
    pub sub_path: Option<String>,
}

/// A new volume.
#[derive(Debug)]
pub struct NewVolume<'p> {
    /// Its name.
    pub name: String,
    /// What it is.
    pub source: VolumeSource<'p>,
}

/// What a new volume is.
#[derive(Debug)]
pub enum VolumeSource<'p> {
    /// An `emptyDir` without a limit.
    Shared,
    /// The daemon's storage.
    Storage(Storage),
    /// A ConfigMap.
    ConfigMap(&'p str),
}

/// Plans what `order` says for `pod`.
///
/// # Errors
/// Only for a fault of this program: a record of what is taken away that cannot be written.
pub fn plan<'p, 'a>(
    pod: &'p Pod<'a>,
    findings: &[Finding],
    order: &'p Order<'p>,
    installed: Option<&Installed<'p, 'a>>,
) -> Result<Plan<'p>, serde_json::Error> {
    let (mut plan, group) = Planner::new(pod, findings, order, installed).plan();
    let earlier = installed.map(|installed| installed.container);
    if let Some(record) = original::record(pod, &plan, group, earlier)? {
        match (&mut plan.sidecar, installed) {
            (Some(sidecar), _) => sidecar.env.push(record),
            (None, Some(installed)) => plan.edit(installed.place).add_env.push(record),
            // Nothing is changed where there is no sidecar.
            (None, None) => {}
        }
    }
    Ok(plan)
}

impl<'p> Plan<'p> {
    /// The edit of the container at `place`, new at the end of the edits where it has none.
    fn edit(&mut self, place: Place) -> &mut ContainerEdit<'p> {
        let known = self.edits.iter().position(|edit| edit.place == place);
        let index = known.unwrap_or_else(|| {
            self.edits.push(ContainerEdit::at(place));
            self.edits.len() - 1
        });
        &mut self.edits[index]
    }
}

struct Planner<'i, 'p, 'a> {
    pod: &'p Pod<'a>,
    order: &'p Order<'p>,
    installed: Option<&'i Installed<'p, 'a>>,
    findings: &'i [Finding],
    swaps: Vec<&'i Finding>,
    /// Containers that talk to the daemon, in the Pod's order.
    users: Vec<Place>,
    shared_dir: Cow<'p, str>,
    socket_volume: Cow<'p, str>,
    share_tmp: bool,
    /// Names that new volumes may not have.
    volumes: HashSet<&'p str>,
    /// The annotation's containers, and those whose `DOCKER_HOST` is replaced.
    targets: HashSet<Place>,
    replaced: HashSet<Place>,
    /// The mounts that are swapped.
    swapped: HashSet<(Place, usize)>,
    edits: BTreeMap<Place, ContainerEdit<'p>>,
}

impl<'i, 'p, 'a> Planner<'i, 'p, 'a> {
    fn new(
        pod: &'p Pod<'a>,
        findings: &'i [Finding],
        order: &'p Order<'p>,
        installed: Option<&'i Installed<'p, 'a>>,
    ) -> Self {
        let swaps: Vec<&Finding> = order.swap.iter().map(|&index| &findings[index]).collect();
        let mut users: Vec<Place> = swaps
            .iter()
            .filter(|finding| matches!(finding.reach, Reach::Socket(_) | Reach::Directory))
            .map(|finding| finding.place)
            .chain(order.targets.iter().copied())
            .chain(order.replace_docker_host.iter().map(|(place, _)| *place))
            .collect();
        users.sort_unstable();
        users.dedup();
        let volumes = volume_names(pod);
        let (shared_dir, socket_volume) = match installed {
            Some(installed) => (
                Cow::Owned(installed.shared_dir.as_str().to_owned()),
                Cow::Borrowed(installed.socket_volume),
            ),
            None => (
                free_directory(pod),
                free_name(names::SOCKET_VOLUME, &volumes),
            ),
        };
        let tmp = CleanPath::new("/tmp");
        let shares = order.profile.shared_tmp.unwrap_or(order.swap.is_empty());
        let share_tmp = shares
            && installed.is_none()
            && !users
                .iter()
                .any(|place| mounts_at(pod.container(*place), &tmp));
        Self {
            pod,
            order,
            installed,
            findings,
            swaps,
            users,
            shared_dir,
            socket_volume,
            share_tmp,
            volumes,
            targets: order.targets.iter().copied().collect(),
            replaced: order
                .replace_docker_host
                .iter()
                .map(|(at, _)| *at)
                .collect(),
            swapped: order
                .swap
                .iter()
                .map(|&index| (findings[index].place, findings[index].mount))
                .collect(),
            edits: BTreeMap::new(),
        }
    }

    fn plan(mut self) -> (Plan<'p>, Option<SocketGroup>) {
        let mut notices = self.what_happened();
        let mut add_volumes = Vec::new();
        let storage_volume = self.name_of_new_volume(names::STORAGE_VOLUME);
        let tmp_volume = self.name_of_new_volume(names::TMP_VOLUME);
        let ca_volume = self.name_of_new_volume(names::CA_VOLUME);
        if self.installed.is_none() {
            add_volumes.push(NewVolume {
                name: self.socket_volume.to_string(),
                source: VolumeSource::Shared,
            });
            add_volumes.push(NewVolume {
                name: storage_volume.to_string(),
                source: VolumeSource::Storage(self.order.storage.clone()),
            });
            if self.share_tmp {
                add_volumes.push(NewVolume {
                    name: tmp_volume.to_string(),
                    source: VolumeSource::Shared,
                });
            }
            if let Some(config_map) = &self.order.profile.ca_config_map {
                add_volumes.push(NewVolume {
                    name: ca_volume.to_string(),
                    source: VolumeSource::ConfigMap(config_map),
                });
            }
        }
        self.edit_users(tmp_volume.clone());
        let own = self.own_mounts(&storage_volume, &tmp_volume, &ca_volume);
        let mirror = self.mirror(&own);
        notices.extend(mirror.notices);
        let mounts = own.into_iter().chain(mirror.mounts).collect();
        let (sidecar, group) = match self.installed {
            Some(installed) => {
                self.extend_installed(installed, mounts, mirror.env);
                (None, None)
            }
            None => {
                let group = group::choose(self.pod, &self.users, self.order.profile.rootless);
                (Some(self.sidecar(group, mounts, mirror.env)), Some(group))
            }
        };
        let add_group = match group {
            Some(SocketGroup::Added(gid)) => Some(gid),
            Some(SocketGroup::Root | SocketGroup::Present(_)) | None => None,
        };
        let order = self.order;
        let fresh = self.installed.is_none();
        let profile = order.profile;
        let plan = Plan {
            remove_volumes: self.unused_volumes(),
            edits: self
                .edits
                .into_values()
                .filter(|edit| !edit.is_empty())
                .collect(),
            sidecar,
            mode: order.mode,
            add_volumes,
            add_group,
            labels: if fresh { &profile.labels } else { &[] },
            annotations: if fresh { &profile.annotations } else { &[] },
            runtime_class_name: profile.runtime_class_name.as_deref().filter(|_| fresh),
            host_users: profile.host_users.filter(|_| fresh),
            notices,
        };
        (plan, group)
    }

    fn edit(&mut self, place: Place) -> &mut ContainerEdit<'p> {
        self.edits
            .entry(place)
            .or_insert_with(|| ContainerEdit::at(place))
    }

    /// Swaps the mounts that were ordered, and gives each user what it lacks.
    fn edit_users(&mut self, tmp_volume: Cow<'p, str>) {
        for finding in std::mem::take(&mut self.swaps) {
            let sub_path = match &finding.reach {
                Reach::Socket(file) => Some(file.clone()),
                Reach::Client => Some(names::CLIENT_FILE.to_owned()),
                Reach::Directory | Reach::Ancestor | Reach::Runtime(_) | Reach::Unresolved => None,
            };
            let swap = MountSwap {
                mount: finding.mount,
                volume: self.socket_volume.to_string(),
                sub_path,
            };
            self.edit(finding.place).swaps.push(swap);
            self.swaps.push(finding);
        }
        for (place, index) in &self.order.replace_docker_host {
            let host = self.docker_host();
            self.edit(*place).set_env.push((*index, host));
        }
        for place in self.users.clone() {
            self.edit_user(place, tmp_volume.clone());
        }
    }

    fn edit_user(&mut self, place: Place, tmp_volume: Cow<'p, str>) {
        let container = self.pod.container(place);
        let shared = CleanPath::new(&self.shared_dir);
        let shared_is_free = !mounts_at(container, &shared);
        let wants_socket = self.targets.contains(&place);
        let replaced = self.replaced.contains(&place);
        let needs_host = container.env_var(names::DOCKER_HOST).is_none();
        let socket_volume = self.socket_volume.clone();
        let shared_dir = self.shared_dir.clone();
        let host = self.docker_host();
        let share_tmp = self.share_tmp;
        let edit = self.edit(place);
        if wants_socket && !mounts_near_socket(container) {
            edit.add_mounts.push(Mount {
                sub_path: Some(Cow::Borrowed(names::SOCKET_FILE)),
                ..Mount::whole(socket_volume.clone(), DEFAULT_SOCKET)
            });
        }
        if shared_is_free && (needs_host || replaced) {
            edit.set_env.extend(tls_to_clear(container));
            edit.add_mounts
                .push(Mount::whole(socket_volume, shared_dir));
            if needs_host {
                edit.add_env.push(EnvEntry::new(names::DOCKER_HOST, host));
            }
        }
        if share_tmp {
            edit.add_mounts.push(Mount::whole(tmp_volume, "/tmp"));
        }
    }

    /// The sidecar's mounts that are not somebody else's.
    fn own_mounts(
        &self,
        storage: &Cow<'p, str>,
        tmp: &Cow<'p, str>,
        ca: &Cow<'p, str>,
    ) -> Vec<Mount<'p>> {
        if self.installed.is_some() {
            return Vec::new();
        }
        let profile = self.order.profile;
        let mut mounts = vec![
            Mount::whole(self.socket_volume.clone(), self.shared_dir.clone()),
            Mount::whole(storage.clone(), flags::storage_dir(profile)),
        ];
        if self.share_tmp {
            mounts.push(Mount::whole(tmp.clone(), "/tmp"));
        }
        if profile.ca_config_map.is_some() {
            mounts.push(Mount {
                read_only: true,
                ..Mount::whole(ca.clone(), flags::CA_DIR)
            });
        }
        mounts
    }

    fn mirror(&self, own: &[Mount<'p>]) -> Mirror<'p> {
        let mut protected: Vec<CleanPath<'static>> = vec![
            CleanPath::new(&self.shared_dir).into_owned(),
            CleanPath::new(names::STORAGE_DIR),
            CleanPath::new(flags::storage_dir(self.order.profile)),
        ];
        let own = || own.iter().map(|mount| CleanPath::new(&mount.mount_path));
        let tmp = |path: &CleanPath<'_>| path.as_str() == "/tmp";
        protected.extend(own().filter(|at| !tmp(at)).map(|at| at.into_owned()));
        let mut builder = MirrorBuilder::new(self.pod, protected);
        own().filter(tmp).for_each(|at| builder.take(&at));
        if let Some(installed) = self.installed {
            builder.continue_from(installed.container);
        }
        let to_the_node: HashSet<(Place, usize)> =
            self.findings.iter().map(|f| (f.place, f.mount)).collect();
        for &place in &self.users {
            builder.add(place, |mount| {
                let at = &self.pod.container(place).volume_mounts[mount];
                if self.swapped.contains(&(place, mount)) || *at.name == *self.socket_volume {
                    Treat::Skip
                } else if to_the_node.contains(&(place, mount)) {
                    Treat::Refuse
                } else {
                    Treat::Mirror
                }
            });
        }
        builder.finish()
    }

    fn sidecar(
        &self,
        group: SocketGroup,
        volume_mounts: Vec<Mount<'p>>,
        copied: Vec<EnvEntry<'p>>,
    ) -> Sidecar<'p> {
        let profile = self.order.profile;
        let containers = self.pod.containers().map(|(_, c)| &*c.name);
        let name = free_name(names::SIDECAR, &containers.collect());
        let host = self.docker_host();
        let native = self.order.mode == SidecarMode::Native;
        let mut env = flags::environment(profile, self.pod, &self.users);
        env.insert(
            0,
            EnvEntry::new(names::env::SOCKETS, self.sockets(&volume_mounts).join(" ")),
        );
        if let Some(gid) = group.gid() {
            env.push(EnvEntry::new(names::env::GROUP, gid.to_string()));
        }
        if let Some(client) = self.client() {
            env.push(EnvEntry::new(names::env::CLIENT, client));
        }
        env.extend(copied);
        Sidecar {
            name,
            image: &profile.image,
            image_pull_policy: profile.image_pull_policy.map(|policy| policy.name()),
            restart_policy: native.then_some("Always"),
            command: (),
            args: flags::arguments(profile, self.pod),
            env,
            startup_probe: native.then(|| Probe::daemon_answers(&host)),
            lifecycle: (!native).then(|| Lifecycle::wait_for_daemon(&host)),
            resources: ResourceRequirements::new(&self.order.resources, self.pod),
            security_context: SidecarSecurity::new(profile, self.pod),
            termination_message_policy: "FallbackToLogsOnError",
            volume_mounts,
        }
    }

    /// Where the daemon listens: in the shared directory under each name that a container
    /// mounts, and at the node's own paths in the sidecar, so that
    /// `docker run -v /var/run/docker.sock:…` works inside.
    /// Never in a volume of a container, though: where that is the node's directory, dockerd
    /// would put its socket in place of the node's.
    fn sockets(&self, mounts: &[Mount<'_>]) -> Vec<String> {
        let in_a_volume = |socket: &str| {
            let socket = CleanPath::new(socket).unlinked();
            let mut at = mounts
                .iter()
                .map(|mount| CleanPath::new(&mount.mount_path).unlinked());
            at.any(|at| at.holds(&socket))
        };
        let mut sockets = vec![format!("{}/{}", self.shared_dir, names::SOCKET_FILE)];
        let mut add = |socket: String| {
            if !sockets.contains(&socket) {
                sockets.push(socket);
            }
        };
        if !self.order.profile.rootless {
            add(DEFAULT_SOCKET.to_owned());
        }
        for finding in &self.swaps {
            let directory = match finding.reach {
                Reach::Socket(_) => finding.node_path.parent(),
                Reach::Directory => Some(finding.node_path.clone()),
                Reach::Ancestor | Reach::Client | Reach::Runtime(_) | Reach::Unresolved => None,
            };
            let Some(directory) = directory else {
                continue;
            };
            for file in &finding.sockets {
                add(format!("{}/{file}", self.shared_dir));
                let at = directory.join(file);
                let own = at.as_str() == "/run/docker.sock" || self.order.profile.rootless;
                if !own && !in_a_volume(at.as_str()) {
                    add(at.as_str().to_owned());
                }
            }
        }
        sockets
    }

    fn client(&self) -> Option<String> {
        let mut swaps = self.swaps.iter();
        let any = swaps.any(|finding| finding.reach == Reach::Client);
        any.then(|| format!("{}/{}", self.shared_dir, names::CLIENT_FILE))
    }

    /// Gives a sidecar of an earlier pass what it lacks.
    fn extend_installed(
        &mut self,
        installed: &Installed<'p, 'a>,
        mounts: Vec<Mount<'p>>,
        copied: Vec<EnvEntry<'p>>,
    ) {
        let container = installed.container;
        let restore = installed.lost_restart_policy();
        let mut add_env = copied;
        if let Some(client) = self.client()
            && container.env_var(names::env::CLIENT).is_none()
        {
            add_env.push(EnvEntry::new(names::env::CLIENT, client));
        }
        let mut set_env = Vec::new();
        let known = container.env.iter().enumerate();
        for (index, var) in known.filter(|(_, var)| &*var.name == names::env::SOCKETS) {
            let mut sockets: Vec<&str> = var.value.split(' ').collect();
            let before = sockets.len();
            let wanted = self.sockets(&mounts);
            for socket in &wanted {
                if !sockets.contains(&socket.as_str()) {
                    sockets.push(socket);
                }
            }
            if sockets.len() > before && !self.swaps.is_empty() {
                set_env.push((index, sockets.join(" ")));
            }
        }
        let edit = self.edit(installed.place);
        edit.add_mounts.extend(mounts);
        edit.add_env.extend(add_env);
        edit.set_env.extend(set_env);
        edit.restore_restart_policy |= restore;
    }

    /// Volumes of which every mount was swapped.
    fn unused_volumes(&self) -> Vec<usize> {
        let volumes = &self.pod.spec.volumes;
        let mut mounts_left: HashMap<&str, (usize, usize)> = HashMap::new();
        for finding in &self.swaps {
            let name = &*volumes[finding.volume].name;
            mounts_left.entry(name).or_insert((finding.volume, 0));
        }
        for mount in self.pod.containers().flat_map(|(_, c)| &c.volume_mounts) {
            if let Some((_, left)) = mounts_left.get_mut(&*mount.name) {
                *left += 1;
            }
        }
        for finding in &self.swaps {
            if let Some((_, left)) = mounts_left.get_mut(&*volumes[finding.volume].name) {
                *left -= 1;
            }
        }
        let unused = mounts_left.into_values().filter(|(_, left)| *left == 0);
        let mut unused: Vec<usize> = unused.map(|(volume, _)| volume).collect();
        unused.sort_unstable();
        unused
    }

    fn what_happened(&self) -> Vec<Notice> {
        let named = |places: &mut dyn Iterator<Item = Place>| -> Vec<String> {
            let mut seen: Vec<Place> = Vec::new();
            for place in places {
                if seen.last() != Some(&place) {
                    seen.push(place);
                }
            }
            let containers = seen.iter().map(|place| self.pod.container(*place));
            containers
                .map(|container| container.name.to_string())
                .collect()
        };
        let mut notices = Vec::new();
        let swapped = named(&mut self.swaps.iter().map(|finding| finding.place));
        if !swapped.is_empty() {
            notices.push(Notice::Swapped {
                containers: swapped,
            });
        }
        let added = named(&mut self.order.targets.iter().copied());
        if !added.is_empty() {
            notices.push(Notice::Added { containers: added });
        }
        let replaced = &self.order.replace_docker_host;
        let hosts = named(&mut replaced.iter().map(|(place, _)| *place));
        if !hosts.is_empty() {
            notices.push(Notice::DockerHostReplaced { containers: hosts });
        }
        for &place in &self.users {
            if !self.replaced.contains(&place) {
                notices.extend(self.host_elsewhere(place));
            }
        }
        if self.installed.is_some_and(Installed::lost_restart_policy) {
            notices.push(Notice::Repaired);
        }
        if self.order.mode == SidecarMode::Container {
            for place in self.users.iter().filter(|place| place.list == List::Init) {
                let container = self.pod.container(*place).name.to_string();
                notices.push(Notice::InitBeforeDaemon { container });
            }
            if matches!(&*self.pod.spec.restart_policy, "Never" | "OnFailure") {
                notices.push(Notice::JobWillNotComplete);
            }
        }
        notices
    }

    /// Says so where a container's own `DOCKER_HOST` does not lead to the Pod's daemon.
    fn host_elsewhere(&self, place: Place) -> Option<Notice> {
        let container = self.pod.container(place);
        let value = match container.env_var(names::DOCKER_HOST) {
            Some(var) if var.value_from.is_none() && !var.value.is_empty() => &*var.value,
            // A value that is known only on the node, and one that Docker takes for none.
            _ => return None,
        };
        let leads_here = match value.strip_prefix("unix://") {
            Some(path) => self.is_daemons_socket(place, &CleanPath::new(path)),
            // A daemon that the Pod runs itself.
            None => ["tcp://localhost", "tcp://127.0.0.1", "tcp://[::1]"]
                .iter()
                .any(|own| value.starts_with(own)),
        };
        (!leads_here).then(|| Notice::DockerHostElsewhere {
            container: container.name.to_string(),
            value: value.to_owned(),
        })
    }

    /// Whether the container at `place` finds the daemon's socket at `path`.
    fn is_daemons_socket(&self, place: Place, path: &CleanPath<'_>) -> bool {
        let path = path.clone().unlinked();
        let container = self.pod.container(place);
        let at = |text: &str| CleanPath::new(text).unlinked().into_owned();
        at(&self.shared_dir).holds(&path)
            || (self.targets.contains(&place) && at(DEFAULT_SOCKET) == path)
            || container
                .volume_mounts
                .iter()
                .enumerate()
                .any(|(index, mount)| {
                    let leads_here = self.swapped.contains(&(place, index))
                        || *mount.name == *self.socket_volume;
                    leads_here && at(&mount.mount_path).holds(&path)
                })
    }

    fn docker_host(&self) -> String {
        format!("unix://{}/{}", self.shared_dir, names::SOCKET_FILE)
    }

    fn name_of_new_volume(&self, base: &'static str) -> Cow<'p, str> {
        free_name(base, &self.volumes)
    }
}

/// Variables that make a client ask for TLS, which a socket does not speak; emptied, they
/// count as not set. Source: docker/cli, `cli/flags/options.go`.
fn tls_to_clear(container: &Container<'_>) -> impl Iterator<Item = (usize, String)> {
    let named = container.env.iter().enumerate().filter(|(_, var)| {
        matches!(
            &*var.name,
            "DOCKER_TLS" | "DOCKER_TLS_VERIFY" | "DOCKER_CERT_PATH"
        ) && (!var.value.is_empty() || var.value_from.is_some())
    });
    named.map(|(index, _)| (index, String::new()))
}

/// Names that a new volume may not have: those of volumes, and those that mounts name where
/// there is no such volume, which would become valid.
fn volume_names<'p>(pod: &'p Pod<'_>) -> HashSet<&'p str> {
    let volumes = pod.spec.volumes.iter().map(|volume| &*volume.name);
    let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
    volumes.chain(mounts.map(|mount| &*mount.name)).collect()
}

/// `base`, or else the first of `base-2`, `base-3`, … that is not taken.
fn free_name(base: &'static str, taken: &HashSet<&str>) -> Cow<'static, str> {
    let is_taken = |name: &str| taken.contains(name);
    if !is_taken(base) {
        return Cow::Borrowed(base);
    }
    let numbered = (2u32..).map(|number| format!("{base}-{number}"));
    let mut free = numbered.filter(|name| !is_taken(name));
    Cow::Owned(free.next().unwrap_or_else(|| base.to_owned()))
}

/// The shared directory's path: one at which no container mounts anything.
fn free_directory(pod: &Pod<'_>) -> Cow<'static, str> {
    // It has one component, so only a mount's first one can be the same.
    let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
    let first = mounts.map(|mount| {
        let path = CleanPath::new(&mount.mount_path);
        let end = path.as_str()[1..].find('/');
        path.as_str()[..end.map_or(path.as_str().len(), |end| end + 1)].to_owned()
    });
    let first: HashSet<String> = first.collect();
    free_name(
        names::SHARED_DIR,
        &first.iter().map(String::as_str).collect(),
    )
}

fn mounts_at(container: &Container<'_>, path: &CleanPath<'_>) -> bool {
    let mut mounts = container.volume_mounts.iter();
    mounts.any(|mount| CleanPath::new(&mount.mount_path) == *path)
}

/// Whether `container` has something of its own where the socket would be mounted.
fn mounts_near_socket(container: &Container<'_>) -> bool {
    container.volume_mounts.iter().any(|mount| {
        let at = CleanPath::new(&mount.mount_path).unlinked();
        matches!(at.as_str(), "/run" | "/run/docker.sock")
    })
}
