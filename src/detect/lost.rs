//! Mounts of ephemeral containers that were written for a socket, in a Pod that was swapped.

use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::sockets::Sockets;
use crate::model::view::Pod;

use super::installed::Installed;

/// Those that lead to no socket as they are, with their places and indexes: of a volume that the Pod had before it was swapped, or of a file of ours, which the API server refuses.
pub fn lost_sockets(
    pod: &Pod<'_>,
    installed: &Installed<'_, '_>,
    sockets: &Sockets,
) -> Vec<(Place, usize)> {
    let volumes = &pod.spec.volumes;
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
                false => {
                    sockets.docker().contains(&at)
                        && volumes.iter().all(|volume| volume.name != mount.name)
                }
            };
            if is_lost {
                lost.push((place, index));
            }
        }
    }
    lost
}
