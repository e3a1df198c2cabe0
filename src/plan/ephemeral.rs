//! The Pod's own daemon for an ephemeral container that mounts a Docker socket.
//!
//! `kubectl debug` adds a container to a running Pod: nothing else in the Pod can be changed, and an
//! ephemeral container may not use `subPath`. So it gets the whole directory of the socket, and `DOCKER_HOST`
//! leads there.

use std::borrow::Cow;

use crate::detect::installed::Installed;
use crate::detect::mounts::{Finding, Swap};
use crate::model::injection::Injection;
use crate::model::notice::{Notice, Notices, told_name};
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::view::Pod;
use crate::names;

use super::container::EnvEntry;
use super::planner::users::own_context;
use super::pod::{ContainerEdit, MountSwap, Plan};

/// The plan for the ephemeral containers of a Pod with this daemon.
pub fn plan<'p>(
    pod: &'p Pod<'_>,
    findings: &'p [Finding],
    injection: &'p Injection<'p>,
    installed: &Installed<'p, '_>,
) -> Plan<'p> {
    let mut mounts: Vec<(Place, usize, bool)> = injection
        .swap
        .iter()
        .filter_map(|&index| {
            let finding = &findings[index];
            let is_directory = match finding.reach.swap() {
                Some(Swap::Socket(_)) => false,
                Some(Swap::Directory) => true,
                // A client is a file too, so the container has to use its own.
                Some(Swap::Client) | None => return None,
            };
            Some((finding.place, finding.mount, is_directory))
        })
        .collect();
    mounts.extend(
        injection
            .lost
            .iter()
            .map(|&(place, mount)| (place, mount, false)),
    );
    mounts.sort_unstable();
    let shared_dir = installed.shared_dir.as_str();
    let host = format!("unix://{shared_dir}/{}", names::SOCKET_FILE);
    let mut edits: Vec<ContainerEdit<'p>> = Vec::new();
    let mut notices = Notices::default();
    for (place, mount, is_directory) in mounts {
        let container = pod.container(place);
        if edits.last().is_none_or(|edit| edit.place != place) {
            edits.push(ContainerEdit::at(place));
        }
        let Some(edit) = edits.last_mut() else {
            continue;
        };
        let mut taken = container.volume_mounts.iter();
        let is_free = edit.swaps.iter().all(|swap| swap.mount_path.is_none())
            && taken.all(|mount| CleanPath::new(&mount.mount_path) != installed.shared_dir);
        let moves = !is_directory && is_free;
        edit.swaps.push(MountSwap {
            mount,
            volume: Cow::Borrowed(installed.socket_volume),
            sub_path: None,
            mount_path: moves.then(|| Cow::Owned(shared_dir.to_owned())),
        });
        if !moves {
            continue;
        }
        let known = container
            .env
            .iter()
            .rposition(|var| &*var.name == names::DOCKER_HOST);
        match known {
            Some(index) if container.env[index].value.starts_with("unix://") => {
                edit.set_env.push((index, host.clone()));
            }
            // The author chose another daemon.
            Some(_) => {}
            None if own_context(container).is_some() => {}
            None => edit
                .add_env
                .push(EnvEntry::new(names::DOCKER_HOST, host.clone())),
        }
        notices.push(Notice::SocketByDirectory {
            container: told_name(&container.name),
            host: host.clone(),
        });
    }
    Plan {
        edits,
        sidecar: None,
        mode: injection.mode,
        remove_volumes: Vec::new(),
        add_volumes: Vec::new(),
        add_group: None,
        labels: &[],
        annotations: &[],
        runtime_class_name: None,
        host_users: None,
        notices,
    }
}
