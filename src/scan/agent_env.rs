//! `DOCKER_HOST` as agents of Jenkins and GitLab's runners are given it, in forms that are no `env` of a container. The
//! path of a socket in it is none of its own where the agent mounts that, which is told, or has the webhook do so. Pure.

use serde_json::{Map, Value};

use crate::decide::asked_mounts::mount_paths;
use crate::model::path::CleanPath;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::names;

use crate::scan::nodes;
use crate::scan::sources::assembly::items;
use crate::scan::sources::jenkins::MAX_DEPTH;

/// The pointers to such paths in a document.
pub(super) fn pointers(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    nodes::mappings(document, "", MAX_DEPTH, &mut |map, at| {
        of_jenkins(map, at, &mut found);
        of_gitlab(map, at, &mut found);
    });
    found
}

/// What an agent sees of a daemon.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The paths at which it has something mounted.
    pub mounts: Vec<String>,
    /// Its annotations.
    pub annotations: Vec<(String, String)>,
}

impl Seen {
    /// Whether the socket of a `DOCKER_HOST` is mounted, or lies in a directory that is.
    pub fn has(&self, address: &str) -> bool {
        let Some(socket) = address.strip_prefix("unix://") else {
            return false;
        };
        let annotation = |name: &str| {
            let mut all = self.annotations.iter();
            let found = all.find(|(own, _)| own == name);
            found.map(|(_, value)| value.as_str())
        };
        let is_asked = annotation(names::INJECT) == Some("true");
        let asked = annotation(names::MOUNTS).filter(|_| is_asked);
        let asked = asked.into_iter().flat_map(mount_paths);
        let asked = asked.chain(is_asked.then_some(DEFAULT_SOCKET));
        let mut all = asked.chain(self.mounts.iter().map(String::as_str));
        let socket = CleanPath::new(socket).unlinked();
        let parent = socket.parent();
        all.any(|path| {
            let path = CleanPath::new(path).unlinked();
            path == socket || parent.as_ref() == Some(&path)
        })
    }
}

/// `envVars` of an agent's template, and of its containers.
fn of_jenkins(map: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    let containers = items(map.get("containers")).enumerate();
    let containers = containers.map(|(index, one)| {
        let at = format!("{at}/containers/{index}/envVars");
        (at, one.get("envVars"))
    });
    let own = (format!("{at}/envVars"), map.get("envVars"));
    let mut given = Vec::new();
    for (at, list) in std::iter::once(own).chain(containers) {
        for (index, one) in items(list).enumerate() {
            // Configuration as Code has the kind of a variable around it.
            let (variable, at) = match one.get("envVar") {
                Some(variable) => (variable, format!("{at}/{index}/envVar")),
                None => (one, format!("{at}/{index}")),
            };
            let is_one = pair(variable).is_some_and(|(name, _)| name == names::DOCKER_HOST);
            if is_one && let Some(address) = text(variable, "value") {
                given.push((address, format!("{at}/value")));
            }
        }
    }
    if given.is_empty() {
        return;
    }
    let volumes = items(map.get("volumes"));
    let mounts = volumes.filter_map(|volume| {
        let fields = volume.get("hostPathVolume").unwrap_or(volume);
        fields.get("hostPath")?;
        text(fields, "mountPath").map(str::to_owned)
    });
    let annotations = items(map.get("annotations"));
    let annotations = annotations.filter_map(|one| {
        let (name, value) = pair(one.get("podAnnotation").unwrap_or(one))?;
        Some((name.to_owned(), value.to_owned()))
    });
    let seen = Seen {
        mounts: mounts.collect(),
        annotations: annotations.chain(entries(map.get("annotations"))).collect(),
    };
    let of_seen = given.into_iter().filter(|(address, _)| seen.has(address));
    found.extend(of_seen.map(|(_, at)| at));
}

/// `environment` of a runner.
fn of_gitlab(map: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    let Some(settings) = map.get("kubernetes") else {
        return;
    };
    let mut given = Vec::new();
    for (index, one) in items(map.get("environment")).enumerate() {
        let variable = one.as_str().and_then(|one| one.split_once('='));
        if let Some((names::DOCKER_HOST, address)) = variable {
            given.push((address, format!("{at}/environment/{index}")));
        }
    }
    if given.is_empty() {
        return;
    }
    let volumes = items(settings.pointer("/volumes/host_path"));
    let mounts = volumes.filter_map(|volume| {
        let path = text(volume, "mount_path").or_else(|| text(volume, "host_path"));
        path.map(str::to_owned)
    });
    let seen = Seen {
        mounts: mounts.collect(),
        annotations: entries(settings.get("pod_annotations")).collect(),
    };
    let of_seen = given.into_iter().filter(|(address, _)| seen.has(address));
    found.extend(of_seen.map(|(_, at)| at));
}

fn text<'d>(value: &'d Value, key: &str) -> Option<&'d str> {
    value.get(key)?.as_str()
}

/// The `key`, or the `name`, and the `value` of an entry of a list.
fn pair(value: &Value) -> Option<(&str, &str)> {
    let name = text(value, "key").or_else(|| text(value, "name"))?;
    Some((name, text(value, "value")?))
}

/// The texts of a mapping.
fn entries(map: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    let map = map.and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
}
