//! What the policy decided to have done to a Pod: the order of the stage `decide` to the stage `plan`.

use std::borrow::Cow;

use super::place::Place;
use super::profile::{Profile, Resources, Storage};
use super::scope::Scope;
use super::sidecar_mode::SidecarMode;

/// What the policy decided to have done to a Pod.
#[derive(Clone, Debug)]
pub struct Injection<'o> {
    /// What the sidecar looks like.
    pub profile: &'o Profile,
    /// Its resources, the Pod's own wishes included.
    pub resources: Cow<'o, Resources>,
    /// Its storage, the Pod's own wishes included.
    pub storage: Cow<'o, Storage>,
    /// The folder of the node with the slots of this Pod's key; none where its storage is the Pod's alone.
    pub slots: Option<String>,
    /// The findings to swap, by index.
    pub swap: Vec<usize>,
    /// Containers that get a socket because the annotation asks for it.
    pub targets: Vec<Place>,
    /// `DOCKER_HOST` variables that lead to the node over TCP, to be replaced.
    pub replace_docker_host: Vec<(Place, usize)>,
    /// Whether variables that say the node as the place of published ports are to say the Pod.
    pub replace_published: bool,
    /// Mounts of ephemeral containers that were written for a socket and lead to none.
    pub lost: Vec<(Place, usize)>,
    /// The part of the Pod that can be changed.
    pub scope: Scope,
    /// How the cluster runs sidecars.
    pub mode: SidecarMode,
}
