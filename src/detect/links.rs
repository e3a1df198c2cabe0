//! Which `hostPath` volumes, and which of their parts, may be links that the Pod makes itself.
//!
//! A Pod that can write to a directory of the node can create a link there, to `/run` for example, and mount
//! the link as another `hostPath`: the kubelet follows it, and checks nothing if the volume's `type` is
//! unset. So a volume below a path that another volume makes writable may lead anywhere. A volume at the same
//! path does not: a directory cannot be replaced from inside. A link that is mounted by a `subPath` leads nowhere
//! out of its volume, but anywhere in it: to the socket, in a volume of `/run`.
//! Source: kubernetes, `pkg/volume/util/subpath`, `doBindSubPath`.
//!
//! The paths are put into a tree of components once, and each writable mount walks down it by its `subPath`,
//! so the cost is the length of the Pod.

use std::collections::{BTreeMap, BTreeSet};

use crate::budget::{Budget, Excess};
use crate::detect::mounts::{HostVolume, Shown};
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::sockets::{Leads, Sockets};
use crate::model::view::Pod;

/// What is below a path that the Pod can write to by another mount.
#[derive(Default)]
pub(super) struct Linked {
    /// Indexes in `spec.volumes`.
    pub volumes: BTreeSet<usize>,
    /// Mounts of a part of a volume that leads to a runtime, by container and index.
    pub parts: BTreeSet<(Place, usize)>,
}

/// # Errors
/// If the search takes too many steps.
pub(super) fn linked(
    pod: &Pod<'_>,
    sockets: &Sockets,
    volumes: &BTreeMap<&str, HostVolume<'_>>,
    budget: &Budget,
) -> Result<Linked, Excess> {
    let is_any_leading = volumes.values().any(has_leading_parts);
    if !is_any_leading && volumes.len() < 2 {
        return Ok(Linked::default());
    }
    let paths: Vec<(&str, CleanPath<'_>)> = volumes
        .values()
        .map(|volume| (volume.name, volume.path.usual()))
        .collect();
    if !is_any_leading && holding(&paths).is_empty() {
        return Ok(Linked::default());
    }
    let mut tree = Tree::default();
    let mut ends = BTreeMap::new();
    for (name, path) in &paths {
        let end = tree.insert(path.as_str(), budget)?;
        tree.nodes[end].volumes.push(volumes[name].index);
        ends.insert(*name, end);
    }
    let mounts = mounts(pod, sockets, volumes, budget)?;
    for mount in &mounts {
        if has_leading_parts(mount.volume)
            && let Shown::Part(path) = &mount.shown
        {
            let end = tree.insert(path.as_str(), budget)?;
            tree.nodes[end].parts.push(mount.at);
        }
    }
    for mount in mounts.iter().filter(|mount| mount.is_written) {
        let end = ends.get(mount.volume.name).copied();
        let written = match &mount.shown {
            Shown::Part(path) => tree.find(0, path.as_str()),
            // The path is too long for any known path to be below it.
            Shown::Whole => end.and_then(|end| tree.find(end, mount.sub_path)),
            Shown::Unknown => end,
        };
        if let Some(node) = written {
            tree.nodes[node].is_written = true;
        }
    }
    Ok(tree.linked())
}

/// Whether a link in the volume may lead to a runtime.
fn has_leading_parts(volume: &HostVolume<'_>) -> bool {
    match volume.leads {
        Some(
            Leads::Directory
            | Leads::Ancestor
            | Leads::Runtime(_)
            | Leads::Data(_)
            | Leads::Storage,
        ) => true,
        Some(Leads::Socket | Leads::Client | Leads::Pipe(_)) | None => false,
    }
}

/// A mount of a path of the node that is written, or that may be a link.
struct Mounted<'v, 'p> {
    /// Container, and index in its mounts.
    at: (Place, usize),
    volume: &'v HostVolume<'p>,
    sub_path: &'p str,
    /// With usual links followed.
    shown: Shown,
    /// Whether a link can be left there that gives more than the mount itself.
    is_written: bool,
}

fn mounts<'v, 'p>(
    pod: &'p Pod<'_>,
    sockets: &Sockets,
    volumes: &'v BTreeMap<&str, HostVolume<'p>>,
    budget: &Budget,
) -> Result<Vec<Mounted<'v, 'p>>, Excess> {
    let mut mounts = Vec::new();
    for (place, container) in pod.containers() {
        let mut environment = None;
        for (index, mount) in container.volume_mounts.iter().enumerate() {
            let Some(volume) = volumes.get(&*mount.name) else {
                continue;
            };
            if mount.read_only && !has_leading_parts(volume) {
                continue;
            }
            let shown = volume.shown(mount, container, &mut environment, budget)?;
            let leads = match &shown {
                Shown::Part(path) => sockets.leads(path),
                Shown::Whole | Shown::Unknown => volume.leads,
            };
            mounts.push(Mounted {
                at: (place, index),
                volume,
                sub_path: &mount.sub_path,
                shown: match shown {
                    Shown::Part(path) => Shown::Part(path.into_usual()),
                    Shown::Whole | Shown::Unknown => shown,
                },
                is_written: !mount.read_only && !gives_more(leads),
            });
        }
    }
    Ok(mounts)
}

/// Whether the volume gives more than any link could: a Pod that can write to `/run` needs no link, and a
/// volume that is swapped can no longer be written to.
fn gives_more(leads: Option<Leads>) -> bool {
    match leads {
        Some(Leads::Socket | Leads::Directory | Leads::Ancestor) => true,
        Some(
            Leads::Client | Leads::Runtime(_) | Leads::Data(_) | Leads::Storage | Leads::Pipe(_),
        )
        | None => false,
    }
}

/// The names of the volumes whose path is above another volume's.
fn holding<'p>(volumes: &[(&'p str, CleanPath<'_>)]) -> Vec<&'p str> {
    let mut sorted: Vec<(&CleanPath<'_>, &'p str)> =
        volumes.iter().map(|(name, path)| (path, *name)).collect();
    // Sorts a directory's content right after it, before siblings with a longer name.
    sorted.sort_by(|(a, _), (b, _)| components(a.as_str()).cmp(components(b.as_str())));
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    // Of volumes with the same path, all are above what follows them.
    let mut holding = Vec::new();
    let mut same = Vec::new();
    for ((above, name), (below, _)) in pairs {
        same.push(*name);
        if above != below {
            if above.holds(below) {
                holding.append(&mut same);
            }
            same.clear();
        }
    }
    holding
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

/// Bytes that a node takes, at least. A component may make two nodes.
const NODE: usize = 300;

/// The volumes' paths as a tree of components. The first node is `/`.
struct Tree<'p> {
    nodes: Vec<Node<'p>>,
}

#[derive(Default)]
struct Node<'p> {
    children: BTreeMap<&'p str, usize>,
    /// The volumes of exactly this path.
    volumes: Vec<usize>,
    /// The mounts of exactly this part of a volume.
    parts: Vec<(Place, usize)>,
    /// Whether the Pod can write here.
    is_written: bool,
}

impl Default for Tree<'_> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl<'p> Tree<'p> {
    fn insert(&mut self, path: &'p str, budget: &Budget) -> Result<usize, Excess> {
        let mut at = 0;
        for part in components(path) {
            at = match self.nodes[at].children.get(part) {
                Some(child) => *child,
                None => {
                    budget.spend(NODE)?;
                    let new = self.nodes.len();
                    self.nodes[at].children.insert(part, new);
                    self.nodes.push(Node::default());
                    new
                }
            };
        }
        Ok(at)
    }

    /// The node of `path` below the node `from`, if any volume is there or below.
    fn find(&self, from: usize, path: &str) -> Option<usize> {
        let mut at = from;
        for part in components(path) {
            at = *self.nodes[at].children.get(part)?;
        }
        Some(at)
    }

    /// What is below a writable node.
    fn linked(&self) -> Linked {
        let mut linked = Linked::default();
        let mut open = vec![(0, false)];
        while let Some((at, is_written_above)) = open.pop() {
            let node = &self.nodes[at];
            if is_written_above {
                linked.volumes.extend(node.volumes.iter().copied());
                linked.parts.extend(node.parts.iter().copied());
            }
            let is_written = is_written_above || node.is_written;
            open.extend(node.children.values().map(|child| (*child, is_written)));
        }
        linked
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use crate::budget::Budget;
    use crate::detect::mounts::{Reach, Watch, detect};
    use crate::model::sockets::Sockets;
    use crate::model::view::Pod;

    /// The volumes that are taken for links, of a Pod with these: name, path; and these mounts:
    /// name, subPath, readOnly.
    fn linked(volumes: &[(&str, &str)], mounts: &[(&str, &str, bool)]) -> Vec<String> {
        let volumes: Vec<Value> = volumes
            .iter()
            .map(|(name, path)| json!({"name": name, "hostPath": {"path": path}}))
            .collect();
        let mounts: Vec<Value> = mounts
            .iter()
            .map(|(name, sub, read_only)| {
                json!({"name": name, "mountPath": "/x", "subPath": sub, "readOnly": read_only})
            })
            .collect();
        let pod = json!({"spec": {"volumes": volumes, "containers": [{"volumeMounts": mounts}]}});
        let pod = pod.to_string();
        let pod: Pod<'_> = crate::json::from_str(&pod).unwrap();
        let findings = detect(&pod, &Sockets::default(), Watch::Runtimes, &Budget::new()).unwrap();
        let links = findings
            .iter()
            .filter(|finding| finding.reach == Reach::Link);
        let name = |index: usize| pod.spec.volumes[index].name.to_string();
        links.map(|finding| name(finding.volume)).collect()
    }

    #[test]
    fn what_lies_below_a_directory_that_is_written_may_be_a_link() {
        let (c, l) = (("c", "/tmp/c"), ("l", "//tmp/./c/l/"));
        assert_eq!(linked(&[c, l], &[("c", "", false), ("l", "", true)]), ["l"]);
        // In whatever order, and however deep.
        assert_eq!(linked(&[l, c], &[("l", "", true), ("c", "", false)]), ["l"]);
        let deep = ("l", "/tmp/c/a/b/c");
        assert_eq!(
            linked(&[c, deep], &[("c", "", false), ("l", "x", true)]),
            ["l"]
        );
        // Through a subPath, and through the link /var/run.
        let l = ("l", "/tmp/c/a/l");
        assert_eq!(
            linked(&[c, l], &[("c", "./a", false), ("l", "", true)]),
            ["l"]
        );
        let (v, l) = (("v", "/var/run/x"), ("l", "/run/x/l"));
        assert_eq!(linked(&[v, l], &[("v", "", false), ("l", "", true)]), ["l"]);
        // Through the links that many nodes have, either way round.
        for (written, mounted) in [
            ("/lib/x", "/usr/lib/x/l"),
            ("/usr/lib/x", "/lib/x/l"),
            ("/bin/x", "/usr/bin/x/l"),
            ("/run/shm/a", "/dev/shm/a/l"),
            ("/dev/shm/a", "/run/shm/a/l"),
            ("/var/lock/a", "/run/lock/a/l"),
            // A path and no pipe, on any node but those with Windows.
            ("//./pipe/docker_engine", "/pipe/docker_engine/l"),
            (
                "npipe:////./pipe/docker_engine",
                "/npipe:/pipe/docker_engine/l",
            ),
        ] {
            let (w, l) = (("w", written), ("l", mounted));
            assert_eq!(
                linked(&[w, l], &[("w", "", false), ("l", "", true)]),
                ["l"],
                "{written} {mounted}"
            );
        }
        // A part of the same volume, or of another one, that leads to a runtime as a whole.
        for volumes in [
            [("w", "/run"), ("v", "/run")],
            [("w", "/var/run/"), ("v", "/run")],
            [("w", "/var"), ("v", "/proc/1/root/var")],
            [("w", "/var/lib"), ("v", "/var/lib")],
        ] {
            let mounts = [("w", "foo", false), ("v", "foo/l", true)];
            assert_eq!(linked(&volumes, &mounts), ["v"], "{volumes:?}");
            let mounts = [("w", "foo", false), ("w", "./foo/a/../l", true)];
            assert_eq!(linked(&volumes, &mounts), ["w"], "{volumes:?}");
        }
        let root = [("w", "/tmp/c"), ("v", "/")];
        let mounts = [("w", "", false), ("v", "tmp/c/l", true)];
        assert_eq!(linked(&root, &mounts), ["v"]);
        // A client, or another runtime, is no smaller a way.
        let (b, d) = (("b", "/usr/bin"), ("d", "/usr/bin/docker"));
        assert_eq!(linked(&[b, d], &[("b", "", false), ("d", "", true)]), ["d"]);
        // Two of one path, of which one is written.
        let all = [("a", "/tmp/c"), ("b", "/tmp/c"), ("l", "/tmp/c/l")];
        assert_eq!(linked(&all, &[("a", "", false), ("l", "", true)]), ["l"]);
    }

    #[test]
    fn what_nobody_can_have_made_is_no_link() {
        let (c, l) = (("c", "/tmp/c"), ("l", "/tmp/c/l"));
        let none: [&str; 0] = [];
        assert_eq!(linked(&[c, l], &[("c", "", true), ("l", "", false)]), none);
        assert_eq!(linked(&[c, l], &[("l", "", false)]), none);
        assert_eq!(
            linked(&[c, l], &[("c", "other", false), ("l", "", false)]),
            none
        );
        assert_eq!(
            linked(
                &[c, ("l", "/tmp/cc")],
                &[("c", "", false), ("l", "", false)]
            ),
            none
        );
        // At the same path, and above.
        assert_eq!(
            linked(
                &[c, ("l", "/tmp/c/")],
                &[("c", "", false), ("l", "", false)]
            ),
            none
        );
        assert_eq!(
            linked(&[c, ("l", "/tmp")], &[("c", "", false), ("l", "", true)]),
            none
        );
        // No link leads out of its volume by a subPath, nor is one at the path that is written.
        let srv = [("w", "/srv"), ("v", "/run")];
        let mounts = [
            ("w", "foo", false),
            ("w", "foo/l", true),
            ("v", "foo/l", true),
        ];
        assert_eq!(linked(&srv, &mounts), none);
        let mounts = [
            ("v", "foo", false),
            ("v", "foo", true),
            ("v", "food/l", true),
        ];
        assert_eq!(linked(&srv, &mounts), none);
        let mounts = [("v", "foo", true), ("v", "foo/l", false)];
        assert_eq!(linked(&srv, &mounts), none);
        // What leads anywhere already, or is swapped.
        let run = [("r", "/run"), ("d", "/run/dbus")];
        assert_eq!(linked(&run, &[("r", "", false), ("d", "", false)]), none);
    }

    /// A path as long as the kubelet takes, many times: told right, and at no cost of a product.
    #[test]
    fn long_paths_are_told_apart() {
        let long = format!("/{}", "d/".repeat(1000));
        let (c, l) = (("c", long.as_str()), format!("{long}x/l"));
        let l = ("l", l.as_str());
        assert_eq!(linked(&[c, l], &[("c", "", false), ("l", "", true)]), ["l"]);
        assert_eq!(
            linked(&[c, l], &[("c", "x", false), ("l", "", true)]),
            ["l"]
        );
        let none: [&str; 0] = [];
        assert_eq!(linked(&[c, l], &[("c", "y", false), ("l", "", true)]), none);
    }
}
