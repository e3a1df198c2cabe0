//! Which mounts of a Pod reach a container runtime of the node, and how.
//!
//! Judged per mount, not per volume: a `hostPath` and the mount's `subPath` are
//! joined first. A Pod without a suspicious `hostPath` costs one look at each volume
//! and no allocation, and a container that names none is not read. What cannot be
//! known is a finding of its own, never a miss.

use std::collections::BTreeMap;

use crate::budget::{Budget, Excess, MOST_FINDINGS, check_path};

use crate::model::expand::Environment;
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::sockets::{Leads, Runtime, Sockets};
use crate::model::view::{Container, Pod, VolumeMount};

/// How a mount reaches the node's runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The Docker socket itself, with this file name.
    Socket(String),
    /// The directory that holds the Docker socket, mounted whole.
    Directory,
    /// A directory further up (`/`, `/var`), which serves other things too.
    Ancestor,
    /// The node's `docker` client.
    Client,
    /// Another runtime's socket.
    Runtime(Runtime),
    /// A `subPathExpr` below such a directory, of which the end is known only on the node.
    Unresolved,
}

/// One mount that reaches the node's runtime.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The container.
    pub place: Place,
    /// The mount's index in `volumeMounts`.
    pub mount: usize,
    /// The volume's index in `spec.volumes`.
    pub volume: usize,
    /// The path of the node that is mounted, `subPath` included.
    pub node_path: CleanPath<'static>,
    /// How it reaches the runtime.
    pub reach: Reach,
    /// The file names of the Docker sockets that it is, or that it directly holds.
    pub sockets: Vec<String>,
}

/// Why a Pod counts as a node agent, which wants the node's own sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Made by a DaemonSet.
    DaemonSet,
    /// `hostNetwork: true`.
    HostNetwork,
    /// `hostPID: true`.
    HostPid,
    /// `hostIPC: true`.
    HostIpc,
}

impl Agent {
    /// How a message names the reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::DaemonSet => "a DaemonSet's Pod",
            Self::HostNetwork => "hostNetwork",
            Self::HostPid => "hostPID",
            Self::HostIpc => "hostIPC",
        }
    }
}

/// Why `pod` is a node agent, if it is one. `owner` is the kind that made it.
pub fn agent(pod: &Pod<'_>, owner: Option<&str>) -> Option<Agent> {
    let spec = &pod.spec;
    [
        (owner == Some("DaemonSet"), Agent::DaemonSet),
        (spec.host_network, Agent::HostNetwork),
        (spec.host_pid, Agent::HostPid),
        (spec.host_ipc, Agent::HostIpc),
    ]
    .into_iter()
    .find_map(|(holds, agent)| holds.then_some(agent))
}

/// Every mount of `pod` that reaches the node's runtime, in the order of its containers.
///
/// # Errors
/// Where there are too many, or to look for them is too much work.
pub fn detect(pod: &Pod<'_>, sockets: &Sockets, budget: &Budget) -> Result<Vec<Finding>, Excess> {
    let volumes = suspicious_volumes(pod, sockets);
    if volumes.is_empty() {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    for (place, container) in pod.containers_near(volumes.keys().copied()) {
        let mut environment = None;
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            let Some((volume, path)) = volumes.get(&*mount.name) else {
                continue;
            };
            let end = mounted_path(path, mount, container, &mut environment, budget)?;
            let (node_path, reach) = match end {
                Some(end) => match reach_of(&end, sockets) {
                    Some(reach) => (end, reach),
                    None => continue,
                },
                None if sockets.socket_may_lie_below(path) => {
                    (path.clone().into_owned(), Reach::Unresolved)
                }
                None => continue,
            };
            if findings.len() == MOST_FINDINGS {
                return Err(Excess::Findings);
            }
            findings.push(Finding {
                place,
                mount: index,
                volume: *volume,
                sockets: sockets.names_at(&node_path),
                node_path,
                reach,
            });
        }
    }
    Ok(findings)
}

/// The `hostPath` volumes that lead to something watched, or may with a `subPath`.
fn suspicious_volumes<'p>(
    pod: &'p Pod<'_>,
    sockets: &Sockets,
) -> BTreeMap<&'p str, (usize, CleanPath<'p>)> {
    let mut found = BTreeMap::new();
    for (index, volume) in pod.spec.volumes.iter().enumerate() {
        let Some(source) = &volume.host_path else {
            continue;
        };
        let path = CleanPath::on_node(&source.path);
        if sockets.leads(&path).is_some() || sockets.may_lie_below(&path) {
            // The API server refuses two volumes of one name; the first one counts.
            found.entry(&*volume.name).or_insert((index, path));
        }
    }
    found
}

/// The node's path that a mount shows; none where only the kubelet can know it.
fn mounted_path<'c, 'a>(
    volume: &CleanPath<'_>,
    mount: &VolumeMount<'a>,
    container: &'c Container<'a>,
    environment: &mut Option<Environment<'c, 'a>>,
    budget: &Budget,
) -> Result<Option<CleanPath<'static>>, Excess> {
    check_path("subPath", &mount.name, &mount.sub_path)?;
    budget.spend(volume.as_str().len() + mount.sub_path.len())?;
    if mount.sub_path_expr.is_empty() {
        let joined = match &*mount.sub_path {
            "" => volume.clone().into_owned(),
            sub => volume.join(sub),
        };
        return Ok(Some(CleanPath::on_node(joined.as_str()).into_owned()));
    }
    let environment = environment.get_or_insert_with(|| Environment::of(container));
    let expanded = environment.expand(&mount.sub_path_expr);
    budget.spend(expanded.length())?;
    let Some(known) = expanded.known() else {
        return Ok(None);
    };
    let joined = volume.join(known);
    Ok(Some(CleanPath::on_node(joined.as_str()).into_owned()))
}

fn reach_of(path: &CleanPath<'_>, sockets: &Sockets) -> Option<Reach> {
    Some(match sockets.leads(path)? {
        Leads::Socket(socket) => Reach::Socket(socket.file_name().to_owned()),
        Leads::Directory(_) => Reach::Directory,
        Leads::Ancestor(_) => Reach::Ancestor,
        Leads::Client => Reach::Client,
        Leads::Runtime(runtime) => Reach::Runtime(runtime),
    })
}
