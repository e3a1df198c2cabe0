//! Why the webhook does what it does to a Pod: what was found where, which rule judged it,
//! and which rules were passed over.
//!
//! The decision is the engine's own, made by the same call; nothing is decided here.

mod text;

use serde::Serialize;

use crate::budget::Budget;
use crate::decide::Policy;
use crate::decide::matcher::Detection;
use crate::decide::misfit;
use crate::decide::named::Named;
use crate::decide::rule_match::{MatchedPart, RuleMatch};
use crate::detect::mounts::{Finding, Reach, agent};
use crate::manifest::{PodRef, Positions};
use crate::model::scope::Scope;
use crate::model::subject::Subject;
use crate::model::view::Pod;
use crate::review;
use crate::review::offline;
use crate::review::offline::{OfflineError, Setting};
use crate::review::{Action, Outcome};

pub use crate::explain::text::text;

/// What is done with one Pod, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The file's name, with the line of the Pod: `pod.yaml:1`.
    pub at: String,
    /// The kind that was explained.
    pub kind: String,
    /// The object's name.
    pub name: Option<String>,
    /// The namespace that counts.
    pub namespace: String,
    /// The kind that makes the Pod; `Pod` where nothing does.
    pub owner: String,
    /// The user that creates the Pod; empty where it is not known.
    pub user: String,
    /// Why the Pod counts as a node agent, where it does.
    pub node_agent: Option<&'static str>,
    /// `left`, `denied` or `changed`.
    pub outcome: &'static str,
    /// Why, as a fixed word.
    pub reason: &'static str,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The sidecar's profile.
    pub profile: Option<String>,
    /// What ruled out each profile that the rule prefers.
    pub profiles_passed_over: Vec<String>,
    /// The containers that are led to the Pod's own daemon.
    pub containers: Vec<String>,
    /// Why the Pod is refused, where it is.
    pub denial: Option<String>,
    /// What the author is told.
    pub warnings: Vec<String>,
    /// Each way to a daemon.
    pub detected: Vec<Detected>,
}

/// One way in which the Pod reaches or asks for a daemon.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detected {
    /// Where it is written: `pod.yaml:12`.
    pub at: String,
    /// Its JSON pointer in the document.
    pub pointer: String,
    /// The container's name; none for annotations.
    pub container: Option<String>,
    /// How a rule's `detections` names it.
    pub detection: &'static str,
    /// What it is, in words.
    pub what: String,
    /// The rule that judged it.
    pub rule: String,
    /// What the rule says.
    #[serde(rename = "ruling")]
    pub effect: &'static str,
    /// The rules above that one, and which part of each does not match.
    pub passed_over: Vec<PassedOver>,
}

/// A rule that does not match.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    /// The rule.
    pub rule: String,
    /// The first part of its `match` that does not hold.
    pub because: &'static str,
}

/// A document of a file.
#[derive(Clone, Copy, Debug)]
pub struct Place<'d> {
    /// The file's name.
    pub file: &'d str,
    /// Where the document's nodes stand.
    pub positions: Option<&'d Positions>,
}

impl Place<'_> {
    /// `file:line` of the node at `pointer`, or of the nearest one around it.
    fn of(&self, pointer: &str) -> String {
        match self.positions.and_then(|all| all.nearest(pointer)) {
            Some(position) => format!("{}:{}", self.file, position.line),
            None => self.file.to_owned(),
        }
    }
}

/// Explains one Pod of a document.
///
/// # Errors
/// Where it is no Pod.
pub fn explain(
    policy: &Policy,
    setting: &Setting,
    place: Place<'_>,
    pod: &PodRef<'_>,
) -> Result<Explanation, OfflineError> {
    offline::view(setting, pod, |subject, view| {
        let outcome = review::pass(policy, subject, view, Scope::Creation)?;
        let detected = outcome.rule_matches.iter().map(|rule_match| {
            let seen = Seen {
                policy,
                subject,
                place,
                at: &pod.pointer,
                pod: view,
                findings: &outcome.findings,
            };
            seen.detected(rule_match)
        });
        let detected = detected.collect();
        Ok(explanation(subject, view, place, pod, &outcome, detected))
    })?
}

fn explanation(
    subject: &Subject<'_>,
    view: &Pod<'_>,
    place: Place<'_>,
    pod: &PodRef<'_>,
    outcome: &Outcome<'_>,
    detected: Vec<Detected>,
) -> Explanation {
    let (word, reason) = outcome.action.words();
    let (change, denial) = match &outcome.action {
        Action::Changed(change) => (Some(change), None),
        Action::Denied(denial) => (None, Some(denial.to_string())),
        Action::Left(_) => (None, None),
    };
    Explanation {
        at: place.of(&pod.pointer),
        kind: pod.kind.to_owned(),
        name: pod.name.map(str::to_owned),
        namespace: subject.namespace.to_owned(),
        owner: subject.owner.to_owned(),
        user: subject.user.to_owned(),
        node_agent: agent(view, Some(subject.owner)).map(|agent| agent.name()),
        outcome: word,
        reason,
        rule: outcome.rule.map(str::to_owned),
        profile: change.and_then(|change| change.profile).map(str::to_owned),
        profiles_passed_over: outcome
            .passed_over
            .iter()
            .map(misfit::PassedOver::because)
            .collect(),
        containers: change.map_or_else(Vec::new, |change| change.containers.clone()),
        denial,
        warnings: outcome.notices.texts(),
        detected,
    }
}

/// Everything that a judgment refers to.
struct Seen<'s, 'p> {
    policy: &'s Policy,
    subject: &'s Subject<'s>,
    place: Place<'s>,
    /// The JSON pointer of the Pod in its document.
    at: &'s str,
    pod: &'s Pod<'p>,
    findings: &'s [Finding],
}

impl Seen<'_, '_> {
    fn detected(&self, rule_match: &RuleMatch<'_>) -> Detected {
        let (below, container, what) = match rule_match.part {
            MatchedPart::Mount(index) => {
                let finding = &self.findings[index];
                let below = format!("{}/volumeMounts/{}", finding.place, finding.mount);
                (below, Some(finding.place), mounted(finding))
            }
            MatchedPart::Variable { place, index } => {
                let value = &self.pod.container(place).env[index].value;
                let what = format!("DOCKER_HOST={value} leads to the node");
                (format!("{place}/env/{index}"), Some(place), what)
            }
            MatchedPart::Annotations => {
                let what = "asks by annotation".to_owned();
                ("/metadata/annotations".to_owned(), None, what)
            }
        };
        let pointer = format!("{}{below}", self.at);
        Detected {
            at: self.place.of(&pointer),
            pointer,
            container: container.map(|place| self.pod.container(place).name.to_string()),
            detection: rule_match.detection.name(),
            what,
            rule: rule_match.rule.name.clone(),
            effect: rule_match.effect.name(),
            passed_over: self.passed_over(rule_match.detection),
        }
    }

    fn passed_over(&self, detection: Detection) -> Vec<PassedOver> {
        let rules = self.policy.rules.iter();
        let mismatches = rules.map_while(|rule| {
            // The pass before this has not found it too long.
            let mismatch = rule
                .matches
                .mismatch(self.subject, detection, &Budget::new());
            let because = mismatch.ok()??;
            Some(PassedOver {
                rule: rule.name.clone(),
                because,
            })
        });
        mismatches.collect()
    }
}

/// What a mount is.
fn mounted(finding: &Finding) -> String {
    let path = &finding.node_path;
    match &finding.reach {
        Reach::Socket(_) => format!("mounts the node's {path}, the Docker socket"),
        Reach::Directory => format!("mounts the node's {path}, which holds the Docker socket"),
        Reach::Ancestor => {
            format!("mounts the node's {path}, through which the Docker socket is reached")
        }
        Reach::Client => format!("mounts the node's {path}, a Docker client"),
        Reach::Runtime(runtime) => {
            format!("mounts the node's {path}, a way to {}", runtime.name())
        }
        Reach::Data(runtime) => {
            format!("may write the node's {path}, data of {}", runtime.name())
        }
        Reach::Storage => {
            format!("mounts the node's {path}, where daemons of other Pods keep their images")
        }
        Reach::Link => format!(
            "mounts the node's {path}, below a directory that this Pod may write: a link there \
             leads anywhere"
        ),
        Reach::UnknownSocket => format!(
            "mounts the node's {path}, which may be a Docker socket that `sockets` does not have"
        ),
        Reach::HostPath => format!("mounts the node's {path}"),
        Reach::Pipe(runtime) => {
            format!(
                "mounts a Windows named pipe of {}, which is left alone",
                runtime.name()
            )
        }
        Reach::Unresolved => format!(
            "mounts a part of the node's {path} that its subPathExpr names only when it runs"
        ),
    }
}
