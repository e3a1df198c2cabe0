//! Names and paths that a Pod leaves free.
//!
//! What is added to a Pod never takes a name or a path that something of it has.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;
use std::hash::Hash;

use crate::names;
use crate::pod::path::CleanPath;
use crate::pod::view::{Container, Pod};

/// Names that a new volume may not have: those of volumes, and those that mounts name where
/// there is no such volume, which would become valid.
fn volume_names<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = &'p str> {
    let volumes = pod.spec.volumes.iter().map(|volume| &*volume.name);
    let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
    volumes.chain(mounts.map(|mount| &*mount.name))
}

/// `base`, or else the first of `base-2`, `base-3`, … that is not among `taken`. They are gathered
/// only where `base` is.
pub(super) fn free_name<T: Borrow<str> + Eq + Hash, I: Iterator<Item = T>>(
    base: &'static str,
    taken: impl Fn() -> I,
) -> Cow<'static, str> {
    if taken().all(|name| name.borrow() != base) {
        return Cow::Borrowed(base);
    }
    let taken: HashSet<T> = taken().collect();
    let numbered = (2u32..).map(|number| format!("{base}-{number}"));
    let mut free = numbered.filter(|name| !taken.contains(name.as_str()));
    Cow::Owned(free.next().unwrap_or_else(|| base.to_owned()))
}

/// `base`, or else a name with a number, that a new volume may have.
pub(super) fn free_volume(base: &'static str, pod: &Pod<'_>) -> Cow<'static, str> {
    free_name(base, || volume_names(pod))
}

/// The shared directory's path: one at which no container mounts anything.
pub(super) fn free_directory(pod: &Pod<'_>) -> Cow<'static, str> {
    // It has one component, so only a mount's first one can be the same.
    free_name(names::SHARED_DIR, || {
        let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
        mounts.map(|mount| CleanPath::new(&mount.mount_path).first())
    })
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
