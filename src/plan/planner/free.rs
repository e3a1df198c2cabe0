//! Names and paths that are free in a Pod.
//!
//! Nothing that is added to a Pod may take a name or a path that the Pod already uses.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;
use std::hash::Hash;

use crate::model::asked::AskedMount;
use crate::model::path::CleanPath;
use crate::model::view::{Container, Pod, VolumeMount};
use crate::names;

/// `base`, or `base` with a number if a container has that name.
pub(crate) fn container(pod: &Pod<'_>, base: &'static str) -> Cow<'static, str> {
    free_name(base, || pod.containers().map(|(_, c)| &*c.name))
}

/// `base`, or `base` with a number if it is taken. A name that only a mount uses counts as taken: a new
/// volume would make that mount valid.
pub(crate) fn volume(pod: &Pod<'_>, base: &'static str) -> Cow<'static, str> {
    free_name(base, || {
        let volumes = pod.spec.volumes.iter().map(|volume| &*volume.name);
        volumes.chain(mounts(pod).map(|mount| &*mount.name))
    })
}

/// The shared directory's path, at which no container mounts anything, and none is to.
pub(crate) fn directory(pod: &Pod<'_>, asked: &[AskedMount]) -> Cow<'static, str> {
    // It has one component, so only a mount's first one can be the same.
    free_name(names::SHARED_DIR, || {
        let mounts = mounts(pod).map(|mount| &*mount.mount_path);
        let asked = asked.iter().map(|mount| mount.mount_path.as_str());
        let paths = mounts.chain(asked);
        paths.map(|path| CleanPath::new(path).first())
    })
}

fn mounts<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = &'p VolumeMount<'a>> {
    let mounts = pod.containers().flat_map(|(_, c)| &c.volume_mounts);
    mounts.map(|mount| &**mount)
}

/// `base`, or else the first of `base-2`, `base-3`, … that is not in `taken`, which is only collected if
/// `base` is taken.
fn free_name<T: Borrow<str> + Eq + Hash, I: Iterator<Item = T>>(
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

/// As [`mounts_at`], for many paths of one container.
pub(crate) fn mount_paths<'c>(container: &'c Container<'_>) -> HashSet<CleanPath<'c>> {
    let mounts = container.volume_mounts.iter();
    mounts
        .map(|mount| CleanPath::new(&mount.mount_path))
        .collect()
}

pub(crate) fn mounts_at(container: &Container<'_>, path: &CleanPath<'_>) -> bool {
    let mut mounts = container.volume_mounts.iter();
    mounts.any(|mount| CleanPath::new(&mount.mount_path) == *path)
}

/// Whether `container` already mounts something where the socket would be mounted.
pub(crate) fn mounts_near_socket(container: &Container<'_>) -> bool {
    container.volume_mounts.iter().any(|mount| {
        let at = CleanPath::new(&mount.mount_path).unlinked();
        matches!(at.as_str(), "/run" | "/run/docker.sock")
    })
}
