//! A Pod that mounts the node's `docker.sock`, sent through the API server by a dry run.
//!
//! The one check that goes all the way: the API server's network, its trust, the selectors and conditions, the
//! policy and the patch. Nothing is stored by it.

use serde_json::{Value, json};

use crate::check::installed::Installed;
use crate::check::objects::Pod;
use crate::check::outcome::Check;
use crate::check::policy;
use crate::check::questions::NETWORK_PATH;
use crate::check::read::Unread;
use crate::check::selector::Labels;
use crate::manifest::pods;
use crate::model::cluster::Placement;
use crate::model::sidecar_mode::SidecarMode;
use crate::names;
use crate::policy_file::Config;
use crate::review::offline::{Setting, evaluate};
use crate::review::{Action, Outcome};

/// The socket that the Pod mounts.
pub const SOCKET: &str = "/var/run/docker.sock";
/// The name of the Pod, and the beginning of the names of Pods that run.
pub const POD_NAME: &str = "dind-injector-check";

/// What came back.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The user who asked, and the user's groups.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// What the API server answered.
    pub answer: Answer,
    /// What it warned of.
    pub warnings: Vec<String>,
}

/// What the API server makes of a Pod.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It would be stored so.
    Stored(Box<Pod>),
    /// It is refused; the API server's words.
    Refused(String),
}

/// What becomes of a Pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It has its own daemon.
    Swapped,
    /// It is stored as it was written, and its author is warned.
    Warned,
    /// It is stored as it was written.
    Left,
    /// The webhook refuses it.
    Denied,
    /// The webhook that looks again refuses it, since it was not swapped.
    Verify,
    /// The backstop refuses it, since it was not swapped.
    Backstop,
    /// Something else refuses it.
    Refused,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Swapped => "swapped",
            Self::Warned => "warned about",
            Self::Left => "left as it was written",
            Self::Denied => "denied",
            Self::Verify => "refused by verify.dind-injector.io",
            Self::Backstop => "refused by the backstop",
            Self::Refused => "refused by something else",
        }
    }
}

/// The Pod that is tried.
pub fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD_NAME, "labels": {"app.kubernetes.io/name": POD_NAME}},
        "spec": {
            "automountServiceAccountToken": false,
            "restartPolicy": "Never",
            "containers": [{
                "name": "check",
                "image": crate::model::profile::DEFAULT_IMAGE,
                "volumeMounts": [{"name": "docker-sock", "mountPath": SOCKET}],
            }],
            "volumes": [{"name": "docker-sock", "hostPath": {"path": SOCKET}}],
        },
    })
}

/// What became of it.
pub fn fate(answer: &Answer, warnings: &[String]) -> Fate {
    match answer {
        Answer::Refused(message) => {
            let denies = |webhook: &str| {
                message.contains(&format!(
                    "admission webhook \"{webhook}\" denied the request"
                ))
            };
            if denies(names::POD_WEBHOOK) {
                Fate::Denied
            } else if denies(names::VERIFY_WEBHOOK) {
                Fate::Verify
            } else if message.contains(&format!("ValidatingAdmissionPolicy '{}", names::BACKSTOP)) {
                Fate::Backstop
            } else {
                Fate::Refused
            }
        }
        Answer::Stored(pod) if is_swapped(pod) => Fate::Swapped,
        Answer::Stored(_) if warnings.iter().any(|warning| is_ours(warning)) => Fate::Warned,
        Answer::Stored(_) => Fate::Left,
    }
}

/// Pod Security and others warn too.
fn is_ours(warning: &str) -> bool {
    warning.contains(names::PROGRAM) || warning.contains("Docker")
}

/// Whether a Pod has its own daemon in place of the node's socket.
pub fn is_swapped(pod: &Pod) -> bool {
    let spec = &pod.spec;
    let mut containers = spec.init_containers.iter().chain(&spec.containers);
    let has_sidecar = containers.any(|container| container.name == names::SIDECAR);
    let mut volumes = spec.volumes.iter();
    let has_socket = volumes.any(|volume| {
        volume
            .host_path
            .as_ref()
            .is_some_and(|it| it.path == SOCKET)
    });
    has_sidecar && !has_socket
}

/// What the policy says to it.
///
/// # Errors
/// Where the engine cannot read its own Pod, for people.
pub fn expected(
    config: &Config,
    mode: SidecarMode,
    (namespace, labels): (&str, &Labels),
    (user, groups): (&str, &[String]),
) -> Result<(Fate, String), String> {
    let policy = config.policy_for(mode);
    let setting = Setting {
        namespace: namespace.to_owned(),
        namespace_labels: labels.clone(),
        user: user.to_owned(),
        groups: groups.to_vec(),
        placement: Placement::default(),
    };
    let document = pod();
    let found = pods(&document);
    let pod = found.first().ok_or("the Pod of the check is none")?;
    let Outcome {
        action,
        rule,
        notices,
        ..
    } = evaluate(&policy, &setting, pod).map_err(|error| error.to_string())?;
    let fate = match action {
        Action::Changed(_) => Fate::Swapped,
        Action::Denied(_) => Fate::Denied,
        Action::Left(_) if notices.is_empty() => Fate::Left,
        Action::Left(_) => Fate::Warned,
    };
    Ok((fate, rule.unwrap_or("none").to_owned()))
}

/// What the way to a replica is broken by, and what to do.
/// Source: `k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go`, and Go's `net` and `x509`.
const BROKEN: [(&str, &str); 6] = [
    (
        "no endpoints available",
        "no replica is ready: see the replicas' line",
    ),
    (
        "x509:",
        "the API server does not trust what is served: see the caBundle's line",
    ),
    (
        "context deadline exceeded",
        "no answer in time: the control plane must reach port 8443 of the Pods",
    ),
    (
        "i/o timeout",
        "no answer in time: the control plane must reach port 8443 of the Pods",
    ),
    (
        "connection refused",
        "nothing listens there: the control plane must reach port 8443 of the Pods",
    ),
    ("service \"", "the Service is not there: install again"),
];

/// Judges what came back.
pub fn check(installed: &Installed) -> Check {
    let name = installed.tried();
    let trial = match &installed.trial {
        Ok(trial) => trial,
        Err(Unread::Missing) => {
            return NETWORK_PATH.could_not_ask_but(
                "there is no namespace to try a Pod in",
                "name one: -n NAMESPACE",
            );
        }
        Err(unread) => {
            // Not known where nothing answered.
            let name = match name {
                "" => "a namespace",
                name => name,
            };
            return NETWORK_PATH.could_not_ask_but(
                unread.to_string(),
                format!("ask as a user who may create Pods in {name}: nothing is stored"),
            );
        }
    };
    let Trial {
        user,
        groups,
        answer,
        warnings,
    } = trial;
    let fate = fate(answer, warnings);
    if let (Fate::Refused, Answer::Refused(message)) = (fate, answer) {
        return refused(name, message);
    }
    let labels = installed
        .namespace
        .as_ref()
        .map(|namespace| namespace.metadata.labels.clone());
    let mode = match installed.version {
        Ok(version) if version < (1, 29) => SidecarMode::Container,
        Ok(_) | Err(_) => SidecarMode::Native,
    };
    let Some(config) = policy::config(&installed.policy) else {
        return NETWORK_PATH.could_not_ask_but(
            format!(
                "a Pod in {name} is {}; what the policy says is not known",
                fate.name()
            ),
            "see the policy's line",
        );
    };
    let place = (name, &labels.unwrap_or_default());
    match expected(&config, mode, place, (user, groups)) {
        Err(error) => NETWORK_PATH.could_not_ask(&Unread::Failed(error)),
        Ok((wanted, rule)) if wanted == fate => NETWORK_PATH.ok(format!(
            "a Pod with docker.sock in {name} is {}, as the rule {rule} says",
            fate.name()
        )),
        Ok((Fate::Left | Fate::Warned, rule)) if fate == Fate::Backstop => NETWORK_PATH.ok(format!(
            "a Pod with docker.sock in {name} is refused by the backstop, as the rule {rule} leaves it"
        )),
        Ok((wanted, rule)) => {
            let fix = match fate {
                Fate::Left | Fate::Backstop | Fate::Verify => {
                    "the API server did not call the webhook, or had no answer and failurePolicy is Ignore: \
                               see the lines above, and its log"
                }
                Fate::Swapped | Fate::Warned | Fate::Denied | Fate::Refused => {
                    "replicas have another policy, or another webhook changed the Pod: see the lines above"
                }
            };
            NETWORK_PATH.fails(
                format!(
                    "a Pod with docker.sock in {name} is {}; the rule {rule} says it is to be {}",
                    fate.name(),
                    wanted.name()
                ),
                fix,
            )
        }
    }
}

fn refused(namespace: &str, message: &str) -> Check {
    let calls = ["failed calling webhook", "failed to call webhook"];
    let is_call = calls.iter().any(|call| message.contains(call));
    if is_call && message.contains(names::PREFIX.trim_end_matches('/')) {
        let mut broken = BROKEN.iter();
        let fix = broken.find(|(text, _)| message.contains(text));
        let fix = fix.map_or("the API server's log says more", |(_, fix)| *fix);
        return NETWORK_PATH.fails(format!("the webhook is not reached: {message}"), fix);
    }
    NETWORK_PATH.warns(
        format!("in {namespace} something else refuses such a Pod: {message}"),
        "name a namespace that admits it (-n NAMESPACE) to see what the webhook does there",
    )
}
