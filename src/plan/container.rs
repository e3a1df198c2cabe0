//! The sidecar as a container of the Pod, written straight into the patch.
//!
//! The fields are those of `k8s.io/api/core/v1/types.go` that a sidecar needs, in the usual order of a
//! manifest.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use serde_json::value::RawValue;

use crate::model::map::Resource;
use crate::model::view::{Pod, PodResources};

use crate::model::profile::{Bounds, Profile, Resources};
use crate::model::quantity::Quantity;
use crate::model::start::StartCommand;
use crate::names;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar<'a> {
    pub name: Cow<'a, str>,
    pub image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<&'static str>,
    /// `Always` for a native sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<&'static str>,
    pub command: StartCommand,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Cow<'a, str>>,
    pub env: Vec<EnvEntry<'a>>,
    /// Delays later containers until the daemon answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
    /// Does the same if the sidecar is not a native one, and tells the slot of its storage when the Pod ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    #[serde(skip_serializing_if = "ResourceRequirements::is_empty")]
    pub resources: ResourceRequirements<'a>,
    pub security_context: SidecarSecurity<'a>,
    /// If the start script fails, `kubectl describe` shows its last lines.
    pub termination_message_policy: &'static str,
    /// The daemon's own volumes, then the mirrored ones.
    pub volume_mounts: Vec<Mount<'a>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvEntry<'a> {
    pub name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Cow<'a, str>>,
    /// The source of the value, as a container of the Pod has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<&'a RawValue>,
}

impl<'a> EnvEntry<'a> {
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
            value_from: None,
        }
    }

    pub fn from_source(name: impl Into<Cow<'a, str>>, source: &'a RawValue) -> Self {
        Self {
            name: name.into(),
            value: None,
            value_from: Some(source),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount<'a> {
    pub name: Cow<'a, str>,
    pub mount_path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path_expr: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// `Enabled` or `IfPossible`: mounts below are read-only too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive_read_only: Option<&'a str>,
    /// `HostToContainer`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_propagation: Option<&'static str>,
}

impl<'a> Mount<'a> {
    pub fn whole(name: impl Into<Cow<'a, str>>, mount_path: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            mount_path: mount_path.into(),
            sub_path: None,
            sub_path_expr: None,
            read_only: false,
            recursive_read_only: None,
            mount_propagation: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    exec: Exec,
    period_seconds: u32,
    timeout_seconds: u32,
    failure_threshold: u32,
}

/// What is run when the container starts and before it is stopped.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    #[serde(skip_serializing_if = "Option::is_none")]
    post_start: Option<Hook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_stop: Option<Hook>,
}

/// A hook that runs a command.
#[derive(Debug, Serialize)]
pub struct Hook {
    exec: Exec,
}

#[derive(Debug, Serialize)]
struct Exec {
    command: Vec<Cow<'static, str>>,
}

/// Seconds that the daemon may take to answer. A first start creates its storage, which may take a minute on
/// a slow disk.
const START_SECONDS: u32 = 120;

/// When a daemon is ready for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Once it answers.
    Answers,
    /// Once it answers and its slot is tidied: [`names::READY_FILE`] is there.
    FileToo,
}

impl Ready {
    /// A command that succeeds once it is, for a shell.
    fn command(self, socket: &str) -> String {
        match self {
            Self::Answers => format!("docker -H {socket} version"),
            Self::FileToo => format!("[ -e {} ] && docker -H {socket} version", names::READY_FILE),
        }
    }
}

impl Probe {
    /// Succeeds once the daemon at `socket` is ready.
    pub fn daemon_answers(socket: String, ready: Ready) -> Self {
        let command = match ready {
            Ready::Answers => vec![
                "docker".into(),
                "-H".into(),
                socket.into(),
                "version".into(),
            ],
            Ready::FileToo => vec!["/bin/sh".into(), "-c".into(), ready.command(&socket).into()],
        };
        Self {
            exec: Exec { command },
            period_seconds: 1,
            timeout_seconds: 10,
            failure_threshold: START_SECONDS,
        }
    }
}

impl Lifecycle {
    /// These hooks; none where there is neither.
    pub fn of(post_start: Option<Hook>, pre_stop: Option<Hook>) -> Option<Self> {
        (post_start.is_some() || pre_stop.is_some()).then_some(Self {
            post_start,
            pre_stop,
        })
    }
}

impl Hook {
    /// Returns once the daemon at `socket` is ready.
    pub fn wait_for_daemon(socket: &str, ready: Ready) -> Self {
        let command = ready.command(socket);
        Self::shell(format!(
            "n={START_SECONDS}; until {command} >/dev/null 2>&1; do \
             n=$((n - 1)); [ $n -gt 0 ] || exit 1; sleep 1; done"
        ))
    }

    /// Notes in the slot that its daemon does not come back: the kubelet runs this where it stops the Pod,
    /// and not where the daemon ends by itself.
    pub fn leave_slot() -> Self {
        let link = names::SLOT_LINK;
        Self::shell(format!("[ ! -d {link} ] || touch {link}/ended"))
    }

    fn shell(script: String) -> Self {
        Self {
            exec: Exec {
                command: vec!["/bin/sh".into(), "-c".into(), script.into()],
            },
        }
    }
}

#[derive(Debug, Default, Serialize)]
pub struct ResourceRequirements<'a> {
    #[serde(skip_serializing_if = "Amounts::is_empty")]
    requests: Amounts<'a>,
    #[serde(skip_serializing_if = "Amounts::is_empty")]
    limits: Amounts<'a>,
}

#[derive(Debug, Default, Serialize)]
struct Amounts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cow<'a, Quantity>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Cow<'a, Quantity>>,
    #[serde(rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
    ephemeral_storage: Option<Cow<'a, Quantity>>,
}

impl Amounts<'_> {
    fn is_empty(&self) -> bool {
        self.cpu.is_none() && self.memory.is_none() && self.ephemeral_storage.is_none()
    }
}

impl<'a> ResourceRequirements<'a> {
    /// `resources`, adjusted to the resources of the Pod as a whole.
    ///
    /// A container's own limit holds whatever the Pod's is, so the sidecar always has the profile's, unless
    /// the Pod's is lower: no container may have a limit above the Pod's. The requests of all containers must
    /// fit into the Pod's, which was set without the sidecar. So the sidecar then requests 0, explicitly,
    /// since a missing request defaults to the limit.
    /// Where a container has a limit of `ephemeral-storage`, the kubelet holds the whole Pod to the sum of such limits,
    /// with its `emptyDir`s. So the sidecar then has one for what the daemon may store (`emptyDir`).
    /// Source: `kubernetes/pkg/apis/core/validation/validation.go`, `validatePodResourceConsistency`;
    /// `kubernetes/pkg/apis/core/v1/defaults.go`, `SetDefaults_Pod`;
    /// `kubernetes/pkg/kubelet/eviction`, `podEphemeralStorageLimitEviction`.
    pub fn new(resources: &'a Resources, pod: &Pod<'_>, empty_dir: Option<&'a Quantity>) -> Self {
        let whole = &pod.spec.resources;
        let (cpu_request, cpu) = fitting(&resources.cpu, whole, Resource::Cpu);
        let (memory_request, memory) = fitting(&resources.memory, whole, Resource::Memory);
        let disk = &resources.ephemeral_storage;
        let mut disks = (
            disk.request().map(Cow::Borrowed),
            disk.limit().map(Cow::Borrowed),
        );
        if disks.1.is_none()
            && let Some(size) = empty_dir
            && pod
                .containers()
                .any(|(_, container)| container.limits_disk())
        {
            let request = disks.0.unwrap_or_else(|| Cow::Owned(Quantity::zero()));
            disks = (Some(request), Some(Cow::Borrowed(size)));
        }
        let (disk_request, disk) = disks;
        Self {
            requests: Amounts {
                cpu: cpu_request,
                memory: memory_request,
                ephemeral_storage: disk_request,
            },
            limits: Amounts {
                cpu,
                memory,
                ephemeral_storage: disk,
            },
        }
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

/// The request and limit of a container in a Pod whose own are `whole`.
fn fitting<'a>(
    bounds: &'a Bounds,
    whole: &PodResources<'_>,
    resource: Resource,
) -> (Option<Cow<'a, Quantity>>, Option<Cow<'a, Quantity>>) {
    let most = whole.limits.get(resource);
    let most = most.and_then(|most| most.parse::<Quantity>().ok());
    let limit = match (bounds.limit(), most) {
        // The kubelet takes 0 for no limit.
        (Some(own), Some(most)) if most < *own && !most.is_zero() => Some(Cow::Owned(most)),
        (own, _) => own.map(Cow::Borrowed),
    };
    let request = match whole.requests.has(resource) || whole.limits.has(resource) {
        true => limit.as_ref().map(|_| Cow::Owned(Quantity::zero())),
        false => bounds.request().map(Cow::Borrowed),
    };
    (request, limit)
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum SidecarSecurity<'a> {
    Profile(&'a Value),
    /// Root and privileged, whatever the Pod sets for its other containers.
    Privileged(Privileged<'a>),
}

/// Fields that a privileged daemon must set because the Pod may set them otherwise.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Privileged<'a> {
    privileged: bool,
    allow_privilege_escalation: bool,
    run_as_user: i64,
    run_as_group: i64,
    run_as_non_root: bool,
    read_only_root_filesystem: bool,
    seccomp_profile: Unconfined,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_armor_profile: Option<Unconfined>,
    #[serde(skip_serializing_if = "Option::is_none")]
    se_linux_options: Option<SeLinux<'a>>,
}

#[derive(Debug, Serialize)]
struct Unconfined {
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct SeLinux<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    level: &'a str,
}

/// The user of `docker:dind-rootless`.
const ROOTLESS_UID: i64 = 1000;

impl<'a> SidecarSecurity<'a> {
    /// The profile's, or else a context that works whatever the Pod's is.
    pub fn new(profile: &'a Profile, pod: &'a Pod<'_>) -> Self {
        if let Some(context) = &profile.security_context {
            return Self::Profile(context);
        }
        let whole = pod.security();
        let unconfined = || Unconfined {
            r#type: "Unconfined",
        };
        let user = if profile.rootless { ROOTLESS_UID } else { 0 };
        Self::Privileged(Privileged {
            privileged: true,
            allow_privilege_escalation: true,
            run_as_user: user,
            run_as_group: user,
            run_as_non_root: profile.rootless,
            read_only_root_filesystem: false,
            seccomp_profile: unconfined(),
            // Older API servers do not know the field, so it is set only if the Pod uses it.
            app_armor_profile: whole.app_armor_profile.map(|_| unconfined()),
            se_linux_options: whole.se_linux_options.as_ref().map(|options| SeLinux {
                r#type: "spc_t",
                level: &options.level,
            }),
        })
    }
}
