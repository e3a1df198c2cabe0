//! Our own sidecar, in a Pod that an earlier pass has changed.
//!
//! A webhook may see a Pod twice, and must not inject twice. The sidecar is recognized by its exact start
//! command and the volume of its socket, never by a name, label or annotation: an author who forges it gets a
//! container that runs this command, and nothing more.

use crate::budget::{Budget, Excess};
use crate::model::path::CleanPath;
use crate::model::place::{List, Place};
use crate::model::view::{Container, Pod, VolumeMount};
use crate::model::written::Verbatim;
use crate::names;

use crate::model::start::start_command;

/// The sidecar of an earlier pass.
#[derive(Clone, Debug)]
pub struct Installed<'p, 'a> {
    pub place: Place,
    pub container: &'p Container<'a>,
    /// The volume with its socket.
    pub socket_volume: &'p str,
    /// Where that volume is mounted, in the sidecar and in the Pod's containers.
    pub shared_dir: CleanPath<'p>,
}

impl Installed<'_, '_> {
    /// Whether another webhook has dropped the sidecar's `restartPolicy`, as clients with old types do
    /// (amazon-eks-pod-identity-webhook#208). The Pod would then never start.
    pub fn lost_restart_policy(&self) -> bool {
        self.place.list == List::Init && &*self.container.restart_policy != "Always"
    }
}

/// The Pod's sidecar, if it has one.
///
/// # Errors
/// If so many containers imitate it that the search takes too many steps.
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
