//! Which paths of a node lead to a container runtime.
//!
//! Paths are compared as the node resolves them ([`CleanPath::on_node`]), so
//! `/run` and `/var/run` are one directory here. What is known is [`TABLE`] and the Docker
//! sockets that an admin adds; a path is looked up once through a tree of their components, at
//! a cost of its own length, however long the table is.

use std::sync::LazyLock;

use crate::model::path::CleanPath;
use crate::model::sockets_table::{Above, Entry, Kind, TABLE, pipes};

pub use crate::model::sockets_table::Runtime;

/// The Docker socket of every node.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What a path of the node gives to whoever mounts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// It is a Docker socket.
    Socket,
    /// It is the runtime directory that holds a Docker socket, and may be swapped whole.
    Directory,
    /// A Docker socket is reached through it, and much else: `/`, `/var`, `/proc/1`.
    Ancestor,
    /// It is the node's `docker` client.
    Client,
    /// It is, holds or lies in a directory of another runtime's sockets.
    Runtime(Runtime),
    /// It is, holds or lies in a runtime's data: who writes there owns every container.
    Data(Runtime),
    /// It is, or lies in, the folder in which daemons of Pods leave their images (`storage.node`).
    Storage,
    /// It is a Windows named pipe of a runtime.
    Pipe(Runtime),
}

/// The watched paths: the Docker sockets of the nodes, the storage of profiles on the nodes, and all that is
/// in [`TABLE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Those whose directories are for sockets, so that they may be swapped whole.
    docker: Vec<CleanPath<'static>>,
    /// The folders of profiles' `storage.node`.
    storage: Vec<CleanPath<'static>>,
}

impl Default for Sockets {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Sockets {
    /// `/var/run/docker.sock` and `more` paths where nodes have a Docker socket.
    pub fn new(more: &[String]) -> Self {
        let mut docker = vec![CleanPath::on_node(DEFAULT_SOCKET)];
        for path in more {
            let path = CleanPath::on_node(path).into_owned();
            if !docker.contains(&path) {
                docker.push(path);
            }
        }
        Self {
            docker,
            storage: Vec::new(),
        }
    }

    /// These, and the folders of the node in which daemons of Pods leave their images.
    #[must_use]
    pub fn with_storage<'p>(mut self, paths: impl Iterator<Item = &'p CleanPath<'static>>) -> Self {
        for path in paths {
            let path = CleanPath::on_node(path.as_str()).into_owned();
            if !self.storage.contains(&path) {
                self.storage.push(path);
            }
        }
        self
    }

    /// The Docker sockets that every node or this policy has, as the node resolves them.
    pub fn docker(&self) -> &[CleanPath<'static>] {
        &self.docker
    }

    /// What `path`, as the node resolves it, leads to.
    pub fn leads(&self, path: &CleanPath<'_>) -> Option<Leads> {
        if self.docker.iter().any(|socket| socket == path) {
            return Some(Leads::Socket);
        }
        let is_parent = |socket: &CleanPath<'_>| socket.parent().as_ref() == Some(path);
        if is_runtime_directory(path) && self.docker.iter().any(is_parent) {
            return Some(Leads::Directory);
        }
        let known = look_up(path);
        if known.is_kind(Kind::DockerSocket) {
            return Some(Leads::Socket);
        }
        if path.is_of_a_process()
            || known.below.docker
            || self.docker.iter().any(|socket| path.holds(socket))
            || holds_by_link(path)
        {
            return Some(Leads::Ancestor);
        }
        if self.storage.iter().any(|folder| folder.holds(path)) {
            return Some(Leads::Storage);
        }
        match known.deepest.map(|found| (found.kind, found.is_at)) {
            Some((Kind::Client, true)) => return Some(Leads::Client),
            Some((Kind::Runtime(runtime), _)) => return Some(Leads::Runtime(runtime)),
            Some((Kind::Data(runtime), _)) => return Some(Leads::Data(runtime)),
            // Below a file there is nothing, and a pipe is no path.
            Some((Kind::DockerSocket | Kind::Client | Kind::Pipe(_), _)) | None => {}
        }
        let below = known.below;
        let runtime = below.runtime.map(Leads::Runtime);
        runtime.or_else(|| below.data.map(Leads::Data)).or_else(|| {
            let mut storage = self.storage.iter();
            let holds = storage.any(|folder| path.holds(folder));
            holds.then_some(Leads::Data(Runtime::Docker))
        })
    }

    /// The file names of the Docker sockets at `path`, or directly below it where it may be
    /// swapped whole.
    pub fn names_at(&self, path: &CleanPath<'_>) -> Vec<String> {
        let here = self.docker.iter().filter(|socket| {
            *socket == path || socket.parent().as_ref() == Some(path) && path.as_str() != "/"
        });
        let names: Vec<String> = here.map(|socket| socket.file_name().to_owned()).collect();
        if names.is_empty() && look_up(path).is_kind(Kind::DockerSocket) {
            return vec![path.file_name().to_owned()];
        }
        names
    }

    /// Whether something that is watched may lie below `path`: a `subPath` decides.
    pub fn may_lie_below(&self, path: &CleanPath<'_>) -> bool {
        self.docker.iter().any(|socket| path.holds(socket))
            || self.storage.iter().any(|folder| path.holds(folder))
            || holds_by_link(path)
            || look_up(path).below.anything
            || is_proc(path)
    }

    /// Whether a socket may lie below `path`; `/proc/<pid>/root` leads anywhere.
    pub fn socket_may_lie_below(&self, path: &CleanPath<'_>) -> bool {
        let below = look_up(path).below;
        self.docker.iter().any(|socket| path.holds(socket))
            || holds_by_link(path)
            || below.docker
            || below.runtime.is_some()
            || is_proc(path)
    }
}

/// The runtime whose named pipe `path` is, as it was written: `\\.\pipe\docker_engine`. Windows
/// takes either slash, and knows no case.
pub fn named_pipe(path: &str) -> Option<Runtime> {
    /// No pipe has a longer path.
    const LONGEST: usize = 256;
    if path.len() > LONGEST || !path.starts_with(['\\', '/', 'n', 'N']) {
        return None;
    }
    let path = path.to_ascii_lowercase().replace('\\', "/");
    let path = path.strip_prefix("npipe:").unwrap_or(&path);
    let name = path
        .trim_start_matches('/')
        .strip_prefix("./pipe/")
        .or_else(|| path.trim_start_matches('/').strip_prefix("?/pipe/"))?;
    let mut pipes = pipes();
    pipes.find_map(|(pipe, runtime)| (pipe == name).then_some(runtime))
}

/// Whether a directory is there for sockets: `/run`, or one deep enough to be
/// somebody's own. `/`, `/var` and their like serve other things.
fn is_runtime_directory(path: &CleanPath<'_>) -> bool {
    path.as_str() == "/run" || path.as_str().matches('/').count() >= 2
}

/// `/var` holds the link `/var/run`, through which `/run` is reached.
fn holds_by_link(path: &CleanPath<'_>) -> bool {
    path.as_str() == "/var"
}

/// Whether the processes of the node are at, below or around `path`.
fn is_proc(path: &CleanPath<'_>) -> bool {
    path.as_str() == "/" || path.as_str() == "/proc" || path.is_of_a_process()
}

/// What [`TABLE`] has at a path, and around it.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The deepest entry that is the path, or that holds it.
    deepest: Option<Found>,
    /// What lies further down.
    below: Below,
}

#[derive(Clone, Copy)]
struct Found {
    kind: Kind,
    is_at: bool,
    depth: usize,
}

/// What lies below a directory, of the entries for which a directory above counts.
#[derive(Clone, Copy, Default)]
struct Below {
    docker: bool,
    runtime: Option<Runtime>,
    data: Option<Runtime>,
    /// Any entry at all.
    anything: bool,
}

impl Known {
    fn is_kind(&self, kind: Kind) -> bool {
        self.deepest
            .is_some_and(|found| found.is_at && found.kind == kind)
    }
}

/// One component of the table's paths.
#[derive(Default)]
struct Node {
    children: Vec<(&'static str, Self)>,
    /// The child for any component.
    any: Option<Box<Self>>,
    kind: Option<Kind>,
    below: Below,
}

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for entry in TABLE {
        if !matches!(entry.kind, Kind::Pipe(_)) {
            root.insert(entry, &entry.path[1..]);
        }
    }
    root
});

impl Node {
    fn insert(&mut self, entry: &Entry, rest: &'static str) {
        self.below.note(entry);
        let (name, rest) = match rest.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (rest, None),
        };
        let child = if name == "*" {
            &mut **self.any.get_or_insert_default()
        } else {
            let at = self.children.iter().position(|(known, _)| *known == name);
            let at = at.unwrap_or_else(|| {
                self.children.push((name, Self::default()));
                self.children.len() - 1
            });
            &mut self.children[at].1
        };
        match rest {
            Some(rest) => child.insert(entry, rest),
            None => child.kind = Some(entry.kind),
        }
    }

    /// Goes down by `rest`; the table's few `*` make at most a handful of ways.
    fn walk(&self, rest: &str, depth: usize, known: &mut Known) {
        let is_at = rest.is_empty();
        if let Some(kind) = self.kind
            && known.deepest.is_none_or(|found| found.depth <= depth)
        {
            known.deepest = Some(Found { kind, is_at, depth });
        }
        if is_at {
            known.below.add(self.below);
            return;
        }
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some((_, child)) = self.children.iter().find(|(known, _)| *known == name) {
            child.walk(rest, depth + 1, known);
        }
        if let Some(child) = &self.any {
            child.walk(rest, depth + 1, known);
        }
    }
}

impl Below {
    fn note(&mut self, entry: &Entry) {
        self.anything = true;
        if entry.above == Above::IsLeft {
            return;
        }
        match entry.kind {
            Kind::DockerSocket => self.docker = true,
            Kind::Runtime(runtime) => self.runtime = self.runtime.or(Some(runtime)),
            Kind::Data(runtime) => self.data = self.data.or(Some(runtime)),
            Kind::Client | Kind::Pipe(_) => {}
        }
    }

    fn add(&mut self, other: Self) {
        self.docker |= other.docker;
        self.runtime = self.runtime.or(other.runtime);
        self.data = self.data.or(other.data);
        self.anything |= other.anything;
    }
}

fn look_up(path: &CleanPath<'_>) -> Known {
    let mut known = Known::default();
    TREE.walk(&path.as_str()[1..], 0, &mut known);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(sockets: &Sockets, path: &str) -> String {
        match sockets.leads(&CleanPath::on_node(path)) {
            Some(Leads::Socket) => "socket".to_owned(),
            Some(Leads::Directory) => "directory".to_owned(),
            Some(Leads::Ancestor) => "ancestor".to_owned(),
            Some(Leads::Client) => "client".to_owned(),
            Some(Leads::Runtime(runtime)) => runtime.name().to_owned(),
            Some(Leads::Data(runtime)) => format!("data of {}", runtime.name()),
            Some(Leads::Storage) => "storage of Pods".to_owned(),
            Some(Leads::Pipe(runtime)) => format!("pipe of {}", runtime.name()),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn tells_sockets_directories_and_ancestors_apart() {
        let sockets = Sockets::new(&["/opt/ci/docker/engine.sock".to_owned()]);
        for (path, expected) in [
            ("/var/run/docker.sock", "socket"),
            ("//run/./docker.sock/", "socket"),
            ("/opt/ci/docker/engine.sock", "socket"),
            ("/run/user/1000/docker.sock", "socket"),
            ("/var/snap/microk8s/current/docker.sock", "socket"),
            ("/home/ci/.rd/docker.sock", "socket"),
            ("/var/run", "directory"),
            ("/run/", "directory"),
            ("/opt/ci/docker", "directory"),
            ("/opt/ci", "ancestor"),
            ("/var", "ancestor"),
            ("/", "ancestor"),
            ("/run/user", "ancestor"),
            ("/run/user/1000", "ancestor"),
            ("/var/snap", "ancestor"),
            ("/var/snap/microk8s/current", "ancestor"),
            ("/proc", "ancestor"),
            ("/proc/1", "ancestor"),
            ("/proc/1/task", "ancestor"),
            ("/proc/self/fd/3", "ancestor"),
            ("/proc/4321/root/run/docker.sock", "ancestor"),
            ("/dev/fd/7", "ancestor"),
            ("/usr/bin/docker", "client"),
            ("/run/containerd", "containerd"),
            ("/var/run/docker", "containerd"),
            ("/run/docker/containerd/containerd.sock", "containerd"),
            (
                "/run/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs",
                "containerd",
            ),
            ("/run/k3s/containerd", "containerd"),
            ("/var/run/crio/crio.sock", "CRI-O"),
            ("/run/user/1000/podman/podman.sock", "Podman"),
            ("/run/user/0/containerd/containerd.sock", "containerd"),
            ("/system", "containerd"),
            ("/var/lib/docker", "data of Docker"),
            ("/var/lib/docker/containers/x", "data of Docker"),
            ("/var/lib", "data of Docker"),
            ("/var/lib/rancher", "data of containerd"),
            (
                "/var/lib/rancher/k3s/agent/containerd",
                "data of containerd",
            ),
            ("/home/ci/.local/share/docker", "data of Docker"),
        ] {
            assert_eq!(leads(&sockets, path), expected, "{path}");
        }
    }

    #[test]
    fn leaves_paths_that_only_look_alike() {
        let sockets = Sockets::default();
        for path in [
            "/run/docker.sock.bak",
            "/run/docker.sock/x",
            "/run/dockerd",
            "/run/user/1000/bus",
            "/data/docker.sock",
            "/var/lib/dockerish",
            "/var/lib/kubelet/pods",
            "/var/lib/rancher/k3s/storage",
            "/usr/bin",
            "/usr/bin/docker-compose",
            "/varx",
            "/home",
            "/home/ci",
            "/mnt",
            "/proc/sys",
            "/proc/cpuinfo",
            "/proc/1x",
            "/sys",
            "/dev",
        ] {
            assert_eq!(leads(&sockets, path), "nothing", "{path}");
        }
    }

    #[test]
    fn storage_of_the_node_is_told_at_below_and_above_it() {
        let paths = ["/var/lib/dind-injector", "/mnt/disk/dind"].map(CleanPath::literal);
        let sockets = Sockets::default().with_storage(paths.iter());
        for (path, expected) in [
            ("/var/lib/dind-injector", "storage of Pods"),
            ("/var/lib/dind-injector/namespace/ci/0", "storage of Pods"),
            ("/var/lib/../lib//dind-injector/", "storage of Pods"),
            ("/proc/1/root/mnt/disk/dind/profile/x", "storage of Pods"),
            ("/mnt/disk", "data of Docker"),
            ("/mnt", "data of Docker"),
            ("/var/lib", "data of Docker"),
            ("/", "ancestor"),
            ("/var/lib/dind-injectors", "nothing"),
            ("/mnt/disk/other", "nothing"),
        ] {
            assert_eq!(leads(&sockets, path), expected, "{path}");
        }
        assert!(sockets.may_lie_below(&CleanPath::literal("/mnt/disk")));
    }

    /// At, above and below every path of the table, by a reading of its own.
    #[test]
    fn every_path_of_the_table_is_found() {
        let sockets = Sockets::default();
        for entry in TABLE {
            let path = entry.path.replace('*', "1000");
            let found = |path: &str| sockets.leads(&CleanPath::on_node(path));
            match entry.kind {
                Kind::Pipe(runtime) => {
                    assert_eq!(named_pipe(&format!(r"\\.\pipe\{path}")), Some(runtime));
                    continue;
                }
                Kind::DockerSocket => assert_eq!(found(&path), Some(Leads::Socket), "{path}"),
                Kind::Client => assert_eq!(found(&path), Some(Leads::Client), "{path}"),
                Kind::Runtime(_) | Kind::Data(_) => {
                    assert!(found(&path).is_some(), "{path}");
                    let below = format!("{path}/x/y");
                    assert!(found(&below).is_some(), "{below}");
                }
            }
            let is_told_above = entry.above == Above::Counts && entry.kind != Kind::Client;
            if is_told_above {
                for (at, _) in path.match_indices('/').skip(1) {
                    assert!(found(&path[..at]).is_some(), "{}", &path[..at]);
                }
            }
            let held = |other: &&Entry| {
                other.path != entry.path && entry.path.starts_with(&format!("{}/", other.path))
            };
            if !TABLE.iter().any(|other| held(&other)) {
                assert_eq!(found(&format!("{path}-x")), None, "{path}-x");
            }
        }
    }

    #[test]
    fn a_named_pipe_is_known_in_every_spelling() {
        for path in [
            r"\\.\pipe\docker_engine",
            "//./pipe/docker_engine",
            r"\\.\PIPE\Docker_Engine",
            "npipe:////./pipe/docker_engine",
            r"\\?\pipe\docker_engine",
        ] {
            assert_eq!(named_pipe(path), Some(Runtime::Docker), "{path}");
        }
        for path in [
            r"\\.\pipe\csi-proxy-filesystem-v1",
            "/run/docker_engine",
            "",
            r"\\.\pipe\",
        ] {
            assert_eq!(named_pipe(path), None, "{path}");
        }
    }
}
