//! The plan: everything that a Pod needs to have its own Docker daemon.
//!
//! Pure: a Pod, its findings and the decision go in; the sidecar, volumes and edits of containers come out.
//! Containers that need nothing are not in it. If an earlier pass has added the sidecar, only what is missing
//! is planned.

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
use crate::detect::mounts::Finding;
use crate::model::injection::Injection;
use crate::model::place::Place;

use crate::detect::installed::Installed;
use crate::model::notice::Notices;
use crate::model::profile::Storage;
use crate::model::scope::Scope;
use crate::model::sidecar_mode::SidecarMode;
use crate::model::view::Pod;
use crate::plan::container::{EnvEntry, Mount, Sidecar};
use crate::plan::ephemeral;
use crate::plan::original;
use crate::plan::planner::Planner;

#[derive(Debug)]
pub struct Plan<'p> {
    /// In the order of the Pod's containers.
    pub edits: Vec<ContainerEdit<'p>>,
    /// `None` if the Pod has it already.
    pub sidecar: Option<Sidecar<'p>>,
    pub mode: SidecarMode,
    /// Volumes that nothing uses any more: indexes, ascending.
    pub remove_volumes: Vec<usize>,
    pub add_volumes: Vec<NewVolume<'p>>,
    pub add_group: Option<i64>,
    /// The profile's.
    pub labels: &'p [(String, String)],
    /// The profile's.
    pub annotations: &'p [(String, String)],
    pub runtime_class_name: Option<&'p str>,
    pub host_users: Option<bool>,
    pub notices: Notices,
}

#[derive(Debug)]
pub struct ContainerEdit<'p> {
    pub place: Place,
    /// Mounts that now lead elsewhere.
    pub swaps: Vec<MountSwap<'p>>,
    /// Mounts to append.
    pub add_mounts: Vec<Mount<'p>>,
    /// Variables to append.
    pub add_env: Vec<EnvEntry<'p>>,
    /// New values of variables, by index.
    pub set_env: Vec<(usize, String)>,
    /// Whether to restore `restartPolicy: Always`.
    pub restore_restart_policy: bool,
}

impl ContainerEdit<'_> {
    pub(crate) fn at(place: Place) -> Self {
        Self {
            place,
            swaps: Vec::new(),
            add_mounts: Vec::new(),
            add_env: Vec::new(),
            set_env: Vec::new(),
            restore_restart_policy: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            place: _,
            swaps,
            add_mounts,
            add_env,
            set_env,
            restore_restart_policy,
        } = self;
        swaps.is_empty()
            && add_mounts.is_empty()
            && add_env.is_empty()
            && set_env.is_empty()
            && !restore_restart_policy
    }
}

/// A mount that now leads to the socket volume.
#[derive(Debug)]
pub struct MountSwap<'p> {
    pub mount: usize,
    pub volume: Cow<'p, str>,
    /// The file in the socket volume; `None` for the whole directory.
    pub sub_path: Option<Cow<'p, str>>,
    /// The new path, if it changes.
    pub mount_path: Option<Cow<'p, str>>,
    /// Whether the container mounts something in it. The runtime makes the directory for that, since the socket's
    /// volume starts empty, and cannot where the mount is read-only.
    pub is_base: bool,
}

#[derive(Debug)]
pub struct NewVolume<'p> {
    pub name: Cow<'p, str>,
    pub source: VolumeSource<'p>,
}

#[derive(Debug)]
pub enum VolumeSource<'p> {
    /// An `emptyDir` without a limit.
    Shared,
    Storage(&'p Storage),
    /// A folder of the node with the slots of the Pod's key.
    Slots(&'p str),
    ConfigMap(&'p str),
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Excess(#[from] Excess),
    /// A fault of this program: a plan that cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// # Errors
/// If the plan would be too large; see [`PlanError`].
pub fn plan<'p, 'a>(
    pod: &'p Pod<'a>,
    findings: &'p [Finding],
    injection: &'p Injection<'p>,
    installed: Option<&Installed<'p, 'a>>,
    budget: &Budget,
) -> Result<Plan<'p>, PlanError> {
    if let (Scope::EphemeralContainers, Some(installed)) = (injection.scope, installed) {
        return Ok(ephemeral::plan(pod, findings, injection, installed));
    }
    let (mut plan, group) = Planner::new(pod, findings, injection, installed, budget).plan()?;
    let earlier = installed.map(|installed| installed.container);
    if let Some(record) = original::record(pod, &plan, group, earlier)? {
        match (&mut plan.sidecar, installed) {
            (Some(sidecar), _) => sidecar.env.push(record),
            (None, Some(installed)) => plan.edit(installed.place).add_env.push(record),
            // Without a sidecar, nothing is changed.
            (None, None) => {}
        }
    }
    Ok(plan)
}

impl<'p> Plan<'p> {
    /// The edit of the container at `place`. If there is none, it is appended.
    fn edit(&mut self, place: Place) -> &mut ContainerEdit<'p> {
        let known = self.edits.iter().position(|edit| edit.place == place);
        let index = known.unwrap_or_else(|| {
            self.edits.push(ContainerEdit::at(place));
            self.edits.len() - 1
        });
        &mut self.edits[index]
    }
}
