//! What the webhook itself put into a Pod: it names sockets, and they are the Pod's own. Pure.

use crate::budget::Budget;
use crate::detect::installed::installed;
use crate::model::view::Pod;
use crate::names;

/// What the start script's settings begin with.
const SETTINGS: &str = "DIND_";

/// The JSON pointers of the Pod's parts that are the webhook's work; none where its sidecar is
/// not recognized.
pub fn parts(pod: &Pod<'_>) -> Vec<String> {
    let Ok(Some(sidecar)) = installed(pod, &Budget::new()) else {
        return Vec::new();
    };
    let own = sidecar.place;
    let mut parts = [
        "command",
        "args",
        "startupProbe",
        "livenessProbe",
        "readinessProbe",
    ]
    .map(|field| format!("{own}/{field}"))
    .to_vec();
    let shared = sidecar.shared_dir.as_str();
    for (place, container) in pod.containers() {
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            if *mount.name == *sidecar.socket_volume {
                parts.push(format!("{place}/volumeMounts/{index}"));
            }
        }
        for (index, variable) in container.env.iter().enumerate() {
            let leads_there =
                *variable.name == *names::DOCKER_HOST && variable.value.contains(shared);
            if leads_there || place == own && variable.name.starts_with(SETTINGS) {
                parts.push(format!("{place}/env/{index}"));
            }
        }
    }
    parts
}
