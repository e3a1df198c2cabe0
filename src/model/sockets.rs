//! Which paths of a node lead to a container runtime's socket.
//!
//! Paths are compared as the node resolves them ([`CleanPath::on_node`]), so
//! `/run` and `/var/run` are one directory here. A path that only looks alike
//! (`/run/docker`, `/run/docker.sock.bak`) leads nowhere.

use crate::model::path::CleanPath;

/// Another runtime's socket on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// containerd, and Docker's own containerd.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman's Docker-like service.
    Podman,
    /// cri-dockerd, and the dockershim of old.
    CriDockerd,
}

impl Runtime {
    /// The runtime's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::CriO => "CRI-O",
            Self::Podman => "Podman",
            Self::CriDockerd => "cri-dockerd",
        }
    }
}

/// Where the other runtimes listen. Sources: each project's default configuration.
static RUNTIMES: [(CleanPath<'static>, Runtime); 8] = [
    (
        CleanPath::literal("/run/containerd/containerd.sock"),
        Runtime::Containerd,
    ),
    (
        CleanPath::literal("/run/docker/containerd/containerd.sock"),
        Runtime::Containerd,
    ),
    (
        CleanPath::literal("/run/k3s/containerd/containerd.sock"),
        Runtime::Containerd,
    ),
    (CleanPath::literal("/run/crio/crio.sock"), Runtime::CriO),
    (
        CleanPath::literal("/run/podman/podman.sock"),
        Runtime::Podman,
    ),
    (CleanPath::literal("/run/podman/io.podman"), Runtime::Podman),
    (
        CleanPath::literal("/run/cri-dockerd.sock"),
        Runtime::CriDockerd,
    ),
    (
        CleanPath::literal("/run/dockershim.sock"),
        Runtime::CriDockerd,
    ),
];

/// The node's Docker clients.
static CLIENTS: [CleanPath<'static>; 2] = [
    CleanPath::literal("/usr/bin/docker"),
    CleanPath::literal("/usr/local/bin/docker"),
];

static PROC: CleanPath<'static> = CleanPath::literal("/proc");
static RUN: CleanPath<'static> = CleanPath::literal("/run");

/// The Docker socket of every node.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What a path of the node gives to whoever mounts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads<'s> {
    /// It is this Docker socket.
    Socket(&'s CleanPath<'static>),
    /// It is the runtime directory that holds this Docker socket.
    Directory(&'s CleanPath<'static>),
    /// It holds a Docker socket somewhere below, and much else: `/`, `/var`.
    Ancestor(&'s CleanPath<'static>),
    /// It is the node's `docker` client.
    Client,
    /// It is, or directly holds, another runtime's socket.
    Runtime(Runtime),
}

/// The watched paths: the Docker sockets of the nodes, their clients, other sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    docker: Vec<CleanPath<'static>>,
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
        Self { docker }
    }

    /// The Docker sockets, as the node resolves them.
    pub fn docker(&self) -> &[CleanPath<'static>] {
        &self.docker
    }

    /// What `path`, as the node resolves it, leads to.
    pub fn leads(&self, path: &CleanPath<'_>) -> Option<Leads<'_>> {
        for socket in &self.docker {
            if socket == path {
                return Some(Leads::Socket(socket));
            }
        }
        for socket in &self.docker {
            if socket.parent().as_ref() == Some(path) && is_runtime_directory(path) {
                return Some(Leads::Directory(socket));
            }
        }
        for socket in &self.docker {
            if path.holds(socket) || holds_by_link(path, socket) {
                return Some(Leads::Ancestor(socket));
            }
        }
        if CLIENTS.contains(path) {
            return Some(Leads::Client);
        }
        let (_, runtime) = RUNTIMES
            .iter()
            .find(|(socket, _)| socket == path || socket.parent().as_ref() == Some(path))?;
        Some(Leads::Runtime(*runtime))
    }

    /// The file names of the Docker sockets at `path`, or directly below it.
    pub fn names_at(&self, path: &CleanPath<'_>) -> Vec<String> {
        let here = self.docker.iter().filter(|socket| {
            *socket == path || socket.parent().as_ref() == Some(path) && path.as_str() != "/"
        });
        here.map(|socket| socket.file_name().to_owned()).collect()
    }

    /// Whether something that is watched may lie below `path`: a `subPath` decides.
    pub fn may_lie_below(&self, path: &CleanPath<'_>) -> bool {
        self.socket_may_lie_below(path) || CLIENTS.iter().any(|at| path.holds(at))
    }

    /// Whether a socket may lie below `path`; `/proc/<pid>/root` leads anywhere.
    pub fn socket_may_lie_below(&self, path: &CleanPath<'_>) -> bool {
        let mut docker = self.docker.iter();
        docker.any(|socket| path.holds(socket) || holds_by_link(path, socket))
            || RUNTIMES.iter().any(|(at, _)| path.holds(at))
            || PROC.holds(path)
    }
}

/// Whether a directory is there for sockets: `/run`, or one deep enough to be
/// somebody's own. `/`, `/var` and their like serve other things.
fn is_runtime_directory(path: &CleanPath<'_>) -> bool {
    path.as_str() == "/run" || path.as_str().matches('/').count() >= 2
}

/// `/var` holds the link `/var/run`, through which `/run` is reached.
fn holds_by_link(path: &CleanPath<'_>, socket: &CleanPath<'_>) -> bool {
    path.as_str() == "/var" && RUN.holds(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(sockets: &Sockets, path: &str) -> String {
        match sockets.leads(&CleanPath::on_node(path)) {
            Some(Leads::Socket(at)) => format!("socket {at}"),
            Some(Leads::Directory(at)) => format!("directory of {at}"),
            Some(Leads::Ancestor(at)) => format!("ancestor of {at}"),
            Some(Leads::Client) => "client".to_owned(),
            Some(Leads::Runtime(runtime)) => runtime.name().to_owned(),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn every_watched_path_is_clean() {
        let runtimes = RUNTIMES.iter().map(|(path, _)| path);
        assert!(runtimes.chain(&CLIENTS).all(CleanPath::is_clean));
    }

    #[test]
    fn tells_sockets_directories_and_ancestors_apart() {
        let sockets = Sockets::new(&["/opt/ci/docker/engine.sock".to_owned()]);
        for (path, expected) in [
            ("/var/run/docker.sock", "socket /run/docker.sock"),
            ("//run/./docker.sock/", "socket /run/docker.sock"),
            (
                "/opt/ci/docker/engine.sock",
                "socket /opt/ci/docker/engine.sock",
            ),
            ("/var/run", "directory of /run/docker.sock"),
            ("/run/", "directory of /run/docker.sock"),
            ("/opt/ci/docker", "directory of /opt/ci/docker/engine.sock"),
            ("/opt/ci", "ancestor of /opt/ci/docker/engine.sock"),
            ("/var", "ancestor of /run/docker.sock"),
            ("/", "ancestor of /run/docker.sock"),
            ("/usr/bin/docker", "client"),
            ("/run/containerd", "containerd"),
            ("/var/run/crio/crio.sock", "CRI-O"),
        ] {
            assert_eq!(leads(&sockets, path), expected, "{path}");
        }
    }

    #[test]
    fn leaves_paths_that_only_look_alike() {
        let sockets = Sockets::default();
        for path in [
            "/var/run/docker",
            "/run/docker.sock.bak",
            "/run/docker.sock/x",
            "/data/docker.sock",
            "/var/lib/docker",
            "/usr/bin",
            "/usr/bin/docker-compose",
            "/varx",
        ] {
            assert_eq!(leads(&sockets, path), "nothing", "{path}");
        }
    }
}
