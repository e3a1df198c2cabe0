//! A hostPath that is filled in later (`${SOCKET}`, `{{ .Values.path }}`), where what it will be
//! may be a socket. Pure.

use serde_json::{Map, Value};

use crate::model::path::CleanPath;
use crate::model::sockets::{Leads, Sockets};
use crate::model::view::Pod;

/// What stands in a path that is no path yet.
const MARKS: [&str; 9] = ["${", "$(", "{{", "}}", "<%", "@@", "[[", "((", "%("];

/// What a variable that holds a socket is called.
const WORDS: [&str; 5] = ["sock", "docker", "containerd", "crio", "runtime"];

/// Whether `path` is filled in before it gets to a cluster.
pub fn is_placeholder(path: &str) -> bool {
    if path.is_empty() || path.starts_with("\\\\") || is_windows(path) {
        return false;
    }
    let mut after = path.split('$').skip(1);
    let is_variable =
        after.any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    !path.starts_with('/') || is_variable || MARKS.iter().any(|mark| path.contains(mark))
}

/// Whether something in `text` is filled in later.
pub fn is_in(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}

/// Whether nothing of a path that is filled in later says where it leads.
fn is_open(path: &str) -> bool {
    let first = MARKS.iter().filter_map(|mark| path.find(mark)).min();
    let fixed = &path[..first.or_else(|| path.find('$')).unwrap_or(0)];
    fixed.trim_matches('/').is_empty()
}

/// `C:\\`, `C:/`.
fn is_windows(path: &str) -> bool {
    let bytes = path.as_bytes();
    matches!(bytes, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

/// Whether a path at which something is mounted is one where sockets are.
pub fn is_for_sockets(mount_path: &str, sockets: &Sockets) -> bool {
    if mount_path.ends_with(".sock") || mount_path.contains("\\pipe\\") {
        return true;
    }
    match sockets.leads(&CleanPath::on_node(mount_path)) {
        Some(Leads::Socket | Leads::Directory | Leads::Runtime(_) | Leads::Pipe(_)) => true,
        Some(Leads::Ancestor | Leads::Client | Leads::Data(_) | Leads::Storage) | None => false,
    }
}

/// The hostPaths of a Pod that are placeholders and may lead anywhere, each with its JSON pointer.
pub fn paths(pod: &Map<String, Value>) -> Vec<(String, &str)> {
    let volumes = pod.get("spec").and_then(|spec| spec.get("volumes"));
    let volumes = volumes.and_then(Value::as_array).into_iter().flatten();
    let pointers = volumes.enumerate().filter_map(|(index, volume)| {
        let path = volume.pointer("/hostPath/path")?.as_str()?;
        (is_placeholder(path) && is_open(path))
            .then(|| (format!("/spec/volumes/{index}/hostPath/path"), path))
    });
    pointers.collect()
}

/// The hostPaths of `pod` that are placeholders and, by their own name or by where they are
/// mounted, may be sockets: pointer, and where it is mounted.
pub fn hidden(pod: &Pod<'_>, sockets: &Sockets) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (index, volume) in pod.spec.volumes.iter().enumerate() {
        let Some(source) = &volume.host_path else {
            continue;
        };
        if !is_placeholder(&source.path) {
            continue;
        }
        let name = source.path.to_ascii_lowercase();
        let is_named = WORDS.iter().any(|word| name.contains(word));
        let mounts = pod
            .containers()
            .flat_map(|(_, container)| container.volume_mounts.iter());
        let mut mounts = mounts.filter(|mount| mount.name == volume.name);
        let is_open = is_open(&source.path);
        let at = mounts.find(|mount| {
            is_named
                || is_for_sockets(&mount.mount_path, sockets)
                || is_open && is_placeholder(&mount.mount_path) && self::is_open(&mount.mount_path)
        });
        if let Some(mount) = at {
            found.push((
                format!("/spec/volumes/{index}/hostPath/path"),
                mount.mount_path.to_string(),
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_paths_from_what_is_filled_in() {
        for path in [
            "${SOCKET}",
            "$(SOCKET)",
            "$SOCKET",
            "{{ .Values.x }}",
            "/run/${X}",
            "SOCKET_PATH",
            "<%= x %>",
        ] {
            assert!(is_placeholder(path), "{path}");
        }
        for path in [
            "/run/docker.sock",
            "",
            r"\\.\pipe\docker_engine",
            r"C:\ProgramData",
            "/a/$1",
        ] {
            assert!(!is_placeholder(path), "{path}");
        }
    }

    #[test]
    fn a_path_that_begins_somewhere_leads_there() {
        for path in ["${X}", "/${X}", "{{ .Values.x }}", "$X", "SOCKET_PATH"] {
            assert!(is_open(path), "{path}");
        }
        for path in ["/data/${X}", "/srv/{{ .Values.x }}", "/var/cache/$X"] {
            assert!(!is_open(path), "{path}");
        }
    }

    #[test]
    fn sockets_are_mounted_at_sockets() {
        let sockets = Sockets::default();
        for path in [
            "/var/run/docker.sock",
            "/run",
            "/x/engine.sock",
            r"\\.\pipe\docker_engine",
        ] {
            assert!(is_for_sockets(path, &sockets), "{path}");
        }
        for path in ["/", "/data", "/usr/bin/docker"] {
            assert!(!is_for_sockets(path, &sockets), "{path}");
        }
    }
}
