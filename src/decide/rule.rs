//! A rule: which Pods it is for, and what is done with what they ask and reach.
//!
//! Rules are data. The first one that matches decides; a rule with no condition matches
//! every Pod. Only an admin writes them.

use std::sync::Arc;

use crate::model::path::CleanPath;
use crate::model::profile::Profile;
use crate::model::quantity::Quantity;

use crate::decide::matcher::Matcher;

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name in logs, metrics and messages.
    pub name: String,
    /// The Pods it is for.
    pub matches: Matcher,
    /// What is done with a mount of the Docker socket, or of the directory that holds it.
    pub host_sockets: Action,
    /// The same for node agents, which want the node's own daemon.
    pub node_agents: AgentActions,
    /// What is done with a mount of `/` or `/var`, which cannot be swapped.
    pub ancestors: Restriction,
    /// What is done with another runtime's socket, or with a directory that leads to one.
    pub other_runtimes: Restriction,
    /// What is done with a writable mount of a runtime's images and containers.
    pub data_directories: Restriction,
    /// What is done with every other `hostPath` that is not in [`Rule::allowed_host_paths`].
    pub host_paths: Restriction,
    /// The paths of the node that Pods may have.
    pub allowed_host_paths: Vec<AllowedHostPath>,
    /// What is done with a `DOCKER_HOST` that leads to the node over TCP.
    pub tcp_docker_host: TcpAction,
    /// Whether the annotation `dind-injector.io/inject: "true"` counts.
    pub annotation: AnnotationPolicy,
    /// Whether `dind-injector.io/inject: "false"` counts.
    pub opt_out: AnnotationPolicy,
    /// The profiles that may be chosen; the first one is used where nothing is said.
    pub profiles: Profiles,
    /// The profile for namespaces whose Pod Security level the chosen one does not meet.
    pub pod_security_profile: Option<Arc<Profile>>,
    /// The largest sizes that an annotation may ask for.
    pub maximum: Sizes,
}

impl Rule {
    /// Whether it gives any Pod a daemon of its own.
    pub fn gives_daemon(&self) -> bool {
        let AgentActions {
            sockets,
            directories,
        } = self.node_agents;
        [self.host_sockets, sockets, directories].contains(&Action::Swap)
            || self.tcp_docker_host == TcpAction::Replace
            || self.annotation == AnnotationPolicy::Honor
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
    /// Give the Pod a daemon of its own in its place.
    Swap,
    /// Refuse the Pod.
    Deny,
    /// Let it be, and say so.
    Warn,
    /// Let it be.
    Allow,
}

/// What is done with what cannot be swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// Refuse the Pod.
    Deny,
    /// Let it be, and say so.
    Warn,
    /// Let it be.
    Allow,
}

/// A path of the node that Pods may have, with all that lies below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHostPath {
    /// The path, as the node resolves it. It holds whole components: `/foo` is not `/food`.
    pub path_prefix: CleanPath<'static>,
    /// Whether only mounts with `readOnly: true` may have it.
    pub read_only: bool,
}

impl AllowedHostPath {
    /// Whether a mount of `path` is allowed by it.
    pub fn allows(&self, path: &CleanPath<'_>, read_only: bool) -> bool {
        (read_only || !self.read_only) && self.path_prefix.holds(path)
    }
}

/// What is done with `DOCKER_HOST=tcp://<node>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpAction {
    /// Give the Pod a daemon of its own, and set `DOCKER_HOST` to it.
    Replace,
    /// Refuse the Pod.
    Deny,
    /// Let it be, and say so.
    Warn,
    /// Let it be.
    Allow,
}

/// Whether a wish of the Pod's author counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationPolicy {
    /// It does.
    Honor,
    /// It does not; the author is told.
    Ignore,
}

/// Actions for node agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentActions {
    /// For the socket itself.
    pub sockets: Action,
    /// For the directory that holds it, and much else.
    pub directories: Action,
}

/// One or more profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    /// Used where nothing is said.
    pub default: Arc<Profile>,
    /// May be chosen too.
    pub others: Vec<Arc<Profile>>,
}

impl Profiles {
    /// Only this one.
    pub fn only(profile: Arc<Profile>) -> Self {
        Self {
            default: profile,
            others: Vec::new(),
        }
    }

    /// The profile of that name, if it may be chosen.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.iter().find(|profile| profile.name == name)
    }

    /// Every profile, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        std::iter::once(&self.default)
            .chain(&self.others)
            .map(Arc::as_ref)
    }
}

/// The largest sizes; no bound where one is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizes {
    /// CPU limit.
    pub cpu: Option<Quantity>,
    /// Memory limit.
    pub memory: Option<Quantity>,
    /// Storage size.
    pub storage: Option<Quantity>,
}
