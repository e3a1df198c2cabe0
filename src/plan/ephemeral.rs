//! The Pod's own daemon for an ephemeral container that mounts a Docker socket.
//!
//! `kubectl debug` adds a container to a running Pod: nothing else in the Pod can be changed, and an
//! ephemeral container may not use `subPath`. So it gets the whole directory of the socket, and `DOCKER_HOST`
//! leads there. So does a `DOCKER_HOST` that led to the node.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::detect::installed::Installed;
use crate::detect::mounts::{Finding, Swap};
use crate::model::injection::Injection;
use crate::model::notice::{Notice, Notices, told_name};
use crate::model::place::Place;
use crate::model::view::Pod;
use crate::names;

use super::container::{EnvEntry, Mount};
use super::planner::free::mounts_at;
use super::planner::users::{own_context, tls_to_clear};
use super::planner::warnings::replaced_hosts;
use super::pod::{ContainerEdit, MountSwap, Plan};

/// The plan for the ephemeral containers of a Pod with this daemon.
pub fn plan<'p>(
    pod: &'p Pod<'_>,
    findings: &'p [Finding],
    injection: &'p Injection<'p>,
    installed: &Installed<'p, '_>,
) -> Plan<'p> {
    let swaps = injection.swap.iter().filter_map(|&index| {
        let finding = &findings[index];
        let is_directory = match finding.reach.swap() {
            Some(Swap::Socket(_)) => false,
            Some(Swap::Directory) => true,
            // A client is a file too, so the container has to use its own.
            Some(Swap::Client) | None => return None,
        };
        Some((finding.place, finding.mount, is_directory))
    });
    let lost = injection.lost.iter();
    let mut uses: BTreeMap<Place, Use> = BTreeMap::new();
    for (place, mount, is_directory) in
        swaps.chain(lost.map(|&(place, mount)| (place, mount, false)))
    {
        uses.entry(place)
            .or_default()
            .mounts
            .push((mount, is_directory));
    }
    for replaced in &injection.replace_docker_host {
        uses.entry(replaced.place).or_default().docker_host = Some(replaced.index);
    }
    let mut notices = Notices::default();
    notices.extend(replaced_hosts(pod, &injection.replace_docker_host));
    let edits = uses.into_iter();
    let edits = edits.map(|(place, used)| edit(pod, place, used, installed, &mut notices));
    Plan {
        edits: edits.collect(),
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

/// How a container uses a daemon.
#[derive(Default)]
struct Use {
    /// Mounts of a socket, and whether each is of its directory.
    mounts: Vec<(usize, bool)>,
    /// The variable that led to the node's daemon.
    docker_host: Option<usize>,
}

fn edit<'p>(
    pod: &'p Pod<'_>,
    place: Place,
    used: Use,
    installed: &Installed<'p, '_>,
    notices: &mut Notices,
) -> ContainerEdit<'p> {
    let container = pod.container(place);
    let shared_dir = installed.shared_dir.as_str();
    let volume = || Cow::Borrowed(installed.socket_volume);
    let host = format!("unix://{shared_dir}/{}", names::SOCKET_FILE);
    let mut edit = ContainerEdit::at(place);
    let mut is_free = !mounts_at(container, &installed.shared_dir);
    let mut mounts = used.mounts;
    mounts.sort_unstable();
    let mut is_told = false;
    for (mount, is_directory) in mounts {
        let moves = !is_directory && is_free;
        edit.swaps.push(MountSwap {
            mount,
            volume: volume(),
            sub_path: None,
            mount_path: moves.then(|| Cow::Owned(shared_dir.to_owned())),
            is_base: false,
        });
        if moves {
            is_free = false;
            is_told = true;
        }
    }
    let mut known = container.env.iter();
    let known = known.rposition(|var| &*var.name == names::DOCKER_HOST);
    match (used.docker_host, known) {
        (Some(index), _) => {
            edit.set_env.extend(tls_to_clear(container));
            edit.set_env.push((index, host.clone()));
            if is_free {
                let directory = Mount::whole(volume(), shared_dir.to_owned());
                edit.add_mounts.push(directory);
            }
        }
        (None, _) if !is_told => {}
        (None, Some(index)) if container.env[index].value.starts_with("unix://") => {
            edit.set_env.push((index, host.clone()));
        }
        // The author chose another daemon.
        (None, Some(_)) => {}
        (None, None) if own_context(container).is_some() => {}
        (None, None) => {
            let added = EnvEntry::new(names::DOCKER_HOST, host.clone());
            edit.add_env.push(added);
        }
    }
    if is_told {
        notices.push(Notice::SocketByDirectory {
            container: told_name(&container.name),
            host,
        });
    }
    edit
}
