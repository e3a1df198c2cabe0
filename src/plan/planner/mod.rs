//! Makes the plan: every container that uses Docker is led to one daemon.
//!
//! All steps must agree on the directory, the volume's name and the containers that use the daemon. One value
//! holds these; each step is a file. The order of the steps is here.

pub mod daemon;
pub mod free;
pub mod listen;
pub mod sorted;
pub mod users;
pub mod warnings;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::budget::{Budget, Excess};
use crate::detect::docker_host::{DockerHost, DockerHosts};
use crate::detect::mounts::{Finding, Reach, Swap};
use crate::model::asked::{AskedMount, DaemonPart};
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::view::Pod;
use crate::names;

use crate::detect::installed::Installed;
use crate::detect::own_daemon;
use crate::model::injection::Injection;
use crate::plan::group;
use crate::plan::group::SocketGroup;
use crate::plan::planner::free::mounts_at;
use crate::plan::planner::sorted::Sorted;
use crate::plan::pod::{ContainerEdit, NewVolume, Plan, VolumeSource};
use crate::plan::sub_path::Copies;

/// What all steps of one plan agree on.
pub(crate) struct Planner<'i, 'p, 'a> {
    pod: &'p Pod<'a>,
    injection: &'p Injection<'p>,
    installed: Option<&'i Installed<'p, 'a>>,
    findings: &'p [Finding],
    swaps: Vec<&'p Finding>,
    /// Containers that use the daemon, in the Pod's order.
    users: Sorted<Place>,
    /// Containers that ask another of the Pod, which may pass it on to the daemon: a proxy of the socket.
    relayed: Vec<Place>,
    shared_dir: Cow<'p, str>,
    socket_volume: Cow<'p, str>,
    share_tmp: bool,
    /// Containers of the annotation; then those whose `DOCKER_HOST` is replaced.
    targets: Sorted<Place>,
    /// The containers to which the annotation says where they see the socket.
    seen_at: Sorted<Place>,
    /// The containers to which it gives what is at the default path of the socket.
    default_asked: Sorted<Place>,
    replaced: Sorted<Place>,
    /// The mounts that are swapped.
    swapped: Sorted<(Place, usize)>,
    edits: BTreeMap<Place, ContainerEdit<'p>>,
    budget: &'i Budget,
}

impl<'i, 'p, 'a> Planner<'i, 'p, 'a> {
    /// Decides which containers use the daemon, and where its socket is.
    pub(crate) fn new(
        pod: &'p Pod<'a>,
        findings: &'p [Finding],
        injection: &'p Injection<'p>,
        installed: Option<&'i Installed<'p, 'a>>,
        budget: &'i Budget,
    ) -> Self {
        let swaps: Vec<&Finding> = injection
            .swap
            .iter()
            .map(|&index| &findings[index])
            .collect();
        let asked = injection.asked.iter();
        let seen_at: Sorted<Place> = asked
            .filter(|mount| mount.is_of_a_user())
            .map(|mount| mount.place)
            .collect();
        let users: Sorted<Place> = swaps
            .iter()
            .filter(|finding| matches!(finding.reach, Reach::Socket(_) | Reach::Directory))
            .map(|finding| finding.place)
            .chain(injection.targets.iter().copied())
            .chain(
                injection
                    .replace_docker_host
                    .iter()
                    .map(|replaced| replaced.place),
            )
            .chain(seen_at.as_slice().iter().copied())
            .collect();
        let (shared_dir, socket_volume) = match installed {
            Some(installed) => (
                Cow::Owned(installed.shared_dir.as_str().to_owned()),
                Cow::Borrowed(installed.socket_volume),
            ),
            None => (
                free::directory(pod, &injection.asked),
                free::volume(pod, names::SOCKET_VOLUME),
            ),
        };
        let tmp = CleanPath::new("/tmp");
        let shares = injection
            .profile
            .shared_tmp
            .or(injection.shared_tmp)
            .unwrap_or(injection.swap.is_empty());
        let share_tmp = shares
            && installed.is_none()
            && !users
                .as_slice()
                .iter()
                .any(|place| mounts_at(pod.container(*place), &tmp))
            && !injection
                .asked
                .iter()
                .any(|asked| CleanPath::new(&asked.mount_path) == tmp);
        Self {
            relayed: relayed(pod, &users, installed.map(|installed| installed.place)),
            pod,
            injection,
            installed,
            findings,
            swaps,
            users,
            shared_dir,
            socket_volume,
            share_tmp,
            targets: injection.targets.iter().copied().collect(),
            seen_at,
            default_asked: injection
                .asked
                .iter()
                .filter(|mount| {
                    CleanPath::new(&mount.mount_path).unlinked().as_str() == "/run/docker.sock"
                })
                .map(|mount| mount.place)
                .collect(),
            replaced: injection
                .replace_docker_host
                .iter()
                .map(|replaced| replaced.place)
                .collect(),
            swapped: injection
                .swap
                .iter()
                .map(|&index| (findings[index].place, findings[index].mount))
                .collect(),
            edits: BTreeMap::new(),
            budget,
        }
    }

    /// The plan, and the group of a new socket.
    ///
    /// # Errors
    /// If it would be too large.
    pub(crate) fn plan(mut self) -> Result<(Plan<'p>, Option<SocketGroup>), Excess> {
        let notices = self.what_happened();
        let mut add_volumes = Vec::new();
        let storage_volume = self.name_of_new_volume(names::STORAGE_VOLUME);
        let slots_volume = self.name_of_new_volume(names::SLOTS_VOLUME);
        let tmp_volume = self.name_of_new_volume(names::TMP_VOLUME);
        let ca_volume = self.name_of_new_volume(names::CA_VOLUME);
        if self.installed.is_none() {
            add_volumes.push(NewVolume {
                name: self.socket_volume.clone(),
                source: VolumeSource::Shared,
            });
            add_volumes.push(NewVolume {
                name: storage_volume.clone(),
                source: VolumeSource::Storage(&self.injection.storage),
            });
            if let Some(folder) = &self.injection.slots {
                add_volumes.push(NewVolume {
                    name: slots_volume.clone(),
                    source: VolumeSource::Slots(folder),
                });
            }
            if self.share_tmp {
                add_volumes.push(NewVolume {
                    name: tmp_volume.clone(),
                    source: VolumeSource::Shared,
                });
            }
            if let Some(config_map) = &self.injection.profile.ca_config_map {
                add_volumes.push(NewVolume {
                    name: ca_volume.clone(),
                    source: VolumeSource::ConfigMap(config_map),
                });
            }
        }
        let notices = notices.then(self.edit_users(tmp_volume.clone())?);
        let own = self.own_mounts(&storage_volume, &slots_volume, &tmp_volume, &ca_volume);
        let mut copies = Copies::default();
        let (proxy, left_out) = self.proxy(&mut copies);
        let notices = notices.then(left_out);
        let mut mirror = self.mirror(&own, copies)?;
        let notices = notices.then(std::mem::take(&mut mirror.notices));
        mirror.mounts.splice(..0, own);
        let (sidecar, group) = match self.installed {
            Some(installed) => {
                self.extend_installed(installed, mirror);
                (None, None)
            }
            None => {
                let group = group::choose(
                    self.pod,
                    self.users.as_slice(),
                    self.injection.profile.rootless,
                );
                (Some(self.sidecar(group, proxy, mirror)), Some(group))
            }
        };
        let add_group = match group {
            Some(SocketGroup::Added(gid)) => Some(gid),
            Some(SocketGroup::Root | SocketGroup::Present(_)) | None => None,
        };
        let injection = self.injection;
        let fresh = self.installed.is_none();
        let profile = injection.profile;
        let plan = Plan {
            remove_volumes: self.unused_volumes(),
            edits: self
                .edits
                .into_values()
                .filter(|edit| !edit.is_empty())
                .collect(),
            sidecar,
            mode: injection.mode,
            add_volumes,
            add_group,
            labels: if fresh { &profile.labels } else { &[] },
            annotations: if fresh { &profile.annotations } else { &[] },
            runtime_class_name: profile.runtime_class_name.as_deref().filter(|_| fresh),
            host_users: profile.host_users.filter(|_| fresh),
            notices,
        };
        Ok((plan, group))
    }

    fn edit(&mut self, place: Place) -> &mut ContainerEdit<'p> {
        self.edits
            .entry(place)
            .or_insert_with(|| ContainerEdit::at(place))
    }

    /// What containers see of the daemon: what is mounted, and the path of the node of which it takes
    /// the place, with the names of the sockets there.
    fn shown(&self) -> impl Iterator<Item = (DaemonPart, &CleanPath<'static>, &[String])> {
        let swapped = self.swaps.iter().filter_map(|finding| {
            let part = part_of(&finding.reach)?;
            Some((part, &*finding.node_path, &*finding.sockets))
        });
        let asked = self.injection.asked.iter();
        swapped
            .chain(asked.map(|asked: &AskedMount| (asked.part, &asked.node_path, &*asked.sockets)))
    }

    /// Volumes of which every mount was swapped.
    fn unused_volumes(&self) -> Vec<usize> {
        let volumes = &self.pod.spec.volumes;
        let mut mounts_left: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
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

    fn docker_host(&self) -> String {
        format!("unix://{}/{}", self.shared_dir, names::SOCKET_FILE)
    }

    fn name_of_new_volume(&self, base: &'static str) -> Cow<'p, str> {
        free::volume(self.pod, base)
    }
}

/// Those that have no way to the daemon themselves, where others have one, and the Pod has no daemon of its author's that
/// they may mean.
fn relayed(pod: &Pod<'_>, users: &Sorted<Place>, sidecar: Option<Place>) -> Vec<Place> {
    let is_daemon = |place, container| sidecar != Some(place) && own_daemon::runs_daemon(container);
    let mut containers = pod.containers();
    if users.as_slice().is_empty()
        || containers.any(|(place, container)| is_daemon(place, container))
    {
        return Vec::new();
    }
    let docker_hosts = DockerHosts::new(pod);
    let asks = |container| docker_hosts.of(container) == DockerHost::InPod;
    pod.containers()
        .filter(|(place, container)| {
            sidecar != Some(*place) && !users.contains(place) && asks(container)
        })
        .map(|(place, _)| place)
        .collect()
}

/// The part of the daemon that takes the place of what a mount reaches.
fn part_of(reach: &Reach) -> Option<DaemonPart> {
    Some(match reach.swap()? {
        Swap::Socket(_) => DaemonPart::Socket,
        Swap::Directory => DaemonPart::Directory,
        Swap::Client => DaemonPart::Client,
    })
}
