//! A rule: which Pods it is for, and what is done with them.
//!
//! Rules are data that only an admin writes. The first one that matches decides; a rule without a condition
//! matches every Pod.

use std::sync::Arc;

use crate::model::path::CleanPath;
use crate::model::profile::Profile;
use crate::model::quantity::Quantity;

use crate::decide::matcher::{Detection, Matcher};

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// In logs, metrics and messages.
    pub name: String,
    pub matches: Matcher,
    /// A mount of the Docker socket or its directory.
    pub host_sockets: Action,
    /// The same for node agents, which need the node's own daemon.
    pub node_agents: AgentActions,
    /// A mount of `/` or `/var`, which cannot be swapped.
    pub ancestors: Restriction,
    /// A mount of another runtime's socket, or of a directory that leads to one.
    pub other_runtimes: Restriction,
    /// A writable mount of a runtime's images and containers.
    pub data_directories: Restriction,
    /// Every other `hostPath` that is not in [`Rule::allowed_host_paths`].
    pub host_paths: Restriction,
    /// The paths of the node that Pods may mount.
    pub allowed_host_paths: Vec<AllowedHostPath>,
    /// A `DOCKER_HOST` that leads to the node over TCP.
    pub tcp_docker_host: TcpAction,
    /// Whether the annotation `dind-injector.io/inject: "true"` counts.
    pub annotation: AnnotationPolicy,
    /// Whether the annotation `dind-injector.io/inject: "false"` counts.
    pub opt_out: AnnotationPolicy,
    pub profiles: Profiles,
    /// The profile for namespaces whose Pod Security level admits none of [`Rule::profiles`].
    pub pod_security_profile: Option<Arc<Profile>>,
    /// The largest sizes that an annotation may ask for.
    pub maximum: Sizes,
}

impl Rule {
    /// Whether a Pod with such a detection gets its own daemon by this rule; a node agent has actions of its own.
    pub fn gives_daemon(&self, detection: Detection, is_agent: bool) -> bool {
        let AgentActions {
            sockets,
            directories,
        } = self.node_agents;
        match (detection, is_agent) {
            (Detection::Socket | Detection::Parent, false) => self.host_sockets == Action::Swap,
            (Detection::Socket, true) => sockets == Action::Swap,
            (Detection::Parent, true) => directories == Action::Swap,
            (Detection::TcpDockerHost, _) => self.tcp_docker_host == TcpAction::Replace,
            (Detection::Annotation, _) => self.annotation == AnnotationPolicy::Honor,
            (
                Detection::Client
                | Detection::OtherRuntime
                | Detection::DataDirectory
                | Detection::HostPath,
                _,
            ) => false,
        }
    }

    /// The profiles of the daemons that it gives.
    pub fn every_profile(&self) -> impl Iterator<Item = &Profile> {
        self.profiles
            .iter()
            .chain(self.pod_security_profile.as_deref())
    }
}

/// What is done with a way to the node's Docker daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The Pod gets its own daemon instead.
    Swap,
    Deny,
    /// Nothing is changed, and the author is warned.
    Warn,
    Allow,
}

/// What is done with a mount that cannot be swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    Deny,
    /// Nothing is changed, and the author is warned.
    Warn,
    Allow,
}

/// A path of the node that Pods may mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHostPath {
    /// As the node resolves it.
    pub path: CleanPath<'static>,
    /// Whether it is allowed with everything below it: `/foo/bar` is below `/foo`, and `/food` is not. A path that
    /// Pods may write is safe without alone: what they make below it may be a link to anywhere.
    pub is_prefix: bool,
    /// Whether `readOnly: true` is required.
    pub read_only: bool,
}

impl AllowedHostPath {
    pub fn allows(&self, path: &CleanPath<'_>, read_only: bool) -> bool {
        let is_there = match self.is_prefix {
            true => self.path.holds(path),
            false => self.path == *path,
        };
        is_there && (read_only || !self.read_only)
    }
}

/// What is done with `DOCKER_HOST=tcp://<node>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpAction {
    /// The Pod gets its own daemon, and `DOCKER_HOST` leads to it.
    Replace,
    Deny,
    /// Nothing is changed, and the author is warned.
    Warn,
    Allow,
}

/// Whether an annotation of the Pod's author counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationPolicy {
    Honor,
    /// It does not, and the author is warned.
    Ignore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentActions {
    pub sockets: Action,
    /// For the directory with the socket and much else.
    pub directories: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    /// The preferred one, for every Pod that it fits and whose author chooses none.
    pub default: Arc<Profile>,
    /// By preference, the next first.
    pub others: Vec<Arc<Profile>>,
}

impl Profiles {
    pub fn only(profile: Arc<Profile>) -> Self {
        Self {
            default: profile,
            others: Vec::new(),
        }
    }

    /// `None` if the rule does not allow it.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.iter().find(|profile| profile.name == name)
    }

    /// The default comes first.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        std::iter::once(&self.default)
            .chain(&self.others)
            .map(Arc::as_ref)
    }
}

/// `None` means no maximum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes {
    pub cpu: Option<Quantity>,
    pub memory: Option<Quantity>,
    pub storage: Option<Quantity>,
}
