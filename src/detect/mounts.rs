//! Which mounts of a Pod reach a container runtime of the node, and how.
//!
//! A `hostPath` alone does not decide: each mount's `subPath` is joined to it first. A path that cannot be
//! known is reported as a finding of its own kind, and never missed. Everything that depends only on the
//! volume is computed once per volume, so the cost is the length of the Pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::budget::{Budget, Excess, MOST_FINDINGS, check_path};
use crate::names;

use crate::detect::links::linked;
use crate::model::expand::Environment;
use crate::model::named_pipe::named_pipe;
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::sockets::{Leads, Runtime, Sockets};
use crate::model::view::{Container, Pod, VolumeMount};

/// How a mount reaches the node's runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A Docker socket, with its file name.
    Socket(String),
    /// A directory with a Docker socket, mounted whole.
    Directory,
    /// A directory further up (`/`, `/var`) that has other uses too, or a process of the node, whose links
    /// may lead anywhere.
    Ancestor,
    /// The node's `docker` client.
    Client,
    /// Another runtime's socket, or a directory that leads to one.
    Runtime(Runtime),
    /// A mount of a runtime's data in which something can be written.
    Data(Runtime),
    /// The folder in which daemons of other Pods leave their images.
    Storage,
    /// A `subPathExpr` below such a directory, whose value only the kubelet knows.
    Unresolved,
    /// A path in a directory that this Pod can write to, so that it may be a link to anywhere.
    Link,
    /// An unknown path that is named like Docker's socket, or mounted where that belongs.
    UnknownSocket,
    /// Any other path of the node.
    HostPath,
    Pipe(Runtime),
}

/// What a swap puts in the place of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap<'r> {
    /// The daemon's socket, which the container knows by this file name.
    Socket(&'r str),
    /// The directory of the daemon's socket.
    Directory,
    /// The daemon's own `docker` client.
    Client,
}

impl Reach {
    /// `None` for a mount that cannot be swapped.
    pub fn swap(&self) -> Option<Swap<'_>> {
        match self {
            Self::Socket(file) => Some(Swap::Socket(file)),
            Self::Directory => Some(Swap::Directory),
            Self::Client => Some(Swap::Client),
            Self::Ancestor
            | Self::Runtime(_)
            | Self::Data(_)
            | Self::Storage
            | Self::Unresolved
            | Self::Link
            | Self::UnknownSocket
            | Self::HostPath
            | Self::Pipe(_) => None,
        }
    }
}

/// Which mounts are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Those that reach a runtime.
    Runtimes,
    /// Every mount of a path of the node, because a rule restricts them.
    EveryHostPath,
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub place: Place,
    /// Index in the container's `volumeMounts`.
    pub mount: usize,
    /// Index in `spec.volumes`.
    pub volume: usize,
    /// The mounted path of the node, with `subPath`. If the volume's path is too long to lead to a runtime,
    /// it is that path alone.
    pub node_path: Arc<CleanPath<'static>>,
    pub reach: Reach,
    /// The file names of the Docker sockets that it is, or directly contains.
    pub sockets: Vec<String>,
}

impl Finding {
    /// The volume's path and the mount's `subPath` or `subPathExpr`, as the Pod's author wrote them.
    pub fn written<'p>(&self, pod: &'p Pod<'_>) -> (&'p str, &'p str) {
        let path = pod.spec.volumes[self.volume].node_path();
        let mount = &pod.container(self.place).volume_mounts[self.mount];
        let below = match &*mount.sub_path {
            "" => &*mount.sub_path_expr,
            sub_path => sub_path,
        };
        (path.unwrap_or_default(), below)
    }

    /// Whether the mount allows commands to a runtime. Other paths of the node only matter to the policy.
    pub fn is_way_to_a_runtime(&self) -> bool {
        match self.reach {
            Reach::Socket(_)
            | Reach::Directory
            | Reach::Ancestor
            | Reach::Client
            | Reach::Runtime(_)
            | Reach::Unresolved
            | Reach::Link => true,
            Reach::Data(_)
            | Reach::Storage
            | Reach::UnknownSocket
            | Reach::HostPath
            | Reach::Pipe(_) => false,
        }
    }
}

/// Why a Pod counts as a node agent, which needs the node's own sockets.
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
    /// The reason in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::DaemonSet => "a DaemonSet's Pod",
            Self::HostNetwork => "hostNetwork",
            Self::HostPid => "hostPID",
            Self::HostIpc => "hostIPC",
        }
    }
}

/// `owner` is the kind that created `pod`.
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
/// If there are too many, or the search takes too many steps.
pub fn detect(
    pod: &Pod<'_>,
    sockets: &Sockets,
    watch: Watch,
    budget: &Budget,
) -> Result<Vec<Finding>, Excess> {
    let volumes = host_volumes(pod, sockets, watch);
    if volumes.is_empty() {
        return Ok(Vec::new());
    }
    let linked = linked(pod, sockets, &volumes, budget)?;
    let mut findings = Vec::new();
    for (place, container) in pod.containers() {
        let mut environment = None;
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            let Some(volume) = volumes.get(&*mount.name) else {
                continue;
            };
            let is_linked =
                linked.volumes.contains(&volume.index) || linked.parts.contains(&(place, index));
            let seen = volume.mounted(
                sockets,
                mount,
                container,
                is_linked,
                &mut environment,
                budget,
            )?;
            let Some((node_path, reach)) = seen else {
                continue;
            };
            if findings.len() == MOST_FINDINGS {
                return Err(Excess::Findings);
            }
            findings.push(Finding {
                place,
                mount: index,
                volume: volume.index,
                sockets: match reach.swap() {
                    Some(Swap::Socket(_) | Swap::Directory) => sockets.names_at(&node_path),
                    Some(Swap::Client) | None => Vec::new(),
                },
                node_path,
                reach,
            });
        }
    }
    Ok(findings)
}

/// Bytes. Every known path is shorter, so below a longer path `subPath` makes no difference.
pub(super) const LONGEST_WATCHED: usize = 256;

/// A `hostPath` volume, with everything that its mounts share.
pub(super) struct HostVolume<'p> {
    pub name: &'p str,
    pub index: usize,
    pub path: Arc<CleanPath<'static>>,
    pub leads: Option<Leads>,
    watch: Watch,
    /// Whether a mount of it can be a finding wherever it is mounted.
    is_suspicious: bool,
}

/// The `hostPath` volumes by name.
fn host_volumes<'p>(
    pod: &'p Pod<'_>,
    sockets: &Sockets,
    watch: Watch,
) -> BTreeMap<&'p str, HostVolume<'p>> {
    let mut found = BTreeMap::new();
    for (index, volume) in pod.spec.volumes.iter().enumerate() {
        let every = watch == Watch::EveryHostPath;
        // A disk of the node is none of a runtime's sockets.
        let Some(written) = volume
            .node_path()
            .filter(|_| every || volume.host_path.is_some())
        else {
            continue;
        };
        let path = CleanPath::on_node(written);
        let (leads, is_open) = (sockets.leads(&path), sockets.may_lie_below(&path));
        // On nodes with Linux, the name of a pipe is a path too, and a Pod may go to either.
        let pipe = named_pipe(written)
            .filter(|_| pod.is_windows() || !written.starts_with('/'))
            .map(Leads::Pipe);
        let leads = leads.or(pipe);
        let is_called_so = path.file_name() == names::SOCKET_FILE;
        // The API server refuses two volumes with one name; the first one counts.
        found.entry(&*volume.name).or_insert_with(|| HostVolume {
            name: &volume.name,
            index,
            leads,
            watch,
            is_suspicious: every || leads.is_some() || is_open || is_called_so,
            path: Arc::new(path.into_owned()),
        });
    }
    found
}

impl HostVolume<'_> {
    /// The part of the volume that a mount shows.
    pub fn shown<'c, 'a>(
        &self,
        mount: &VolumeMount<'a>,
        container: &'c Container<'a>,
        environment: &mut Option<Environment<'c, 'a>>,
        budget: &Budget,
    ) -> Result<Shown, Excess> {
        let has_sub_path = !mount.sub_path.is_empty() || !mount.sub_path_expr.is_empty();
        if !has_sub_path || self.path.as_str().len() > LONGEST_WATCHED {
            return Ok(Shown::Whole);
        }
        let path = mounted_path(&self.path, mount, container, environment, budget)?;
        Ok(match path {
            Some(path) => Shown::Part(path),
            None => Shown::Unknown,
        })
    }

    /// `None` if the mount does not reach the node's runtime.
    fn mounted<'c, 'a>(
        &self,
        sockets: &Sockets,
        mount: &VolumeMount<'a>,
        container: &'c Container<'a>,
        is_linked: bool,
        environment: &mut Option<Environment<'c, 'a>>,
        budget: &Budget,
    ) -> Result<Option<(Arc<CleanPath<'static>>, Reach)>, Excess> {
        let is_at_socket = || {
            let path = &*mount.mount_path;
            path.contains(names::SOCKET_FILE)
                && CleanPath::new(path).unlinked().as_str() == "/run/docker.sock"
        };
        let is_called_so = mount.sub_path.contains(names::SOCKET_FILE);
        if !self.is_suspicious && !is_linked && !is_called_so && !is_at_socket() {
            return Ok(None);
        }
        budget.spend(self.path.as_str().len())?;
        let (path, leads, is_known) = match self.shown(mount, container, environment, budget)? {
            Shown::Whole => (Arc::clone(&self.path), self.leads, true),
            Shown::Part(path) => {
                let pipe = self.leads.filter(|leads| matches!(leads, Leads::Pipe(_)));
                let leads = sockets.leads(&path).or(pipe);
                (Arc::new(path), leads, true)
            }
            Shown::Unknown => (Arc::clone(&self.path), self.leads, false),
        };
        let reach = match leads {
            // The expression may be empty, and then the volume is mounted whole.
            _ if !is_known && sockets.socket_may_lie_at_or_below(&path) => Some(Reach::Unresolved),
            Some(Leads::Socket) if is_known => Some(Reach::Socket(path.file_name().to_owned())),
            Some(Leads::Client) if is_known => Some(Reach::Client),
            Some(Leads::Socket | Leads::Client) | None => None,
            Some(Leads::Directory) => Some(Reach::Directory),
            Some(Leads::Ancestor) => Some(Reach::Ancestor),
            Some(Leads::Runtime(runtime)) => Some(Reach::Runtime(runtime)),
            Some(Leads::Data(_)) if only_reads(sockets, mount, &path) => None,
            Some(Leads::Data(runtime)) => Some(Reach::Data(runtime)),
            Some(Leads::Storage) => Some(Reach::Storage),
            Some(Leads::Pipe(runtime)) => Some(Reach::Pipe(runtime)),
        };
        let reach = match reach {
            // These give as much as any link could, or are swapped.
            Some(Reach::Socket(_) | Reach::Directory | Reach::Ancestor) => reach,
            _ if is_linked => Some(Reach::Link),
            Some(_) => reach,
            None if path.file_name() == names::SOCKET_FILE || is_at_socket() => {
                Some(Reach::UnknownSocket)
            }
            None => (self.watch == Watch::EveryHostPath).then_some(Reach::HostPath),
        };
        Ok(reach.map(|reach| (path, reach)))
    }
}

/// Whether a mount of a runtime's data writes nothing. `readOnly` alone covers no file system that is mounted below, and
/// there a runtime may have those of its containers.
/// Source: Kubernetes, "Recursive read-only mounts".
fn only_reads(sockets: &Sockets, mount: &VolumeMount<'_>, path: &CleanPath<'_>) -> bool {
    let is_recursive = || &*mount.recursive_read_only == "Enabled";
    mount.read_only && (is_recursive() || !sockets.has_mounts(path))
}

/// The part of a volume that a mount shows.
pub(super) enum Shown {
    /// All of it, or a part that makes no difference.
    Whole,
    Part(CleanPath<'static>),
    /// A part that only the kubelet knows.
    Unknown,
}

/// The node's path that a mount shows; `None` if only the kubelet knows it.
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
        return Ok(Some(volume.join(&mount.sub_path).resolved()));
    }
    let environment = environment.get_or_insert_with(|| Environment::of(container));
    let expanded = environment.expand(&mount.sub_path_expr);
    budget.spend(expanded.length())?;
    let Some(known) = expanded.known() else {
        return Ok(None);
    };
    Ok(Some(volume.join(known).resolved()))
}
