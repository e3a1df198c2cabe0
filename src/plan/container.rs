//! The sidecar as a container of the Pod, written straight into the patch.
//!
//! The fields are those of `k8s.io/api/core/v1/types.go` that a sidecar needs, in the
//! order in which people write them.

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

/// The sidecar.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The profile's image.
    pub image: &'a str,
    /// The profile's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<&'static str>,
    /// `Always` for a native sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<&'static str>,
    /// [`start_command`](crate::model::start::start_command).
    pub command: StartCommand,
    /// More flags of dockerd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Cow<'a, str>>,
    /// What the script reads.
    pub env: Vec<EnvEntry<'a>>,
    /// Holds back what comes after, until the daemon answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
    /// Waits likewise where the sidecar is no native one, and tells the slot where the Pod ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    /// Requests and limits.
    #[serde(skip_serializing_if = "ResourceRequirements::is_empty")]
    pub resources: ResourceRequirements<'a>,
    /// What it may do.
    pub security_context: SidecarSecurity<'a>,
    /// `kubectl describe` shows the start script's last words where it fails.
    pub termination_message_policy: &'static str,
    /// The daemon's own volumes, then the mirrored ones.
    pub volume_mounts: Vec<Mount<'a>>,
}

/// One variable.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvEntry<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Cow<'a, str>>,
    /// Where its value is from, as a container of the Pod has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<&'a RawValue>,
}

impl<'a> EnvEntry<'a> {
    /// A variable with a value.
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
            value_from: None,
        }
    }

    /// A variable with a source.
    pub fn from_source(name: String, source: &'a RawValue) -> Self {
        Self {
            name: Cow::Owned(name),
            value: None,
            value_from: Some(source),
        }
    }
}

/// One mount.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount<'a> {
    /// The volume.
    pub name: Cow<'a, str>,
    /// Where it is seen.
    pub mount_path: Cow<'a, str>,
    /// The part of the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<Cow<'a, str>>,
    /// The same with variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path_expr: Option<String>,
    /// Whether writing is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// `Enabled` or `IfPossible`: the same for what is mounted below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursive_read_only: Option<&'a str>,
    /// `HostToContainer`, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_propagation: Option<&'static str>,
}

impl<'a> Mount<'a> {
    /// The whole of a volume.
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

/// A probe that runs a command.
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

/// How long the daemon may take to answer. A first start writes its storage anew, and a
/// slow disk may need a minute for it.
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
    pub fn daemon_answers(socket: &str, ready: Ready) -> Self {
        let command = match ready {
            Ready::Answers => vec![
                "docker".into(),
                "-H".into(),
                socket.to_owned().into(),
                "version".into(),
            ],
            Ready::FileToo => vec!["/bin/sh".into(), "-c".into(), ready.command(socket).into()],
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

/// Requests and limits.
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
    /// `resources`, made to fit into what the Pod as a whole is given.
    ///
    /// A container's own limit holds whatever the Pod's is, so the sidecar always has the
    /// profile's. The Pod's author can only lower it: no container may have a limit above the
    /// Pod's, and all of them together may request what the Pod does. What the Pod requests was
    /// counted without the sidecar, which therefore requests nothing of it, and says so, since a
    /// request that is missing is the limit.
    /// Source: `kubernetes/pkg/apis/core/validation/validation.go`, `validatePodResourceConsistency`;
    /// `kubernetes/pkg/apis/core/v1/defaults.go`, `SetDefaults_Pod`.
    pub fn new(resources: &'a Resources, pod: &Pod<'_>) -> Self {
        let whole = &pod.spec.resources;
        let (cpu_request, cpu) = fitting(&resources.cpu, whole, Resource::Cpu);
        let (memory_request, memory) = fitting(&resources.memory, whole, Resource::Memory);
        let disk = &resources.ephemeral_storage;
        Self {
            requests: Amounts {
                cpu: cpu_request,
                memory: memory_request,
                ephemeral_storage: disk.request().map(Cow::Borrowed),
            },
            limits: Amounts {
                cpu,
                memory,
                ephemeral_storage: disk.limit().map(Cow::Borrowed),
            },
        }
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

/// The request and the limit of a container in a Pod with `whole`.
fn fitting<'a>(
    bounds: &'a Bounds,
    whole: &PodResources<'_>,
    resource: Resource,
) -> (Option<Cow<'a, Quantity>>, Option<Cow<'a, Quantity>>) {
    let most = whole.limits.get(resource);
    let most = most.and_then(|most| most.parse::<Quantity>().ok());
    let limit = match (bounds.limit(), most) {
        // To the kubelet, 0 is no limit at all.
        (Some(own), Some(most)) if most < *own && !most.is_zero() => Some(Cow::Owned(most)),
        (own, _) => own.map(Cow::Borrowed),
    };
    let request = match whole.requests.has(resource) || whole.limits.has(resource) {
        true => limit.as_ref().map(|_| Cow::Owned(Quantity::zero())),
        false => bounds.request().map(Cow::Borrowed),
    };
    (request, limit)
}

/// The sidecar's `securityContext`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum SidecarSecurity<'a> {
    /// As the profile says.
    Profile(&'a Value),
    /// Root and privileged, whatever the Pod says for its other containers.
    Privileged(Privileged<'a>),
}

/// What a privileged daemon needs said where the Pod may say otherwise.
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
    /// What `profile` says, or else a context that holds whatever the Pod's says.
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
            // Older API servers do not know the field: only against a Pod that uses it.
            app_armor_profile: whole.app_armor_profile.map(|_| unconfined()),
            se_linux_options: whole.se_linux_options.as_ref().map(|options| SeLinux {
                r#type: "spc_t",
                level: &options.level,
            }),
        })
    }
}
