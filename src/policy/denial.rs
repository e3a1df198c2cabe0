//! Why a Pod is refused, or left alone: fixed words for metrics, full sentences for people.
//!
//! A sentence names what to change, and who can change it.

use crate::names;
use crate::pod::detect::Agent;
use crate::sidecar::profile::{BoundsError, PodSecurity};

use super::wish::WishError;

/// A deliberate refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// An annotation that cannot be understood.
    #[error("{0}")]
    Annotation(#[from] WishError),
    /// A size that is none, or whose request is above its limit.
    #[error("annotation {annotation}: {error}")]
    Size {
        /// The annotation.
        annotation: &'static str,
        /// What is wrong.
        error: BoundsError,
    },
    /// A size above the rule's maximum.
    #[error("annotation {annotation} is {value:?}, above the maximum {maximum} of rule {rule:?}")]
    AboveMaximum {
        /// The annotation.
        annotation: &'static str,
        /// Its value.
        value: String,
        /// The most that it may be.
        maximum: String,
        /// The rule.
        rule: String,
    },
    /// A profile that the rule does not allow.
    #[error(
        "annotation {} is {asked:?}; rule {rule:?} allows: {allowed}",
        names::PROFILE
    )]
    Profile {
        /// The profile asked for.
        asked: String,
        /// The rule.
        rule: String,
        /// The profiles allowed.
        allowed: String,
    },
    /// A mount of the Docker socket, where the rule denies it.
    #[error(
        "container {container:?} mounts the node's Docker socket ({path}); rule {rule:?} denies it. \
         Remove the mount, or annotate the Pod with {}: \"true\" where that is honored",
        names::INJECT
    )]
    HostSocket {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// The rule.
        rule: String,
    },
    /// A node agent that wants the node's daemon, where the rule denies it.
    #[error(
        "container {container:?} mounts the node's Docker socket ({path}), and a Docker daemon of \
         its own cannot replace the node's for a node agent ({agent}). If it must see the node's \
         containers, an admin can exempt it: a rule before {rule:?} that matches it with \
         nodeAgents.sockets: Allow"
    )]
    NodeAgent {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// Why it is one.
        agent: &'static str,
        /// The rule.
        rule: String,
    },
    /// A mount through which the socket is reached, and that cannot be swapped.
    #[error(
        "container {container:?} mounts {path} of the node, which holds the Docker socket; rule \
         {rule:?} denies it. Mount only the directories that are needed"
    )]
    Ancestor {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// The rule.
        rule: String,
    },
    /// A mount of which nobody can say here whether it reaches the socket.
    #[error(
        "container {container:?} mounts a part of {path} of the node that its subPathExpr names \
         only when it runs; rule {rule:?} denies it. Use subPath"
    )]
    Unresolved {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// The rule.
        rule: String,
    },
    /// Another runtime's socket, where the rule denies it.
    #[error(
        "container {container:?} mounts the node's {runtime} socket ({path}); rule {rule:?} denies \
         it. A Docker daemon does not replace it: remove the mount, or ask for an exemption"
    )]
    OtherRuntime {
        /// The container.
        container: String,
        /// The runtime.
        runtime: &'static str,
        /// The path of the node.
        path: String,
        /// The rule.
        rule: String,
    },
    /// `DOCKER_HOST` leads to the node, where the rule denies it.
    #[error(
        "container {container:?} has a DOCKER_HOST that leads to the node's Docker daemon; rule \
         {rule:?} denies it. Remove the variable"
    )]
    TcpDockerHost {
        /// The container.
        container: String,
        /// The rule.
        rule: String,
    },
    /// A Pod in the node's network namespace.
    #[error(
        "the Pod has hostNetwork: true, so its Docker daemon would change the node's own bridges \
         and firewall. Remove hostNetwork, or have an admin allow a profile with hostNetwork: true"
    )]
    HostNetwork,
    /// A namespace whose Pod Security level the sidecar does not meet.
    #[error(
        "namespace label {}={enforced} does not admit the Docker sidecar of profile {profile:?}, \
         which needs {needs}. Either label the namespace {}={needs}, or have an admin allow a \
         profile that fits (podSecurityProfile)",
        names::PSA_ENFORCE,
        names::PSA_ENFORCE
    )]
    PodSecurity {
        /// The namespace's level.
        enforced: &'static str,
        /// The profile.
        profile: String,
        /// The level it needs.
        needs: &'static str,
    },
    /// An ephemeral container cannot get a mount that its Pod does not have.
    #[error(
        "ephemeral container {container:?} mounts the node's Docker socket ({path}), which cannot be \
         swapped in a running Pod. Use a container of a Pod that was created with a daemon of its own"
    )]
    EphemeralContainer {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
    },
    /// The Pod asks for another runtime class than the profile's sidecar needs.
    #[error(
        "the Pod's runtimeClassName is {asked:?}; profile {profile:?} needs {needs:?}. Remove it, or \
         choose another profile with {}",
        names::PROFILE
    )]
    RuntimeClass {
        /// The Pod's.
        asked: String,
        /// The profile.
        profile: String,
        /// The profile's.
        needs: String,
    },
}

impl Denial {
    /// The reason as a fixed word, for metrics and audit annotations.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Annotation(_) => "InvalidAnnotation",
            Self::Size { .. } => "InvalidSize",
            Self::AboveMaximum { .. } => "SizeAboveMaximum",
            Self::Profile { .. } => "ProfileNotAllowed",
            Self::HostSocket { .. } => "HostSocket",
            Self::NodeAgent { .. } => "NodeAgent",
            Self::Ancestor { .. } => "AncestorMount",
            Self::Unresolved { .. } => "UnresolvedSubPath",
            Self::OtherRuntime { .. } => "OtherRuntimeSocket",
            Self::TcpDockerHost { .. } => "TcpDockerHost",
            Self::HostNetwork => "HostNetwork",
            Self::PodSecurity { .. } => "PodSecurity",
            Self::EphemeralContainer { .. } => "EphemeralContainer",
            Self::RuntimeClass { .. } => "RuntimeClass",
        }
    }

    /// A node agent's denial.
    pub fn agent(container: String, path: String, agent: Agent, rule: String) -> Self {
        Self::NodeAgent {
            container,
            path,
            agent: agent.name(),
            rule,
        }
    }

    /// A namespace's denial.
    pub fn pod_security(enforced: PodSecurity, profile: &str, needs: PodSecurity) -> Self {
        Self::PodSecurity {
            enforced: enforced.name(),
            profile: profile.to_owned(),
            needs: needs.name(),
        }
    }
}

/// Why a Pod is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It neither reaches nor asks for a daemon.
    NothingToDo,
    /// The mirror of a static Pod.
    MirrorPod,
    /// A Pod for Windows nodes.
    WindowsPod,
    /// Its annotation opts out, and the rule honors that.
    OptedOut,
    /// It runs a Docker daemon of its own.
    OwnDaemon,
    /// It has its sidecar already.
    AlreadyInjected,
    /// The rule warns or allows.
    RuleAllows,
    /// It asks by annotation, which the rule ignores.
    AnnotationIgnored,
    /// The request does not create a Pod.
    NotACreation,
}

impl Reason {
    /// Every reason, for metrics that start at zero.
    pub const ALL: [Self; 9] = [
        Self::NothingToDo,
        Self::MirrorPod,
        Self::WindowsPod,
        Self::OptedOut,
        Self::OwnDaemon,
        Self::AlreadyInjected,
        Self::RuleAllows,
        Self::AnnotationIgnored,
        Self::NotACreation,
    ];

    /// The reason as a fixed word.
    pub fn name(self) -> &'static str {
        match self {
            Self::NothingToDo => "NothingToDo",
            Self::MirrorPod => "MirrorPod",
            Self::WindowsPod => "WindowsPod",
            Self::OptedOut => "OptedOut",
            Self::OwnDaemon => "OwnDaemon",
            Self::AlreadyInjected => "AlreadyInjected",
            Self::RuleAllows => "RuleAllows",
            Self::AnnotationIgnored => "AnnotationIgnored",
            Self::NotACreation => "NotACreation",
        }
    }
}
