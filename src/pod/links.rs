//! Which `hostPath` volumes may be links that the Pod makes itself.
//!
//! A Pod that writes in a directory of the node can put a link there, to `/run` say, and mount
//! the link as another `hostPath`: the kubelet follows it, and checks nothing where the volume's
//! `type` is unset. So a volume at or below what another volume lets the Pod write leads
//! anywhere. `subPath` is no such way: the kubelet follows none out of its volume.
//!
//! The paths are put into a tree of their components once; each writable mount goes down it by
//! its `subPath`. The cost is that of the Pod's own length.

use std::collections::{BTreeMap, BTreeSet};

use super::detect::{HostVolume, Shown};
use super::path::CleanPath;
use super::sockets::{Leads, Sockets};
use super::view::Pod;

/// Marks the volumes that lie at or below what the Pod may write through another one.
pub(super) fn mark_linked(
    pod: &Pod<'_>,
    sockets: &Sockets,
    volumes: &mut BTreeMap<&str, HostVolume<'_>>,
) {
    let holding = holding(volumes);
    if holding.is_empty() {
        return;
    }
    let mut tree = Tree::default();
    let mut ends = BTreeMap::new();
    for volume in volumes.values().filter(|volume| !is_pipe(volume)) {
        let end = tree.insert(volume.path.as_str());
        tree.nodes[end].volumes.push(volume.index);
        ends.insert(volume.name, end);
    }
    for (_, container) in pod.containers_near(holding.iter().copied()) {
        let mut environment = None;
        for mount in &container.volume_mounts {
            let (Some(volume), Some(end)) = (volumes.get(&*mount.name), ends.get(&*mount.name))
            else {
                continue;
            };
            if mount.read_only {
                continue;
            }
            let written = match volume.shown(mount, container, &mut environment) {
                Shown::Part(path) if gives_more(sockets.leads(&path)) => None,
                Shown::Part(path) => tree.find(0, path.as_str()),
                Shown::Whole | Shown::Unknown if gives_more(volume.leads) => None,
                // Where the path is too long for any link that is known to lie below it.
                Shown::Whole => tree.find(*end, &mount.sub_path),
                Shown::Unknown => Some(*end),
            };
            if let Some(node) = written {
                tree.nodes[node].writers.push(volume.index);
            }
        }
    }
    let linked = tree.linked();
    for volume in volumes.values_mut() {
        volume.is_linked = linked.contains(&volume.index);
    }
}

/// Whether it gives more than any link: whoever writes in `/run` needs none, and what is swapped
/// is written no more.
fn gives_more(leads: Option<Leads>) -> bool {
    match leads {
        Some(Leads::Socket | Leads::Directory | Leads::Ancestor | Leads::Pipe(_)) => true,
        Some(Leads::Client | Leads::Runtime(_) | Leads::Data(_)) | None => false,
    }
}

fn is_pipe(volume: &HostVolume<'_>) -> bool {
    matches!(volume.leads, Some(Leads::Pipe(_)))
}

/// The names of the volumes at or above another one.
fn holding<'p>(volumes: &BTreeMap<&'p str, HostVolume<'p>>) -> Vec<&'p str> {
    let volumes = volumes.values().filter(|volume| !is_pipe(volume));
    let mut sorted: Vec<(&CleanPath<'_>, &'p str)> =
        volumes.map(|volume| (&*volume.path, volume.name)).collect();
    // Behind a directory comes what is in it, before its neighbor whose name is longer.
    sorted.sort_by(|(a, _), (b, _)| components(a.as_str()).cmp(components(b.as_str())));
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    let holds = pairs.filter(|((above, _), (below, _))| above.holds(below));
    // Of two with one path, each is at the other.
    let names = holds.flat_map(|((above, first), (below, second))| {
        [Some(*first), (above == below).then_some(*second)]
    });
    names.flatten().collect()
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

/// The volumes' paths as a tree of their components; the first node is `/`.
struct Tree<'p> {
    nodes: Vec<Node<'p>>,
}

#[derive(Default)]
struct Node<'p> {
    children: BTreeMap<&'p str, usize>,
    /// The volumes of this path.
    volumes: Vec<usize>,
    /// The volumes by which the Pod writes here.
    writers: Vec<usize>,
}

impl Default for Tree<'_> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl<'p> Tree<'p> {
    fn insert(&mut self, path: &'p str) -> usize {
        let mut at = 0;
        for part in components(path) {
            at = match self.nodes[at].children.get(part) {
                Some(child) => *child,
                None => {
                    let new = self.nodes.len();
                    self.nodes[at].children.insert(part, new);
                    self.nodes.push(Node::default());
                    new
                }
            };
        }
        at
    }

    /// The node of `path` below the node `from`, where something is at or below it.
    fn find(&self, from: usize, path: &str) -> Option<usize> {
        let mut at = from;
        for part in components(path) {
            at = *self.nodes[at].children.get(part)?;
        }
        Some(at)
    }

    /// The volumes below a node that is written, or at one that another volume writes.
    fn linked(&self) -> BTreeSet<usize> {
        let mut linked = BTreeSet::new();
        let mut open = vec![(0, false)];
        while let Some((at, is_written_above)) = open.pop() {
            let Node {
                children,
                volumes,
                writers,
            } = &self.nodes[at];
            let first = writers.first();
            let others = writers.iter().any(|writer| Some(writer) != first);
            let by_another = |volume: &usize| others || first.is_some_and(|one| one != volume);
            let here = volumes.iter().filter(|v| is_written_above || by_another(v));
            linked.extend(here.copied());
            let is_written = is_written_above || first.is_some();
            open.extend(children.values().map(|child| (*child, is_written)));
        }
        linked
    }
}
