//! Which of the containers' volumes the sidecar can mount, although it starts first.
//!
//! Mounting creates: the kubelet creates a directory for a missing `subPath`, and the runtime creates a
//! directory or file where one volume is mounted inside another, or for a missing hostPath. A container that
//! starts later and wants to create the path itself (as a file, or a checkout into an empty directory) then
//! fails. So the sidecar's mounts create nothing in a volume that a container sees before it would be created
//! anyway. The sidecar gets such paths later: by a link from the container's path into the volume's root,
//! which is mounted elsewhere, or by a bind mount once the path exists. It never gets a hostPath that may be
//! created inside another one. It mounts a volume's root only if the Pod gives that root to a container too.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::view::{Pod, Volume, VolumeMount};

/// How the daemon gets what a container mounts at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Mounted there from the start.
    Mount,
    /// A link leads from there into the volume's root.
    Link,
    /// Bound there, inside another volume, before a container is created.
    Bind(Source),
    /// The daemon does not get it.
    Never,
}

/// What the sidecar mounts for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Part,
    /// The whole volume, which will contain the part.
    Root,
}

/// The mount that a way is chosen for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'w, 'p, 'a> {
    /// With `/var/run` as `/run`.
    pub at: &'w CleanPath<'w>,
    pub mount: &'p VolumeMount<'a>,
    /// The container; `None` for the sidecar of an earlier pass.
    pub place: Option<Place>,
    /// Whether the sidecar only reads it.
    pub is_read_only: bool,
}

/// What the sidecar has at a path above.
#[derive(Clone, Copy, Debug)]
pub enum Above<'w, 'p, 'a> {
    /// One of its own volumes.
    Own,
    /// A volume of the containers, mounted from the start.
    Mounted(Asked<'w, 'p, 'a>),
    /// Not there from the start.
    Later,
}

/// How many directories deep mounts inside another volume are compared. Deeper ones are mounted later.
const DEEPEST: usize = 32;

/// What a volume shows: two volumes may show the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Storage<'p> {
    Node,
    /// A claim, by name.
    Claim(&'p str),
    /// A volume that shares nothing with others, by name.
    Volume(&'p str),
}

/// A storage, and a path in it.
type Part<'p> = (Storage<'p>, CleanPath<'static>);

/// Which containers mount a part of a storage first, and what they mount where.
pub struct StartOrder<'p, 'a> {
    volumes: BTreeMap<&'p str, &'p Volume<'a>>,
    /// The first container to mount a part. A part that only the kubelet knows counts as the whole volume.
    parts: BTreeMap<Part<'p>, Place>,
    /// The first container that can write to a path of the node.
    writers: BTreeMap<CleanPath<'static>, Place>,
    /// The first container to mount a volume.
    first: BTreeMap<&'p str, Place>,
    /// Volumes whose root a container mounts, and whether one can write there.
    roots: BTreeMap<&'p str, bool>,
    mounts: BTreeMap<(Place, CleanPath<'p>), &'p VolumeMount<'a>>,
    can_link: bool,
}

impl<'p, 'a> StartOrder<'p, 'a> {
    /// Looks through `pod` without its `sidecar`. `can_link`: whether the sidecar's user may create links and
    /// mounts.
    pub fn of(pod: &'p Pod<'a>, sidecar: Option<Place>, can_link: bool) -> Self {
        // The API server refuses two volumes with one name; the first one counts.
        let volumes = pod.spec.volumes.iter().rev();
        let mut order = Self {
            volumes: volumes.map(|volume| (&*volume.name, &**volume)).collect(),
            parts: BTreeMap::new(),
            writers: BTreeMap::new(),
            first: BTreeMap::new(),
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
        if mount.sub_path_expr.is_empty() && CleanPath::new(&mount.sub_path).as_str() == "/" {
            *self.roots.entry(&mount.name).or_default() |= !mount.read_only;
        }
        self.first.entry(&mount.name).or_insert(place);
        let part = self.part(mount);
        if part.0 == Storage::Node && !mount.read_only {
            self.writers.entry(part.1.clone()).or_insert(place);
        }
        self.parts.entry(part).or_insert(place);
        let at = CleanPath::new(&mount.mount_path).unlinked();
        self.mounts.entry((place, at)).or_insert(mount);
    }

    /// The part that `mount` shows; if only the kubelet knows it, the whole volume.
    fn part<'m>(&self, mount: &'m VolumeMount<'_>) -> Part<'m>
    where
        'p: 'm,
    {
        let volume = self.volumes.get(&*mount.name);
        let host_path = volume.and_then(|volume| volume.host_path.as_ref());
        let claim = volume.and_then(|volume| volume.persistent_volume_claim.as_ref());
        let (storage, root) = match (host_path, claim) {
            (Some(source), _) => (Storage::Node, CleanPath::on_node(&source.path)),
            (None, Some(claim)) => (Storage::Claim(&claim.claim_name), CleanPath::literal("/")),
            (None, None) => (Storage::Volume(&mount.name), CleanPath::literal("/")),
        };
        (storage, root.join(&mount.sub_path))
    }

    /// The first container that mounts a directory above the part, or the part itself if it `counts`. `None`
    /// if it is too deep to tell.
    #[expect(
        clippy::option_option,
        reason = "no such container, and none that can be told, are two things"
    )]
    fn first_at(&self, (storage, path): &Part<'p>, counts: bool) -> Option<Option<Place>> {
        // A borrowed path finds an owned one.
        let parts: &BTreeMap<(Storage<'_>, CleanPath<'_>), Place> = &self.parts;
        let mut first = None;
        let mut over = path.ancestors().skip(usize::from(!counts));
        for _ in 0..DEEPEST {
            let Some(path) = over.next() else {
                return Some(first);
            };
            let found = parts.get(&(*storage, path)).copied();
            first = [first, found].into_iter().flatten().min();
        }
        None
    }

    /// `above` is what the sidecar has at the next path above. `is_closed`: whether the sidecar must not see
    /// the volume's root.
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
            // Programs need a directory there from the start.
            (None, Source::Root) if asked.at.as_str() == "/tmp" => Way::Bind(Source::Root),
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

    /// What the sidecar can mount for it.
    fn source(&self, asked: Asked<'_, 'p, 'a>, is_closed: bool) -> Option<Source> {
        let name = &*asked.mount.name;
        if self.is_missing_before(name) {
            return None;
        }
        if self.is_written_before(name) || !self.may_be_made_before(asked) {
            return Some(Source::Part);
        }
        let root = self.roots.get(name).filter(|_| !is_closed);
        let is_given = root.is_some_and(|may_write| *may_write || asked.is_read_only);
        is_given.then_some(Source::Root)
    }

    /// Whether another container may create this part of the volume before the first one that mounts it
    /// starts.
    fn may_be_made_before(&self, asked: Asked<'_, 'p, 'a>) -> bool {
        let part = self.part(asked.mount);
        if !asked.mount.sub_path_expr.is_empty() {
            // The part may be anything in the volume, so no other container may have any of it before.
            let is_others = |place: Place| asked.place.is_none_or(|own| place < own);
            let over = self.first_at(&part, false);
            return over.is_none_or(|place| place.is_some_and(is_others))
                || self.is_any_below(&part, is_others);
        }
        if CleanPath::new(&asked.mount.sub_path).as_str() == "/" {
            return false;
        }
        let Some(own) = self.parts.get(&part) else {
            return true;
        };
        let over = self.first_at(&part, false);
        over.is_none_or(|place| place.is_some_and(|place| place < *own))
    }

    /// Whether the volume is a path of the node that may be missing until a container creates it through
    /// another volume.
    fn is_missing_before(&self, name: &str) -> bool {
        let volume = self.volumes.get(name);
        let source = volume.and_then(|volume| volume.host_path.as_ref());
        let Some(source) = source.filter(|source| source.kind.is_empty()) else {
            return false;
        };
        let path = CleanPath::on_node(&source.path);
        let first = self.first.get(name);
        let is_written = |path: &CleanPath<'_>| {
            let writers: &BTreeMap<CleanPath<'_>, Place> = &self.writers;
            let both = writers.get(path).zip(first);
            both.is_some_and(|(writer, first)| writer < first)
        };
        let mut over = path.ancestors().skip(1);
        for _ in 0..DEEPEST {
            match over.next() {
                Some(path) if is_written(&path) => return true,
                Some(_) => {}
                None => return false,
            }
        }
        true
    }

    /// Whether a container that `counts` is the first to mount a part inside this one; `true` if there are
    /// too many to tell.
    fn is_any_below(&self, part: &Part<'p>, counts: impl Fn(Place) -> bool) -> bool {
        let (storage, root) = part;
        let mut looked_at = 0;
        for ((other, path), place) in self.parts.range(part.clone()..) {
            if other != storage || !path.as_str().starts_with(root.as_str()) {
                return false;
            }
            looked_at += 1;
            if looked_at > DEEPEST || (root.holds(path) && counts(*place)) {
                return true;
            }
        }
        false
    }

    /// Whether the kubelet writes the volume before any container starts, and no container can.
    fn is_written_before(&self, volume: &str) -> bool {
        let volume = self.volumes.get(volume);
        volume.is_some_and(|volume| volume.is_written_by_kubelet())
    }

    /// Whether the first container that sees the path in the volume at `base` creates it too.
    fn is_made_anyway(&self, asked: Asked<'_, '_, '_>, base: Asked<'_, 'p, 'a>) -> bool {
        let Some(below) = asked.at.as_str().strip_prefix(base.at.as_str()) else {
            return false;
        };
        let part = self.part(base.mount);
        let place = (part.0, part.1.join(below));
        let first = match self.first_at(&place, true) {
            Some(Some(first)) if base.mount.sub_path_expr.is_empty() => first,
            Some(None) => return true,
            Some(Some(_)) | None => return false,
        };
        let mounts: &BTreeMap<(Place, CleanPath<'_>), &VolumeMount<'_>> = &self.mounts;
        let is_mounted = |path: &CleanPath<'_>| mounts.contains_key(&(first, path.clone()));
        let same_part =
            |mount: &VolumeMount<'_>| mount.sub_path_expr.is_empty() && self.part(mount) == part;
        let at_base = mounts.get(&(first, base.at.clone()));
        if !at_base.is_some_and(|mount| same_part(mount)) || !is_mounted(asked.at) {
            return false;
        }
        // In that container, nothing else may be mounted between the two.
        let mut between = asked.at.ancestors().skip(1);
        for _ in 0..DEEPEST {
            match between.next() {
                Some(path) if path == *base.at => return true,
                Some(path) if !is_mounted(&path) => {}
                Some(_) | None => return false,
            }
        }
        false
    }
}

/// Sorts everything below a path right after it.
pub fn in_order(one: &CleanPath<'_>, other: &CleanPath<'_>) -> Ordering {
    let key = |byte| if byte == b'/' { 0 } else { byte };
    let (one, other) = (one.as_str().bytes(), other.as_str().bytes());
    one.map(key).cmp(other.map(key))
}
