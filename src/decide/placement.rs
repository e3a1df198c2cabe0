//! Whether the cluster can run a Pod with a profile: its RuntimeClass, and the nodes on which it may run.
//!
//! A Pod in a user namespace that is scheduled to a node without them never starts, and the scheduler knows nothing
//! of it. So such a profile fits only if every node that the Pod may run on has them, as far as nodes tell. Those
//! are the nodes that the Pod's `nodeSelector`, `nodeName` and tolerations, with those of the RuntimeClass, leave.
//! Node affinity is not evaluated: it leaves some of these nodes, so it can only be said that none of them will do.
//! What is not known (no watch, a node that reports nothing, no node yet that an autoscaler will add) never rules a
//! profile out.
//!
//! A large cluster must not cost a Pod its steps: kinds of nodes are compared, and no more than `MOST_KINDS`.

use std::collections::BTreeMap;

use crate::budget::{Budget, Excess};
use crate::model::cluster::Placement;
use crate::model::nodes::{HOSTNAME, Node, NodeKind, Nodes};
use crate::model::profile::Profile;
use crate::model::runtime_class::RuntimeClass;
use crate::model::taint::Toleration;
use crate::model::view::{Pod, Spec};

use crate::decide::misfit::Misfit;

/// Kinds of nodes that a review looks at, as many as a cluster of Kubernetes should have nodes. If there are more,
/// nothing is known.
const MOST_KINDS: usize = 5_000;

/// Why the cluster cannot run `pod` with `profile`, as far as it is known.
pub(super) fn misfit(
    profile: &Profile,
    placement: &Placement,
    pod: &Pod<'_>,
    budget: &Budget,
) -> Result<Option<Misfit>, Excess> {
    let class = match (&profile.runtime_class_name, &placement.runtime_classes) {
        (None, _) => None,
        (Some(_), None) => return Ok(None),
        (Some(name), Some(classes)) => match classes.get(name) {
            None => return Ok(Some(Misfit::MissingRuntimeClass(name.clone()))),
            class => class,
        },
    };
    if let Some(key) = class.and_then(|class| contradicted(class, &pod.spec)) {
        return Ok(Some(Misfit::NodeSelector(key.to_owned())));
    }
    let Some(nodes) = &placement.nodes else {
        return Ok(None);
    };
    if profile.host_users != Some(false) {
        return Ok(None);
    }
    let handler = class.map_or("", |class| &class.handler);
    let kinds = nodes.kinds();
    if kinds.len() > MOST_KINDS {
        return Ok(None);
    }
    budget.spend(kinds.len())?;
    let mut kinds = kinds.map(|(kind, _)| kind);
    if !kinds.any(|kind| kind.support.lacks_user_namespaces(handler)) {
        return Ok(None);
    }
    let Some(candidates) = Candidates::new(&pod.spec, class, budget)? else {
        return Ok(None);
    };
    let count = candidates.count(nodes, handler)?;
    let is_all = count.lacking == count.eligible;
    if count.lacking == 0 || candidates.has_affinity && !is_all {
        return Ok(None);
    }
    Ok(Some(Misfit::Nodes(count)))
}

/// A label for which the Pod's `nodeSelector` has another value than the RuntimeClass's.
fn contradicted<'c>(class: &'c RuntimeClass, spec: &Spec<'_>) -> Option<&'c str> {
    let mut selector = class.node_selector.iter();
    let (key, _) = selector.find(|(key, value)| {
        let asked = spec.node_selector.get(key);
        asked.is_some_and(|asked| asked != *value)
    })?;
    Some(key)
}

/// How many of the nodes on which a Pod may run have no user namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub lacking: usize,
    pub eligible: usize,
}

impl Count {
    fn add(&mut self, kind: &NodeKind, nodes: usize, handler: &str) {
        self.eligible += nodes;
        if kind.support.lacks_user_namespaces(handler) {
            self.lacking += nodes;
        }
    }
}

/// Which nodes a Pod may run on.
struct Candidates<'c> {
    /// Empty if the scheduler chooses one.
    node_name: &'c str,
    /// Of [`HOSTNAME`].
    hostname: Option<&'c str>,
    /// Every other label that a node must have.
    labels: BTreeMap<&'c str, &'c str>,
    tolerations: Vec<Toleration>,
    has_affinity: bool,
    budget: &'c Budget,
}

impl<'c> Candidates<'c> {
    /// `None` if the Pod cannot be read so far, which no API server sends.
    fn new(
        spec: &'c Spec<'_>,
        class: Option<&'c RuntimeClass>,
        budget: &'c Budget,
    ) -> Result<Option<Self>, Excess> {
        budget.spend(spec.placement_bytes())?;
        let (Ok(mut tolerations), Ok(has_affinity)) =
            (spec.tolerations(), spec.requires_affinity())
        else {
            return Ok(None);
        };
        let mut labels = BTreeMap::new();
        for (key, value) in spec.node_selector.iter() {
            budget.spend(key.len() + value.len())?;
            labels.insert(key, value);
        }
        if let Some(class) = class {
            let of_class = class.node_selector.iter();
            labels.extend(of_class.map(|(key, value)| (key.as_str(), value.as_str())));
            tolerations.extend(class.tolerations.iter().cloned());
        }
        Ok(Some(Self {
            node_name: &spec.node_name,
            hostname: labels.remove(HOSTNAME),
            labels,
            tolerations,
            has_affinity,
            budget,
        }))
    }

    fn count(&self, nodes: &Nodes, handler: &str) -> Result<Count, Excess> {
        let mut count = Count::default();
        if !self.node_name.is_empty() {
            // No scheduler is asked, and no taint of it.
            if let Some(Node { kind, .. }) = nodes.named(self.node_name) {
                count.add(kind, 1, handler);
            }
            return Ok(count);
        }
        if let Some(hostname) = self.hostname {
            let nodes = nodes.iter();
            self.budget.spend(10 * nodes.len())?;
            for node in nodes.filter(|node| node.hostname == hostname) {
                if self.includes(&node.kind)? {
                    count.add(&node.kind, 1, handler);
                }
            }
            return Ok(count);
        }
        for (kind, nodes) in nodes.kinds() {
            if self.includes(kind)? {
                count.add(kind, nodes, handler);
            }
        }
        Ok(count)
    }

    /// Whether the Pod may run on nodes of this kind.
    fn includes(&self, kind: &NodeKind) -> Result<bool, Excess> {
        for (key, value) in &self.labels {
            self.budget.spend(0)?;
            if kind.labels.get(*key).is_none_or(|there| there != value) {
                return Ok(false);
            }
        }
        for taint in &kind.taints {
            self.budget.spend(10 * self.tolerations.len())?;
            let mut tolerations = self.tolerations.iter();
            if !tolerations.any(|toleration| toleration.tolerates(taint)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::nodes::Support;
    use crate::model::runtime_class::RuntimeClasses;
    use crate::model::taint::{Effect, Taint};

    /// Nodes of a pool with this support, with a taint of the pool's name if they are dedicated.
    fn pool(
        name: &str,
        count: usize,
        has: Option<bool>,
        dedicated: bool,
    ) -> Vec<(String, String, NodeKind)> {
        let handlers =
            has.map(|has| BTreeMap::from([(String::new(), has), ("own".to_owned(), true)]));
        let taint = Taint {
            key: "dedicated".to_owned(),
            value: name.to_owned(),
            effect: Effect::NoSchedule,
        };
        let kind = NodeKind {
            labels: BTreeMap::from([("pool".to_owned(), name.to_owned())]),
            taints: dedicated.then_some(taint).into_iter().collect(),
            support: Support::Reported(handlers.unwrap_or_default()),
        };
        let names = (0..count).map(|index| format!("{name}-{index}"));
        names
            .map(|name| (name.clone(), name, kind.clone()))
            .collect()
    }

    fn placement(pools: Vec<Vec<(String, String, NodeKind)>>) -> Placement {
        let class = |selector: &[(&str, &str)], handler: &str| RuntimeClass {
            handler: handler.to_owned(),
            node_selector: selector
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            tolerations: vec![Toleration {
                key: Some("dedicated".to_owned()),
                operator: Some("Exists".to_owned()),
                ..Toleration::default()
            }],
        };
        let classes = RuntimeClasses::from([
            ("own".to_owned(), class(&[], "own")),
            ("of-new".to_owned(), class(&[("pool", "new")], "own")),
            ("of-silent".to_owned(), class(&[("pool", "silent")], "own")),
            ("unknown-handler".to_owned(), class(&[], "other")),
        ]);
        Placement {
            nodes: Some(Arc::new(pools.into_iter().flatten().collect())),
            runtime_classes: Some(Arc::new(classes)),
        }
    }

    fn mixed() -> Placement {
        placement(vec![
            pool("new", 3, Some(true), false),
            pool("old", 2, Some(false), false),
            pool("silent", 4, None, false),
            pool("ci-old", 5, Some(false), true),
        ])
    }

    fn asked(placement: &Placement, class: Option<&str>, spec: Value) -> Option<Misfit> {
        let profile = Profile {
            runtime_class_name: class.map(str::to_owned),
            ..Profile::userns()
        };
        let json = json!({"spec": spec}).to_string();
        let pod: Pod<'_> = crate::json::from_str(&json).unwrap();
        misfit(&profile, placement, &pod, &Budget::new()).unwrap()
    }

    fn lacks(lacking: usize, eligible: usize) -> Option<Misfit> {
        Some(Misfit::Nodes(Count { lacking, eligible }))
    }

    #[test]
    fn every_node_that_a_pod_may_run_on_must_have_user_namespaces() {
        let ci = json!([{"key": "dedicated", "value": "ci-old"}]);
        let required = |key: &str| json!({"nodeAffinity": {key: {}}, "podAffinity": null});
        let affinity = required("requiredDuringSchedulingIgnoredDuringExecution");
        let preferred = required("preferredDuringSchedulingIgnoredDuringExecution");
        for (spec, expected) in [
            (json!({}), lacks(2, 9)),
            (json!({"tolerations": null, "affinity": null}), lacks(2, 9)),
            (json!({"tolerations": ci}), lacks(7, 14)),
            (
                json!({"tolerations": [{"operator": "Exists"}]}),
                lacks(7, 14),
            ),
            (json!({"nodeSelector": {"pool": "new"}}), None),
            (json!({"nodeSelector": {"pool": "silent"}}), None),
            (json!({"nodeSelector": {"pool": "old"}}), lacks(2, 2)),
            (json!({"nodeSelector": {"pool": "old", "gpu": "yes"}}), None),
            // None yet, or none that is not tainted: an autoscaler may add one.
            (json!({"nodeSelector": {"pool": "future"}}), None),
            (json!({"nodeSelector": {"pool": "ci-old"}}), None),
            (
                json!({"nodeSelector": {"pool": "ci-old"}, "tolerations": ci}),
                lacks(5, 5),
            ),
            (
                json!({"nodeSelector": {"kubernetes.io/hostname": "old-1"}}),
                lacks(1, 1),
            ),
            (
                json!({"nodeSelector": {"kubernetes.io/hostname": "new-1"}}),
                None,
            ),
            (
                json!({"nodeSelector": {"kubernetes.io/hostname": "old-1", "pool": "new"}}),
                None,
            ),
            (json!({"nodeName": "old-0"}), lacks(1, 1)),
            (json!({"nodeName": "ci-old-0"}), lacks(1, 1)),
            (json!({"nodeName": "new-0"}), None),
            (json!({"nodeName": "gone"}), None),
            // It may choose those that will do, where there are some.
            (json!({"affinity": affinity}), None),
            (
                json!({"affinity": affinity, "nodeSelector": {"pool": "old"}}),
                lacks(2, 2),
            ),
            (json!({"affinity": preferred}), lacks(2, 9)),
            // No API server sends these.
            (json!({"tolerations": "all"}), None),
            (json!({"affinity": {"nodeAffinity": 1}}), None),
        ] {
            assert_eq!(asked(&mixed(), None, spec.clone()), expected, "{spec}");
        }
    }

    #[test]
    fn a_runtime_class_must_exist_and_says_where_the_pod_may_run() {
        let missing = Some(Misfit::MissingRuntimeClass("gone".to_owned()));
        let contradicted = Some(Misfit::NodeSelector("pool".to_owned()));
        for (class, spec, expected) in [
            ("gone", json!({}), missing.clone()),
            ("own", json!({}), None),
            // Tolerations of the class count; no node has that handler, but four do not tell.
            ("unknown-handler", json!({}), lacks(10, 14)),
            ("of-new", json!({}), None),
            ("of-new", json!({"nodeSelector": {"pool": "new"}}), None),
            (
                "of-new",
                json!({"nodeSelector": {"pool": "old"}}),
                contradicted,
            ),
            ("of-silent", json!({}), None),
        ] {
            assert_eq!(
                asked(&mixed(), Some(class), spec.clone()),
                expected,
                "{class} {spec}"
            );
        }
        let unknown = Placement {
            runtime_classes: None,
            ..mixed()
        };
        assert_eq!(asked(&unknown, Some("gone"), json!({})), None);
        let without_nodes = Placement {
            nodes: None,
            ..mixed()
        };
        assert_eq!(asked(&without_nodes, Some("gone"), json!({})), missing);
        assert_eq!(asked(&without_nodes, None, json!({})), None);
    }

    #[test]
    fn only_a_profile_in_a_user_namespace_asks_the_nodes() {
        let json = r#"{"spec": {}}"#;
        let pod: Pod<'_> = crate::json::from_str(json).unwrap();
        let profile = Profile::privileged();
        let found = misfit(&profile, &mixed(), &pod, &Budget::new()).unwrap();
        assert_eq!(found, None);
    }

    /// Each of 5,000 nodes is a kind of its own, and the Pod is one that an honest author writes.
    #[test]
    fn the_largest_cluster_leaves_a_pod_its_steps() {
        let all = (0..5_000).flat_map(|index| {
            let mut nodes = pool(&format!("p{index}"), 1, Some(false), true);
            for (_, _, kind) in &mut nodes {
                kind.labels.insert("os".to_owned(), "linux".to_owned());
            }
            nodes
        });
        let all = placement(vec![all.collect()]);
        let json = json!({"spec": {
            "nodeSelector": {"os": "linux"},
            "tolerations": vec![json!({"key": "dedicated", "value": "other"}); 10],
        }})
        .to_string();
        let pod: Pod<'_> = crate::json::from_str(&json).unwrap();
        let budget = Budget::new();
        assert_eq!(misfit(&Profile::userns(), &all, &pod, &budget), Ok(None));
        assert!(
            budget.spent() < crate::budget::MOST_STEPS / 10,
            "{}",
            budget.spent()
        );
        // A hostile one is refused in the end.
        let json = json!({"spec": {"tolerations": vec![json!({"key": "x"}); 10_000]}}).to_string();
        let pod: Pod<'_> = crate::json::from_str(&json).unwrap();
        let found = misfit(&Profile::userns(), &all, &pod, &Budget::new());
        assert_eq!(found, Err(Excess::Steps));
    }
}
