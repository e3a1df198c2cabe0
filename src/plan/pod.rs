//! The plan: everything that a Pod needs to have a Docker daemon of its own.
//!
//! Pure: a Pod, what was found in it and what the policy ordered go in; the sidecar, the
//! volumes and the edits of containers come out. Containers that need nothing are not in
//! it. Where an earlier pass has put the sidecar into the Pod, only what is missing is.

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
use crate::detect::mounts::Finding;
use crate::model::injection::Injection;
use crate::model::place::Place;

use crate::detect::candidates::Candidates;
use crate::detect::installed::Installed;
use crate::model::notice::Notices;
use crate::model::profile::Storage;
use crate::model::scope::Scope;
use crate::model::sidecar_mode::SidecarMode;
use crate::plan::container::{EnvEntry, Mount, Sidecar};
use crate::plan::ephemeral;
use crate::plan::original;
use crate::plan::planner::Planner;

/// What is to be changed in a Pod.
#[derive(Debug)]
pub struct Plan<'p> {
    /// Edits of the Pod's containers, in their order.
    pub edits: Vec<ContainerEdit<'p>>,
    /// The sidecar, where the Pod has none.
    pub sidecar: Option<Sidecar<'p>>,
    /// How the sidecar is placed.
    pub mode: SidecarMode,
    /// Volumes that nothing uses any more, by index, ascending.
    pub remove_volumes: Vec<usize>,
    /// New volumes.
    pub add_volumes: Vec<NewVolume<'p>>,
    /// A group for `spec.securityContext.supplementalGroups`.
    pub add_group: Option<i64>,
    /// Labels that the profile adds.
    pub labels: &'p [(String, String)],
    /// Annotations that the profile adds.
    pub annotations: &'p [(String, String)],
    /// The Pod's `runtimeClassName`.
    pub runtime_class_name: Option<&'p str>,
    /// The Pod's `hostUsers`.
    pub host_users: Option<bool>,
    /// What the author should know.
    pub notices: Notices,
}

/// The edits of one container.
#[derive(Debug)]
pub struct ContainerEdit<'p> {
    /// The container.
    pub place: Place,
    /// Mounts that lead elsewhere from now on.
    pub swaps: Vec<MountSwap<'p>>,
    /// Mounts at the end of the list.
    pub add_mounts: Vec<Mount<'p>>,
    /// Variables at the end of the list.
    pub add_env: Vec<EnvEntry<'p>>,
    /// New values of variables, by index.
    pub set_env: Vec<(usize, String)>,
    /// Whether `restartPolicy: Always` is to be put back.
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

/// A mount that leads to the socket volume from now on.
#[derive(Debug)]
pub struct MountSwap<'p> {
    /// Its index in `volumeMounts`.
    pub mount: usize,
    /// The new volume.
    pub volume: Cow<'p, str>,
    /// The file of the socket volume; none for the whole directory.
    pub sub_path: Option<Cow<'p, str>>,
    /// Where it is seen from now on, where that is elsewhere.
    pub mount_path: Option<Cow<'p, str>>,
}

/// A new volume.
#[derive(Debug)]
pub struct NewVolume<'p> {
    /// Its name.
    pub name: Cow<'p, str>,
    /// What it is.
    pub source: VolumeSource<'p>,
}

/// What a new volume is.
#[derive(Debug)]
pub enum VolumeSource<'p> {
    /// An `emptyDir` without a limit.
    Shared,
    /// The daemon's storage.
    Storage(&'p Storage),
    /// A folder of the node with the slots of the Pod's key.
    Slots(&'p str),
    /// A ConfigMap.
    ConfigMap(&'p str),
}

/// Why there is no plan, or no patch of it.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The Pod has too much of something.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// A fault of this program: what cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Plans what `order` says for the Pod of `near`.
///
/// # Errors
/// Where the plan would be too large; see [`PlanError`].
pub fn plan<'p, 'a>(
    candidates: &Candidates<'p, 'a>,
    findings: &'p [Finding],
    injection: &'p Injection<'p>,
    installed: Option<&Installed<'p, 'a>>,
    budget: &Budget,
) -> Result<Plan<'p>, PlanError> {
    if let (Scope::EphemeralContainers, Some(installed)) = (injection.scope, installed) {
        return Ok(ephemeral::plan(
            candidates.pod,
            findings,
            injection,
            installed,
        ));
    }
    let (mut plan, group) =
        Planner::new(candidates, findings, injection, installed, budget).plan()?;
    let earlier = installed.map(|installed| installed.container);
    if let Some(record) = original::record(candidates.pod, &plan, group, earlier)? {
        match (&mut plan.sidecar, installed) {
            (Some(sidecar), _) => sidecar.env.push(record),
            (None, Some(installed)) => plan.edit(installed.place).add_env.push(record),
            // Nothing is changed where there is no sidecar.
            (None, None) => {}
        }
    }
    Ok(plan)
}

impl<'p> Plan<'p> {
    /// The edit of the container at `place`, new at the end of the edits where it has none.
    fn edit(&mut self, place: Place) -> &mut ContainerEdit<'p> {
        let known = self.edits.iter().position(|edit| edit.place == place);
        let index = known.unwrap_or_else(|| {
            self.edits.push(ContainerEdit::at(place));
            self.edits.len() - 1
        });
        &mut self.edits[index]
    }
}
