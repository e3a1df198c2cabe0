//! Where container runtimes are on a node: sockets, runtime directories, data directories and clients, by
//! each project's own defaults.
//!
//! A path that is missing here is a way around the policy, so this is the only list. Detection reads it;
//! tests compare it with the backstop's CEL, the table in docs/policy.md and the words that `scan` looks for.
//!
//! Paths are written as a node resolves them (`/run`, not `/var/run`); `*` matches one whole component.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// Docker, and engines with its API.
    Docker,
    /// containerd, including Docker's own.
    Containerd,
    CriO,
    Podman,
    /// cri-dockerd, and the former dockershim.
    CriDockerd,
    /// BuildKit, whose builds run as root.
    BuildKit,
    Isulad,
}

impl Runtime {
    pub const ALL: [Self; 7] = [
        Self::Docker,
        Self::Containerd,
        Self::CriO,
        Self::Podman,
        Self::CriDockerd,
        Self::BuildKit,
        Self::Isulad,
    ];

    /// Whether the file systems of running containers are mounted in its data directory: `readOnly: true` of a mount
    /// covers no file system that is mounted below it. containerd has them in its state directory, and in its data
    /// (`tmpmounts`) those of images that are unpacked.
    pub fn mounts_in_data(self) -> bool {
        match self {
            Self::Docker
            | Self::Containerd
            | Self::CriO
            | Self::Podman
            | Self::BuildKit
            | Self::Isulad => true,
            Self::CriDockerd => false,
        }
    }

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Containerd => "containerd",
            Self::CriO => "CRI-O",
            Self::Podman => "Podman",
            Self::CriDockerd => "cri-dockerd",
            Self::BuildKit => "BuildKit",
            Self::Isulad => "iSulad",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A socket that speaks Docker's API.
    DockerSocket,
    /// Another runtime's socket, or a directory with a runtime's sockets and the state of running containers.
    /// A path below it leads to the runtime too.
    Runtime(Runtime),
    /// A directory of images and containers. Write access there is control of every container.
    Data(Runtime),
    Client,
    /// A Windows named pipe; `path` is only its name.
    Pipe(Runtime),
}

impl Kind {
    /// The name in the table of docs/policy.md.
    pub fn name(self) -> &'static str {
        match self {
            Self::DockerSocket => "Docker socket",
            Self::Runtime(_) => "runtime directory or socket",
            Self::Data(_) => "data directory",
            Self::Client => "client",
            Self::Pipe(_) => "named pipe",
        }
    }

    pub fn runtime(self) -> Runtime {
        match self {
            Self::DockerSocket | Self::Client => Runtime::Docker,
            Self::Runtime(runtime) | Self::Data(runtime) | Self::Pipe(runtime) => runtime,
        }
    }
}

/// Which mounts of a directory above the path count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    Every,
    /// That of the directory that the path is in: nearly every node has other uses of `/home` and `/mnt`, and such a
    /// path exists only on a developer's machine.
    Parent,
    /// None: the directory that it is in has other uses, too.
    None,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// A clean path; `*` matches one component.
    pub path: &'static str,
    pub kind: Kind,
    pub above: Above,
    pub source: &'static str,
}

const fn at(path: &'static str, kind: Kind, source: &'static str) -> Entry {
    let above = Above::Every;
    Entry {
        path,
        kind,
        above,
        source,
    }
}

/// A path below a directory that most Pods mount for other reasons.
const fn only_at(path: &'static str, kind: Kind, source: &'static str) -> Entry {
    let above = match kind {
        Kind::DockerSocket => Above::Parent,
        Kind::Runtime(_) | Kind::Data(_) | Kind::Client | Kind::Pipe(_) => Above::None,
    };
    Entry {
        path,
        kind,
        above,
        source,
    }
}

/// Where Docker has its containers' logs, and no file system of a container.
pub const DOCKER_LOGS: &str = "/var/lib/docker/containers";

use Kind::{Client, Data, DockerSocket, Pipe};

const CONTAINERD: Kind = Kind::Runtime(Runtime::Containerd);
const CRI_O: Kind = Kind::Runtime(Runtime::CriO);
const PODMAN: Kind = Kind::Runtime(Runtime::Podman);
const CRI_DOCKERD: Kind = Kind::Runtime(Runtime::CriDockerd);
const BUILDKIT: Kind = Kind::Runtime(Runtime::BuildKit);

/// Entries of one kind are together.
#[rustfmt::skip]
pub static TABLE: &[Entry] = &[
    // Sockets with Docker's API.
    at("/run/docker.sock", DockerSocket, "docs.docker.com/reference/cli/dockerd, --host"),
    at("/run/user/*/docker.sock", DockerSocket, "docs.docker.com/engine/security/rootless/tips"),
    at("/var/snap/microk8s/current/docker.sock", DockerSocket, "microk8s.io/docs, Working with Docker (to 1.13)"),
    at("/run/balena-engine.sock", DockerSocket, "balena-os/balena-engine, client/client_unix.go"),
    at("/run/system-docker.sock", DockerSocket, "rancher/os, system-docker"),
    at("/var/vcap/sys/run/docker/docker.sock", DockerSocket, "cloudfoundry-incubator/docker-boshrelease, jobs/docker (TKGI)"),
    at("/var/vcap/data/sys/run/docker/docker.sock", DockerSocket, "the same, where /var/vcap/sys links to"),
    at("/run/guest-services/docker.sock", DockerSocket, "Docker Desktop's virtual machine"),
    at("/run/host-services/docker.proxy.sock", DockerSocket, "Docker Desktop's virtual machine"),
    at("/run/host-services/backend.sock", DockerSocket, "Docker Desktop's virtual machine"),
    only_at("/mnt/wsl/docker-desktop/shared-sockets/guest-services/docker.sock", DockerSocket, "Docker Desktop on WSL 2"),
    only_at("/mnt/wsl/docker-desktop/shared-sockets/guest-services/docker.proxy.sock", DockerSocket, "Docker Desktop on WSL 2"),
    only_at("/mnt/wsl/docker-desktop/shared-sockets/host-services/docker.proxy.sock", DockerSocket, "Docker Desktop on WSL 2"),
    only_at("/mnt/wsl/docker-desktop-bind-mounts/*/docker.sock", DockerSocket, "Docker Desktop on WSL 2"),
    only_at("/mnt/wsl/rancher-desktop/run/docker.sock", DockerSocket, "rancher-sandbox/rancher-desktop, WSL integration"),
    only_at("/home/*/.docker/desktop/docker.sock", DockerSocket, "docs.docker.com/desktop/setup/install/linux, docker context"),
    only_at("/home/*/.docker/run/docker.sock", DockerSocket, "docs.docker.com/desktop/setup/install/mac-permission-requirements"),
    only_at("/Users/*/.docker/run/docker.sock", DockerSocket, "docs.docker.com/desktop/setup/install/mac-permission-requirements"),
    only_at("/home/*/.rd/docker.sock", DockerSocket, "docs.rancherdesktop.io, Docker socket"),
    only_at("/Users/*/.rd/docker.sock", DockerSocket, "docs.rancherdesktop.io, Docker socket"),
    only_at("/home/*/.colima/*/docker.sock", DockerSocket, "abiosoft/colima, docs/FAQ.md"),
    only_at("/Users/*/.colima/*/docker.sock", DockerSocket, "abiosoft/colima, docs/FAQ.md"),

    // Other runtimes' sockets, and directories with a runtime's sockets.
    at("/run/docker", CONTAINERD, "moby/moby, daemon/config: exec-root, with containerd/containerd.sock"),
    at("/run/snap.docker", CONTAINERD, "canonical/docker-snap, bin/dockerd-wrapper: exec-root"),
    at("/run/containerd", CONTAINERD, "containerd/containerd, defaults/defaults_unix.go: state, shims' sockets, tasks"),
    at("/run/k3s", CONTAINERD, "docs.k3s.io/cli/agent; RKE2 has the same: containerd/containerd.sock, cri-dockerd"),
    at("/run/k0s", CONTAINERD, "docs.k0sproject.io/stable/runtime: containerd.sock"),
    at("/run/host-containerd", CONTAINERD, "bottlerocket-os/bottlerocket-core-kit, host-containers"),
    at("/run/desktop-containerd", CONTAINERD, "Docker Desktop's virtual machine"),
    at("/system/run/containerd", CONTAINERD, "siderolabs/talos, pkg/machinery/constants: SystemContainerdAddress"),
    at("/run/firecracker-containerd", CONTAINERD, "firecracker-microvm/firecracker-containerd, docs/getting-started.md"),
    at("/var/vcap/sys/run/containerd", CONTAINERD, "TKGI 1.11 and newer"),
    at("/var/vcap/data/sys/run/containerd", CONTAINERD, "the same, where /var/vcap/sys links to"),
    at("/var/snap/microk8s", CONTAINERD, "microk8s.io/docs, configuring services: common/run/containerd.sock, and credentials"),
    at("/var/snap/docker", Kind::Runtime(Runtime::Docker), "canonical/docker-snap: daemon.json and common/var-lib-docker"),
    at("/run/user/*/docker", Kind::Runtime(Runtime::Docker), "moby/moby, rootless: exec-root"),
    at("/run/user/*/dockerd-rootless", Kind::Runtime(Runtime::Docker), "moby/moby, contrib/dockerd-rootless.sh: state-dir"),
    at("/run/user/*/containerd", CONTAINERD, "containerd/nerdctl, docs/rootless.md"),
    at("/run/user/*/containerd-rootless", CONTAINERD, "containerd/nerdctl, extras/rootless/containerd-rootless.sh"),
    at("/run/user/*/podman", PODMAN, "docs.podman.io, podman-system-service(1)"),
    at("/run/user/*/libpod", PODMAN, "containers/podman, rootless tmp_dir"),
    at("/run/user/*/buildkit", BUILDKIT, "moby/buildkit, util/appdefaults"),
    at("/run/user/*/buildkit-default", BUILDKIT, "containerd/nerdctl, docs/build.md"),
    at("/run/nri", CONTAINERD, "containerd/nri, pkg/api: DefaultSocketPath: nri.sock, which changes any container"),
    at("/run/crio", CRI_O, "cri-o/cri-o, docs/crio.conf.5.md: listen"),
    at("/run/podman", PODMAN, "docs.podman.io, podman-system-service(1); io.podman of old"),
    at("/run/libpod", PODMAN, "containers/common, containers.conf: tmp_dir"),
    at("/run/cri-dockerd.sock", CRI_DOCKERD, "Mirantis/cri-dockerd, packaging/systemd/cri-docker.socket"),
    at("/run/dockershim.sock", CRI_DOCKERD, "kubernetes/kubernetes before 1.24; Bottlerocket's containerd of old"),
    at("/run/buildkit", BUILDKIT, "moby/buildkit, util/appdefaults: buildkitd.sock"),
    at("/run/isulad.sock", Kind::Runtime(Runtime::Isulad), "openeuler-mirror/iSulad, docs"),
    at("/run/isulad", Kind::Runtime(Runtime::Isulad), "openeuler-mirror/iSulad, docs: state"),
    only_at("/home/*/.rd/containerd", CONTAINERD, "rancher-sandbox/rancher-desktop"),
    only_at("/home/*/.colima/*/containerd.sock", CONTAINERD, "abiosoft/colima"),
    only_at("/Users/*/.colima/*/containerd.sock", CONTAINERD, "abiosoft/colima"),

    // Images and containers.
    at("/var/lib/docker", Data(Runtime::Docker), "docs.docker.com/reference/cli/dockerd, --data-root"),
    at("/var/lib/balena-engine", Data(Runtime::Docker), "balena-os/balena-engine"),
    at("/var/lib/cri-dockerd", Data(Runtime::CriDockerd), "Mirantis/cri-dockerd, --cri-dockerd-root-directory"),
    at("/var/lib/containerd", Data(Runtime::Containerd), "containerd/containerd, defaults/defaults_unix.go: root"),
    at("/var/lib/desktop-containerd", Data(Runtime::Containerd), "Docker Desktop's virtual machine"),
    at("/var/lib/host-containerd", Data(Runtime::Containerd), "bottlerocket-os/bottlerocket-core-kit, host-containers"),
    at("/var/lib/firecracker-containerd", Data(Runtime::Containerd), "firecracker-microvm/firecracker-containerd"),
    at("/var/lib/rancher/k3s/agent/containerd", Data(Runtime::Containerd), "docs.k3s.io/advanced"),
    at("/var/lib/rancher/rke2/agent/containerd", Data(Runtime::Containerd), "docs.rke2.io/advanced"),
    at("/var/lib/k0s/containerd", Data(Runtime::Containerd), "docs.k0sproject.io/stable/runtime"),
    at("/var/lib/containers", Data(Runtime::CriO), "containers/storage, storage.conf: graphroot; CRI-O and Podman"),
    at("/run/containers", Data(Runtime::CriO), "containers/storage, storage.conf: runroot"),
    at("/var/lib/crio", Data(Runtime::CriO), "cri-o/cri-o, docs/crio.conf.5.md"),
    at("/var/lib/buildkit", Data(Runtime::BuildKit), "moby/buildkit, util/appdefaults: Root"),
    at("/var/lib/isulad", Data(Runtime::Isulad), "openeuler-mirror/iSulad, docs"),
    at("/var/vcap/store/docker", Data(Runtime::Docker), "cloudfoundry-incubator/docker-boshrelease"),
    at("/var/vcap/store/containerd", Data(Runtime::Containerd), "TKGI 1.11 and newer"),
    at("/sysroot/ostree/deploy/*/var/lib/containers", Data(Runtime::CriO), "ostree(1): /var of Fedora CoreOS, RHEL CoreOS"),
    at("/ostree/deploy/*/var/lib/containers", Data(Runtime::CriO), "ostree(1): /ostree is a link to /sysroot/ostree"),
    only_at("/mnt/stateful_partition/var/lib/docker", Data(Runtime::Docker), "Container-Optimized OS: /var is mounted from there"),
    only_at("/mnt/stateful_partition/var/lib/containerd", Data(Runtime::Containerd), "Container-Optimized OS: /var is mounted from there"),
    at("/local/var/lib/containerd", Data(Runtime::Containerd), "bottlerocket-os/bottlerocket: /var is mounted from /local/var"),
    only_at("/mnt/vda1/var/lib/docker", Data(Runtime::Docker), "kubernetes/minikube, deploy/iso: persistent directories"),
    only_at("/mnt/vda1/var/lib/containerd", Data(Runtime::Containerd), "kubernetes/minikube, deploy/iso: persistent directories"),
    only_at("/mnt/vda1/var/lib/containers", Data(Runtime::CriO), "kubernetes/minikube, deploy/iso: persistent directories"),
    only_at("/mnt/sda1/var/lib/docker", Data(Runtime::Docker), "kubernetes/minikube, deploy/iso: persistent directories"),
    only_at("/mnt/sda1/var/lib/containerd", Data(Runtime::Containerd), "kubernetes/minikube, deploy/iso: persistent directories"),
    only_at("/mnt/sda1/var/lib/containers", Data(Runtime::CriO), "kubernetes/minikube, deploy/iso: persistent directories"),
    only_at("/mnt/wsl/rancher-desktop/run/data", Data(Runtime::Containerd), "rancher-sandbox/rancher-desktop, WSL integration"),
    only_at("/home/*/.local/share/docker", Data(Runtime::Docker), "docs.docker.com/engine/security/rootless/tips"),
    only_at("/home/*/.local/share/containerd", Data(Runtime::Containerd), "containerd/nerdctl, docs/rootless.md"),
    only_at("/home/*/.local/share/containers", Data(Runtime::Podman), "containers/storage, storage.conf: rootless"),
    only_at("/root/.local/share/containers", Data(Runtime::Podman), "containers/storage, storage.conf: rootless"),

    // The node's Docker clients.
    at("/usr/bin/docker", Client, "docker-ce-cli, docker.io"),
    at("/bin/docker", Client, "the same, where /bin links to /usr/bin"),
    at("/usr/local/bin/docker", Client, "docs.docker.com/engine/install/binaries"),
    at("/snap/bin/docker", Client, "canonical/docker-snap"),

    // Windows named pipes, whose names ignore case.
    at("docker_engine", Pipe(Runtime::Docker), "docs.docker.com/reference/cli/dockerd, npipe"),
    at("docker_engine_windows", Pipe(Runtime::Docker), "Docker Desktop, Windows containers"),
    at("docker_engine_linux", Pipe(Runtime::Docker), "Docker Desktop, Linux containers"),
    at("dockerdesktopengine", Pipe(Runtime::Docker), "Docker Desktop"),
    at("dockerdesktoplinuxengine", Pipe(Runtime::Docker), "Docker Desktop, docker context desktop-linux"),
    at("dockerdesktopwindowsengine", Pipe(Runtime::Docker), "Docker Desktop, docker context desktop-windows"),
    at("dockershim", Pipe(Runtime::CriDockerd), "kubernetes/kubernetes before 1.24"),
    at("cri-dockerd", Pipe(Runtime::CriDockerd), "Mirantis/cri-dockerd, Windows"),
    at("containerd-containerd", Pipe(Runtime::Containerd), "containerd/containerd, defaults/defaults_windows.go"),
    at("docker-containerd", Pipe(Runtime::Containerd), "moby/moby, daemon's own containerd on Windows"),
];

/// Socket names that other programs use too.
const COMMON_NAMES: [&str; 1] = ["backend.sock"];
/// Sockets in runtime directories. The table has only the directories.
const INSIDE: [&str; 6] = [
    "containerd.sock",
    "nri.sock",
    "crio.sock",
    "podman.sock",
    "io.podman",
    "buildkitd.sock",
];

/// File names of runtimes' sockets, for `scan` to find in text that it cannot parse.
pub fn words() -> impl Iterator<Item = &'static str> {
    let sockets = TABLE.iter().filter_map(|entry| match entry.kind {
        Kind::DockerSocket | Kind::Runtime(_) => entry.path.rsplit('/').next(),
        Kind::Data(_) | Kind::Client | Kind::Pipe(_) => None,
    });
    let sockets = sockets.filter(|name| name.ends_with(".sock") && !COMMON_NAMES.contains(name));
    let mut seen = Vec::new();
    sockets.chain(INSIDE).filter(move |name| {
        let is_new = !seen.contains(name);
        seen.push(*name);
        is_new
    })
}

/// Names of runtimes' named pipes, in lower case: `docker_engine`.
pub fn pipes() -> impl Iterator<Item = (&'static str, Runtime)> {
    TABLE.iter().filter_map(|entry| match entry.kind {
        Kind::Pipe(runtime) => Some((entry.path, runtime)),
        Kind::DockerSocket | Kind::Runtime(_) | Kind::Data(_) | Kind::Client => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::path::CleanPath;

    #[test]
    fn every_path_is_written_as_a_node_resolves_it() {
        for entry in TABLE {
            match entry.kind {
                Kind::Pipe(_) => assert_eq!(entry.path, entry.path.to_lowercase()),
                Kind::DockerSocket | Kind::Runtime(_) | Kind::Data(_) | Kind::Client => {
                    assert_eq!(CleanPath::on_node(entry.path).as_str(), entry.path);
                }
            }
            let stars = entry.path.split('/').filter(|part| part.contains('*'));
            assert!(stars.into_iter().all(|part| part == "*"), "{}", entry.path);
            assert!(!entry.source.is_empty(), "{}", entry.path);
        }
    }

    #[test]
    fn no_path_is_there_twice() {
        let mut paths: Vec<&str> = TABLE.iter().map(|entry| entry.path).collect();
        paths.sort_unstable();
        let before = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), before);
    }

    #[test]
    fn a_word_is_a_sockets_own_name() {
        let words: Vec<&str> = words().collect();
        for word in [
            "docker.sock",
            "containerd.sock",
            "crio.sock",
            "podman.sock",
            "dockershim.sock",
        ] {
            assert!(words.contains(&word), "{word}");
        }
        assert!(!words.contains(&"backend.sock"));
    }
}
