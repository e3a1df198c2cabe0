//! Where the daemon listens.
//!
//! In the shared directory under each name that a container mounts, and at the node's own paths inside the
//! sidecar, so that `docker run -v /var/run/docker.sock:…` works in the Pod. Never in a container's volume,
//! though: if that is a directory of the node, dockerd would replace the node's socket.

use crate::model::asked::DaemonPart;
use crate::model::path::CleanPath;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::names;
use crate::plan::mirror::Mirror;

use crate::plan::planner::Planner;

impl Planner<'_, '_, '_> {
    /// Paths of the sockets, the shared one first.
    pub(crate) fn sockets(&self, mirror: &Mirror<'_>) -> Vec<String> {
        let mut at: Vec<CleanPath<'_>> = Vec::new();
        let mut in_a_volume = |socket: &str| {
            if at.is_empty() {
                let mounts = mirror.mounts.iter();
                at.extend(mounts.map(|mount| CleanPath::new(&mount.mount_path).unlinked()));
                at.extend(mirror.links.iter().cloned());
            }
            let socket = CleanPath::new(socket).unlinked();
            at.iter().any(|at| at.holds(&socket))
        };
        // Sockets of the policy that were compared: few, however many a Pod mounts.
        let mut seen: Vec<String> = Vec::new();
        let shared = |file: &str| format!("{}/{file}", self.shared_dir);
        let rootless = self.injection.profile.rootless;
        let mut sockets = vec![shared(names::SOCKET_FILE)];
        if !rootless {
            sockets.push(DEFAULT_SOCKET.to_owned());
        }
        // A policy has few sockets, however many a Pod mounts.
        fn is_new(sockets: &[String], socket: &str) -> bool {
            sockets.iter().all(|known| known != socket)
        }
        for (part, path, files) in self.shown() {
            let directory = match part {
                DaemonPart::Socket => path.parent(),
                DaemonPart::Directory => Some(path.clone()),
                DaemonPart::Client => None,
            };
            let Some(directory) = directory else {
                continue;
            };
            for file in files {
                let in_shared = shared(file);
                if is_new(&sockets, &in_shared) {
                    sockets.push(in_shared);
                }
                let at = directory.join(file);
                let at = at.as_str();
                // The list is split at blanks, and a kubelet expands what begins with a dollar.
                let is_plain = at
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'$');
                if rootless || !is_plain || at == "/run/docker.sock" || !is_new(&seen, at) {
                    continue;
                }
                seen.push(at.to_owned());
                if is_new(&sockets, at) && !in_a_volume(at) {
                    sockets.push(at.to_owned());
                }
            }
        }
        sockets
    }
}
