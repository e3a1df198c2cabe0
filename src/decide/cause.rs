//! The fixed word of each denial, for metrics, audit annotations and `docs/policy.md`.
//!
//! Messages name containers and paths, so they cannot be counted. A word never changes once released:
//! dashboards and alerts select by it.

use crate::decide::named::{Entry, Named};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    PathTooLong,
    TooLarge,
    InvalidAnnotation,
    InvalidSize,
    SizeAboveMaximum,
    ProfileNotAllowed,
    HostSocket,
    NodeAgent,
    AncestorMount,
    UnresolvedSubPath,
    OtherRuntimeSocket,
    DataDirectory,
    NodeStorage,
    LinkedHostPath,
    HostPath,
    TcpDockerHost,
    HostNetwork,
    PodSecurity,
    EphemeralContainer,
    RuntimeClass,
    UserNamespace,
    MissingRuntimeClass,
    NodeSelector,
    NodeUserNamespaces,
    Unswapped,
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
            "an ephemeral container mounts the socket, or has a `DOCKER_HOST` at the node, in a running Pod that has no daemon",
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
            Self::UserNamespace,
            "UserNamespace",
            "it has what a Pod in a user namespace (hostUsers: false of the profile) may not have",
        ),
        (
            Self::MissingRuntimeClass,
            "MissingRuntimeClass",
            "the cluster does not have the RuntimeClass that the profile needs",
        ),
        (
            Self::NodeSelector,
            "NodeSelector",
            "its nodeSelector contradicts that of the profile's RuntimeClass",
        ),
        (
            Self::NodeUserNamespaces,
            "NodeUserNamespaces",
            "a node on which it may run has no user namespaces, which the profile needs (hostUsers: false)",
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
            "its annotation asks for a size that is invalid or zero, or whose request is above its limit",
        ),
        (
            Self::InvalidAnnotation,
            "InvalidAnnotation",
            "an annotation cannot be understood, and the rule honors annotations",
        ),
        (
            Self::PathTooLong,
            "PathTooLong",
            "it has a path longer than Linux accepts, whatever the rule says",
        ),
        (
            Self::TooLarge,
            "TooLarge",
            "it is too large, or its review would take too many steps, whatever the rule says",
        ),
    ];
}
