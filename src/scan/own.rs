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

use crate::scan::chars::is_path_char;
use crate::scan::mentions::Words;
use crate::scan::nodes;
use crate::scan::placeholder;
use crate::scan::sources::assembly::items;

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
    let is_alone = is_alone(pod, written);
    let mut found = Vec::new();
    for (place, container) in pod.containers() {
        let mounts = container.volume_mounts.iter();
        let own = mounts.filter(|mount| emptied.contains(&*mount.name));
        seen.emptied = own
            .map(|mount| CleanPath::new(&mount.mount_path).unlinked())
            .collect();
        let list = written
            .get("spec")
            .and_then(|spec| spec.get(place.list.field()));
        let written = list.and_then(|list| list.get(place.index));
        if let Some(daemon) = written.filter(|own| is_alone && is_daemon(own)) {
            seen.listens(daemon, &place.to_string(), &mut found);
        }
        if seen.daemon.is_empty() && seen.emptied.is_empty() {
            continue;
        }
        let fields = written.and_then(Value::as_object);
        for (key, value) in fields.into_iter().flatten() {
            if key != "volumeMounts" {
                let at = below(&place.to_string(), key);
                nodes::strings(value, &at, &|text| seen.has_all(text), &mut found);
            }
        }
    }
    found
}

/// What a volume may be that has nothing of a node, and nothing that another object may have of it.
const OF_THE_POD: [&str; 5] = [
    "emptyDir",
    "configMap",
    "secret",
    "downwardAPI",
    "projected",
];

/// Whether a Pod has a daemon of its own, and sees none else by a path: it stands here with all of its volumes, and
/// none is of the node or of another object, or filled in later.
fn is_alone(pod: &Pod<'_>, written: &Map<String, Value>) -> bool {
    let Some(Value::Object(spec)) = written.get("spec") else {
        return false;
    };
    let lists = ["initContainers", "containers"];
    let mut all = lists.iter().flat_map(|list| items(spec.get(*list)));
    if !all.any(is_daemon) {
        return false;
    }
    // `/proc/1/root` is the node's.
    if spec
        .get("hostPID")
        .is_some_and(|own| *own != Value::Bool(false))
    {
        return false;
    }
    let volumes = || items(spec.get("volumes"));
    let is_own = |volume: &Value| {
        let fields = volume.as_object().into_iter().flatten();
        let mut fields = fields.filter(|(key, _)| *key != "name").peekable();
        fields.peek().is_some() && fields.all(|(key, _)| OF_THE_POD.contains(&key.as_str()))
    };
    if !volumes().all(is_own) {
        return false;
    }
    // What is mounted, and is no volume here, comes with a patch or from a claim's template.
    let names: HashSet<&str> = pod
        .spec
        .volumes
        .iter()
        .map(|volume| &*volume.name)
        .collect();
    let mut containers = pod.containers();
    let is_known = containers.all(|(_, container)| {
        let mut mounts = container.volume_mounts.iter();
        mounts.all(|mount| names.contains(&*mount.name))
    });
    is_known && !spec.values().any(is_filled_in)
}

/// Whether a container runs a daemon, by its image or by what it starts.
fn is_daemon(container: &Value) -> bool {
    let image = container.get("image").and_then(Value::as_str);
    let is_image = image.is_some_and(|image| image.contains("dind") || image.contains("buildkit"));
    let starts = ["command", "args"].map(|field| items(container.get(field)).next());
    let mut starts = starts.into_iter().flatten().filter_map(Value::as_str);
    is_image || starts.any(|word| word.ends_with("dockerd") || word.ends_with("buildkitd"))
}

/// The path at which a daemon listens by an argument that says nothing else: `unix:///run/docker.sock`,
/// `--host=unix://…`.
fn address(word: &str) -> Option<&str> {
    let flags = ["", "--host=", "--addr=", "-H=", "-H"];
    let mut paths = flags
        .iter()
        .filter_map(|flag| word.strip_prefix(flag)?.strip_prefix("unix://"));
    paths.find(|path| is_path(path))
}

/// The path that a probe tests for a socket, `test -S /run/docker.sock`, in one word or behind the `last` one.
fn tested<'w>(last: Option<&str>, word: &'w str) -> Option<&'w str> {
    let path = match word.split_whitespace().collect::<Vec<_>>()[..] {
        ["test", "-S", path] | ["[", "-S", path, "]"] => path,
        _ => Some(word).filter(|_| last == Some("-S"))?,
    };
    is_path(path).then_some(path)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.chars().all(is_path_char)
}

/// Whether a string of a value is filled in later.
fn is_filled_in(value: &Value) -> bool {
    match value {
        Value::String(text) => placeholder::is_in(text),
        Value::Array(items) => items.iter().any(is_filled_in),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| placeholder::is_in(key) || is_filled_in(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
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
    /// Takes where a daemon is told to listen, and what looks whether it does.
    fn listens(&self, container: &Value, at: &str, found: &mut Vec<String>) {
        let words = self.words.get_or_init(|| Words::of(self.sockets));
        let is_socket = |path: &str| path.ends_with(".sock") && words.has_path(path);
        let all = |list: Option<&Value>| -> Vec<String> {
            let list = items(list).map(|word| word.as_str().unwrap_or_default().to_owned());
            list.collect()
        };
        for field in ["command", "args"] {
            for (index, word) in all(container.get(field)).iter().enumerate() {
                if address(word).is_some_and(is_socket) {
                    found.push(format!("{at}/{field}/{index}"));
                }
            }
        }
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let command = container.get(probe).and_then(|probe| probe.get("exec"));
            let command = all(command.and_then(|exec| exec.get("command")));
            for (index, word) in command.iter().enumerate() {
                let last = index.checked_sub(1).and_then(|last| command.get(last));
                let tested = tested(last.map(String::as_str), word);
                if address(word).or(tested).is_some_and(is_socket) {
                    found.push(format!("{at}/{probe}/exec/command/{index}"));
                }
            }
        }
    }

    /// Whether a text names sockets, all of which are seen here.
    fn has_all(&self, text: &str) -> bool {
        let words = self.words.get_or_init(|| Words::of(self.sockets));
        if words.all(text).is_empty() {
            return false;
        }
        let parts = text.split_inclusive(|c| !is_path_char(c)).map(|part| {
            let path = part.trim_end_matches(|c| !is_path_char(c));
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
