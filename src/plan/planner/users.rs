//! The containers that use the daemon: their mounts and variables.
//!
//! Existing scripts must keep working. A container keeps every path that it has, and only what it lacks is
//! added.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use crate::budget::Excess;
use crate::detect::mounts::Finding;
use crate::detect::published;
use crate::model::asked::{AskedMount, DaemonPart, MountOption};
use crate::model::notice::{Notice, Notices, told_name};
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::model::view::{Container, EnvVar};
use crate::names;
use crate::plan::container::{EnvEntry, Mount};
use crate::plan::pod::MountSwap;

use crate::plan::planner::free::{mount_paths, mounts_at, mounts_near_socket};
use crate::plan::planner::{Planner, part_of};

impl<'p> Planner<'_, 'p, '_> {
    /// Swaps mounts, and adds what each container lacks.
    ///
    /// # Errors
    /// If there is too much to change.
    pub(crate) fn edit_users(&mut self, tmp_volume: Cow<'p, str>) -> Result<Notices, Excess> {
        let mut notices = Notices::default();
        for finding in std::mem::take(&mut self.swaps) {
            let sub_path =
                part_of(&finding.reach).and_then(|part| sub_path(part, &finding.node_path));
            let swap = MountSwap {
                is_base: sub_path.is_none() && self.is_read_only_base(finding)?,
                mount: finding.mount,
                volume: self.socket_volume.clone(),
                sub_path,
                mount_path: None,
            };
            self.edit(finding.place).swaps.push(swap);
            self.swaps.push(finding);
        }
        let mut taken: BTreeMap<Place, HashSet<CleanPath<'p>>> = BTreeMap::new();
        for asked in &self.injection.asked {
            let container = self.pod.container(asked.place);
            let taken = taken.entry(asked.place);
            let taken = taken.or_insert_with(|| mount_paths(container));
            // The author mounts something there.
            if !taken.contains(&CleanPath::new(&asked.mount_path)) {
                self.add_asked(asked);
            }
        }
        for replaced in &self.injection.replace_docker_host {
            let host = self.docker_host();
            let edit = self.edit(replaced.place);
            edit.set_env.push((replaced.index, host));
        }
        for index in 0..self.users.as_slice().len() {
            let place = self.users.as_slice()[index];
            self.edit_user(place, tmp_volume.clone());
            self.move_published(place, &mut notices)?;
        }
        for index in 0..self.relayed.len() {
            self.move_published(self.relayed[index], &mut notices)?;
        }
        Ok(notices)
    }

    /// Whether a read-only mount has another one of its container inside.
    fn is_read_only_base(&self, finding: &Finding) -> Result<bool, Excess> {
        let mounts = &self.pod.container(finding.place).volume_mounts;
        let base = &mounts[finding.mount];
        if !base.read_only {
            return Ok(false);
        }
        let base = CleanPath::new(&base.mount_path).unlinked();
        for mount in mounts {
            self.budget.spend(mount.mount_path.len())?;
            let at = CleanPath::new(&mount.mount_path).unlinked();
            if at != base && base.holds(&at) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Mounts a part of the daemon where the annotation says.
    fn add_asked(&mut self, asked: &'p AskedMount) {
        let whole = Mount::whole(self.socket_volume.clone(), asked.mount_path.as_str());
        let mount = Mount {
            sub_path: sub_path(asked.part, &asked.node_path),
            read_only: asked.option == Some(MountOption::ReadOnly),
            mount_propagation: match asked.option {
                Some(MountOption::HostToContainer) => Some("HostToContainer"),
                Some(MountOption::Bidirectional) => Some("Bidirectional"),
                Some(MountOption::ReadOnly) | None => None,
            },
            ..whole
        };
        self.edit(asked.place).add_mounts.push(mount);
    }

    /// Changes variables that give the address of published ports. On the node's network, that is still the
    /// node.
    fn move_published(&mut self, place: Place, notices: &mut Notices) -> Result<(), Excess> {
        let container = self.pod.container(place);
        if self.pod.spec.host_network {
            return Ok(());
        }
        for published in published::on_the_node(self.pod, container, self.budget) {
            let published = published?;
            let wanted = published
                .in_the_pod
                .filter(|_| self.injection.replace_published);
            notices.push(Notice::Published {
                container: told_name(&container.name),
                variable: told_name(&container.env[published.index].name),
                is_sure: published.is_sure,
                replaced: wanted.is_some(),
            });
            let set = wanted.map(|value| (published.index, value));
            self.edit(place).set_env.extend(set);
        }
        Ok(())
    }

    fn edit_user(&mut self, place: Place, tmp_volume: Cow<'p, str>) {
        let container = self.pod.container(place);
        let shared = CleanPath::new(&self.shared_dir);
        let shared_is_free = !mounts_at(container, &shared);
        let wants_socket = self.targets.contains(&place)
            && !self.seen_at.contains(&place)
            && !self.default_asked.contains(&place);
        let replaced = self.replaced.contains(&place);
        let needs_host =
            container.env_var(names::DOCKER_HOST).is_none() && own_context(container).is_none();
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
}

/// The file of the socket volume that a part is; none for the whole directory. `path` is the node's.
fn sub_path<'p>(part: DaemonPart, path: &'p CleanPath<'_>) -> Option<Cow<'p, str>> {
    match part {
        DaemonPart::Socket => Some(Cow::Borrowed(path.file_name())),
        DaemonPart::Client => Some(Cow::Borrowed(names::CLIENT_FILE)),
        DaemonPart::Directory => None,
    }
}

/// The variable by which a container chooses another daemon than that of its socket.
pub(in crate::plan) fn own_context<'c, 'a>(container: &'c Container<'a>) -> Option<&'c EnvVar<'a>> {
    let context = container.env_var(names::DOCKER_CONTEXT)?;
    let is_default = matches!(&*context.value, "" | "default") && context.value_from.is_none();
    (!is_default).then_some(context)
}

/// Variables that make a client use TLS, which a socket does not speak. Empty, they count as unset. Source:
/// docker/cli, `cli/flags/options.go`.
pub(in crate::plan) fn tls_to_clear(
    container: &Container<'_>,
) -> impl Iterator<Item = (usize, String)> {
    let named = container.env.iter().enumerate().filter(|(_, var)| {
        matches!(
            &*var.name,
            "DOCKER_TLS" | "DOCKER_TLS_VERIFY" | "DOCKER_CERT_PATH"
        ) && (!var.value.is_empty() || var.value_from.is_some())
    });
    named.map(|(index, _)| (index, String::new()))
}
