//! Warnings about a plan for the Pod's author.

use std::borrow::Cow;

use crate::detect::docker_host::{DockerHost, DockerHosts};
use crate::detect::installed::Installed;
use crate::model::expand::Environment;
use crate::model::injection::HostToReplace;
use crate::model::notice::{Notice, Notices, told_name, told_names, told_path};
use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::sidecar_mode::SidecarMode;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::model::view::{Container, Pod};
use crate::names;

use crate::plan::planner::Planner;
use crate::plan::planner::sorted::Sorted;
use crate::plan::planner::users::own_context;

impl Planner<'_, '_, '_> {
    pub(crate) fn what_happened(&self) -> Notices {
        let named = |places: &mut dyn Iterator<Item = Place>| -> Vec<String> {
            let mut seen: Vec<Place> = Vec::new();
            for place in places {
                if seen.last() != Some(&place) {
                    seen.push(place);
                }
            }
            let containers = seen.iter().map(|place| self.pod.container(*place));
            told_names(containers.map(|container| &*container.name))
        };
        let mut notices = Notices::default();
        let swapped = named(&mut self.swaps.iter().map(|finding| finding.place));
        if !swapped.is_empty() {
            notices.push(Notice::Swapped {
                containers: swapped,
            });
        }
        let asked = self.seen_at.as_slice().iter().copied();
        let added: Sorted<Place> = self
            .injection
            .targets
            .iter()
            .copied()
            .chain(asked)
            .collect();
        let added = named(&mut added.as_slice().iter().copied());
        if !added.is_empty() {
            notices.push(Notice::Added { containers: added });
        }
        let replaced = &self.injection.replace_docker_host;
        notices.extend(replaced_hosts(self.pod, replaced));
        let docker_hosts = DockerHosts::new(self.pod);
        for &place in self.users.as_slice() {
            if !self.replaced.contains(&place) {
                notices.extend(self.host_elsewhere(place, &docker_hosts));
            }
        }
        if self.installed.is_some_and(Installed::lost_restart_policy) {
            notices.push(Notice::Repaired);
        }
        if self.injection.mode == SidecarMode::Container {
            let users = self.users.as_slice().iter();
            for place in users.filter(|place| place.list == List::Init) {
                let container = told_name(&self.pod.container(*place).name);
                notices.push(Notice::InitBeforeDaemon { container });
            }
            if matches!(&*self.pod.spec.restart_policy, "Never" | "OnFailure") {
                notices.push(Notice::JobWillNotComplete);
            }
        }
        notices
    }

    /// A warning if a container's own `DOCKER_HOST`, or its `DOCKER_CONTEXT`, does not lead to the Pod's daemon.
    fn host_elsewhere(&self, place: Place, docker_hosts: &DockerHosts<'_, '_>) -> Option<Notice> {
        let container = self.pod.container(place);
        let value = match container.env_var(names::DOCKER_HOST) {
            None => return context_elsewhere(container),
            Some(var) if var.value_from.is_none() && !var.value.is_empty() => var.value.trim(),
            // A value that only the kubelet knows, or that Docker takes for unset.
            _ => return None,
        };
        let leads_here = match value.strip_prefix("unix://") {
            Some(path) => match expanded(container, path) {
                Some(path) => self.is_daemons_socket(place, &CleanPath::new(&path)),
                // Only the kubelet knows.
                None => return None,
            },
            // A daemon, or a relay to one, that the Pod runs itself.
            None => docker_hosts.of(container) == DockerHost::InPod,
        };
        (!leads_here).then(|| Notice::DockerHostElsewhere {
            container: told_name(&container.name),
            variable: names::DOCKER_HOST,
            value: told_path(value).into_owned(),
        })
    }

    /// Whether `path` in the container at `place` is the daemon's socket.
    fn is_daemons_socket(&self, place: Place, path: &CleanPath<'_>) -> bool {
        let path = path.as_unlinked();
        let container = self.pod.container(place);
        let at = |text: &str| CleanPath::new(text).unlinked().into_owned();
        at(&self.shared_dir).holds(&path)
            || (self.targets.contains(&place)
                && !self.seen_at.contains(&place)
                && at(DEFAULT_SOCKET) == path)
            || self
                .injection
                .asked
                .iter()
                .any(|asked| asked.place == place && at(&asked.mount_path).holds(&path))
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
}

/// That `DOCKER_HOST` of these containers leads to the Pod's daemon now.
pub(in crate::plan) fn replaced_hosts(
    pod: &Pod<'_>,
    replaced: &[HostToReplace],
) -> impl Iterator<Item = Notice> {
    [true, false].into_iter().filter_map(|is_known| {
        let replaced = replaced.iter().filter(|host| host.is_known == is_known);
        let containers = told_names(replaced.map(|host| &*pod.container(host.place).name));
        (!containers.is_empty()).then_some(Notice::DockerHostReplaced {
            containers,
            is_known,
        })
    })
}

/// `text` with the variables of `container` in it; `None` if one is not known here.
fn expanded<'t>(container: &Container<'_>, text: &'t str) -> Option<Cow<'t, str>> {
    if !text.contains('$') {
        return Some(Cow::Borrowed(text));
    }
    let expanded = Environment::of(container).expand(text);
    expanded.known().map(|known| Cow::Owned(known.to_owned()))
}

/// A warning if a container's context, and no `DOCKER_HOST`, chooses its daemon.
fn context_elsewhere(container: &Container<'_>) -> Option<Notice> {
    let context = own_context(container)?;
    Some(Notice::DockerHostElsewhere {
        container: told_name(&container.name),
        variable: names::DOCKER_CONTEXT,
        value: match context.value_from {
            Some(_) => "(valueFrom)".to_owned(),
            None => told_path(&context.value).into_owned(),
        },
    })
}
