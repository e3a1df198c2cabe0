//! Names and paths that a Pod leaves free.
//!
//! What is added to a Pod never takes a name or a path that something of it has.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::names;
use crate::pod::path::CleanPath;
use crate::pod::view::{Container, Pod};

/// Names that a new volume may not have: those of volumes, and those that mounts name where
/// there is no such volume, which would become valid.
pub(super) fn volume_names<'p>(pod: &'p Pod<'_>) -> HashSet<&'p str> {
    let volumes = pod.spec.volumes.iter().map(|volume| &*volume.name);
    let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
    volumes.chain(mounts.map(|mount| &*mount.name)).collect()
}

/// `base`, or else the first of `base-2`, `base-3`, … that is not taken.
pub(super) fn free_name(base: &'static str, taken: &HashSet<&str>) -> Cow<'static, str> {
    let is_taken = |name: &str| taken.contains(name);
    if !is_taken(base) {
        return Cow::Borrowed(base);
    }
    let numbered = (2u32..).map(|number| format!("{base}-{number}"));
    let mut free = numbered.filter(|name| !is_taken(name));
    Cow::Owned(free.next().unwrap_or_else(|| base.to_owned()))
}

/// The shared directory's path: one at which no container mounts anything.
pub(super) fn free_directory(pod: &Pod<'_>) -> Cow<'static, str> {
    // It has one component, so only a mount's first one can be the same.
    let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
    let first = mounts.map(|mount| {
        let path = CleanPath::new(&mount.mount_path);
        let end = path.as_str()[1..].find('/');
        path.as_str()[..end.map_or(path.as_str().len(), |end| end + 1)].to_owned()
    });
    let first: HashSet<String> = first.collect();
    free_name(
        names::SHARED_DIR,
        &first.iter().map(String::as_str).collect(),
    )
}

pub(super) fn mounts_at(container: &Container<'_>, path: &CleanPath<'_>) -> bool {
    let mut mounts = container.volume_mounts.iter();
    mounts.any(|mount| CleanPath::new(&mount.mount_path) == *path)
}

/// Whether `container` has something of its own where the socket would be mounted.
pub(super) fn mounts_near_socket(container: &Container<'_>) -> bool {
    container.volume_mounts.iter().any(|mount| {
        let at = CleanPath::new(&mount.mount_path).unlinked();
        matches!(at.as_str(), "/run" | "/run/docker.sock")
    })
}
