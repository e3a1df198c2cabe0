//! Names and paths that a Pod leaves free.
//!
//! What is added to a Pod never takes a name or a path that something of it has.

use std::borrow::{Borrow, Cow};
use std::collections::HashSet;
use std::hash::Hash;

use crate::detect::candidates::Candidates;
use crate::model::asked::AskedMount;
use crate::model::path::CleanPath;
use crate::model::view::{Container, VolumeMount};
use crate::names;

impl<'p, 'a> Candidates<'p, 'a> {
    /// `base`, or else a name with a number, that a new container may have.
    pub(crate) fn free_container(&self, base: &'static str) -> Cow<'static, str> {
        free_name(base, || self.containers.iter().map(|(_, c)| &*c.name))
    }

    /// `base`, or else a name with a number, that a new volume may have: one of no volume, and one
    /// that no mount names where there is no such volume, for it would become valid.
    pub(crate) fn free_volume(&self, base: &'static str) -> Cow<'static, str> {
        free_name(base, || {
            let volumes = self.pod.spec.volumes.iter().map(|volume| &*volume.name);
            volumes.chain(self.mounts().map(|mount| &*mount.name))
        })
    }

    /// The shared directory's path: one at which no container mounts anything.
    pub(crate) fn free_directory(&self, asked: &[AskedMount]) -> Cow<'static, str> {
        // It has one component, so only a mount's first one can be the same.
        free_name(names::SHARED_DIR, || {
            let mounts = self.mounts().map(|mount| &*mount.mount_path);
            let asked = asked.iter().map(|mount| mount.mount_path.as_str());
            let paths = mounts.chain(asked);
            paths.map(|path| CleanPath::new(path).first().into_owned())
        })
    }

    fn mounts(&self) -> impl Iterator<Item = &'p VolumeMount<'a>> {
        let mounts = self.containers.iter().flat_map(|(_, c)| &c.volume_mounts);
        mounts.map(|mount| &**mount)
    }
}

/// `base`, or else the first of `base-2`, `base-3`, … that is not among `taken`. They are gathered
/// only where `base` is.
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

pub(crate) fn mounts_at(container: &Container<'_>, path: &CleanPath<'_>) -> bool {
    let mut mounts = container.volume_mounts.iter();
    mounts.any(|mount| CleanPath::new(&mount.mount_path) == *path)
}

/// Whether `container` has something of its own where the socket would be mounted.
pub(crate) fn mounts_near_socket(container: &Container<'_>) -> bool {
    container.volume_mounts.iter().any(|mount| {
        let at = CleanPath::new(&mount.mount_path).unlinked();
        matches!(at.as_str(), "/run" | "/run/docker.sock")
    })
}
