//! What the policy decided to do to a Pod: the result of `decide`, and the input of `plan`.

use std::borrow::Cow;

use super::asked::AskedMount;
use super::place::Place;
use super::profile::{Profile, Resources, Storage};
use super::scope::Scope;
use super::sidecar_mode::SidecarMode;

#[derive(Clone, Debug)]
pub struct Injection<'o> {
    pub profile: &'o Profile,
    /// The profile's, with the sizes that the Pod's annotations ask for.
    pub resources: Cow<'o, Resources>,
    /// The profile's, with the size that the Pod's annotation asks for.
    pub storage: Cow<'o, Storage>,
    /// The folder of the node with the slots of this Pod's key; none where its storage is the Pod's alone.
    pub slots: Option<String>,
    /// Indexes of the findings to swap.
    pub swap: Vec<usize>,
    /// Containers that get a socket because the annotation asks for it.
    pub targets: Vec<Place>,
    /// Mounts that the annotation asks for, in the Pod's order; a target with the socket or its directory among
    /// them gets no other mount of the socket.
    pub asked: Vec<AskedMount>,
    /// Whether the annotation asks to share `/tmp`, or not to.
    pub shared_tmp: Option<bool>,
    pub replace_docker_host: Vec<HostToReplace>,
    /// Whether to replace variables that name the node as the address of published ports.
    pub replace_published: bool,
    /// Mounts of ephemeral containers that expect a socket where there is none.
    pub lost: Vec<(Place, usize)>,
    /// The part of the Pod that can still be changed.
    pub scope: Scope,
    pub mode: SidecarMode,
}

/// A `DOCKER_HOST` to replace, because it leads to the node over TCP, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostToReplace {
    pub place: Place,
    /// Of the variable in the container's `env`.
    pub index: usize,
    /// Whether that is known before the Pod runs.
    pub is_known: bool,
}
