//! A cluster before anything is installed, and every check of it.

use crate::check::guards::{Right, denied};
use crate::check::installed::api_server;
use crate::check::objects::{Named, Node};
use crate::check::outcome::{Check, counted, some};
use crate::check::questions::{
    ADMISSION, ADMISSION_POLICIES, CGROUPS, INSTALL_RIGHTS, NODES, POD_SECURITY, RUNTIME_CLASSES,
    USER_NAMESPACES,
};
use crate::check::read::{Read, Unread};
use crate::check::report::Report;
use crate::model::nodes::{Support, Versions, version_of};
use crate::names;

/// The oldest kubelet that runs native sidecars by default.
const NATIVE_KUBELET: (u32, u32) = (1, 29);
/// The oldest kernel with all that cgroup version 2 needs of it (the freezer), and overlay mounts of one's own.
/// Source: `runc/docs/cgroup-v2.md`.
const OLDEST_KERNEL: (u32, u32) = (5, 2);

/// What was read of a cluster.
#[derive(Clone, Debug)]
pub struct Before {
    /// The API server's version.
    pub version: Read<(u32, u32)>,
    /// The resources of `admissionregistration.k8s.io/v1`, in plural.
    pub admission: Read<Vec<String>>,
    /// Whether a configuration that is written by a dry run keeps its `matchConditions`.
    pub match_conditions: Read<bool>,
    /// What the chart creates, and whether the caller may.
    pub rights: Vec<(Right, Read<bool>)>,
    /// Every namespace.
    pub namespaces: Read<Vec<Named>>,
    /// Every node.
    pub nodes: Read<Vec<Node>>,
    /// The cgroup version by the metrics of some nodes' kubelets; none where they do not say.
    pub cgroups: Vec<(String, Read<Option<u32>>)>,
    /// Every RuntimeClass.
    pub runtime_classes: Read<Vec<Named>>,
}

impl Before {
    /// Every check.
    pub fn checks(&self) -> Report {
        let mut checks = vec![
            api_server(&self.version),
            self.admission(),
            self.admission_policies(),
            self.rights(),
            self.pod_security(),
        ];
        match &self.nodes {
            Ok(nodes) => {
                checks.push(judge_nodes(nodes));
                checks.push(self.cgroups());
                checks.push(self.user_namespaces(nodes));
            }
            Err(unread) => checks.push(NODES.could_not_ask(unread)),
        }
        checks.push(self.runtime_classes());
        Report {
            checks,
            ..Report::default()
        }
    }

    fn admission(&self) -> Check {
        let fix = "upgrade the cluster to 1.28 or newer";
        let resources = match &self.admission {
            Ok(resources) => resources,
            Err(Unread::Missing) => {
                return ADMISSION.fails("admissionregistration.k8s.io/v1 is not served", fix);
            }
            Err(unread) => return ADMISSION.could_not_ask(unread),
        };
        for wanted in [
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
        ] {
            if !resources.iter().any(|resource| resource == wanted) {
                return ADMISSION.fails(format!("{wanted} are not served"), fix);
            }
        }
        match &self.match_conditions {
            Ok(true) => ADMISSION.ok("served; a dry run keeps matchConditions"),
            Ok(false) => ADMISSION.fails(
                "the API server drops matchConditions: every Pod would be sent, and with failurePolicy Fail wait",
                fix,
            ),
            Err(unread) => ADMISSION.could_not_ask_but(
                format!("served; whether with matchConditions: {unread}"),
                "ask as a user who may create webhook configurations: nothing is stored",
            ),
        }
    }

    fn admission_policies(&self) -> Check {
        match &self.admission {
            Ok(resources) if resources.iter().any(|it| it == "validatingadmissionpolicies") => {
                ADMISSION_POLICIES.ok("served, for the guards and the backstop")
            }
            Ok(_) | Err(Unread::Missing) => ADMISSION_POLICIES.warns(
                "not served: there is neither a guard of the account nor a backstop",
                "upgrade to 1.30 or newer, or use certificates.mode cert-manager or files, and failurePolicy Fail",
            ),
            Err(unread) => ADMISSION_POLICIES.could_not_ask(unread),
        }
    }

    fn rights(&self) -> Check {
        match denied(&self.rights) {
            Err(unread) => INSTALL_RIGHTS.could_not_ask(unread),
            Ok(denied) if denied.is_empty() => {
                INSTALL_RIGHTS.ok(format!("all {} kinds of objects", self.rights.len()))
            }
            Ok(denied) => INSTALL_RIGHTS.fails(
                format!("you may not: {}", some(&denied)),
                "install as a cluster admin",
            ),
        }
    }

    fn pod_security(&self) -> Check {
        let namespaces = match &self.namespaces {
            Ok(namespaces) => namespaces,
            Err(unread) => return POD_SECURITY.could_not_ask(unread),
        };
        let strict = namespaces.iter().filter_map(|namespace| {
            let labels = &namespace.metadata.labels;
            let level = labels.get(names::PSA_ENFORCE)?;
            // The webhook's own namespace holds no Pod that is swapped.
            let is_own = namespace.metadata.name == names::NAMESPACE;
            (level != "privileged" && !is_own)
                .then(|| format!("{} ({level})", namespace.metadata.name))
        });
        let strict: Vec<String> = strict.collect();
        match strict.len() {
            0 => POD_SECURITY.ok(format!("a privileged sidecar is admitted in {}", counted(namespaces.len(), "namespace"))),
            _ => POD_SECURITY.warns(
                format!("Pods of these are denied rather than swapped: {}", some(&strict)),
                format!(
                    "label those that need Docker {}=privileged, or give them a profile that their level admits",
                    names::PSA_ENFORCE
                ),
            ),
        }
    }

    fn cgroups(&self) -> Check {
        let version_1 = self
            .cgroups
            .iter()
            .filter(|(_, version)| *version == Ok(Some(1)));
        let version_1: Vec<String> = version_1.map(|(node, _)| node.clone()).collect();
        let version_2 = self
            .cgroups
            .iter()
            .filter(|(_, version)| *version == Ok(Some(2)));
        let version_2 = version_2.count();
        if !version_1.is_empty() {
            return CGROUPS.warns(
                format!(
                    "version 1 on {}: it works, and Kubernetes ends its support",
                    some(&version_1)
                ),
                "move nodes to an image with cgroup version 2",
            );
        }
        let unread = self
            .cgroups
            .iter()
            .find_map(|(_, version)| version.as_ref().err());
        match (version_2, unread) {
            (0, Some(unread)) => CGROUPS.could_not_ask_but(
                format!("no kubelet's metrics were read: {unread}"),
                "ask as a user who may get nodes/proxy; check --run says it of one node",
            ),
            (0, None) => CGROUPS.could_not_ask_but(
                "no kubelet says it (kubelet_cgroup_version came with Kubernetes 1.31)",
                "check --run says it of one node",
            ),
            (asked, _) => CGROUPS.ok(format!(
                "version 2, by {} that said so",
                counted(asked, "kubelet")
            )),
        }
    }

    /// On which nodes the profile `userns` works, and on which of them the limits of single containers are kept.
    fn user_namespaces(&self, nodes: &[Node]) -> Check {
        let has_version_1 = |name: &str| {
            let mut cgroups = self.cgroups.iter();
            cgroups.any(|(node, version)| node == name && *version == Ok(Some(1)))
        };
        let offers = |node: &&Node| {
            let info = &node.status.node_info;
            let versions = Versions {
                kernel: &info.kernel_version,
                kubelet: &info.kubelet_version,
                runtime: &info.container_runtime_version,
            };
            let handlers = node.status.runtime_handlers.iter();
            let handlers = handlers
                .map(|handler| (handler.name.clone(), handler.features.user_namespaces))
                .collect();
            let has_new_kubelet =
                version_of(&info.kubelet_version).is_none_or(|version| version >= USERNS_KUBELET);
            has_new_kubelet
                && !has_version_1(&node.metadata.name)
                && Support::of(versions, handlers).is_sure("")
        };
        let delegates = |node: &&Node| {
            let mut handlers = node.status.runtime_handlers.iter();
            handlers.any(|handler| handler.name == names::USERNS_RUNTIME)
        };
        let named = |nodes: &[&Node]| -> Vec<String> {
            let names = nodes.iter().map(|node| node.metadata.name.clone());
            names.collect()
        };
        let works: Vec<&Node> = nodes.iter().filter(offers).collect();
        if works.is_empty() {
            return USER_NAMESPACES.warns(
                "no node has them: the profile userns, and others with hostUsers: false, work nowhere",
                "Kubernetes 1.33, Linux 6.3, cgroup version 2, and containerd 2.0 or CRI-O 1.25; the default profile needs none \
                 of it",
            );
        }
        let delegating: Vec<&Node> = works.iter().copied().filter(delegates).collect();
        let where_kept = match delegating.len() {
            0 => format!(
                "docker run -m is kept on none: it takes the runtime {} (manifests/userns)",
                names::USERNS_RUNTIME
            ),
            all if all == works.len() => "docker run -m is kept there too".to_owned(),
            _ => format!("docker run -m is kept on {}", some(&named(&delegating))),
        };
        let others: Vec<&Node> = nodes.iter().filter(|node| !offers(node)).collect();
        // Those that are fewer are named.
        let named = match (works.len(), others.len()) {
            (_, 0) => String::new(),
            (able, unable) if able <= unable => format!(", {}", some(&named(&works))),
            (_, _) => format!(", not on {}", some(&named(&others))),
        };
        let which = format!("on {} of {} nodes{named}", works.len(), nodes.len());
        USER_NAMESPACES.ok(format!("profile userns works {which}; {where_kept}"))
    }

    fn runtime_classes(&self) -> Check {
        match &self.runtime_classes {
            Ok(classes) if classes.is_empty() => {
                RUNTIME_CLASSES.ok("there are none, and the default profile needs none")
            }
            Ok(classes) => {
                let classes: Vec<String> = classes
                    .iter()
                    .map(|class| class.metadata.name.clone())
                    .collect();
                RUNTIME_CLASSES.ok(format!(
                    "for profiles[].runtimeClassName: {}",
                    some(&classes)
                ))
            }
            Err(unread) => RUNTIME_CLASSES.could_not_ask(unread),
        }
    }
}

fn judge_nodes(nodes: &[Node]) -> Check {
    let linux = nodes
        .iter()
        .filter(|node| node.status.node_info.operating_system != "windows");
    let linux: Vec<&Node> = linux.collect();
    if linux.is_empty() {
        return NODES.fails("there is no Linux node", "add one");
    }
    let told = |node: &Node, what: &str| format!("{}: {what}", node.metadata.name);
    let mut wrong = Vec::new();
    for node in &linux {
        let info = &node.status.node_info;
        if version_of(&info.kubelet_version).is_some_and(|version| version < NATIVE_KUBELET) {
            let what = format!("kubelet {} has no native sidecars", info.kubelet_version);
            wrong.push(told(node, &what));
        } else if version_of(&info.kernel_version).is_some_and(|version| version < OLDEST_KERNEL) {
            wrong.push(told(
                node,
                &format!("kernel {} is older than 5.2", info.kernel_version),
            ));
        } else if info.container_runtime_version.starts_with("docker:") {
            wrong.push(told(
                node,
                "its container runtime is Docker itself, which Pods may reach elsewhere",
            ));
        } else if !["amd64", "arm64"].contains(&info.architecture.as_str()) {
            wrong.push(told(
                node,
                &format!("there is no image for {}", info.architecture),
            ));
        }
    }
    if !wrong.is_empty() {
        return NODES.warns(
            some(&wrong),
            "upgrade these nodes, or keep Pods that use Docker off them (nodeSelector)",
        );
    }
    let info = linux.first().map(|node| &node.status.node_info);
    let example = info.map_or(String::new(), |info| {
        format!(
            "kernel {}, {}",
            info.kernel_version, info.container_runtime_version
        )
    });
    NODES.ok(format!(
        "{}, such as one with {example}",
        counted(linux.len(), "Linux node")
    ))
}

/// The oldest kubelet whose user namespaces are on by default.
const USERNS_KUBELET: (u32, u32) = (1, 33);
