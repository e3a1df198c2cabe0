//! Socket mounts that an injected Pod no longer supports.
//!
//! `kubectl debug` and the like add an ephemeral container that was written for the Pod before its injection.
//! Its volume may be gone, or it mounts a single file of ours, which the API server refuses for ephemeral
//! containers.

use std::collections::HashSet;

use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::sockets::Sockets;
use crate::model::view::Pod;

use super::installed::Installed;

/// Place and index of each mount of an ephemeral container that expects a socket and would not get one.
pub fn lost_sockets(
    pod: &Pod<'_>,
    installed: &Installed<'_, '_>,
    sockets: &Sockets,
) -> Vec<(Place, usize)> {
    let volumes = pod.spec.volumes.iter();
    let volumes: HashSet<&str> = volumes.map(|volume| &*volume.name).collect();
    let mut lost = Vec::new();
    for (index, container) in pod.list(List::Ephemeral).iter().enumerate() {
        let place = Place {
            list: List::Ephemeral,
            index,
        };
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            let at = CleanPath::on_node(&mount.mount_path);
            let is_file = !(mount.sub_path.is_empty() && mount.sub_path_expr.is_empty());
            let is_lost = match *mount.name == *installed.socket_volume {
                true => is_file,
                false => sockets.docker().contains(&at) && !volumes.contains(&*mount.name),
            };
            if is_lost {
                lost.push((place, index));
            }
        }
    }
    lost
}
