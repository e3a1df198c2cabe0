//! At which paths of the sidecar a container's volume may be mounted.
//!
//! A mount can change the daemon: it can bring a configuration, a plugin, a device or a kernel module,
//! replace a program that the daemon runs, or hide a file that it needs. A list of such places is never
//! complete. So below system directories only the paths listed here are allowed; elsewhere (`/workspace`,
//! `/home`, `/mnt`) every path is.
//!
//! `/var/run` is compared as `/run`. `/bin`, `/lib` and `/sbin` are links in newer images, and the
//! directories they lead to are closed as well.

use crate::model::path::CleanPath;

const fn at(path: &'static str) -> CleanPath<'static> {
    CleanPath::literal(path)
}

/// System directories and files: nothing is mounted at, above or below one.
static SYSTEM: [CleanPath<'static>; 28] = [
    // Programs, libraries, and the paths that the loader searches.
    at("/bin"),
    at("/sbin"),
    at("/lib"),
    at("/lib32"),
    at("/lib64"),
    at("/libx32"),
    at("/usr"),
    // Docker's and containerd's configuration, CDI and NRI, /etc/ld-musl-*.path, modprobe.d, users, and the
    // configuration of iptables, git and ssh.
    at("/etc"),
    // ~/.docker, ~/.gitconfig, ~/.ssh: see HOMES.
    at("/root"),
    at("/home/rootless"),
    at("/boot"),
    at("/proc"),
    at("/sys"),
    at("/dev"),
    // Docker's plugins, a containerd that dockerd would use, CDI, systemd's marker files.
    at("/run"),
    at("/var/lib"),
    at("/var/db"),
    at("/var/empty"),
    at("/var/lock"),
    at("/var/spool"),
    // Where containerd searches for other programs, libraries and plugins.
    // Source: containerd, `plugins/types.go` and `docs/managed-opt.md`; NRI, `pkg/adaptation`.
    at("/opt/cni"),
    at("/opt/containerd"),
    at("/opt/nri"),
    at("/opt/bin"),
    // The image's own files.
    at("/.dockerenv"),
    at("/certs/server"),
    at("/nix"),
    at("/snap"),
];

/// Exceptions below those: caches, sources and data that no program of the image reads.
static FREE: [CleanPath<'static>; 32] = [
    at("/dev/kvm"),
    at("/dev/shm"),
    at("/etc/gitlab-runner"),
    at("/etc/grafana"),
    at("/etc/haproxy"),
    at("/etc/localtime"),
    at("/etc/machine-id"),
    at("/etc/nginx"),
    at("/etc/prometheus"),
    at("/etc/timezone"),
    at("/etc/traefik"),
    at("/run/argo"),
    // Tokens of service accounts, and files of secrets.
    at("/run/secrets"),
    at("/usr/app"),
    at("/usr/local/src"),
    at("/usr/share/elasticsearch"),
    at("/usr/share/jenkins"),
    at("/usr/share/maven"),
    at("/usr/share/nginx"),
    at("/usr/src"),
    at("/var/lib/buildkite-agent"),
    at("/var/lib/elasticsearch"),
    at("/var/lib/gitlab-runner"),
    at("/var/lib/go-agent"),
    at("/var/lib/grafana"),
    at("/var/lib/jenkins"),
    at("/var/lib/mongodb"),
    at("/var/lib/mysql"),
    at("/var/lib/postgresql"),
    at("/var/lib/rabbitmq"),
    at("/var/lib/redis"),
    at("/var/lib/registry"),
];

/// Directories that a system keeps for itself in the containers of its Pods, each container with volumes of its own
/// there. Source: Tekton Pipelines, `docs/tasks.md`, "Reserved directories".
static OF_SYSTEMS: [CleanPath<'static>; 1] = [at("/tekton")];

/// Whether no author's script means what is at `path` by `docker run -v`.
pub(super) fn is_of_a_system(path: &CleanPath<'_>) -> bool {
    OF_SYSTEMS.iter().any(|directory| directory.holds(path))
}

/// Home directories of the image's users. Programs of the image read only names there that start with a dot.
static HOMES: [CleanPath<'static>; 2] = [at("/root"), at("/home/rootless")];

/// Exceptions among these names: caches of build tools.
const FREE_HIDDEN: [&str; 22] = [
    ".android",
    ".bundle",
    ".cache",
    ".cargo",
    ".composer",
    ".gem",
    ".gradle",
    ".ivy2",
    ".jenkins",
    ".kube",
    ".m2",
    ".npm",
    ".nuget",
    ".pnpm-store",
    ".pub-cache",
    ".rustup",
    ".sbt",
    ".sonar",
    ".terraform.d",
    ".testcontainers.properties",
    ".vscode-server",
    ".yarn",
];

/// Kernel modules, which the daemon loads: only the node's own may be mounted here.
static MODULES: CleanPath<'static> = at("/lib/modules");

/// Whether a container's volume may be mounted at `path`. `node_path` is the hostPath it shows, if it is one.
pub fn is_free(path: &CleanPath<'_>, node_path: Option<&CleanPath<'_>>) -> bool {
    let path = &path.as_unlinked();
    if MODULES.holds(path) {
        return node_path == Some(path);
    }
    if FREE.iter().any(|free| free.holds(path)) {
        return true;
    }
    let home = HOMES.iter().find(|home| home.holds(path));
    if let Some(name) = home.and_then(|home| first_below(home, path)) {
        return !name.starts_with('.') || FREE_HIDDEN.contains(&name);
    }
    !SYSTEM.iter().any(|at| at.is_on_the_way(path))
}

/// The name of the entry of `directory` that `path` is, or is below.
fn first_below<'p>(directory: &CleanPath<'_>, path: &'p CleanPath<'_>) -> Option<&'p str> {
    let below = path.as_str().strip_prefix(directory.as_str())?;
    below.strip_prefix('/')?.split('/').next()
}

/// The absolute paths in a flag or variable of a profile (`--data-root=/data`): the daemon depends on these
/// too.
pub fn named_paths(text: &str) -> impl Iterator<Item = CleanPath<'_>> {
    let words = text.split(['=', ':', ',', ' ']);
    // The rest of an address after its scheme is not a path.
    let is_path = |word: &&str| word.starts_with('/') && !word.starts_with("//");
    words.filter(is_path).map(CleanPath::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(path: &str) -> bool {
        is_free(&CleanPath::new(path), None)
    }

    #[test]
    fn every_path_is_clean_and_what_is_free_lies_in_a_system_directory() {
        let paths = || SYSTEM.iter().chain(&FREE).chain(&HOMES);
        assert!(paths().all(CleanPath::is_clean));
        assert!(paths().all(|path| path.clone().unlinked() == *path));
        for free in &FREE {
            assert!(SYSTEM.iter().any(|system| system.holds(free)), "{free}");
        }
        assert!(FREE_HIDDEN.iter().all(|name| name.starts_with('.')));
    }

    #[test]
    fn nothing_that_could_change_the_daemon_is_a_containers_to_mount() {
        for path in [
            "/",
            "/bin",
            "/sbin/modprobe",
            "/lib",
            "/lib/firmware",
            "/lib/modules",
            "/lib/modules/6.12.0",
            "/lib64/ld-linux-x86-64.so.2",
            "/usr",
            "/usr/bin",
            "/usr/local/bin/dockerd",
            "/usr/libexec/docker/cli-plugins",
            "/usr/lib/docker/plugins",
            "/usr/share",
            "/usr/share/git-core/templates",
            "/usr/local/share/ca-certificates",
            "/etc",
            "/etc/docker/daemon.json",
            "/etc/docker/plugins",
            "/etc/containerd/config.toml",
            "/etc/ld-musl-x86_64.path",
            "/etc/ld.so.preload",
            "/etc/modprobe.d",
            "/etc/modules-load.d",
            "/etc/cdi",
            "/etc/nri/conf.d",
            "/etc/cni/net.d",
            "/etc/passwd",
            "/etc/subuid",
            "/etc/hosts",
            "/etc/resolv.conf",
            "/etc/nsswitch.conf",
            "/etc/ssl/certs",
            "/etc/gitconfig",
            "/etc/ssh/ssh_config",
            "/etc/apparmor.d",
            "/root",
            "/root/.docker",
            "/root/.docker/config.json",
            "/root/.docker/cli-plugins",
            "/root/.gitconfig",
            "/root/.config/git",
            "/root/.ssh/config",
            "/root/.local/share",
            "/root/.profile",
            "/home",
            "/home/rootless",
            "/home/rootless/.config/docker",
            "/home/rootless/.local/share/docker",
            "/proc/sys",
            "/sys/fs/cgroup",
            "/dev",
            "/dev/null",
            "/run",
            "/run/cdi",
            "/var/run/cdi",
            "/var/run/docker/plugins",
            "/run/containerd",
            "/run/systemd/system",
            "/run/user/1000",
            "/var",
            "/var/lib",
            "/var/lib/docker/overlay2",
            "/var/lib/containerd",
            "/var/lib/nri",
            "/opt",
            "/opt/containerd/bin",
            "/opt/cni/bin",
            "/opt/nri/plugins",
            "/workspace/../etc/docker",
        ] {
            assert!(!free(path), "{path}");
        }
    }

    #[test]
    fn workspaces_and_caches_are() {
        for path in [
            "/workspace",
            "/builds/group/project",
            "/home/jenkins/agent",
            "/home/runner/_work",
            "/data",
            "/mnt",
            "/mnt/cache",
            "/srv/app",
            "/tmp",
            "/tmp/etc/docker",
            "/certs/client",
            "/opt/atlassian/pipelines/agent/build",
            "/opt/hostedtoolcache",
            "/root/.m2",
            "/root/.cache/go-build",
            "/root/go",
            "/root/project",
            "/home/rootless/work",
            "/usr/src/app",
            "/var/jenkins_home",
            "/var/lib/jenkins/workspace",
            "/var/www/html",
            "/var/log/app",
            "/var/run/secrets/kubernetes.io/serviceaccount",
            "/dev/shm",
            "/etc/localtime",
            "/etcetera",
            "/library",
            "/runner",
        ] {
            assert!(free(path), "{path}");
        }
    }

    #[test]
    fn the_nodes_own_modules_are_free_and_no_others() {
        let modules = CleanPath::new("/lib/modules");
        assert!(is_free(&modules, Some(&modules)));
        for other in ["/tmp/modules", "/lib", "/lib/modules/6.12.0"] {
            assert!(!is_free(&modules, Some(&CleanPath::new(other))), "{other}");
        }
    }

    #[test]
    fn the_paths_of_a_flag_are_found() {
        let paths = |text| {
            named_paths(text)
                .map(|path| path.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(paths("--data-root=/data/docker/"), ["/data/docker"]);
        assert_eq!(paths("/etc/ssl/certs:/ca"), ["/etc/ssl/certs", "/ca"]);
        assert_eq!(paths("--add-runtime=crun=/opt/crun"), ["/opt/crun"]);
        assert_eq!(paths("--registry-mirror=https://a.example"), [""; 0]);
        assert_eq!(paths("--debug"), [""; 0]);
    }
}
