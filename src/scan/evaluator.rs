//! The policy's word on one candidate, way by way.
//!
//! The whole Pod goes through the engine once, as at admission, and the engine tells what it
//! made of each mount and variable: so a report can say which one is swapped and which one
//! stays. Pure.

use std::borrow::Cow;

use serde_json::Value;

use crate::decide::Policy;
use crate::decide::denial::Denial;
use crate::decide::named::Named as _;
use crate::decide::rule_match::{Effect, MatchedPart, RuleMatch};
use crate::detect::docker_host::{DockerHost, DockerHosts};
use crate::detect::mounts;
use crate::detect::mounts::{Agent, Reach};
use crate::manifest::PodRef;
use crate::model::place::Place;
use crate::model::scope::Scope;
use crate::model::subject::Subject;
use crate::model::view::{Container, Pod};
use crate::names::NO_NAME;
use crate::review;
use crate::review::offline;
use crate::review::offline::{OfflineError, Setting};
use crate::review::{Action, Outcome};

use crate::scan::candidate::Candidate;
use crate::scan::finding::{Change, Finding, How, ManualWork, Verdict, Workload};
use crate::scan::{own, placeholder, risk};

/// Under what a scan judges.
#[derive(Clone, Debug)]
pub struct Evaluator {
    /// The policy.
    pub policy: Policy,
    /// What is said about a cluster that is not there.
    pub setting: Setting,
    /// Whether to keep each Pod before and after.
    pub changes: bool,
}

/// What a candidate came to.
#[derive(Debug, Default)]
pub struct Judged {
    /// What reaches a node's runtime, if it does.
    pub workload: Option<Workload>,
    /// Pointers of the Pod to what names sockets of its own: the webhook's work, and a daemon's in a volume.
    pub own: Vec<String>,
    /// Pointers of the Pod to a hostPath that is filled in later and mounted where sockets are, each
    /// with the path at which it is mounted.
    pub placeholders: Vec<(String, String)>,
}

/// Judges `candidate` in `setting`.
///
/// # Errors
/// Where the candidate is no Pod that the API server would take.
pub fn evaluate(
    evaluator: &Evaluator,
    setting: &Setting,
    candidate: &Candidate<'_>,
) -> Result<Judged, OfflineError> {
    let pod = PodRef {
        kind: candidate.maker,
        name: Some(&candidate.name),
        namespace: candidate.namespace,
        pointer: String::new(),
        pod: match &candidate.pod {
            Ok(pod) => Ok(pod),
            Err(error) => Err(error.clone()),
        },
    };
    offline::view(setting, &pod, |subject, view| {
        let outcome = review::pass(&evaluator.policy, subject, view, Scope::Creation)?;
        if let Action::Denied(Denial::Excess(excess)) = &outcome.action {
            return Err(OfflineError::Excess(excess.clone()));
        }
        let evaluation = Evaluation {
            candidate,
            subject,
            pod: view,
            outcome: &outcome,
            agent: mounts::agent(view, Some(subject.owner)),
        };
        let mut judged = Judged {
            workload: evaluation.workload(),
            own: own::parts(view),
            placeholders: placeholder::hidden(view, &evaluator.policy.sockets),
        };
        if let Ok(written) = &candidate.pod {
            let annotations = candidate.annotations;
            let strings = own::strings(view, written, annotations, &evaluator.policy.sockets);
            judged.own.extend(strings);
        }
        if evaluator.changes
            && let Some(workload) = &mut judged.workload
        {
            workload.change = evaluation.change()?;
        }
        Ok(judged)
    })?
}

struct Evaluation<'h, 'd, 'p> {
    candidate: &'h Candidate<'d>,
    subject: &'h Subject<'h>,
    pod: &'h Pod<'p>,
    outcome: &'h Outcome<'h>,
    agent: Option<Agent>,
}

impl Evaluation<'_, '_, '_> {
    fn workload(&self) -> Option<Workload> {
        let Outcome {
            action,
            rule,
            notices,
            findings: ways,
            rule_matches: _,
            passed_over: _,
            steps: _,
        } = self.outcome;
        let mut findings: Vec<Finding> = ways
            .iter()
            .enumerate()
            .filter(|(index, way)| self.is_told(*index, way))
            .map(|(index, way)| self.mount(index, way))
            .collect();
        let docker_hosts = DockerHosts::new(self.pod);
        for (place, container) in self.pod.containers() {
            match docker_hosts.of(container) {
                DockerHost::Node(index) | DockerHost::Unknown(index) => {
                    findings.push(self.variable(place, container, index))
                }
                DockerHost::Unset | DockerHost::InPod | DockerHost::Elsewhere => {}
            }
        }
        let verdict = findings.iter().map(|finding| finding.verdict).max()?;
        let notices: Vec<String> = notices.texts();
        let (reason, message) = match (action, verdict) {
            (Action::Denied(denial), _) => (denial.reason(), denial.to_string()),
            (_, Verdict::Swapped) => ("Swapped", verdict.sentence().to_owned()),
            (_, Verdict::Warned) if !notices.is_empty() => ("RuleWarns", notices.join("; ")),
            (Action::Left(reason), _) => (reason.name(), reason.means().to_owned()),
            (Action::Changed(_), _) => ("RuleAllows", verdict.sentence().to_owned()),
        };
        let of_findings = || {
            let mut worst = findings.iter().filter(|finding| finding.verdict == verdict);
            worst.find_map(|finding| finding.manual_work.clone())
        };
        let manual_work = match action {
            Action::Denied(denial) => hand_of(denial, self.agent).or_else(of_findings),
            Action::Left(_) | Action::Changed(_) => of_findings(),
        };
        let maker = self.candidate.maker;
        let scripts = self.candidate.scripts.as_ref();
        Some(Workload {
            namespace: self.subject.namespace.to_owned(),
            kind: self.candidate.kind.to_owned(),
            name: self.candidate.name.to_string(),
            base: self.candidate.pointers.base().to_owned(),
            spot: None,
            verdict,
            reason,
            message,
            rule: rule.map(str::to_owned),
            manual_work,
            risks: risk::of(self.pod, maker, &findings, scripts),
            findings,
            notices,
            change: None,
        })
    }

    /// What becomes of one way. What the policy has no word on (a static Pod) stays as it is.
    fn verdict(&self, part: MatchedPart) -> Verdict {
        let mut rule_matches = self.outcome.rule_matches.iter();
        let rule_match = rule_matches.find(|rule_match| rule_match.part == part);
        let effect = rule_match.map(|rule_match| rule_match.effect);
        match (&self.outcome.action, effect) {
            (Action::Denied(_), _) | (_, Some(Effect::Deny)) => Verdict::Denied,
            (Action::Changed(_), Some(Effect::Swap)) => Verdict::Swapped,
            (_, Some(Effect::Warn)) => Verdict::Warned,
            (
                _,
                Some(
                    Effect::Swap
                    | Effect::Allow
                    | Effect::OptedOut
                    | Effect::Honor
                    | Effect::Ignore,
                )
                | None,
            ) => Verdict::Allowed,
        }
    }

    /// A path of the node that leads to no runtime, and that the policy allows, is nobody's
    /// concern.
    fn is_told(&self, index: usize, way: &mounts::Finding) -> bool {
        let is_judged = |rule_match: &RuleMatch<'_>| {
            rule_match.part == MatchedPart::Mount(index) && rule_match.effect != Effect::Allow
        };
        match way.reach {
            Reach::HostPath | Reach::Storage => {
                self.outcome.rule_matches.iter().any(is_judged)
            }
            Reach::Socket(_)
            | Reach::Directory
            | Reach::Ancestor
            | Reach::Client
            | Reach::Runtime(_)
            // It may write there, and that is control of every container.
            | Reach::Data(_)
            | Reach::Unresolved
            | Reach::Link
            | Reach::UnknownSocket
            | Reach::Pipe(_) => true,
        }
    }

    fn mount(&self, index: usize, way: &mounts::Finding) -> Finding {
        let container = self.pod.container(way.place);
        let mount = &container.volume_mounts[way.mount];
        let verdict = self.verdict(MatchedPart::Mount(index));
        let pointer = format!("{}/volumeMounts/{}", way.place, way.mount);
        Finding {
            container: Some(shown(container)),
            how: How::from(&way.reach),
            target: self.spelled(way),
            mount_path: Some(mount.mount_path.to_string()),
            pointer: self.candidate.pointers.outer(&pointer),
            spot: None,
            verdict,
            manual_work: self
                .manual_work(&way.reach)
                .filter(|_| verdict != Verdict::Swapped),
        }
    }

    fn variable(&self, place: Place, container: &Container<'_>, index: usize) -> Finding {
        let verdict = self.verdict(MatchedPart::Variable { place, index });
        let target = match &*container.env[index].value {
            "" => "the node's address (valueFrom)".to_owned(),
            value => value.to_owned(),
        };
        let pointer = format!("{place}/env/{index}");
        Finding {
            container: Some(shown(container)),
            how: How::TcpDockerHost,
            target,
            mount_path: None,
            pointer: self.candidate.pointers.outer(&pointer),
            spot: None,
            verdict,
            manual_work: (verdict != Verdict::Swapped).then_some(ManualWork::TcpDockerHost),
        }
    }

    /// Why a mount that is not swapped needs a hand.
    fn manual_work(&self, reach: &Reach) -> Option<ManualWork> {
        let annotations = &self.pod.metadata().annotations;
        if annotations.get(crate::names::MIRROR_POD).is_some() {
            return Some(ManualWork::StaticPod);
        }
        match reach {
            Reach::Ancestor => Some(ManualWork::Ancestor),
            Reach::Unresolved => Some(ManualWork::SubPathExpr),
            Reach::Runtime(runtime) => Some(ManualWork::OtherRuntime(runtime.name())),
            Reach::Data(_) => Some(ManualWork::DataDirectory),
            Reach::Storage => Some(ManualWork::NodeStorage),
            Reach::Link => Some(ManualWork::Link),
            Reach::UnknownSocket => Some(ManualWork::UnknownSocket),
            Reach::HostPath => Some(ManualWork::HostPath),
            Reach::Pipe(_) => Some(ManualWork::NamedPipe),
            Reach::Socket(_) | Reach::Directory => self.agent.map(ManualWork::Agent),
            Reach::Client => None,
        }
    }

    /// The path of the node as its author wrote it.
    fn spelled(&self, way: &mounts::Finding) -> String {
        match way.written(self.pod) {
            (host, "") => host.to_owned(),
            (host, below) => format!("{}/{below}", host.trim_end_matches('/')),
        }
    }

    fn change(&self) -> Result<Option<Change>, OfflineError> {
        let Action::Changed(_) = &self.outcome.action else {
            return Ok(None);
        };
        let before = match &self.candidate.pod {
            Ok(Cow::Borrowed(pod)) => Value::Object((*pod).clone()),
            Ok(Cow::Owned(pod)) => Value::Object(pod.clone()),
            Err(error) => return Err(error.clone().into()),
        };
        let mut after = before.clone();
        offline::apply(&mut after, "", self.outcome)?;
        Ok(Some(Change { before, after }))
    }
}

/// Its name; what fills one in later (Prow does) leaves it out.
fn shown(container: &Container<'_>) -> String {
    match &*container.name {
        "" => NO_NAME.to_owned(),
        name => name.to_owned(),
    }
}

/// Why a refusal needs a hand; none where only the rule stands in the way.
fn hand_of(denial: &Denial, agent: Option<Agent>) -> Option<ManualWork> {
    Some(match denial {
        Denial::Annotation(_)
        | Denial::Size { .. }
        | Denial::AboveMaximum { .. }
        | Denial::Profile { .. } => ManualWork::Annotation,
        // One that is too much is not judged at all. The others are of Pods in a cluster's API server,
        // which a scan does not ask.
        Denial::HostSocket { .. }
        | Denial::Excess(_)
        | Denial::Unswapped { .. }
        | Denial::SidecarImage { .. }
        | Denial::MissingRuntimeClass { .. }
        | Denial::NodeSelector { .. }
        | Denial::Nodes { .. } => {
            return None;
        }
        Denial::NodeAgent { .. } => return agent.map(ManualWork::Agent),
        Denial::Ancestor { .. } => ManualWork::Ancestor,
        Denial::Unresolved { .. } => ManualWork::SubPathExpr,
        Denial::OtherRuntime { runtime, .. } => ManualWork::OtherRuntime(runtime),
        Denial::DataDirectory { .. } => ManualWork::DataDirectory,
        Denial::NodeStorage { .. } => ManualWork::NodeStorage,
        Denial::Link { .. } => ManualWork::Link,
        Denial::UnknownSocket { .. } => ManualWork::UnknownSocket,
        Denial::HostPath { .. } => ManualWork::HostPath,
        Denial::TcpDockerHost { .. } => ManualWork::TcpDockerHost,
        Denial::HostNetwork { rule: _ } => ManualWork::Agent(Agent::HostNetwork),
        Denial::PodSecurity { .. } => ManualWork::PodSecurity,
        Denial::EphemeralContainer { .. } => ManualWork::EphemeralContainer,
        Denial::RuntimeClass { .. } => ManualWork::RuntimeClass,
        Denial::ObstacleAfter { .. } | Denial::UserNamespace { .. } => ManualWork::UserNamespace,
    })
}
