//! Which paths of a node lead to a container runtime.
//!
//! A Pod can write one path in many ways. Paths are compared as the node resolves them
//! ([`CleanPath::on_node`]), so `/run` and `/var/run` are one directory here, and by each name that a directory has on some
//! nodes. Known paths are those of the table and the Docker sockets that an admin adds.

use crate::model::path::CleanPath;
use crate::model::same_place::other_names;
use crate::model::sockets_table::{DOCKER_LOGS, Kind};
use crate::model::sockets_tree::look_up;

pub use crate::model::sockets_table::Runtime;

/// Every node's Docker socket.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// What a container gets if it mounts a path of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// A Docker socket.
    Socket,
    /// The runtime directory that holds a Docker socket, and can be swapped whole.
    Directory,
    /// A directory above a Docker socket and much else: `/`, `/var`, `/proc/1`.
    Ancestor,
    /// The node's `docker` client.
    Client,
    /// Another runtime's socket, or a path that contains one or is next to one.
    Runtime(Runtime),
    /// A runtime's data directory, or a path in it or above it. Write access there is control of every
    /// container.
    Data(Runtime),
    /// The folder in which daemons of Pods leave their images (`storage.node`), or a path in it.
    Storage,
    /// A Windows named pipe of a runtime.
    Pipe(Runtime),
}

/// The Docker sockets of the nodes, the storage of profiles on the nodes, and every path of [`TABLE`](crate::model::sockets_table::TABLE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Sockets whose directories hold only sockets and the like, so that they can be swapped whole.
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
    /// `/var/run/docker.sock` and the paths in `more`.
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

    /// The default Docker socket and those of the policy, as the node resolves them.
    pub fn docker(&self) -> &[CleanPath<'static>] {
        &self.docker
    }

    /// `path` must be resolved as by [`CleanPath::on_node`].
    pub fn leads(&self, path: &CleanPath<'_>) -> Option<Leads> {
        let by_another = || other_names(path).find_map(|path| self.leads_as(&path));
        self.leads_as(path).or_else(by_another)
    }

    /// By this name.
    fn leads_as(&self, path: &CleanPath<'_>) -> Option<Leads> {
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
            // Nothing is below a file, and a pipe has no path.
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

    /// Whether file systems of containers are mounted in the data of runtimes at, above or below `path`.
    pub fn has_mounts(&self, path: &CleanPath<'_>) -> bool {
        by_any_name(path, has_mounts_as)
    }

    /// The file names of the Docker sockets at `path`, or directly below it if it can be swapped whole.
    pub fn names_at(&self, path: &CleanPath<'_>) -> Vec<String> {
        let names = self.names_as(path);
        if !names.is_empty() {
            return names;
        }
        let others = other_names(path).map(|path| self.names_as(&path));
        others.flatten().collect()
    }

    fn names_as(&self, path: &CleanPath<'_>) -> Vec<String> {
        let here = self.docker.iter().filter(|socket| {
            *socket == path || socket.parent().as_ref() == Some(path) && path.as_str() != "/"
        });
        let names: Vec<String> = here.map(|socket| socket.file_name().to_owned()).collect();
        if names.is_empty() && look_up(path).is_kind(Kind::DockerSocket) {
            return vec![path.file_name().to_owned()];
        }
        names
    }

    /// Whether a known path may be below `path`, so that a `subPath` decides.
    pub fn may_lie_below(&self, path: &CleanPath<'_>) -> bool {
        by_any_name(path, |path| {
            self.docker.iter().any(|socket| path.holds(socket))
                || self.storage.iter().any(|folder| path.holds(folder))
                || holds_by_link(path)
                || look_up(path).below.anything
                || path.is_near_processes()
        })
    }

    /// Whether `path` is a socket, or one may be below it. `/proc/<pid>/root` may lead to any.
    pub fn socket_may_lie_at_or_below(&self, path: &CleanPath<'_>) -> bool {
        by_any_name(path, |path| {
            let known = look_up(path);
            self.docker.iter().any(|socket| path.holds(socket))
                || holds_by_link(path)
                || known.is_kind(Kind::DockerSocket)
                || known.below.docker
                || known.below.runtime.is_some()
                || path.is_near_processes()
        })
    }
}

/// Whether something holds for a path by one of its names.
fn by_any_name(path: &CleanPath<'_>, holds: impl Fn(&CleanPath<'_>) -> bool) -> bool {
    holds(path) || other_names(path).any(|path| holds(&path))
}

fn has_mounts_as(path: &CleanPath<'_>) -> bool {
    static LOGS: CleanPath<'static> = CleanPath::literal(DOCKER_LOGS);
    let known = look_up(path);
    match known.deepest.map(|found| found.kind) {
        Some(Kind::Data(runtime)) => runtime.mounts_in_data() && !LOGS.holds(path),
        Some(Kind::DockerSocket | Kind::Runtime(_) | Kind::Client | Kind::Pipe(_)) | None => {
            known.below.mounts
        }
    }
}

/// Whether a directory is for sockets: `/run`, or one deep enough to belong to one program. `/`, `/var` and
/// the like serve other purposes too.
fn is_runtime_directory(path: &CleanPath<'_>) -> bool {
    path.as_str() == "/run" || path.as_str().matches('/').count() >= 2
}

/// `/var` contains the link `/var/run`, through which `/run` is reached.
fn holds_by_link(path: &CleanPath<'_>) -> bool {
    path.as_str() == "/var"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets_table::{Above, Entry, TABLE};

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

    #[test]
    fn a_path_leads_where_its_other_names_lead() {
        let paths = ["/var/lib/dind-injector", "/mnt/disk/dind"].map(CleanPath::literal);
        let sockets = Sockets::new(&["/opt/ci/docker.sock".to_owned()]).with_storage(paths.iter());
        for (path, expected) in [
            ("/var/opt/ci/docker.sock", "socket"),
            ("/var/home/ci/.docker/run/docker.sock", "socket"),
            ("/var/home/ci/.local/share/docker", "data of Docker"),
            ("/var/roothome/.local/share/containers", "data of Podman"),
            ("/var/mnt/disk/dind/namespace/other", "storage of Pods"),
            ("/local/var/lib/dind-injector", "storage of Pods"),
            (
                "/mnt/stateful_partition/var/lib/dind-injector/x",
                "storage of Pods",
            ),
            (
                "/sysroot/ostree/deploy/fcos/var/lib/dind-injector",
                "storage of Pods",
            ),
            ("/mnt/stateful_partition/var/lib", "data of Docker"),
            ("/mnt/stateful_partition", "ancestor"),
            ("/var/home/ci", "nothing"),
            ("/local", "data of containerd"),
        ] {
            assert_eq!(leads(&sockets, path), expected, "{path}");
        }
        let socket = CleanPath::literal("/var/home/ci/.docker/run/docker.sock");
        assert_eq!(sockets.names_at(&socket), ["docker.sock"]);
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
                    assert_eq!(
                        crate::model::named_pipe::named_pipe(&format!(r"\\.\pipe\{path}")),
                        Some(runtime)
                    );
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
            let is_told_above = entry.above == Above::Every && entry.kind != Kind::Client;
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
            assert_eq!(
                crate::model::named_pipe::named_pipe(path),
                Some(Runtime::Docker),
                "{path}"
            );
        }
        for path in [
            r"\\.\pipe\csi-proxy-filesystem-v1",
            "/run/docker_engine",
            "",
            r"\\.\pipe\",
        ] {
            assert_eq!(crate::model::named_pipe::named_pipe(path), None, "{path}");
        }
    }
}
