//! Which volumes the daemon must see, and where.
//!
//! `docker run -v SRC:DST` resolves `SRC` in the daemon's file system. So every volume
//! that a container using Docker mounts is mounted in the sidecar at the same path, or
//! `-v $PWD:/src` would silently mount an empty directory. Nothing ever covers what the
//! daemon itself stands on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::budget::{Budget, Excess, MOST_MIRRORED, check_path};
use crate::json::{Raw, Text, fields, from_str};
use crate::model::expand::{Environment, Expanded, Piece, literal};
use crate::model::notice::Why;
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::view::{Container, Pod, VolumeMount};
use crate::names;

use crate::model::notice::{Notice, Notices, told_name, told_path};
use crate::plan::container::{EnvEntry, Mount};
use crate::plan::ground;

/// What the sidecar mounts and knows for the sake of the containers.
#[derive(Debug, Default)]
pub struct Mirror<'a> {
    /// The mounts, in the order of the containers.
    pub mounts: Vec<Mount<'a>>,
    /// Variables that the mounts' `subPathExpr` name.
    pub env: Vec<EnvEntry<'a>>,
    /// What could not be mirrored.
    pub notices: Notices,
}

/// Builds a [`Mirror`]; paths that are taken already are told first.
pub struct MirrorBuilder<'o, 'p, 'a> {
    pod: &'p Pod<'a>,
    budget: &'o Budget,
    own: Vec<CleanPath<'o>>,
    host_paths: BTreeMap<&'p str, &'p str>,
    /// With `/var/run` as `/run`: in the sidecar too it is a link.
    taken: BTreeMap<CleanPath<'o>, Option<usize>>,
    copied: BTreeMap<&'p str, String>,
    first_copy: usize,
    added: usize,
    aliases: Vec<(CleanPath<'static>, Mount<'p>)>,
    mirror: Mirror<'p>,
}

impl<'o, 'p: 'o, 'a> MirrorBuilder<'o, 'p, 'a> {
    /// `own` are the sidecar's own mounts.
    pub fn new(
        pod: &'p Pod<'a>,
        own: impl Iterator<Item = CleanPath<'o>>,
        budget: &'o Budget,
    ) -> Self {
        let volumes = pod.spec.volumes.iter().rev();
        let host_paths = volumes.filter_map(|volume| {
            let source = volume.host_path.as_ref()?;
            Some((&*volume.name, &*source.path))
        });
        Self {
            host_paths: host_paths.collect(),
            pod,
            budget,
            own: own.map(CleanPath::unlinked).collect(),
            taken: BTreeMap::new(),
            copied: BTreeMap::new(),
            first_copy: 0,
            added: 0,
            aliases: Vec::new(),
            mirror: Mirror::default(),
        }
    }

    /// Another mount of the sidecar's own; below it, containers' volumes may be mounted.
    pub fn take(&mut self, path: CleanPath<'o>) {
        self.taken.insert(path.unlinked(), None);
    }

    /// Leaves alone what a sidecar of an earlier pass has: its mounts, and the names of its
    /// variables.
    pub fn continue_from(&mut self, sidecar: &'p Container<'_>) {
        for mount in &sidecar.volume_mounts {
            self.take(CleanPath::new(&mount.mount_path));
        }
        self.first_copy = sidecar.env.len();
    }

    /// Mirrors the mounts of the container at `place`, each as `treat` says of its index.
    ///
    /// # Errors
    /// Where they are too many, or too much work.
    pub fn add(&mut self, place: Place, treat: impl Fn(usize) -> Treat) -> Result<(), Excess> {
        let pod = self.pod;
        let container = pod.container(place);
        let mut environment = None;
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            match treat(index) {
                Treat::Mirror if !mount.mount_path.is_empty() => {}
                Treat::Mirror | Treat::Skip => continue,
                Treat::Refuse => {
                    self.refuse(container, &mount.mount_path, Why::LeadsToNode);
                    continue;
                }
            }
            check_path("mountPath", &mount.name, &mount.mount_path)?;
            check_path("subPath", &mount.name, &mount.sub_path)?;
            let expanded = (!mount.sub_path_expr.is_empty()).then(|| {
                let environment = environment.get_or_insert_with(|| Environment::of(container));
                environment.expand(&mount.sub_path_expr)
            });
            // Each variable that it names is read.
            self.budget.spend(
                expanded
                    .as_ref()
                    .map_or(0, |expanded| 10 * expanded.length()),
            )?;
            let sub_path = match self.sub_path(mount, expanded) {
                Ok(sub_path) => sub_path,
                Err(why) => {
                    self.refuse(container, &mount.mount_path, why);
                    continue;
                }
            };
            let path = CleanPath::new(&mount.mount_path);
            let node_path = self.node_path(mount, &sub_path);
            let of_node = node_path.as_ref().map_or(0, |path| path.as_str().len());
            // Both are compared with every path that the daemon needs.
            self.budget.spend(path.as_str().len() + 4 * of_node)?;
            self.added += 1;
            if self.added > MOST_MIRRORED {
                return Err(Excess::Mirrored);
            }
            let mirrored = Mount {
                name: Cow::Borrowed(&mount.name),
                mount_path: spelled(&mount.mount_path, &path),
                sub_path: sub_path.literal(),
                sub_path_expr: sub_path.expression(),
                read_only: mount.read_only,
                recursive_read_only: Some(&*mount.recursive_read_only)
                    .filter(|text| !text.is_empty()),
                mount_propagation: match &*mount.mount_propagation {
                    "HostToContainer" | "Bidirectional" => Some("HostToContainer"),
                    _ => None,
                },
            };
            if let Some(at) = &node_path
                && at.clone().unlinked() != path.clone().unlinked()
            {
                let alias = Mount {
                    mount_path: Cow::Owned(at.as_str().to_owned()),
                    ..mirrored.clone()
                };
                self.aliases.push((at.clone(), alias));
            }
            if self.covers_daemon(&path, node_path.as_ref()) {
                self.refuse(container, &mount.mount_path, Why::DaemonPath);
            } else {
                self.insert(container, path, mirrored);
            }
        }
        Ok(())
    }

    /// What has been gathered. The node's own paths come last and give way without a word:
    /// what a container sees at a path is what it means by that path.
    pub fn finish(mut self) -> Mirror<'p> {
        for (at, alias) in std::mem::take(&mut self.aliases) {
            if !self.covers_daemon(&at, Some(&at))
                && let Entry::Vacant(free) = self.taken.entry(at.unlinked())
            {
                free.insert(None);
                self.mirror.mounts.push(alias);
            }
        }
        self.mirror
    }

    fn insert(&mut self, container: &Container<'a>, path: CleanPath<'p>, mount: Mount<'p>) {
        match self.taken.entry(path.clone().unlinked()) {
            Entry::Vacant(free) => {
                free.insert(Some(self.mirror.mounts.len()));
                self.mirror.mounts.push(mount);
            }
            Entry::Occupied(taken) => {
                let Some(index) = taken.get() else {
                    return;
                };
                let first = &mut self.mirror.mounts[*index];
                if first.name == mount.name
                    && first.sub_path == mount.sub_path
                    && first.sub_path_expr == mount.sub_path_expr
                {
                    first.read_only &= mount.read_only;
                    if first.recursive_read_only != mount.recursive_read_only {
                        first.recursive_read_only = None;
                    }
                } else {
                    self.refuse(container, path.as_str(), Why::Taken);
                }
            }
        }
    }

    fn refuse(&mut self, container: &Container<'a>, path: &str, why: Why) {
        self.mirror.notices.push(Notice::NotMirrored {
            container: told_name(&container.name),
            path: told_path(path).into_owned(),
            why,
        });
    }

    fn covers_daemon(&self, path: &CleanPath<'_>, node_path: Option<&CleanPath<'_>>) -> bool {
        let unlinked = path.clone().unlinked();
        !ground::is_free(path, node_path) || self.own.iter().any(|at| at.is_on_the_way(&unlinked))
    }

    /// The path of the node that a `hostPath` mount shows: scripts written for the node's
    /// daemon name that one in `-v`.
    fn node_path(&self, mount: &VolumeMount<'_>, sub_path: &SubPath) -> Option<CleanPath<'static>> {
        let path = CleanPath::new(self.host_paths.get(&*mount.name)?);
        match sub_path {
            SubPath::None => Some(path.into_owned()),
            SubPath::Literal(sub) => Some(path.join(sub)),
            SubPath::Expression(_) => None,
        }
    }

    fn sub_path(
        &mut self,
        mount: &VolumeMount<'_>,
        expanded: Option<Expanded<'p>>,
    ) -> Result<SubPath, Why> {
        let Some(expanded) = expanded else {
            return Ok(match &*mount.sub_path {
                "" => SubPath::None,
                sub => SubPath::Literal(sub.to_owned()),
            });
        };
        if let Some(text) = expanded.known() {
            refused_by_kubelet(text)?;
            return Ok(SubPath::Literal(text.to_owned()));
        }
        let pieces = match expanded {
            Expanded::Pieces(pieces) if pieces.iter().all(is_same_elsewhere) => pieces,
            Expanded::Pieces(_) | Expanded::Unknown => return Err(Why::UnknownSubPath),
        };
        let mut expression = String::new();
        for piece in pieces {
            match piece {
                Piece::Known(text) => expression.push_str(&literal(&text)),
                Piece::From(source) => {
                    expression.push_str("$(");
                    expression.push_str(&self.copied_variable(source));
                    expression.push(')');
                }
                // One that is not the same elsewhere.
                Piece::Unset(_) => return Err(Why::UnknownSubPath),
            }
        }
        refused_by_kubelet(&expression)?;
        Ok(SubPath::Expression(expression))
    }

    /// A variable of the sidecar with that source. Its name is ours: a name of the author's
    /// choice (`PATH`, `DOCKER_DRIVER`) could change the daemon.
    fn copied_variable(&mut self, source: Raw<'p>) -> String {
        let next = self.first_copy + self.copied.len();
        match self.copied.entry(source.get()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let name = format!("{}{next}", names::env::COPIED);
                self.mirror
                    .env
                    .push(EnvEntry::from_source(name.clone(), source));
                new.insert(name).clone()
            }
        }
    }
}

/// What is done with one mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treat {
    /// The sidecar gets it too.
    Mirror,
    /// It is the sidecar's own, or was swapped.
    Skip,
    /// It leads to the node's runtime, which the sidecar shall not reach; the author is told.
    Refuse,
}

/// The path as its author wrote it; where that goes upwards, as it was judged, for a runtime may follow
/// a link before it does.
fn spelled<'p>(written: &'p str, path: &CleanPath<'_>) -> Cow<'p, str> {
    match written.contains("..") {
        true => Cow::Owned(path.as_str().to_owned()),
        false => Cow::Borrowed(written),
    }
}

/// Whether a piece means in the sidecar what it means in its container. An amount without a
/// container's name is that of whoever reads it.
/// Source: `k8s.io/api/core/v1/types.go`, `ResourceFieldSelector`.
fn is_same_elsewhere(piece: &Piece<'_>) -> bool {
    #[derive(Default)]
    struct Source<'a> {
        resource_field_ref: Option<Amount<'a>>,
    }
    fields!(Source<'a> { "resourceFieldRef" => resource_field_ref });
    #[derive(Default)]
    struct Amount<'a> {
        container_name: Text<'a>,
    }
    fields!(Amount<'a> { "containerName" => container_name });
    match piece {
        Piece::Known(_) => true,
        Piece::Unset(_) => false,
        // What cannot be read is copied as it is, for the API server to refuse.
        Piece::From(source) => from_str::<Source<'_>>(source.get())
            .ok()
            .and_then(|source| source.resource_field_ref)
            .is_none_or(|amount| !amount.container_name.is_empty()),
    }
}

/// Why the kubelet would start no container with it: an author's expression can come to what
/// the API server refuses where it is written out.
/// Source: `pkg/kubelet/kubelet_pods.go`, `makeMounts`.
fn refused_by_kubelet(sub_path: &str) -> Result<(), Why> {
    if sub_path.starts_with('/') {
        Err(Why::AbsoluteSubPath)
    } else if sub_path.split('/').any(|part| part == "..") {
        Err(Why::SubPathUpwards)
    } else {
        Ok(())
    }
}

enum SubPath {
    None,
    Literal(String),
    Expression(String),
}

impl SubPath {
    fn literal<'a>(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Literal(text) => Some(Cow::Owned(text.clone())),
            Self::None | Self::Expression(_) => None,
        }
    }

    fn expression(&self) -> Option<String> {
        match self {
            Self::Expression(text) => Some(text.clone()),
            Self::None | Self::Literal(_) => None,
        }
    }
}
