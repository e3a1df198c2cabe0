//! Why a Pod is refused: a fixed word for metrics, a full sentence for people.
//!
//! A sentence names what to change, and who can change it.

use std::fmt;

use crate::budget::Excess;
use crate::detect::mounts::Agent;
use crate::model::profile::{BoundsError, PodSecurity};
use crate::names;

use crate::decide::annotations::AnnotationError;
use crate::decide::named::{Entry, Named};
use crate::decide::need::Need;

/// A deliberate refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// More than one review may cost.
    #[error("{0}")]
    Excess(#[from] Excess),
    /// An annotation that cannot be understood.
    #[error("{0}")]
    Annotation(#[from] AnnotationError),
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
         Remove the mount, or annotate the Pod with {}: \"true\" where that is honored{}",
        names::INJECT,
        but(*.need)
    )]
    HostSocket {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// The rule.
        rule: String,
        /// What it wants the node's daemon for.
        need: Option<Need>,
    },
    /// A node agent that wants the node's daemon, where the rule denies it.
    #[error(
        "container {container:?} of a node agent ({}) mounts the node's Docker socket ({path}){}. A \
         daemon of its own cannot replace the node's there, and rule {} denies it. {exemption}",
        agent.name(),
        and(*.need),
        exemption.above_name()
    )]
    NodeAgent {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// Why it is one.
        agent: Agent,
        /// What it wants the node's daemon for.
        need: Option<Need>,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// A mount through which the socket is reached, and that cannot be swapped.
    #[error(
        "container {container:?} mounts {path} of the node, through which the Docker socket is reached; \
         rule {} denies it. Mount only the directories that are needed. {exemption}",
        exemption.above_name()
    )]
    Ancestor {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// A mount of which nobody can say here whether it reaches the socket.
    #[error(
        "container {container:?} mounts a part of {path} of the node that its subPathExpr names only \
         when it runs; rule {rule:?} denies it. Use subPath"
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
        "container {container:?} reaches the node's {runtime} ({path}); rule {} denies it. A Docker \
         daemon does not replace it: remove the mount. {exemption}",
        exemption.above_name()
    )]
    OtherRuntime {
        /// The container.
        container: String,
        /// The runtime.
        runtime: &'static str,
        /// The path of the node.
        path: String,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// A runtime's data that may be written, where the rule denies it.
    #[error(
        "container {container:?} may write {path} of the node, where {runtime} keeps its containers; \
         rule {} denies it. Mount it with readOnly: true, or remove the mount. {exemption}",
        exemption.above_name()
    )]
    DataDirectory {
        /// The container.
        container: String,
        /// The runtime.
        runtime: &'static str,
        /// The path of the node.
        path: String,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// The folder in which daemons of other Pods leave their images.
    #[error(
        "container {container:?} mounts {path} of the node, where daemons of other Pods keep their \
         images (storage.node of a profile); rule {rule:?} does not allow that. Remove the mount, or have an \
         admin add the path to allowedHostPaths"
    )]
    NodeStorage {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// The rule.
        rule: String,
    },
    /// A mount that may be a link of the Pod's own making, where the rule denies it.
    #[error(
        "container {container:?} mounts {path} of the node, below a directory that this Pod may \
         write: a link there leads to the node's Docker daemon; rule {} denies it. Mount the upper one \
         with readOnly: true, or only one of the two. {exemption}",
        exemption.above_name()
    )]
    Link {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// What may be a Docker socket, and is not known to be one.
    #[error(
        "container {container:?} mounts {path} of the node as a Docker socket, and rule {} does not \
         allow that path. If nodes have a Docker socket there, an admin can have it swapped: \
         sockets: [{path}]. {exemption}",
        exemption.above_name()
    )]
    UnknownSocket {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// Any other path of the node, where the rule denies it.
    #[error(
        "container {container:?} mounts {path} of the node{}, which rule {} does not allow. Use a \
         volume of the Pod's own, or have an admin add the path to allowedHostPaths. {exemption}",
        if *writes { " without readOnly: true" } else { "" },
        exemption.above_name()
    )]
    HostPath {
        /// The container.
        container: String,
        /// The path of the node.
        path: String,
        /// Whether it would be allowed read-only.
        writes: bool,
        /// What an admin can do.
        exemption: Box<Exemption>,
    },
    /// `DOCKER_HOST` leads to the node, where the rule denies it.
    #[error(
        "container {container:?} has a DOCKER_HOST that {} to the node's Docker daemon; rule \
         {rule:?} denies it. Remove the variable",
        leads(*is_known)
    )]
    TcpDockerHost {
        /// The container.
        container: String,
        /// Whether the address is known before the Pod runs.
        is_known: bool,
        /// The rule.
        rule: String,
    },
    /// A Pod in the node's network namespace.
    #[error(
        "the Pod has hostNetwork: true, so its Docker daemon would change the node's own bridges \
         and firewall. Remove hostNetwork, or have an admin allow a profile with hostNetwork: true \
         in rule {rule:?}"
    )]
    HostNetwork {
        /// The rule.
        rule: String,
    },
    /// A namespace whose Pod Security level the sidecar does not meet.
    #[error(
        "namespace label {}={enforced} does not admit the Docker sidecar of profile {profile:?}, \
         which needs {needs}. Either label the namespace {}={needs}, or have an admin name a profile \
         that fits as podSecurityProfile of rule {rule:?}",
        names::PSA_ENFORCE,
        names::PSA_ENFORCE,
        enforced = .enforced.name(),
        needs = .needs.name()
    )]
    PodSecurity {
        /// The namespace's level.
        enforced: PodSecurity,
        /// The profile.
        profile: String,
        /// The level it needs.
        needs: PodSecurity,
        /// The rule.
        rule: String,
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
    /// A way to the node's daemon that was to be swapped, in a Pod that can be changed no more.
    #[error(
        "container {container:?} reaches the node's Docker daemon ({what}), which rule {rule:?} swaps, \
         but another webhook added it after that, or dind-injector was not reached. Create the Pod \
         again; if it is refused again, name the configuration of that webhook so that it sorts before \
         dind-injector's"
    )]
    Unswapped {
        /// The container.
        container: String,
        /// The path of the node, or the variable.
        what: String,
        /// The rule.
        rule: String,
    },
    /// The image of a sidecar, in a Pod that runs.
    #[error(
        "container {container:?} is the Pod's Docker daemon: its image is the profile's, and cannot be \
         changed while the Pod runs. Create the Pod anew"
    )]
    SidecarImage {
        /// The container.
        container: String,
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

fn leads(is_known: bool) -> &'static str {
    match is_known {
        true => "leads",
        false => "may lead (its address is known only when the Pod runs)",
    }
}

fn and(need: Option<Need>) -> String {
    need.map_or_else(String::new, |need| {
        format!("; by its image, it {}", need.phrase())
    })
}

fn but(need: Option<Need>) -> String {
    need.map_or_else(String::new, |need| {
        format!(
            ". By its image, it {}, which a daemon of its own does not show",
            need.phrase()
        )
    })
}

/// What an admin can write to let a Pod be: a rule for its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The Pod's namespace.
    pub namespace: String,
    /// The rule that denies.
    pub above: String,
    /// What the new rule says, as YAML.
    pub says: &'static str,
}

impl Exemption {
    fn above_name(&self) -> String {
        format!("{:?}", self.above)
    }

    /// The rule, as YAML for the policy's list of rules.
    pub fn recipe(&self) -> String {
        let Self {
            namespace, says, ..
        } = self;
        // A rule's name has at most 63 characters, as a namespace's has.
        let short: String = namespace.chars().take(50).collect();
        let short = short.trim_end_matches('-');
        format!("{{name: exempt-{short}, match: {{namespaces: [{namespace}]}}, {says}}}")
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "An admin can exempt it with a rule above {:?}: {}",
            self.above,
            self.recipe()
        )
    }
}

/// A refusal's fixed word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// [`Denial::Excess`], of a path.
    PathTooLong,
    /// Any other [`Denial::Excess`].
    TooLarge,
    /// [`Denial::Annotation`].
    InvalidAnnotation,
    /// [`Denial::Size`].
    InvalidSize,
    /// [`Denial::AboveMaximum`].
    SizeAboveMaximum,
    /// [`Denial::Profile`].
    ProfileNotAllowed,
    /// [`Denial::HostSocket`].
    HostSocket,
    /// [`Denial::NodeAgent`].
    NodeAgent,
    /// [`Denial::Ancestor`].
    AncestorMount,
    /// [`Denial::Unresolved`].
    UnresolvedSubPath,
    /// [`Denial::OtherRuntime`].
    OtherRuntimeSocket,
    /// [`Denial::DataDirectory`].
    DataDirectory,
    /// [`Denial::NodeStorage`].
    NodeStorage,
    /// [`Denial::Link`].
    LinkedHostPath,
    /// [`Denial::HostPath`], [`Denial::UnknownSocket`].
    HostPath,
    /// [`Denial::TcpDockerHost`].
    TcpDockerHost,
    /// [`Denial::HostNetwork`].
    HostNetwork,
    /// [`Denial::PodSecurity`].
    PodSecurity,
    /// [`Denial::EphemeralContainer`].
    EphemeralContainer,
    /// [`Denial::RuntimeClass`].
    RuntimeClass,
    /// [`Denial::Unswapped`].
    Unswapped,
    /// [`Denial::SidecarImage`].
    SidecarImage,
}

impl Named for Cause {
    const ALL: &'static [Entry<Self>] = &[
        (
            Self::HostSocket,
            "HostSocket",
            "it mounts the node's Docker socket or its directory, and hostSockets is Deny",
        ),
        (
            Self::NodeAgent,
            "NodeAgent",
            "a node agent mounts it, and nodeAgents is Deny",
        ),
        (
            Self::AncestorMount,
            "AncestorMount",
            "it mounts a path through which the socket is reached among much else, and ancestors is \
             Deny",
        ),
        (
            Self::UnresolvedSubPath,
            "UnresolvedSubPath",
            "a subPathExpr that only the kubelet can resolve may lead to the socket, and ancestors \
             is Deny",
        ),
        (
            Self::OtherRuntimeSocket,
            "OtherRuntimeSocket",
            "it mounts another runtime's socket, or a directory that leads to one, and otherRuntimes \
             is Deny",
        ),
        (
            Self::DataDirectory,
            "DataDirectory",
            "it may write a runtime's images and containers, and dataDirectories is Deny",
        ),
        (
            Self::NodeStorage,
            "NodeStorage",
            "it mounts the storage of a profile on the node (storage.node), and allowedHostPaths does not \
             have that path",
        ),
        (
            Self::LinkedHostPath,
            "LinkedHostPath",
            "it mounts a path below a directory of the node that it may write, and ancestors (of a \
             node agent: nodeAgents.directories) is Deny",
        ),
        (
            Self::HostPath,
            "HostPath",
            "it mounts a path of the node that is not in allowedHostPaths, and hostPaths is Deny",
        ),
        (
            Self::TcpDockerHost,
            "TcpDockerHost",
            "its DOCKER_HOST leads to the node, or to an address that is known only when it runs, and \
             tcpDockerHost is Deny",
        ),
        (
            Self::EphemeralContainer,
            "EphemeralContainer",
            "an ephemeral container mounts the socket, which cannot be swapped in a running Pod",
        ),
        (
            Self::Unswapped,
            "Unswapped",
            "it still has what the rule swaps, once every webhook has changed it",
        ),
        (
            Self::SidecarImage,
            "SidecarImage",
            "the image of its sidecar is changed while it runs",
        ),
        (
            Self::HostNetwork,
            "HostNetwork",
            "it has hostNetwork, and the profile does not allow that",
        ),
        (
            Self::PodSecurity,
            "PodSecurity",
            "its namespace's Pod Security level does not admit the sidecar",
        ),
        (
            Self::RuntimeClass,
            "RuntimeClass",
            "its runtimeClassName is another than the profile's",
        ),
        (
            Self::ProfileNotAllowed,
            "ProfileNotAllowed",
            "its annotation names a profile that the rule does not allow",
        ),
        (
            Self::SizeAboveMaximum,
            "SizeAboveMaximum",
            "its annotation asks for more than the rule's maximum",
        ),
        (
            Self::InvalidSize,
            "InvalidSize",
            "its annotation asks for an amount that is none, is 0, or requests more than its limit",
        ),
        (
            Self::InvalidAnnotation,
            "InvalidAnnotation",
            "an annotation cannot be understood, where annotations are honored",
        ),
        (
            Self::PathTooLong,
            "PathTooLong",
            "a path of it is longer than Linux takes, whatever the rule says",
        ),
        (
            Self::TooLarge,
            "TooLarge",
            "it has too much of something, or to review it would take too much work, whatever the rule says",
        ),
    ];
}

impl Denial {
    /// The reason as a fixed value.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Excess(Excess::Path { .. }) => Cause::PathTooLong,
            Self::Excess(
                Excess::Values
                | Excess::Containers
                | Excess::Findings
                | Excess::Mirrored
                | Excess::Patch
                | Excess::Steps,
            ) => Cause::TooLarge,
            Self::Annotation(_) => Cause::InvalidAnnotation,
            Self::Size { .. } => Cause::InvalidSize,
            Self::AboveMaximum { .. } => Cause::SizeAboveMaximum,
            Self::Profile { .. } => Cause::ProfileNotAllowed,
            Self::HostSocket { .. } => Cause::HostSocket,
            Self::NodeAgent { .. } => Cause::NodeAgent,
            Self::Ancestor { .. } => Cause::AncestorMount,
            Self::Unresolved { .. } => Cause::UnresolvedSubPath,
            Self::OtherRuntime { .. } => Cause::OtherRuntimeSocket,
            Self::DataDirectory { .. } => Cause::DataDirectory,
            Self::NodeStorage { .. } => Cause::NodeStorage,
            Self::Link { .. } => Cause::LinkedHostPath,
            Self::HostPath { .. } | Self::UnknownSocket { .. } => Cause::HostPath,
            Self::TcpDockerHost { .. } => Cause::TcpDockerHost,
            Self::HostNetwork { .. } => Cause::HostNetwork,
            Self::PodSecurity { .. } => Cause::PodSecurity,
            Self::EphemeralContainer { .. } => Cause::EphemeralContainer,
            Self::RuntimeClass { .. } => Cause::RuntimeClass,
            Self::Unswapped { .. } => Cause::Unswapped,
            Self::SidecarImage { .. } => Cause::SidecarImage,
        }
    }

    /// The reason as a fixed word, for metrics and audit annotations.
    pub fn reason(&self) -> &'static str {
        self.cause().name()
    }
}
