//! The daemon's container: a new one, or what that of an earlier pass lacks.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::budget::Excess;
use crate::detect::installed::Installed;
use crate::detect::mounts::Reach;
use crate::model::asked::DaemonPart;
use crate::model::notice::{Notices, Why};
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::profile::Storage;
use crate::model::sidecar_mode::SidecarMode;
use crate::model::start::{StartCommand, USERNS_SCRIPT};
use crate::names;
use crate::plan::container::{
    EnvEntry, Hook, Lifecycle, Mount, Probe, Ready, ResourceRequirements, Sidecar, SidecarSecurity,
};
use crate::plan::flags;
use crate::plan::ground::named_paths;
use crate::plan::group::SocketGroup;
use crate::plan::mirror::{Mirror, MirrorBuilder, Treat};
use crate::plan::slots;
use crate::plan::sub_path::Copies;
use crate::plan::trust::with_directories;

use crate::plan::planner::Planner;
use crate::plan::planner::free;
use crate::plan::planner::sorted::Sorted;

impl<'p, 'a> Planner<'_, 'p, 'a> {
    /// The mounts that the sidecar needs for itself.
    pub(crate) fn own_mounts(
        &self,
        storage: &Cow<'p, str>,
        slots: &Cow<'p, str>,
        tmp: &Cow<'p, str>,
        ca: &Cow<'p, str>,
    ) -> Vec<Mount<'p>> {
        if self.installed.is_some() {
            return Vec::new();
        }
        let profile = self.injection.profile;
        let mut mounts = vec![
            Mount::whole(self.socket_volume.clone(), self.shared_dir.clone()),
            Mount::whole(storage.clone(), flags::storage_dir(profile)),
        ];
        if self.injection.slots.is_some() {
            mounts.push(Mount::whole(slots.clone(), names::SLOTS_DIR));
        }
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

    pub(super) fn mirror(
        &self,
        own: &[Mount<'p>],
        copies: Copies<'p>,
    ) -> Result<Mirror<'p>, Excess> {
        let own = || own.iter().map(|mount| CleanPath::new(&mount.mount_path));
        let is_tmp = |path: &CleanPath<'_>| path.as_str() == "/tmp";
        let protected = [
            CleanPath::new(&self.shared_dir),
            CleanPath::new(names::STORAGE_DIR),
            CleanPath::new(flags::storage_dir(self.injection.profile)),
        ];
        let profile = self.injection.profile;
        let flags = profile.daemon_flags.iter();
        let values = profile.env.iter().map(|(_, value)| value);
        let named = flags.chain(values).flat_map(|text| named_paths(text));
        let protected = protected
            .into_iter()
            .chain(own().filter(|at| !is_tmp(at)))
            .chain(named);
        let volumes = &self.pod.spec.volumes;
        let found = self.findings.iter().filter(|finding| {
            finding.is_way_to_a_runtime()
                || matches!(finding.reach, Reach::Data(_) | Reach::Storage)
        });
        let closed = found
            .map(|finding| &*volumes[finding.volume].name)
            .collect();
        let rootless = profile.rootless;
        let mut builder =
            MirrorBuilder::new(self.pod, rootless, protected, closed, copies, self.budget);
        if own().any(|at| is_tmp(&at)) {
            builder.take(CleanPath::literal("/tmp"));
        }
        if let Some(installed) = self.installed {
            builder.continue_from(installed.place, installed.container);
        }
        let to_the_node = self.findings.iter().filter(|f| f.is_way_to_a_runtime());
        let to_the_node: Sorted<(Place, usize)> = to_the_node.map(|f| (f.place, f.mount)).collect();
        // Volumes are mounted with the ids of the Pod, so the daemon's root would be root on a path of the node.
        let mut of_node = BTreeSet::new();
        if self.is_in_user_namespace() {
            let host_paths = volumes.iter().filter(|volume| volume.node_path().is_some());
            of_node.extend(host_paths.map(|volume| &*volume.name));
        }
        let relayed = self.relayed.iter().copied();
        for place in self.users_in_preference().chain(relayed) {
            builder.add(place, |mount| {
                let at = &self.pod.container(place).volume_mounts[mount];
                if self.swapped.contains(&(place, mount)) || *at.name == *self.socket_volume {
                    Treat::Skip
                } else if to_the_node.contains(&(place, mount)) {
                    Treat::Refuse(Why::LeadsToNode)
                } else if of_node.contains(&*at.name) {
                    Treat::Refuse(Why::OfNode)
                } else {
                    Treat::Mirror
                }
            })?;
        }
        Ok(builder.finish())
    }

    /// The containers, in the order in which the daemon sees their volumes. Where two have different volumes at one
    /// path, it can only see one: first come those that look for the socket where they have it. Argo Workflows' `wait`
    /// sees the mounts of `main` below another path, and never asks Docker.
    fn users_in_preference(&self) -> impl Iterator<Item = Place> {
        let users = self.users.as_slice().iter().copied();
        let first = users.clone().filter(|place| self.looks_there(*place));
        first.chain(users.filter(|place| !self.looks_there(*place)))
    }

    /// Whether a container has the socket, or is told of one, where its Docker client looks.
    fn looks_there(&self, place: Place) -> bool {
        let container = self.pod.container(place);
        let own = self.swaps.partition_point(|finding| finding.place < place);
        let mut own = self.swaps[own..]
            .iter()
            .take_while(|one| one.place == place);
        own.any(|finding| {
            let mount = &container.volume_mounts[finding.mount];
            let at = CleanPath::new(&mount.mount_path).unlinked();
            at == CleanPath::new(finding.node_path.as_str()).unlinked()
        }) || self.targets.contains(&place)
            || container.env_var(names::DOCKER_HOST).is_some()
    }

    /// Whether the Pod is in a user namespace, or will be.
    fn is_in_user_namespace(&self) -> bool {
        let own = self.pod.spec.host_users;
        let profiles = self.injection.profile.host_users;
        let host_users = match self.installed {
            Some(_) => own,
            None => profiles.or(own),
        };
        host_users == Some(false)
    }

    /// The proxies of a new daemon, with the variables that they need.
    pub(super) fn proxy(&self, copies: &mut Copies<'p>) -> (Vec<EnvEntry<'p>>, Notices) {
        match self.installed {
            None if self.injection.profile.inherit_proxy => {
                flags::inherited_proxy(self.pod, self.users.as_slice(), copies)
            }
            None | Some(_) => Default::default(),
        }
    }

    pub(crate) fn sidecar(
        &self,
        group: SocketGroup,
        proxy: Vec<EnvEntry<'p>>,
        mirror: Mirror<'p>,
    ) -> Sidecar<'p> {
        let profile = self.injection.profile;
        let name = free::container(self.pod, names::SIDECAR);
        let native = self.injection.mode == SidecarMode::Native;
        let mut env = flags::environment(profile, self.pod, proxy);
        env.insert(
            0,
            EnvEntry::new(names::env::SOCKETS, self.sockets(&mirror).join(" ")),
        );
        if let Some(gid) = group.gid() {
            env.push(EnvEntry::new(names::env::GROUP, gid.to_string()));
        }
        if let Some(client) = self.client() {
            env.push(EnvEntry::new(names::env::CLIENT, client));
        }
        if !mirror.authorities.is_empty() {
            let known = env
                .iter()
                .position(|entry| entry.name == names::env::CERT_DIR);
            let known = known.and_then(|index| env.remove(index).value);
            let value = with_directories(known, &mirror.authorities);
            env.push(EnvEntry::new(names::env::CERT_DIR, value));
        }
        env.extend(mirror.env);
        if self.is_in_user_namespace() {
            env.push(EnvEntry::new(names::env::USERNS_SCRIPT, USERNS_SCRIPT));
        }
        let storage = match &*self.injection.storage {
            Storage::Node(storage) if self.injection.slots.is_some() => Some(storage),
            Storage::Node(_) | Storage::EmptyDir { .. } | Storage::Ephemeral { .. } => None,
        };
        env.extend(storage.into_iter().flat_map(slots::environment));
        let ready = match storage {
            Some(_) => Ready::FileToo,
            None => Ready::Answers,
        };
        Sidecar {
            name,
            image: &profile.image,
            image_pull_policy: profile.image_pull_policy.map(|policy| policy.name()),
            restart_policy: native.then_some("Always"),
            command: StartCommand,
            args: flags::arguments(profile),
            env,
            startup_probe: native.then(|| Probe::daemon_answers(self.docker_host(), ready)),
            lifecycle: Lifecycle::of(
                (!native).then(|| Hook::wait_for_daemon(&self.docker_host(), ready)),
                storage.map(|_| Hook::leave_slot()),
            ),
            resources: ResourceRequirements::new(
                &self.injection.resources,
                self.pod,
                match &*self.injection.storage {
                    Storage::EmptyDir { size_limit } => size_limit.as_ref(),
                    // Where every slot is taken.
                    Storage::Node(node) => node.size_limit.as_ref(),
                    Storage::Ephemeral { .. } => None,
                },
            ),
            security_context: SidecarSecurity::new(profile, self.pod),
            termination_message_policy: "FallbackToLogsOnError",
            volume_mounts: mirror.mounts,
        }
    }

    /// Adds what the sidecar of an earlier pass lacks.
    pub(crate) fn extend_installed(&mut self, installed: &Installed<'p, 'a>, mirror: Mirror<'p>) {
        let container = installed.container;
        let restore = installed.lost_restart_policy();
        let mut add_env = Vec::new();
        if let Some(client) = self.client()
            && container.env_var(names::env::CLIENT).is_none()
        {
            add_env.push(EnvEntry::new(names::env::CLIENT, client));
        }
        let mut set_env = Vec::new();
        let wanted = self.sockets(&mirror);
        let known = container.env.iter().enumerate();
        for (index, var) in known.filter(|(_, var)| &*var.name == names::env::SOCKETS) {
            let mut sockets: Vec<&str> = var.value.split(' ').collect();
            let before = sockets.len();
            for socket in &wanted {
                if !sockets.contains(&socket.as_str()) {
                    sockets.push(socket);
                }
            }
            if sockets.len() > before && !self.swaps.is_empty() {
                set_env.push((index, sockets.join(" ")));
            }
        }
        if !mirror.authorities.is_empty() {
            let mut known = container.env.iter().enumerate().rev();
            let known = known.find(|(_, var)| &*var.name == names::env::CERT_DIR);
            let value = known.map(|(_, var)| Cow::Borrowed(&*var.value));
            let value = with_directories(value, &mirror.authorities).into_owned();
            match known {
                Some((index, _)) => set_env.push((index, value)),
                None => add_env.push(EnvEntry::new(names::env::CERT_DIR, value)),
            }
        }
        add_env.extend(mirror.env);
        let edit = self.edit(installed.place);
        edit.add_mounts.extend(mirror.mounts);
        edit.add_env.extend(add_env);
        edit.set_env.extend(set_env);
        edit.restore_restart_policy |= restore;
    }

    fn client(&self) -> Option<String> {
        let mut shown = self.shown();
        let any = shown.any(|(part, ..)| part == DaemonPart::Client);
        any.then(|| format!("{}/{}", self.shared_dir, names::CLIENT_FILE))
    }
}
