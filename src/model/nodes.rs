//! The nodes of a cluster, as far as they decide which profile a Pod gets.
//!
//! A Pod in a user namespace never starts on a node without them, and on which node it will run is not known when
//! it is created. A cluster may have thousands of nodes, and few kinds of them: nodes with the same labels, taints
//! and runtime are counted as one kind when a node changes, so that a review compares kinds, not nodes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::taint::Taint;

/// The label that each node has to itself, and that is no part of its kind.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

#[derive(Clone, Debug, Default)]
pub struct Nodes {
    by_name: HashMap<String, Node>,
    /// With the number of nodes of each.
    kinds: HashMap<Arc<NodeKind>, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The label [`HOSTNAME`].
    pub hostname: String,
    pub kind: Arc<NodeKind>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeKind {
    /// Without [`HOSTNAME`].
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub support: Support,
}

/// What a node says of user namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// Its versions rule them out.
    TooOld,
    /// The runtime's handlers, and whether each has them. Empty if the node does not report any.
    Reported(BTreeMap<String, bool>),
}

/// `status.nodeInfo` of a node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Versions<'v> {
    pub kernel: &'v str,
    pub kubelet: &'v str,
    /// Such as `containerd://2.2.9`.
    pub runtime: &'v str,
}

/// The oldest kernel with idmapped mounts of tmpfs, as which the kubelet mounts secrets and tokens.
const OLDEST_KERNEL: (u32, u32) = (6, 3);
/// The oldest kubelet that asks the runtime for them as it is done today.
const OLDEST_KUBELET: (u32, u32) = (1, 30);
/// The oldest containerd that answers.
const OLDEST_CONTAINERD: (u32, u32) = (2, 0);

impl Support {
    /// `handlers` is what the node reports; a kubelet before 1.30, or an older runtime, reports nothing.
    pub fn of(versions: Versions<'_>, handlers: BTreeMap<String, bool>) -> Self {
        let is_before =
            |text, oldest| version_of(text).is_some_and(|version: (u32, u32)| version < oldest);
        // Red Hat brings newer parts into a kernel without changing its number: there only the report counts.
        let is_red_hats = versions.kernel.contains(".el");
        let has_old_kernel = !is_red_hats && is_before(versions.kernel, OLDEST_KERNEL);
        let containerd = versions.runtime.strip_prefix("containerd://");
        let has_old_runtime =
            containerd.is_some_and(|version| is_before(version, OLDEST_CONTAINERD));
        let has_old_software = is_before(versions.kubelet, OLDEST_KUBELET) || has_old_runtime;
        if has_old_kernel || handlers.is_empty() && has_old_software {
            Self::TooOld
        } else {
            Self::Reported(handlers)
        }
    }

    /// Whether a Pod with `hostUsers: false` cannot run there under this handler, where the node tells; the empty
    /// handler is the default one.
    pub fn lacks_user_namespaces(&self, handler: &str) -> bool {
        match self {
            Self::TooOld => true,
            Self::Reported(handlers) if handlers.is_empty() => false,
            Self::Reported(handlers) => match handlers.get(handler) {
                Some(has) => !has,
                // A runtime that reports its handlers has no others.
                None => !handler.is_empty(),
            },
        }
    }

    /// Whether the node says that it has them under this handler.
    pub fn is_sure(&self, handler: &str) -> bool {
        match self {
            Self::TooOld => false,
            Self::Reported(handlers) => handlers.get(handler) == Some(&true),
        }
    }
}

impl Nodes {
    /// These with a node more, or with its new state; `None` if nothing changes.
    pub fn with(&self, name: &str, hostname: &str, kind: NodeKind) -> Option<Self> {
        let old = self.by_name.get(name);
        if old.is_some_and(|old| old.hostname == hostname && *old.kind == kind) {
            return None;
        }
        let mut nodes = self.without(name).unwrap_or_else(|| self.clone());
        nodes.add(name, hostname, kind);
        Some(nodes)
    }

    /// These with a node less; `None` if it is not one of them.
    pub fn without(&self, name: &str) -> Option<Self> {
        let gone = &self.by_name.get(name)?.kind;
        let mut nodes = self.clone();
        nodes.by_name.remove(name);
        match nodes.kinds.get_mut(gone) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => drop(nodes.kinds.remove(gone)),
        }
        Some(nodes)
    }

    fn add(&mut self, name: &str, hostname: &str, kind: NodeKind) {
        let kind = match self.kinds.get_key_value(&kind) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(kind),
        };
        *self.kinds.entry(Arc::clone(&kind)).or_default() += 1;
        let hostname = hostname.to_owned();
        self.by_name
            .insert(name.to_owned(), Node { hostname, kind });
    }

    pub fn named(&self, name: &str) -> Option<&Node> {
        self.by_name.get(name)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.by_name.values()
    }

    /// Every kind, with the number of its nodes.
    pub fn kinds(&self) -> impl ExactSizeIterator<Item = (&NodeKind, usize)> {
        self.kinds.iter().map(|(kind, count)| (&**kind, *count))
    }
}

/// A list of names, hostnames and kinds. The last of equal names counts.
impl FromIterator<(String, String, NodeKind)> for Nodes {
    fn from_iter<I: IntoIterator<Item = (String, String, NodeKind)>>(all: I) -> Self {
        let mut nodes = Self::default();
        for (name, hostname, kind) in all {
            nodes = nodes.without(&name).unwrap_or(nodes);
            nodes.add(&name, &hostname, kind);
        }
        nodes
    }
}

/// The first two numbers of `v1.36.2`, or of `6.12.9-arch1`.
pub fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split('.');
    let mut number = || {
        let part = parts.next()?;
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part.get(..digits)?.parse().ok()
    };
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn reported(handlers: &[(&str, bool)]) -> BTreeMap<String, bool> {
        let handlers = handlers.iter();
        handlers
            .map(|(name, has)| ((*name).to_owned(), *has))
            .collect()
    }

    #[test]
    fn a_report_counts_and_without_one_the_versions() {
        let new = ("6.12.9-arch1", "v1.36.2", "containerd://2.2.9");
        for (versions, handlers, handler, lacks) in [
            (new, &[("", true), ("runc", true)][..], "", false),
            (new, &[("", false), ("runc", false)], "", true),
            (new, &[("", true), ("gvisor", false)], "gvisor", true),
            (new, &[("", true)], "not-configured", true),
            (new, &[("runc", true)], "", false),
            // Nothing is reported.
            (new, &[], "", false),
            (new, &[], "any", false),
            (("6.12.9", "v1.29.4", "cri-o://1.29.1"), &[], "", true),
            (
                ("6.12.9", "v1.31.0+k3s1", "containerd://1.7.22"),
                &[],
                "",
                true,
            ),
            (("6.12.9", "v1.31.0", "cri-o://1.31.0"), &[], "", false),
            (("", "", ""), &[], "", false),
            // The runtime has them, and the kernel cannot mount a token with the Pod's ids.
            (
                ("5.15.0-100-generic", "v1.36.2", "containerd://2.2.9"),
                &[("", true)],
                "",
                true,
            ),
            (
                ("5.14.0-570.el9.x86_64", "v1.33.4", "cri-o://1.33.1"),
                &[("", true)],
                "",
                false,
            ),
            (
                ("5.14.0-570.el9.x86_64", "v1.33.4", "cri-o://1.33.1"),
                &[("", false)],
                "",
                true,
            ),
        ] {
            let (kernel, kubelet, runtime) = versions;
            let versions = Versions {
                kernel,
                kubelet,
                runtime,
            };
            let support = Support::of(versions, reported(handlers));
            assert_eq!(
                support.lacks_user_namespaces(handler),
                lacks,
                "{versions:?} {handlers:?}"
            );
        }
    }

    fn kind(pool: &str) -> NodeKind {
        NodeKind {
            labels: BTreeMap::from([("pool".to_owned(), pool.to_owned())]),
            taints: Vec::new(),
            support: Support::TooOld,
        }
    }

    #[test]
    fn kinds_are_counted_through_every_change() {
        let counts = |nodes: &Nodes| -> BTreeMap<String, usize> {
            let kinds = nodes.kinds();
            kinds
                .map(|(kind, count)| (kind.labels["pool"].clone(), count))
                .collect()
        };
        let is = |nodes: &Nodes, expected: &[(&str, usize)]| {
            let expected = expected
                .iter()
                .map(|(pool, count)| ((*pool).to_owned(), *count));
            assert_eq!(counts(nodes), expected.collect());
        };
        let nodes: Nodes = ["a", "b", "c"]
            .map(|name| (name.to_owned(), name.to_owned(), kind("old")))
            .into_iter()
            .collect();
        is(&nodes, &[("old", 3)]);
        assert!(nodes.with("a", "a", kind("old")).is_none());
        assert!(nodes.without("d").is_none());
        let nodes = nodes.with("a", "a", kind("new")).unwrap();
        is(&nodes, &[("old", 2), ("new", 1)]);
        let nodes = nodes.with("d", "d", kind("new")).unwrap();
        is(&nodes, &[("old", 2), ("new", 2)]);
        let nodes = nodes.with("d", "other", kind("new")).unwrap();
        is(&nodes, &[("old", 2), ("new", 2)]);
        assert_eq!(nodes.named("d").unwrap().hostname, "other");
        let nodes = nodes.without("b").unwrap().without("c").unwrap();
        is(&nodes, &[("new", 2)]);
        assert_eq!(nodes.iter().count(), 2);
    }

    #[test]
    fn versions_are_read_with_what_distributions_add() {
        for (text, version) in [
            ("v1.29.0", Some((1, 29))),
            ("v1.29+k3s1", Some((1, 29))),
            ("6.12.9-arch1", Some((6, 12))),
            ("5.4", Some((5, 4))),
            ("latest", None),
        ] {
            assert_eq!(version_of(text), version, "{text}");
        }
    }
}
