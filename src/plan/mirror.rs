//! Which volumes the daemon must see, and where.
//!
//! `docker run -v SRC:DST` resolves `SRC` in the daemon's file system. So every volume that a container using
//! Docker mounts is mounted in the sidecar at the same path; otherwise `-v $PWD:/src` would silently mount an
//! empty directory. No such mount ever covers a file that the daemon itself needs.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{Budget, Excess, MOST_MIRRORED, check_path};
use crate::model::expand::{Environment, literal};
use crate::model::notice::Why;
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::view::{Container, Pod, VolumeMount};
use crate::names;

use crate::model::notice::{Notice, Notices, told_name, told_path};
use crate::plan::container::{EnvEntry, Mount};
use crate::plan::ground;
use crate::plan::places::Places;
use crate::plan::start_order::{Above, Asked, Source, StartOrder, Way, in_order};
use crate::plan::sub_path::{Copies, SubPath, is_same_part};
use crate::plan::trust::{self, Told};
use crate::plan::wanted::{Wanted, mount_path};

/// What the sidecar gets because of the containers' volumes.
#[derive(Debug, Default)]
pub struct Mirror<'a> {
    /// In the order of the containers.
    pub mounts: Vec<Mount<'a>>,
    /// Variables used by `subPathExpr`s, and those that tell the start script of links and later mounts.
    pub env: Vec<EnvEntry<'a>>,
    /// Paths at which the sidecar has a link into a volume.
    pub links: Vec<CleanPath<'a>>,
    /// Directories with CA certificates for the daemon to trust.
    pub authorities: Vec<String>,
    /// What could not be mirrored.
    pub notices: Notices,
}

/// Builds a [`Mirror`]. Paths that are already taken must be given first.
pub struct MirrorBuilder<'o, 'p, 'a> {
    pod: &'p Pod<'a>,
    rootless: bool,
    budget: &'o Budget,
    own: Vec<CleanPath<'o>>,
    /// Volumes of which a part leads to the node's runtime: the sidecar must not mount their root.
    closed: BTreeSet<&'p str>,
    host_paths: BTreeMap<&'p str, &'p str>,
    /// Volumes in which a container mounts something for others to see, after it has started.
    shared: BTreeSet<&'p str>,
    /// `/var/run` is replaced by `/run`: it is a link in the sidecar too.
    taken: BTreeMap<CleanPath<'p>, Taken<'p, 'a>>,
    wanted: Vec<Wanted<'p, 'a>>,
    copies: Copies<'p>,
    added: usize,
    first: FirstNumbers,
    aliases: Vec<Wanted<'p, 'a>>,
    trusted: BTreeMap<Part<'p>, usize>,
    sidecar: Option<Place>,
    mirror: Mirror<'p>,
}

/// A volume, with the part of it as `subPath` or as `subPathExpr`.
type Part<'p> = (&'p str, Option<Cow<'p, str>>, Option<String>);

/// What the sidecar has at a path.
enum Taken<'p, 'a> {
    /// One of its own volumes.
    Own,
    /// A mount from an earlier pass.
    Earlier(&'p VolumeMount<'a>),
    /// A link or later mount from an earlier pass.
    Later,
    /// Index of a wanted mount.
    Wanted(usize),
}

/// The first numbers that an earlier pass has left free.
#[derive(Default)]
struct FirstNumbers {
    link: usize,
    bind: usize,
    place: usize,
}

impl<'o, 'p: 'o, 'a> MirrorBuilder<'o, 'p, 'a> {
    /// `own` are the sidecar's own mounts; of the volumes `closed`, a part leads to the node's runtime; `copies` are the
    /// variables that the sidecar has already.
    pub(super) fn new(
        pod: &'p Pod<'a>,
        rootless: bool,
        own: impl Iterator<Item = CleanPath<'o>>,
        closed: BTreeSet<&'p str>,
        copies: Copies<'p>,
        budget: &'o Budget,
    ) -> Self {
        let volumes = pod.spec.volumes.iter().rev();
        let host_paths = volumes.filter_map(|volume| {
            let source = volume.host_path.as_ref()?;
            Some((&*volume.name, &*source.path))
        });
        let places = [names::VOLUMES_DIR, names::TRUST_DIR].map(CleanPath::new);
        Self {
            host_paths: host_paths.collect(),
            shared: pod
                .containers()
                .flat_map(|(_, container)| &container.volume_mounts)
                .filter(|mount| &*mount.mount_propagation == "Bidirectional")
                .map(|mount| &*mount.name)
                .collect(),
            pod,
            rootless,
            budget,
            closed,
            own: own.map(CleanPath::unlinked).chain(places).collect(),
            taken: BTreeMap::new(),
            wanted: Vec::new(),
            copies,
            added: 0,
            first: FirstNumbers::default(),
            aliases: Vec::new(),
            trusted: BTreeMap::new(),
            sidecar: None,
            mirror: Mirror::default(),
        }
    }

    /// Adds one of the sidecar's own mounts. Containers' volumes may be mounted below it.
    pub fn take(&mut self, path: CleanPath<'p>) {
        self.taken.insert(path.unlinked(), Taken::Own);
    }

    /// Keeps everything that the sidecar of an earlier pass, at `place`, has: its mounts and its variables.
    pub fn continue_from(&mut self, place: Place, sidecar: &'p Container<'a>) {
        self.sidecar = Some(place);
        for mount in &sidecar.volume_mounts {
            let at = CleanPath::new(&mount.mount_path).unlinked();
            self.taken.insert(at, Taken::Earlier(mount));
        }
        let paths = |prefix: &'static str| {
            let env = sidecar.env.iter();
            env.filter(move |var| {
                let number = var.name.strip_prefix(prefix);
                number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            })
        };
        for var in paths(names::env::LINK).chain(paths(names::env::BIND)) {
            self.taken.insert(CleanPath::new(&var.value), Taken::Later);
        }
        self.copies.first = sidecar.env.len();
        self.first = FirstNumbers {
            link: paths(names::env::LINK).count(),
            bind: paths(names::env::BIND).count(),
            place: sidecar.env.len() + sidecar.volume_mounts.len(),
        };
    }

    /// Mirrors the mounts of the container at `place`; `treat` decides by their index.
    ///
    /// # Errors
    /// If there are too many, or they take too many steps.
    pub fn add(&mut self, place: Place, treat: impl Fn(usize) -> Treat) -> Result<(), Excess> {
        let pod = self.pod;
        let container = pod.container(place);
        let mut environment = None;
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            match treat(index) {
                Treat::Mirror if !mount.mount_path.is_empty() => {}
                Treat::Mirror | Treat::Skip => continue,
                Treat::Refuse(why) => {
                    self.refuse(container, &mount.mount_path, why);
                    continue;
                }
            }
            check_path("mountPath", &mount.name, &mount.mount_path)?;
            check_path("subPath", &mount.name, &mount.sub_path)?;
            let expanded = (!mount.sub_path_expr.is_empty()).then(|| {
                let environment = environment.get_or_insert_with(|| Environment::of(container));
                environment.expand(&mount.sub_path_expr)
            });
            // Each variable in it is read.
            self.budget.spend(
                expanded
                    .as_ref()
                    .map_or(0, |expanded| 10 * expanded.length()),
            )?;
            match self.copies.sub_path(mount, expanded) {
                Ok(sub_path) => self.add_mount(place, mount, &sub_path)?,
                Err(why) => self.refuse(container, &mount.mount_path, why),
            }
        }
        Ok(())
    }

    fn add_mount(
        &mut self,
        place: Place,
        mount: &'p VolumeMount<'a>,
        sub_path: &SubPath,
    ) -> Result<(), Excess> {
        let container = self.pod.container(place);
        let path = CleanPath::new(&mount.mount_path);
        let node_path = self.node_path(mount, sub_path);
        let of_node = node_path.as_ref().map_or(0, |path| path.as_str().len());
        // Both are compared with every path that the daemon needs.
        self.budget.spend(path.as_str().len() + 4 * of_node)?;
        self.added += 1;
        if self.added > MOST_MIRRORED {
            return Err(Excess::Mirrored);
        }
        if let Some(at) = &node_path
            && at.as_unlinked() != path.as_unlinked()
        {
            let mount_path = Cow::Owned(at.as_str().to_owned());
            self.aliases.push(Wanted {
                is_told: false,
                ..Wanted::new(place, mount, sub_path, at.clone(), mount_path)
            });
        }
        let mount_path = mount_path(&mount.mount_path, &path);
        let wanted = Wanted::new(place, mount, sub_path, path.clone(), mount_path);
        match trust::told(&wanted.at, self.rootless) {
            Some(told) => self.trust(container, told, wanted),
            None if self.covers_daemon(&path, node_path.as_ref()) => {
                self.refuse(container, &mount.mount_path, Why::DaemonPath);
            }
            None => self.insert(container, wanted),
        }
        Ok(())
    }

    /// Makes the daemon trust the certificates that a container trusts.
    fn trust(&mut self, container: &Container<'a>, told: Told, wanted: Wanted<'p, 'a>) {
        let written = &wanted.source.mount_path;
        match told {
            Told::Settings => self.refuse(container, written, Why::DaemonSettings),
            Told::SettingsDirectory => self.refuse(container, written, Why::SettingsDirectory),
            Told::Registries(at) => {
                if at != wanted.at {
                    self.refuse(container, written, Why::Trusted);
                }
                self.insert(container, wanted.only_read_at(at));
            }
            Told::Authorities => {
                self.refuse(container, written, Why::Trusted);
                let Mount {
                    sub_path,
                    sub_path_expr,
                    ..
                } = &wanted.mount;
                let key = (
                    &*wanted.source.name,
                    sub_path.clone(),
                    sub_path_expr.clone(),
                );
                let next = self.first.place + self.trusted.len();
                if let Entry::Vacant(new) = self.trusted.entry(key) {
                    new.insert(next);
                    let at = trust::place(next);
                    let directories = trust::directories(&at, &wanted.at);
                    self.mirror.authorities.extend(directories);
                    self.insert(container, wanted.only_read_at(at));
                }
            }
        }
    }

    /// The result. Aliases at the node's own paths come last and are dropped silently if the path is taken:
    /// what a container has at a path is what it means by it.
    pub fn finish(mut self) -> Mirror<'p> {
        let aliases = std::mem::take(&mut self.aliases);
        let free = |alias: &Wanted<'_, '_>| !self.meets_another(&alias.at);
        let aliases: Vec<_> = aliases.into_iter().filter(free).collect();
        for alias in aliases {
            if !self.covers_daemon(&alias.at, Some(&alias.at))
                && let Entry::Vacant(free) = self.taken.entry(alias.at.clone())
            {
                free.insert(Taken::Wanted(self.wanted.len()));
                self.wanted.push(alias);
            }
        }
        self.only_read();
        let ways = self.ways();
        // Variables that others refer to must come first.
        self.mirror.env.append(&mut self.copies.env);
        self.carry_out(&ways)
    }

    /// Whether a container has a volume above or below `at`.
    fn meets_another(&self, at: &CleanPath<'_>) -> bool {
        let is_another = |taken: &Taken<'_, '_>| match taken {
            Taken::Wanted(_) | Taken::Earlier(_) | Taken::Later => true,
            Taken::Own => false,
        };
        let taken: &BTreeMap<CleanPath<'_>, Taken<'_, '_>> = &self.taken;
        let mut above = at.ancestors().skip(1);
        let first_below = format!("{at}/\u{1}");
        let mut below = taken
            .range(CleanPath::new(&first_below)..)
            .take_while(|(path, _)| at.holds(path));
        above.any(|path| taken.get(&path).is_some_and(is_another))
            || below.any(|(_, taken)| is_another(taken))
    }

    /// What the daemon only reads is mounted read-only, unless another volume is mounted in it: the runtime may have
    /// to make the directory for that one.
    fn only_read(&mut self) {
        if !self.wanted.iter().any(|wanted| wanted.is_only_read) {
            return;
        }
        let mut paths: Vec<_> = self.taken.iter().collect();
        paths.sort_by(|(one, _), (other, _)| in_order(one, other));
        for (number, (at, taken)) in paths.iter().enumerate() {
            let next = paths.get(number + 1);
            if let Taken::Wanted(index) = taken
                && self.wanted[*index].is_only_read
                && !next.is_some_and(|(next, _)| at.holds(next))
            {
                self.wanted[*index].mount.read_only = true;
            }
        }
    }

    /// How the daemon gets each wanted mount.
    fn ways(&self) -> Vec<Way> {
        let mut ways = vec![Way::Mount; self.wanted.len()];
        // Most Pods mount whole volumes and none inside another, and then the start order does not matter.
        let injection = LazyCell::new(|| StartOrder::of(self.pod, self.sidecar, !self.rootless));
        let mut paths: Vec<_> = self.taken.iter().collect();
        paths.sort_by(|(one, _), (other, _)| in_order(one, other));
        let mut over: Vec<(&CleanPath<'_>, Above<'_, 'p, 'a>)> = Vec::new();
        for (at, taken) in paths {
            while over.pop_if(|(above, _)| !above.holds(at)).is_some() {}
            let above = over.last().map(|(_, above)| *above);
            let asked = |mount, place, is_read_only| Asked {
                at,
                mount,
                place,
                is_read_only,
            };
            over.push((
                at,
                match taken {
                    Taken::Own => Above::Own,
                    Taken::Earlier(mount) => Above::Mounted(asked(mount, None, mount.read_only)),
                    Taken::Later => Above::Later,
                    Taken::Wanted(index) => {
                        let wanted = &self.wanted[*index];
                        let asked =
                            asked(wanted.source, Some(wanted.place), wanted.mount.read_only);
                        let is_closed = self.closed.contains(&*wanted.source.name);
                        ways[*index] = match (wanted.is_whole(), above) {
                            (true, None | Some(Above::Own))
                                if !self.host_paths.contains_key(&*wanted.source.name) =>
                            {
                                Way::Mount
                            }
                            (_, above) => injection.way(asked, above, is_closed),
                        };
                        match ways[*index] {
                            Way::Mount => Above::Mounted(asked),
                            Way::Link | Way::Bind(_) | Way::Never => Above::Later,
                        }
                    }
                },
            ));
        }
        ways
    }

    /// Adds the mounts, and variables for the start script for everything else, parent directories first.
    fn carry_out(mut self, ways: &[Way]) -> Mirror<'p> {
        let mut later = Vec::new();
        let shared = std::mem::take(&mut self.shared);
        for wanted in &mut self.wanted {
            // The sidecar starts first, and would never see what comes later. Kubernetes has no propagation beside
            // recursiveReadOnly.
            if shared.contains(&*wanted.source.name) && wanted.mount.recursive_read_only.is_none() {
                wanted.mount.mount_propagation = Some("HostToContainer");
            }
        }
        for (wanted, way) in self.wanted.into_iter().zip(ways) {
            match way {
                Way::Mount => self.mirror.mounts.push(wanted.mount),
                Way::Link | Way::Bind(_) => later.push((wanted, *way)),
                Way::Never if wanted.is_told => self.mirror.notices.push(Notice::NotMirrored {
                    container: told_name(&self.pod.container(wanted.place).name),
                    path: told_path(&wanted.source.mount_path).into_owned(),
                    why: Why::MadeLater,
                }),
                Way::Never => {}
            }
        }
        later.sort_by(|(one, _), (other, _)| in_order(&one.at, &other.at));
        let mut places = Places {
            first: self.first.place + self.trusted.len(),
            known: BTreeMap::new(),
        };
        let (mut links, mut binds) = (self.first.link, self.first.bind);
        let mut link: Option<(CleanPath<'p>, String)> = None;
        for (wanted, way) in later {
            let (prefix, number, source) = match way {
                Way::Bind(source) => (names::env::BIND, &mut binds, source),
                Way::Mount | Way::Link | Way::Never => (names::env::LINK, &mut links, Source::Root),
            };
            let to = places.reach(&mut self.mirror.mounts, wanted.mount, source);
            let name = format!("{prefix}{number}");
            *number += 1;
            // A bind target must not be behind a link, not even behind one of ours.
            let at = match &link {
                Some((above, to)) if above.holds(&wanted.at) => {
                    let below = &wanted.at.as_str()[above.as_str().len()..];
                    format!("{to}{}", literal(below))
                }
                _ => literal(wanted.at.as_str()),
            };
            if way == Way::Link {
                link = Some((wanted.at.clone(), to.clone()));
            }
            let target = EnvEntry::new(format!("{name}{}", names::env::TO), to);
            self.mirror.env.extend([EnvEntry::new(name, at), target]);
            self.mirror.links.push(wanted.at);
        }
        self.mirror
    }

    fn insert(&mut self, container: &Container<'a>, wanted: Wanted<'p, 'a>) {
        match self.taken.entry(wanted.at.clone()) {
            Entry::Vacant(free) => {
                free.insert(Taken::Wanted(self.wanted.len()));
                self.wanted.push(wanted);
            }
            Entry::Occupied(taken) => {
                let Taken::Wanted(index) = taken.get() else {
                    return;
                };
                let first = &mut self.wanted[*index].mount;
                let mount = &wanted.mount;
                if first.name == mount.name
                    && is_same_part(first.sub_path.as_deref(), mount.sub_path.as_deref())
                    && first.sub_path_expr == mount.sub_path_expr
                {
                    first.read_only &= mount.read_only;
                    if first.recursive_read_only != mount.recursive_read_only {
                        first.recursive_read_only = None;
                    }
                } else if !ground::is_of_a_system(&wanted.at) {
                    self.refuse(
                        container,
                        CleanPath::new(&wanted.source.mount_path).as_str(),
                        Why::Taken,
                    );
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
        let unlinked = path.as_unlinked();
        !ground::is_free(path, node_path) || self.own.iter().any(|at| at.is_on_the_way(&unlinked))
    }

    /// The path of the node that a `hostPath` mount shows. Scripts written for the node's daemon use it in
    /// `-v`.
    fn node_path(&self, mount: &VolumeMount<'_>, sub_path: &SubPath) -> Option<CleanPath<'static>> {
        let path = CleanPath::new(self.host_paths.get(&*mount.name)?);
        match sub_path {
            SubPath::None => Some(path.into_owned()),
            SubPath::Literal(sub) => Some(path.join(sub)),
            SubPath::Expression(_) => None,
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
    /// The sidecar must not have it. The author is warned.
    Refuse(Why),
}
