//! One mount that the daemon needs, before it is known how the sidecar gets it.
//!
//! The kubelet may not yet be able to mount a container's volume in a sidecar that starts first. So the mount
//! that is wanted at a path is kept apart from the mount, link or bind that it becomes.

use std::borrow::Cow;

use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::view::VolumeMount;
use crate::plan::container::Mount;
use crate::plan::sub_path::SubPath;

/// What the daemon needs at a path.
pub(super) struct Wanted<'p, 'a> {
    pub(super) at: CleanPath<'p>,
    /// As it would be mounted there.
    pub(super) mount: Mount<'p>,
    /// The container that mounts it.
    pub(super) place: Place,
    pub(super) source: &'p VolumeMount<'a>,
    /// Whether the Pod's author is warned where it cannot be had.
    pub(super) is_told: bool,
    /// Whether the daemon has nothing to write there.
    pub(super) is_only_read: bool,
}

impl<'p, 'a> Wanted<'p, 'a> {
    pub(super) fn new(
        place: Place,
        source: &'p VolumeMount<'a>,
        sub_path: &SubPath,
        at: CleanPath<'p>,
        mount_path: Cow<'p, str>,
    ) -> Self {
        Self {
            at: at.unlinked(),
            mount: Mount {
                name: Cow::Borrowed(&source.name),
                mount_path,
                sub_path: sub_path.literal(),
                sub_path_expr: sub_path.expression(),
                read_only: source.read_only,
                recursive_read_only: Some(&*source.recursive_read_only)
                    .filter(|text| !text.is_empty()),
                mount_propagation: match &*source.mount_propagation {
                    "HostToContainer" | "Bidirectional" => Some("HostToContainer"),
                    _ => None,
                },
            },
            place,
            source,
            is_told: true,
            is_only_read: false,
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.mount.sub_path.is_none() && self.mount.sub_path_expr.is_none()
    }

    /// The same at another path, for the daemon's own use.
    pub(super) fn only_read_at(self, at: CleanPath<'p>) -> Self {
        Self {
            mount: Mount {
                mount_path: match at == self.at {
                    true => self.mount.mount_path,
                    false => Cow::Owned(at.as_str().to_owned()),
                },
                ..self.mount
            },
            at,
            is_only_read: true,
            ..self
        }
    }
}

/// The path as its author wrote it. One that goes upwards is given clean, as it was reviewed: a runtime
/// may follow a link before it goes up.
pub(super) fn mount_path<'p>(written: &'p str, path: &CleanPath<'_>) -> Cow<'p, str> {
    match written.contains("..") {
        true => Cow::Owned(path.as_str().to_owned()),
        false => Cow::Borrowed(written),
    }
}
