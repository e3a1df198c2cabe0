//! What of a Pod names sockets that are the Pod's own: the webhook's work, and a daemon that shares its socket in a
//! volume. Pure.

use std::cell::OnceCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::budget::Budget;
use crate::decide::asked_mounts::mount_paths;
use crate::detect::installed::installed;
use crate::manifest::below;
use crate::model::path::CleanPath;
use crate::model::sockets::{DEFAULT_SOCKET, Sockets};
use crate::model::view::Pod;
use crate::names;

use crate::scan::mentions::Words;

/// What the start script's settings begin with.
const SETTINGS: &str = "DIND_";

/// The JSON pointers of the Pod's parts that are the webhook's work; none where its sidecar is
/// not recognized.
pub fn parts(pod: &Pod<'_>) -> Vec<String> {
    let Ok(Some(sidecar)) = installed(pod, &Budget::new()) else {
        return Vec::new();
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

/// The JSON pointers of the strings in a Pod's containers that name sockets of a daemon of the Pod's own and none else:
/// where the annotation has the webhook mount it, and where a volume is mounted that is no path of the node.
/// `written` is the Pod with all its fields, `annotations` what it will have beside its own.
pub fn strings(
    pod: &Pod<'_>,
    written: &Map<String, Value>,
    annotations: Option<&Value>,
    sockets: &Sockets,
) -> Vec<String> {
    let annotation = |name: &str| {
        let own = pod.metadata().annotations.get(name);
        own.or_else(|| annotations?.get(name)?.as_str())
    };
    let is_asked = annotation(names::INJECT) == Some("true");
    let list = annotation(names::MOUNTS).filter(|_| is_asked);
    let of_daemon = list.into_iter().flat_map(mount_paths);
    let of_daemon = of_daemon.chain(is_asked.then_some(DEFAULT_SOCKET));
    let volumes = pod.spec.volumes.iter();
    let emptied: HashSet<&str> = volumes
        .filter(|volume| volume.empty_dir.is_some())
        .map(|volume| &*volume.name)
        .collect();
    let mut seen = Seen {
        daemon: of_daemon
            .map(|path| CleanPath::new(path).unlinked())
            .collect(),
        emptied: Vec::new(),
        words: OnceCell::new(),
        sockets,
    };
    let mut found = Vec::new();
    for (place, container) in pod.containers() {
        let mounts = container.volume_mounts.iter();
        let own = mounts.filter(|mount| emptied.contains(&*mount.name));
        seen.emptied = own
            .map(|mount| CleanPath::new(&mount.mount_path).unlinked())
            .collect();
        if seen.daemon.is_empty() && seen.emptied.is_empty() {
            continue;
        }
        let list = written
            .get("spec")
            .and_then(|spec| spec.get(place.list.field()));
        let written = list.and_then(|list| list.get(place.index)?.as_object());
        for (key, value) in written.into_iter().flatten() {
            if key != "volumeMounts" {
                seen.look(value, &below(&place.to_string(), key), &mut found);
            }
        }
    }
    found
}

/// What a container sees of a daemon of its Pod's own.
struct Seen<'p> {
    /// The daemon's socket, or the directory that holds it.
    daemon: Vec<CleanPath<'p>>,
    /// What is empty as the Pod starts: a socket in one, or at its path, is the Pod's.
    emptied: Vec<CleanPath<'p>>,
    words: OnceCell<Words>,
    sockets: &'p Sockets,
}

impl Seen<'_> {
    fn look(&self, value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(text) if self.has_all(text) => found.push(at.to_owned()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.look(item, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.look(value, &below(at, key), found);
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a text names sockets, all of which are seen here.
    fn has_all(&self, text: &str) -> bool {
        let words = self.words.get_or_init(|| Words::of(self.sockets));
        if words.all(text).is_empty() {
            return false;
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let parts = text.split_inclusive(|c| !is_part(c)).map(|part| {
            let path = part.trim_end_matches(|c| !is_part(c));
            match path.starts_with('/') && self.has(path) {
                true => " ",
                false => part,
            }
        });
        words.all(&parts.collect::<String>()).is_empty()
    }

    fn has(&self, path: &str) -> bool {
        let path = CleanPath::new(path).unlinked();
        let parent = path.parent();
        let mut seen = self.emptied.iter().chain(&self.daemon);
        seen.any(|own| path == *own || parent.as_ref() == Some(own))
    }
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
