//! The known paths of runtimes as a tree of components, so that a lookup costs the length of a path however long the table
//! is.

use std::sync::LazyLock;

use crate::model::path::CleanPath;
use crate::model::sockets_table::{Above, Entry, Kind, Runtime, TABLE};

/// What [`TABLE`] says about a path and its surroundings.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// The deepest entry that is the path or a directory above it.
    pub deepest: Option<Found>,
    pub below: Below,
}

#[derive(Clone, Copy)]
pub(super) struct Found {
    pub kind: Kind,
    pub is_at: bool,
    depth: usize,
}

/// What is below a directory; only `anything` counts entries whose [`Above`] says that the directory does not.
#[derive(Clone, Copy, Default)]
pub(super) struct Below {
    pub docker: bool,
    pub runtime: Option<Runtime>,
    pub data: Option<Runtime>,
    /// Whether file systems of containers are mounted in that data.
    pub mounts: bool,
    pub anything: bool,
}

impl Known {
    pub fn is_kind(&self, kind: Kind) -> bool {
        self.deepest
            .is_some_and(|found| found.is_at && found.kind == kind)
    }
}

/// One component of the table's paths.
#[derive(Default)]
struct Node {
    children: Vec<(&'static str, Self)>,
    /// The child for `*`.
    any: Option<Box<Self>>,
    kind: Option<Kind>,
    below: Below,
}

static TREE: LazyLock<Node> = LazyLock::new(|| {
    let mut root = Node::default();
    for entry in TABLE {
        if !matches!(entry.kind, Kind::Pipe(_)) {
            root.insert(entry, &entry.path[1..]);
        }
    }
    root
});

impl Node {
    fn insert(&mut self, entry: &Entry, rest: &'static str) {
        let (name, rest) = match rest.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (rest, None),
        };
        self.below.note(entry, rest.is_none());
        let child = if name == "*" {
            &mut **self.any.get_or_insert_default()
        } else {
            let at = self.children.iter().position(|(known, _)| *known == name);
            let at = at.unwrap_or_else(|| {
                self.children.push((name, Self::default()));
                self.children.len() - 1
            });
            &mut self.children[at].1
        };
        match rest {
            Some(rest) => child.insert(entry, rest),
            None => child.kind = Some(entry.kind),
        }
    }

    /// Walks down `rest`. The few `*` of the table allow only a handful of branches.
    fn walk(&self, rest: &str, depth: usize, known: &mut Known) {
        let is_at = rest.is_empty();
        if let Some(kind) = self.kind
            && known.deepest.is_none_or(|found| found.depth <= depth)
        {
            known.deepest = Some(Found { kind, is_at, depth });
        }
        if is_at {
            known.below.add(self.below);
            return;
        }
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some((_, child)) = self.children.iter().find(|(known, _)| *known == name) {
            child.walk(rest, depth + 1, known);
        }
        if let Some(child) = &self.any {
            child.walk(rest, depth + 1, known);
        }
    }
}

impl Below {
    fn note(&mut self, entry: &Entry, is_parent: bool) {
        self.anything = true;
        let counts = match entry.above {
            Above::Every => true,
            Above::Parent => is_parent,
            Above::None => false,
        };
        if !counts {
            return;
        }
        match entry.kind {
            Kind::DockerSocket => self.docker = true,
            Kind::Runtime(runtime) => self.runtime = self.runtime.or(Some(runtime)),
            Kind::Data(runtime) => {
                self.data = self.data.or(Some(runtime));
                self.mounts |= runtime.mounts_in_data();
            }
            Kind::Client | Kind::Pipe(_) => {}
        }
    }

    fn add(&mut self, other: Self) {
        self.docker |= other.docker;
        self.runtime = self.runtime.or(other.runtime);
        self.data = self.data.or(other.data);
        self.mounts |= other.mounts;
        self.anything |= other.anything;
    }
}

pub(super) fn look_up(path: &CleanPath<'_>) -> Known {
    let mut known = Known::default();
    TREE.walk(&path.as_str()[1..], 0, &mut known);
    known
}
