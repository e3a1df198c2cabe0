//! What the sidecar may ask the kubelet for, although it starts before all others.
//!
//! To mount is to make: the kubelet makes a directory of a `subPath` that is not there, and the runtime
//! makes a directory or a file where one volume is mounted in another, or on a hostPath that is missing.
//! A container that starts later, and was to make it otherwise (a file, a checkout into an empty
//! directory), then fails. So the sidecar's mounts make nothing in a volume that a container sees
//! before it would be made without them. What cannot be had so is had later: by a link from the
//! container's path into the volume's root, which is mounted elsewhere, or by a bind mount once the
//! place is there. A hostPath that may be made in another one is not mirrored at all: it may be a
//! link (`crate::detect::links`). The root is mounted only where the Pod gives it to a container, too.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::view::{Pod, Volume, VolumeMount};

/// How the daemon gets at what a container mounts at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is mounted there from the start.
    Mount,
    /// A link leads from there into the volume's root.
    Link,
    /// It is bound to the place in another volume before a container is made.
    Bind(Source),
    /// It is not had at all.
    Never,
}

/// What the sidecar mounts to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the container mounts.
    Part,
    /// The whole volume, in which the part will be.
    Root,
}

/// What a way is chosen for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'w, 'p, 'a> {
    /// Where, with `/var/run` as `/run`.
    pub at: &'w CleanPath<'w>,
    /// The container's mount.
    pub mount: &'p VolumeMount<'a>,
    /// The container, where it is not the sidecar of an earlier pass.
    pub place: Option<Place>,
    /// Whether the sidecar shall only read it.
    pub is_read_only: bool,
}

/// A path of the sidecar with what is there already.
#[derive(Clone, Copy, Debug)]
pub enum Above<'w, 'p, 'a> {
    /// A volume of the sidecar's own.
    Own,
    /// A volume of the containers', mounted from the start.
    Mounted(Asked<'w, 'p, 'a>),
    /// What is not there from the start.
    Later,
}

/// How deep a mount below another volume is looked at; below that it is had later.
const DEEPEST: usize = 32;

/// Which containers mount a volume first, and what they mount where.
pub struct StartOrder<'p, 'a> {
    volumes: BTreeMap<&'p str, &'p Volume<'a>>,
    first: BTreeMap<&'p str, Place>,
    /// Who mounts a part of a volume first; the whole is the part `/`.
    parts: BTreeMap<(&'p str, CleanPath<'p>), Place>,
    /// The same for parts that only the kubelet knows.
    unknown_parts: BTreeMap<&'p str, Place>,
    /// Volumes that a container has the whole of, and whether one may write there.
    roots: BTreeMap<&'p str, bool>,
    mounts: BTreeMap<(Place, CleanPath<'p>), &'p VolumeMount<'a>>,
    can_link: bool,
}

impl<'p, 'a> StartOrder<'p, 'a> {
    /// Looks through `pod`, but for its `sidecar`. `can_link`: whether the sidecar's user may make links
    /// and mounts.
    pub fn of(pod: &'p Pod<'a>, sidecar: Option<Place>, can_link: bool) -> Self {
        // The API server refuses two volumes of one name; the first one counts.
        let volumes = pod.spec.volumes.iter().rev();
        let mut order = Self {
            volumes: volumes.map(|volume| (&*volume.name, &**volume)).collect(),
            first: BTreeMap::new(),
            parts: BTreeMap::new(),
            unknown_parts: BTreeMap::new(),
            roots: BTreeMap::new(),
            mounts: BTreeMap::new(),
            can_link,
        };
        let others = pod
            .containers()
            .filter(|(place, _)| place.list != List::Ephemeral && Some(*place) != sidecar);
        for (place, container) in others {
            for mount in &container.volume_mounts {
                order.add(place, mount);
            }
        }
        order
    }

    fn add(&mut self, place: Place, mount: &'p VolumeMount<'a>) {
        let name = &*mount.name;
        self.first.entry(name).or_insert(place);
        if mount.sub_path_expr.is_empty() {
            let part = CleanPath::new(&mount.sub_path);
            if part.as_str() == "/" {
                *self.roots.entry(name).or_default() |= !mount.read_only;
            }
            self.parts.entry((name, part)).or_insert(place);
        } else {
            self.unknown_parts.entry(name).or_insert(place);
        }
        let at = CleanPath::new(&mount.mount_path).unlinked();
        self.mounts.entry((place, at)).or_insert(mount);
    }

    /// How the daemon gets at what is asked for, below what is `above` it. `is_closed`: whether the
    /// volume's root is not for the sidecar to see.
    pub fn way(
        &self,
        asked: Asked<'_, 'p, 'a>,
        above: Option<Above<'_, 'p, 'a>>,
        is_closed: bool,
    ) -> Way {
        let Some(source) = self.source(asked, is_closed) else {
            return Way::Never;
        };
        let way = match (above, source) {
            (None | Some(Above::Own), Source::Part) => Way::Mount,
            (None, Source::Root) => Way::Link,
            (Some(Above::Mounted(base)), Source::Part) if self.is_made_anyway(asked, base) => {
                Way::Mount
            }
            (Some(Above::Own | Above::Mounted(_) | Above::Later), source) => Way::Bind(source),
        };
        match way {
            Way::Link | Way::Bind(_) if !self.can_link => Way::Never,
            way => way,
        }
    }

    /// What the sidecar may mount for it.
    fn source(&self, asked: Asked<'_, 'p, 'a>, is_closed: bool) -> Option<Source> {
        let name = &*asked.mount.name;
        if self.is_written_before(name) || !self.may_be_made_before(asked) {
            return Some(Source::Part);
        }
        let root = self.roots.get(name).filter(|_| !is_closed);
        let is_given = root.is_some_and(|may_write| *may_write || asked.is_read_only);
        is_given.then_some(Source::Root)
    }

    /// Whether a container that starts before the first one that mounts this part of the volume may make
    /// it, in a part that holds it.
    fn may_be_made_before(&self, asked: Asked<'_, 'p, 'a>) -> bool {
        let mount = asked.mount;
        let name = &*mount.name;
        if !mount.sub_path_expr.is_empty() {
            return asked.place.is_none() || self.first.get(name).copied() != asked.place;
        }
        let part = CleanPath::new(&mount.sub_path);
        if part.as_str() == "/" {
            return false;
        }
        let first = |part: &CleanPath<'p>| self.parts.get(&(name, part.clone())).copied();
        let Some(own) = first(&part) else {
            return true;
        };
        if self
            .unknown_parts
            .get(name)
            .is_some_and(|place| *place < own)
        {
            return true;
        }
        let mut over = part.parent().map(CleanPath::into_owned);
        for _ in 0..DEEPEST {
            over = match over {
                Some(part) if first(&part).is_some_and(|place| place < own) => return true,
                Some(part) => part.parent().map(CleanPath::into_owned),
                None => return false,
            };
        }
        true
    }

    /// Whether the kubelet writes the volume before any container starts, and no container does.
    fn is_written_before(&self, volume: &str) -> bool {
        let volume = self.volumes.get(volume);
        volume.is_some_and(|volume| volume.is_written_by_kubelet())
    }

    /// Whether the first container that mounts the volume at `base` makes the place in it, too.
    fn is_made_anyway(&self, asked: Asked<'_, '_, '_>, base: Asked<'_, 'p, 'a>) -> bool {
        let Some(&first) = self.first.get(&*base.mount.name) else {
            return true;
        };
        // Keys of a shorter life are enough to ask with.
        let mounts: &BTreeMap<(Place, CleanPath<'_>), _> = &self.mounts;
        let at = |path: &CleanPath<'_>| mounts.get(&(first, path.clone().into_owned()));
        let same_part = |mount: &VolumeMount<'_>| {
            let both_literal =
                mount.sub_path_expr.is_empty() && base.mount.sub_path_expr.is_empty();
            *mount.name == *base.mount.name
                && *mount.sub_path == *base.mount.sub_path
                && (both_literal || base.place == Some(first))
        };
        if !at(base.at).is_some_and(|mount| same_part(mount)) || at(asked.at).is_none() {
            return false;
        }
        // In the first container, nothing else may lie between the two.
        let mut between = asked.at.parent().map(CleanPath::into_owned);
        for _ in 0..DEEPEST {
            between = match between {
                Some(path) if path == *base.at => return true,
                Some(path) if at(&path).is_none() => path.parent().map(CleanPath::into_owned),
                Some(_) | None => return false,
            };
        }
        false
    }
}

/// The order in which what lies below a path follows it.
pub fn in_order(one: &CleanPath<'_>, other: &CleanPath<'_>) -> Ordering {
    let key = |byte| if byte == b'/' { 0 } else { byte };
    let (one, other) = (one.as_str().bytes(), other.as_str().bytes());
    one.map(key).cmp(other.map(key))
}
