//! The sidecar to be taken out, as it stands in a manifest.
//!
//! Known by its start command's shape and by its socket's volume, so that one with an older
//! version's script is known, too.

use serde_json::Value;

use crate::decide::asked_mounts::mount_paths;
use crate::model::path::CleanPath;
use crate::names;
use crate::plan::flags;
use crate::plan::original::is_record;

use crate::uninject::UninjectError;
use crate::uninject::record::Record;

/// The sidecar of a Pod, and what belongs to it.
#[derive(Debug)]
pub(super) struct Sidecar {
    /// The list it stands in: `initContainers` or `containers`.
    pub list: &'static str,
    /// Its index there.
    pub index: usize,
    /// The volume of its socket.
    pub socket_volume: String,
    /// Where that volume is mounted.
    pub shared_dir: String,
    /// The volume that it shares `/tmp` by, where it does.
    pub tmp_volume: Option<String>,
    /// Every volume that came with it.
    pub volumes: Vec<String>,
    /// Whether the Pod asks for it by annotation, so that mounts were added and not swapped.
    pub is_asked_for: bool,
    /// Where the Pod asks for mounts of what the daemon shares.
    pub asked_paths: Vec<String>,
    /// The group of its socket.
    pub group: Option<i64>,
    /// Whether it is the rootless image.
    pub rootless: bool,
    /// The records of the passes over the Pod, the first one first.
    pub records: Vec<Record>,
}

/// The items of a list, none where it is missing, `null` or something else.
pub(super) fn items<'v>(parent: &'v Value, field: &str) -> &'v [Value] {
    let list = parent.get(field).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// A string field, empty where it is missing.
pub(super) fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The sidecar in `pod`.
pub(super) fn find(pod: &Value) -> Result<Option<Sidecar>, UninjectError> {
    let spec = &pod["spec"];
    let annotations = &pod["metadata"]["annotations"];
    let is_asked_for = [names::INJECT, names::APPLATIX]
        .iter()
        .any(|key| annotations.get(key).is_some());
    let asked_paths: Vec<String> = match annotations.get(names::MOUNTS).and_then(Value::as_str) {
        Some(mounts) if is_asked_for => mount_paths(mounts).map(str::to_owned).collect(),
        Some(_) | None => Vec::new(),
    };
    for list in ["initContainers", "containers"] {
        for (index, container) in items(spec, list).iter().enumerate() {
            if let Some(sidecar) = read(spec, list, index, container)? {
                return Ok(Some(Sidecar {
                    is_asked_for,
                    asked_paths,
                    ..sidecar
                }));
            }
        }
    }
    Ok(None)
}

fn read(
    spec: &Value,
    list: &'static str,
    index: usize,
    container: &Value,
) -> Result<Option<Sidecar>, UninjectError> {
    let value_of = |name: &str| {
        let found = items(container, "env")
            .iter()
            .rfind(|var| text(var, "name") == name);
        found.map(|var| text(var, "value"))
    };
    let Some(shared_dir) = value_of(names::env::SOCKETS)
        .filter(|_| has_start_command(container))
        .and_then(|sockets| {
            let socket = CleanPath::new(sockets.split(' ').next()?);
            Some(socket.parent()?.into_owned())
        })
    else {
        return Ok(None);
    };
    let mounted_at = |path: &CleanPath<'_>| {
        let mut mounts = items(container, "volumeMounts").iter();
        let mount = mounts.find(|mount| CleanPath::new(text(mount, "mountPath")) == *path)?;
        Some(text(mount, "name"))
    };
    let volumes = items(spec, "volumes");
    let index_of = |name: &str| {
        volumes
            .iter()
            .position(|volume| text(volume, "name") == name)
    };
    let Some(socket_volume) = mounted_at(&shared_dir) else {
        return Ok(None);
    };
    let Some(socket_index) = index_of(socket_volume) else {
        return Ok(None);
    };
    // An author's volume may have a name of ours and be mirrored at the same path; ours were
    // added after all of the author's.
    let ours = |path: &str, base: &str| {
        let name = mounted_at(&CleanPath::new(path)).filter(|name| is_numbered(name, base))?;
        index_of(name).filter(|index| *index > socket_index)?;
        Some(name.to_owned())
    };
    let storage = ours(names::STORAGE_DIR, names::STORAGE_VOLUME)
        .or_else(|| ours(flags::ROOTLESS_STORAGE_DIR, names::STORAGE_VOLUME));
    let slots = ours(names::SLOTS_DIR, names::SLOTS_VOLUME);
    let tmp_volume = ours("/tmp", names::TMP_VOLUME);
    let ca = ours(flags::CA_DIR, names::CA_VOLUME);
    let mut records = Vec::new();
    for var in items(container, "env") {
        let name = text(var, "name");
        if is_record(name) {
            records.push(Record::read(name, text(var, "value"))?);
        }
    }
    Ok(Some(Sidecar {
        list,
        index,
        socket_volume: socket_volume.to_owned(),
        shared_dir: shared_dir.as_str().to_owned(),
        volumes: [
            Some(socket_volume.to_owned()),
            storage,
            slots,
            tmp_volume.clone(),
            ca,
        ]
        .into_iter()
        .flatten()
        .collect(),
        tmp_volume,
        is_asked_for: false,
        asked_paths: Vec::new(),
        group: value_of(names::env::GROUP).and_then(|gid| gid.parse().ok()),
        rootless: value_of(names::env::ROOTLESS) == Some("1"),
        records,
    }))
}

/// A shell, a script, and this project's name as the script's `$0`.
fn has_start_command(container: &Value) -> bool {
    match items(container, "command") {
        [shell, flag, script, name] => {
            shell == "/bin/sh" && flag == "-c" && script.is_string() && name == names::SCRIPT_NAME
        }
        _ => false,
    }
}

/// `base`, or `base-2` and so on, as names are made where `base` is taken.
fn is_numbered(name: &str, base: &str) -> bool {
    let Some(rest) = name.strip_prefix(base) else {
        return false;
    };
    let number = rest.strip_prefix('-');
    rest.is_empty() || number.is_some_and(|number| number.parse::<u32>().is_ok())
}
