//! Values that an admin writes by name, each with its name and meaning in one place.
//!
//! The parser, its suggestions, the schema, the documentation and `explain` all read these tables, so a value
//! can never be accepted under one name and documented under another.

use crate::model::node_storage::StorageKey;
use crate::model::profile::{PodSecurity, PullPolicy};

use crate::decide::matcher::Detection;
use crate::decide::rule::{Action, AnnotationPolicy, Restriction, TcpAction};

/// A value, its name in a policy, and its meaning.
pub type Entry<T> = (T, &'static str, &'static str);

pub trait Named: Copy + PartialEq + 'static {
    /// Every value, in the order of the documentation.
    const ALL: &'static [Entry<Self>];

    fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(value, ..)| *value == self)
            .map_or("", |(_, name, _)| name)
    }

    fn means(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(value, ..)| *value == self)
            .map_or("", |(_, _, means)| means)
    }
}

impl Named for Action {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Swap, "Swap", "give the Pod its own daemon instead"),
        (Self::Deny, "Deny", "refuse the Pod"),
        (Self::Warn, "Warn", "leave it, and warn"),
        (Self::Allow, "Allow", "leave it"),
    ];
}

impl Named for Restriction {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Deny, "Deny", "refuse the Pod"),
        (Self::Warn, "Warn", "leave it, and warn"),
        (Self::Allow, "Allow", "leave it"),
    ];
}

impl Named for TcpAction {
    const ALL: &'static [Entry<Self>] = &[
        (
            Self::Replace,
            "Replace",
            "give the Pod its own daemon, and set the variable to it",
        ),
        (Self::Deny, "Deny", "refuse the Pod"),
        (Self::Warn, "Warn", "leave it, and warn"),
        (Self::Allow, "Allow", "leave it"),
    ];
}

impl Named for AnnotationPolicy {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Honor, "Honor", "it counts"),
        (
            Self::Ignore,
            "Ignore",
            "it does not, and the author is told",
        ),
    ];
}

impl Named for Detection {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Socket, "Socket", "a mount of a Docker socket"),
        (
            Self::Parent,
            "Parent",
            "a mount through which one is reached: /run, /var/run, /var, /, /proc, or what may be a \
             link that the Pod makes",
        ),
        (
            Self::Client,
            "Client",
            "a mount of the node's docker client",
        ),
        (
            Self::OtherRuntime,
            "OtherRuntime",
            "a mount of another runtime's socket, or of a directory that leads to one",
        ),
        (
            Self::DataDirectory,
            "DataDirectory",
            "a writable mount of a runtime's images and containers: /var/lib/docker, /var/lib/containerd",
        ),
        (
            Self::HostPath,
            "HostPath",
            "a mount of any other path of the node",
        ),
        (
            Self::TcpDockerHost,
            "TcpDockerHost",
            "a DOCKER_HOST that leads to the node over TCP, or that only the kubelet knows",
        ),
        (
            Self::Annotation,
            "Annotation",
            "an annotation that asks for a daemon",
        ),
    ];
}

impl Named for PodSecurity {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Privileged, "Privileged", "no level above privileged"),
        (Self::Baseline, "Baseline", "privileged and baseline"),
        (Self::Restricted, "Restricted", "every level"),
    ];
}

impl Named for StorageKey {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Namespace, "Namespace", "the Pods of one namespace"),
        (
            Self::ServiceAccount,
            "ServiceAccount",
            "the Pods of one service account of one namespace",
        ),
        (
            Self::Profile,
            "Profile",
            "all Pods that have this profile, whatever their namespace",
        ),
    ];
}

impl Named for PullPolicy {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Always, "Always", "ask the registry each time"),
        (
            Self::IfNotPresent,
            "IfNotPresent",
            "pull what the node does not have",
        ),
        (Self::Never, "Never", "use what the node has"),
    ];
}
