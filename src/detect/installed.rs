//! This project's sidecar, as it stands in a Pod already.
//!
//! It is known by its exact start command and by the volume of its socket, so a Pod's
//! author gains nothing by forging a name, a label or an annotation: whoever writes the
//! same container gets what it runs, and no more.

use crate::budget::{Budget, Excess};
use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::view::{Container, Pod, VolumeMount};
use crate::model::written::Verbatim;
use crate::names;

use crate::model::start::start_command;

/// The sidecar that an earlier pass put into the Pod.
#[derive(Clone, Debug)]
pub struct Installed<'p, 'a> {
    pub place: Place,
    pub container: &'p Container<'a>,
    /// The volume that holds its socket.
    pub socket_volume: &'p str,
    /// Where that volume is mounted, in the sidecar and in the Pod's containers.
    pub shared_dir: CleanPath<'p>,
}

impl Installed<'_, '_> {
    /// Whether another webhook has dropped the sidecar's `restartPolicy`, as old typed
    /// clients do (amazon-eks-pod-identity-webhook#208): it would block the Pod for ever.
    pub fn lost_restart_policy(&self) -> bool {
        self.place.list == List::Init && &*self.container.restart_policy != "Always"
    }
}

/// The Pod's sidecar, known by its command, its socket and its volume.
///
/// # Errors
/// Where many containers pretend to be it, among many volumes.
pub fn installed<'p, 'a>(
    pod: &'p Pod<'a>,
    budget: &Budget,
) -> Result<Option<Installed<'p, 'a>>, Excess> {
    let sidecars = pod
        .containers()
        .filter(|(place, container)| place.list != List::Ephemeral && has_start_command(container));
    for (place, container) in sidecars {
        budget.spend(pod.spec.volumes.len())?;
        let installed = installed_at(pod, place, container);
        if installed.is_some() {
            return Ok(installed);
        }
    }
    Ok(None)
}

fn installed_at<'p, 'a>(
    pod: &'p Pod<'a>,
    place: Place,
    container: &'p Container<'a>,
) -> Option<Installed<'p, 'a>> {
    let sockets = container.env_var(names::env::SOCKETS)?;
    let socket = CleanPath::new(sockets.value.split(' ').next()?);
    let shared = socket.parent()?;
    let whole = |mount: &&Verbatim<'a, VolumeMount<'a>>| {
        mount.sub_path.is_empty() && CleanPath::new(&mount.mount_path) == shared
    };
    let mount = container.volume_mounts.iter().find(whole)?;
    let mut volumes = pod.spec.volumes.iter();
    volumes.find(|v| v.name == mount.name && v.empty_dir.is_some())?;
    Some(Installed {
        place,
        container,
        socket_volume: &mount.name,
        shared_dir: CleanPath::new(&mount.mount_path),
    })
}

fn has_start_command(container: &Container<'_>) -> bool {
    let words = start_command();
    container.command.len() == words.len()
        && container.command.iter().zip(words).all(|(a, b)| &**a == b)
}
