//! Why a Pod is left as it is: fixed words for metrics and audit annotations.

use crate::decide::named::{Entry, Named};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NothingToDo,
    MirrorPod,
    /// A Windows node has no Linux sidecar.
    WindowsPod,
    NamedPipe,
    OptedOut,
    OwnDaemon,
    AlreadyInjected,
    RuleAllows,
    AnnotationIgnored,
    /// It asks for a sidecar, or its repair, when nothing can be changed any more.
    NotReached,
    NotACreation,
}

impl Named for Reason {
    const ALL: &'static [Entry<Self>] = &[
        (
            Self::NothingToDo,
            "NothingToDo",
            "it neither reaches nor asks for a daemon",
        ),
        (
            Self::RuleAllows,
            "RuleAllows",
            "the rule for what it reaches is Warn or Allow",
        ),
        (
            Self::OptedOut,
            "OptedOut",
            "its annotation opts out of a swap, and the rule honors that",
        ),
        (
            Self::AnnotationIgnored,
            "AnnotationIgnored",
            "it asks by annotation, which the rule ignores",
        ),
        (
            Self::AlreadyInjected,
            "AlreadyInjected",
            "it has its sidecar already",
        ),
        (
            Self::OwnDaemon,
            "OwnDaemon",
            "it asks by annotation, and runs a Docker daemon itself",
        ),
        (
            Self::MirrorPod,
            "MirrorPod",
            "it is the mirror of a static Pod, which cannot be changed",
        ),
        (
            Self::WindowsPod,
            "WindowsPod",
            "it is for Windows nodes, which have no such sidecar",
        ),
        (
            Self::NamedPipe,
            "NamedPipe",
            "it reaches a Windows node's runtime by a named pipe, which no sidecar replaces",
        ),
        (
            Self::NotReached,
            "NotReached",
            "it asks for a daemon, but can no longer be changed",
        ),
        (
            Self::NotACreation,
            "NotACreation",
            "the request creates no Pod and no ephemeral container",
        ),
    ];
}

impl Reason {
    /// Those of most Pods, which do not concern this program.
    pub const UNEVENTFUL: [Self; 2] = [Self::NothingToDo, Self::NotACreation];

    /// The fixed word.
    pub fn name(self) -> &'static str {
        Named::name(self)
    }
}
