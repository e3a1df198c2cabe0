//! Where the daemon listens.

use std::collections::BTreeSet;

use crate::names;
use crate::pod::detect::Reach;
use crate::pod::path::CleanPath;
use crate::pod::sockets::DEFAULT_SOCKET;
use crate::sidecar::container::Mount;

use super::Planner;

impl Planner<'_, '_, '_> {
    /// Where the daemon listens: in the shared directory under each name that a container
    /// mounts, and at the node's own paths in the sidecar, so that
    /// `docker run -v /var/run/docker.sock:…` works inside.
    /// Never in a volume of a container, though: where that is the node's directory, dockerd
    /// would put its socket in place of the node's.
    pub(super) fn sockets(&self, mounts: &[Mount<'_>]) -> Vec<String> {
        let in_a_volume = |socket: &str| {
            let socket = CleanPath::new(socket).unlinked();
            let mut at = mounts
                .iter()
                .map(|mount| CleanPath::new(&mount.mount_path).unlinked());
            at.any(|at| at.holds(&socket))
        };
        let shared = |file: &str| (format!("{}/{file}", self.shared_dir), Whose::Shared);
        let rootless = self.order.profile.rootless;
        let mut wanted = vec![shared(names::SOCKET_FILE)];
        if !rootless {
            wanted.push((DEFAULT_SOCKET.to_owned(), Whose::Shared));
        }
        for finding in &self.swaps {
            let directory = match finding.reach {
                Reach::Socket(_) => finding.node_path.parent(),
                Reach::Directory => Some(finding.node_path.clone()),
                Reach::Ancestor | Reach::Client | Reach::Runtime(_) | Reach::Unresolved => None,
            };
            let Some(directory) = directory else {
                continue;
            };
            for file in &finding.sockets {
                wanted.push(shared(file));
                let at = directory.join(file);
                if !rootless && at.as_str() != "/run/docker.sock" {
                    wanted.push((at.as_str().to_owned(), Whose::Node));
                }
            }
        }
        let mut seen = BTreeSet::new();
        wanted.retain(|(socket, whose)| {
            seen.insert(socket.clone())
                && match whose {
                    Whose::Shared => true,
                    Whose::Node => !in_a_volume(socket),
                }
        });
        wanted.into_iter().map(|(socket, _)| socket).collect()
    }
}

/// Whose name a path is.
enum Whose {
    /// One of ours, and the one that every client looks for.
    Shared,
    /// One that a socket has on the node, for what is started inside.
    Node,
}
