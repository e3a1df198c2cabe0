//! Why a Pod is refused, as a sentence.
//!
//! Its reader is the Pod's author, in the output of `kubectl` or a controller's event. A sentence names what
//! to change, and what an admin can change instead.

use crate::budget::Excess;
use crate::detect::mounts::Agent;
use crate::model::profile::{BoundsError, PodSecurity};
use crate::names;

use crate::decide::annotations::AnnotationError;
use crate::decide::cause::Cause;
use crate::decide::exemption::Exemption;
use crate::decide::named::Named;
use crate::decide::need::Need;
use crate::decide::obstacle::Obstacle;
use crate::decide::placement::Count;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It would cost more than a review may.
    #[error("{0}")]
    Excess(#[from] Excess),
    #[error("{0}")]
    Annotation(#[from] AnnotationError),
    /// An invalid size, or one whose request is above its limit.
    #[error("annotation {annotation}: {error}")]
    Size {
        annotation: &'static str,
        error: BoundsError,
    },
    #[error("annotation {annotation} is {value:?}, above the maximum {maximum} of rule {rule:?}")]
    AboveMaximum {
        annotation: &'static str,
        value: String,
        maximum: String,
        rule: String,
    },
    #[error(
        "annotation {} is {asked:?}; rule {rule:?} allows: {allowed}",
        names::PROFILE
    )]
    Profile {
        asked: String,
        rule: String,
        allowed: String,
    },
    #[error(
        "container {container:?} mounts the node's Docker socket ({path}); rule {rule:?} denies it. \
         Remove the mount, or annotate the Pod with {}: \"true\" where that is honored{}",
        names::INJECT,
        but(*.need)
    )]
    HostSocket {
        container: String,
        /// A path of the node.
        path: String,
        rule: String,
        /// What its program uses the node's daemon for.
        need: Option<Need>,
    },
    #[error(
        "container {container:?} of a node agent ({}) mounts the node's Docker socket ({path}){}. \
         The Pod's own daemon cannot replace the node's there, and rule {} denies it. {exemption}",
        agent.name(),
        and(*.need),
        exemption.above_name()
    )]
    NodeAgent {
        container: String,
        /// A path of the node.
        path: String,
        agent: Agent,
        /// What its program uses the node's daemon for.
        need: Option<Need>,
        exemption: Box<Exemption>,
    },
    /// A directory above the socket, which cannot be swapped.
    #[error(
        "container {container:?} mounts {path} of the node, through which the Docker socket is reached; \
         rule {} denies it. Mount only the directories that are needed. {exemption}",
        exemption.above_name()
    )]
    Ancestor {
        container: String,
        /// A path of the node.
        path: String,
        exemption: Box<Exemption>,
    },
    /// Whether it reaches the socket is not known before the Pod runs.
    #[error(
        "container {container:?} mounts a part of {path} of the node that its subPathExpr names only \
         when it runs; rule {rule:?} denies it. Use subPath"
    )]
    Unresolved {
        container: String,
        /// A path of the node.
        path: String,
        rule: String,
    },
    #[error(
        "container {container:?} reaches the node's {runtime} ({path}); rule {} denies it. A Docker \
         daemon does not replace it: remove the mount. {exemption}",
        exemption.above_name()
    )]
    OtherRuntime {
        container: String,
        runtime: &'static str,
        /// A path of the node.
        path: String,
        exemption: Box<Exemption>,
    },
    #[error(
        "container {container:?} may write {path} of the node, where {runtime} keeps its containers; \
         rule {} denies it. Mount it with {needs}, or remove the mount. {exemption}",
        exemption.above_name()
    )]
    DataDirectory {
        container: String,
        /// What a mount needs that writes nothing.
        needs: &'static str,
        runtime: &'static str,
        /// A path of the node.
        path: String,
        exemption: Box<Exemption>,
    },
    /// The folder in which daemons of other Pods leave their images.
    #[error(
        "container {container:?} mounts {path} of the node, where daemons of other Pods keep their \
         images (storage.node of a profile); rule {rule:?} does not allow that. Remove the mount, or have an \
         admin add the path to allowedHostPaths"
    )]
    NodeStorage {
        container: String,
        path: String,
        rule: String,
    },
    /// The path may be a link that the Pod makes itself.
    #[error(
        "container {container:?} mounts {path} of the node, below a directory that this Pod may \
         write: a link there leads to the node's Docker daemon; rule {} denies it. Mount the upper one \
         with readOnly: true, or only one of the two. {exemption}",
        exemption.above_name()
    )]
    Link {
        container: String,
        /// A path of the node.
        path: String,
        exemption: Box<Exemption>,
    },
    /// It may be a Docker socket, but is not a known one.
    #[error(
        "container {container:?} mounts {path} of the node as a Docker socket, and rule {} does not \
         allow that path. If nodes have a Docker socket there, an admin can have it swapped: \
         sockets: [{path}]. {exemption}",
        exemption.above_name()
    )]
    UnknownSocket {
        container: String,
        /// A path of the node.
        path: String,
        exemption: Box<Exemption>,
    },
    #[error(
        "container {container:?} mounts {path} of the node{}, which rule {} does not allow. Use a \
         volume of the Pod's own, or have an admin add the path to allowedHostPaths. {}{exemption}",
        if *writes { " without readOnly: true" } else { "" },
        exemption.above_name(),
        match is_pipe {
            true => "A Pod for Windows says so by spec.os.name: windows. ",
            false => "",
        }
    )]
    HostPath {
        container: String,
        /// A path of the node.
        path: String,
        /// Whether the rule would allow it read-only.
        writes: bool,
        /// Whether it is a pipe on a node with Windows.
        is_pipe: bool,
        exemption: Box<Exemption>,
    },
    #[error(
        "container {container:?} has a DOCKER_HOST that {} to the node's Docker daemon; rule \
         {rule:?} denies it. Remove the variable",
        leads(*is_known)
    )]
    TcpDockerHost {
        container: String,
        /// Whether the address is known before the Pod runs.
        is_known: bool,
        rule: String,
    },
    #[error(
        "the Pod has hostNetwork: true, so its Docker daemon would change the node's own bridges \
         and firewall. Remove hostNetwork, or have an admin allow a profile with hostNetwork: true \
         in rule {rule:?}"
    )]
    HostNetwork { rule: String },
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
        enforced: PodSecurity,
        profile: String,
        needs: PodSecurity,
        rule: String,
    },
    /// An ephemeral container cannot have a daemon that its Pod lacks.
    #[error(
        "ephemeral container {container:?} {does}, which cannot be swapped in a running Pod. Use a container in a \
         Pod that was created with its own daemon"
    )]
    EphemeralContainer {
        container: String,
        /// How it reaches the node's daemon.
        does: String,
    },
    /// Another webhook added the mount or variable after the swap.
    #[error(
        "container {container:?} reaches the node's Docker daemon ({what}), which rule {rule:?} swaps, \
         but another webhook added it after that, or dind-injector was not reached. Create the Pod \
         again; if it is refused again, name the configuration of that webhook so that it sorts before \
         dind-injector's"
    )]
    Unswapped {
        container: String,
        /// A path of the node, or the variable.
        what: String,
        rule: String,
    },
    #[error(
        "container {container:?} is the Pod's Docker daemon: its image is the profile's, and cannot be \
         changed while the Pod runs. Recreate the Pod"
    )]
    SidecarImage { container: String },
    #[error(
        "the Pod's runtimeClassName is {asked:?}; profile {profile:?} needs {needs:?}. Remove it, or \
         choose another profile with {}",
        names::PROFILE
    )]
    RuntimeClass {
        asked: String,
        profile: String,
        needs: String,
    },
    /// The sidecar is there, and what forbids its user namespace came after it.
    #[error(
        "the Pod's Docker daemon is in a user namespace, which {obstacle} rules out. {}. If another webhook adds \
         it, name the configuration of that webhook so that it sorts before dind-injector's",
        obstacle.remedy()
    )]
    ObstacleAfter { obstacle: Obstacle },
    /// The profile has `hostUsers: false`.
    #[error(
        "profile {profile:?} puts the Pod into a user namespace, which {obstacle} rules out. {}, or {} {rule:?}",
        obstacle.remedy(),
        another_profile(*is_asked)
    )]
    UserNamespace {
        obstacle: Obstacle,
        profile: String,
        rule: String,
        /// The annotation asks for the profile, and the rule has others.
        is_asked: bool,
    },
    #[error(
        "profile {profile:?} needs the RuntimeClass {needs:?}, which this cluster does not have. Have an admin create \
         it, or {} {rule:?}",
        another_profile(*is_asked)
    )]
    MissingRuntimeClass {
        needs: String,
        profile: String,
        rule: String,
        /// The annotation asks for the profile, and the rule has others.
        is_asked: bool,
    },
    /// The API server would refuse the Pod, after the profile's RuntimeClass is set.
    #[error(
        "the Pod's nodeSelector has another {key} than the RuntimeClass {runtime_class:?} of profile {profile:?}. \
         Remove it from the nodeSelector, or {} {rule:?}",
        another_profile(*is_asked)
    )]
    NodeSelector {
        /// Of a label.
        key: String,
        profile: String,
        runtime_class: String,
        rule: String,
        /// The annotation asks for the profile, and the rule has others.
        is_asked: bool,
    },
    /// The profile has `hostUsers: false`.
    #[error(
        "profile {profile:?} puts the Pod into a user namespace, which {} on which it may run. Choose nodes that \
         support it with nodeSelector, or {} {rule:?}",
        unsupported(*count),
        another_profile(*is_asked)
    )]
    Nodes {
        count: Count,
        profile: String,
        rule: String,
        /// The annotation asks for the profile, and the rule has others.
        is_asked: bool,
    },
}

fn unsupported(Count { lacking, eligible }: Count) -> String {
    match (lacking, eligible) {
        (1, 1) => "is not supported by the only node".to_owned(),
        _ if lacking == eligible => format!("is not supported by any of the {eligible} nodes"),
        _ => format!("is not supported by {lacking} of the {eligible} nodes"),
    }
}

fn another_profile(is_asked: bool) -> String {
    match is_asked {
        true => format!(
            "name in annotation {} another profile of rule",
            names::PROFILE
        ),
        false => "have an admin add another profile to rule".to_owned(),
    }
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
            ". By its image, it {}, which the Pod's own daemon does not show",
            need.phrase()
        )
    })
}

impl Denial {
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
            Self::ObstacleAfter { .. } | Self::UserNamespace { .. } => Cause::UserNamespace,
            Self::MissingRuntimeClass { .. } => Cause::MissingRuntimeClass,
            Self::NodeSelector { .. } => Cause::NodeSelector,
            Self::Nodes { .. } => Cause::NodeUserNamespaces,
            Self::Unswapped { .. } => Cause::Unswapped,
            Self::SidecarImage { .. } => Cause::SidecarImage,
        }
    }

    /// The fixed word, for metrics and audit annotations.
    pub fn reason(&self) -> &'static str {
        self.cause().name()
    }
}
