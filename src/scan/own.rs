//! What the webhook itself put into a Pod: it names sockets, and they are the Pod's own. Pure.

use crate::budget::Budget;
use crate::decide::asked_mounts::mount_paths;
use crate::detect::installed::installed;
use crate::model::path::CleanPath;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::model::view::Pod;
use crate::names;

/// What the start script's settings begin with.
const SETTINGS: &str = "DIND_";

/// The JSON pointers of the Pod's parts that are the webhook's work; none where its sidecar is
/// not recognized.
pub fn parts(pod: &Pod<'_>) -> Vec<String> {
    let Ok(Some(sidecar)) = installed(pod, &Budget::new()) else {
        return asked(pod);
    };
    let own = sidecar.place;
    let mut parts = ["startupProbe", "livenessProbe", "readinessProbe"]
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
            let mounts = container.volume_mounts.iter();
            let mut own_mounts = mounts.filter(|mount| *mount.name == *sidecar.socket_volume);
            let leads_there = *variable.name == *names::DOCKER_HOST
                && (variable.value.contains(shared)
                    || own_mounts.any(|mount| leads_to(&variable.value, &mount.mount_path)));
            if leads_there || place == own && variable.name.starts_with(SETTINGS) {
                parts.push(format!("{place}/env/{index}"));
            }
        }
    }
    parts
}
/// The variables of a Pod that asks for a daemon which lead to where its containers will see the daemon's socket.
fn asked(pod: &Pod<'_>) -> Vec<String> {
    let annotations = &pod.metadata().annotations;
    if annotations.get(names::INJECT) != Some("true") {
        return Vec::new();
    }
    let list = annotations.get(names::MOUNTS).unwrap_or_default();
    let mut parts = Vec::new();
    for (place, container) in pod.containers() {
        for (index, variable) in container.env.iter().enumerate() {
            let mut seen_at = mount_paths(list).chain([DEFAULT_SOCKET]);
            if *variable.name == *names::DOCKER_HOST
                && seen_at.any(|path| leads_to(&variable.value, path))
            {
                parts.push(format!("{place}/env/{index}"));
            }
        }
    }
    parts
}

/// Whether a `DOCKER_HOST` is the socket that is mounted at `path`, or lies in the directory that is.
fn leads_to(value: &str, path: &str) -> bool {
    let Some(socket) = value.strip_prefix("unix://") else {
        return false;
    };
    let socket = CleanPath::new(socket).unlinked();
    let path = CleanPath::new(path).unlinked();
    socket == path || socket.parent() == Some(path)
}
