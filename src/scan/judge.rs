//! The policy's word on one candidate, way by way.
//!
//! The whole Pod goes through the engine once, as at admission. Each way to the runtime is
//! then decided about alone, by the same function, so that a report can say which mount is
//! swapped and which one stays. Pure.

use std::borrow::Cow;

use serde_json::Value;

use crate::engine::{self, Action};
use crate::manifest::PodRef;
use crate::offline::{self, OfflineError, Setting};
use crate::pod::detect::{self, Agent, Reach};
use crate::pod::docker_host::{DockerHost, docker_host};
use crate::pod::view::{Container, Place, Pod};
use crate::policy::Policy;
use crate::policy::decide::{self, Scope, decide};
use crate::policy::denial::Denial;
use crate::policy::reason::Reason;
use crate::policy::subject::Subject;
use crate::sidecar::installed::{Installed, installed};
use crate::sidecar::notice::Notice;

use super::candidate::Candidate;
use super::finding::{Change, Finding, Hand, How, Verdict, Workload};
use super::risk;

/// Under what a scan judges.
#[derive(Clone, Debug)]
pub struct Court {
    /// The policy.
    pub policy: Policy,
    /// What is said about a cluster that is not there.
    pub setting: Setting,
    /// Whether to keep each Pod before and after.
    pub changes: bool,
}

/// Judges `candidate` in `setting`: nothing for one that reaches no runtime of a node.
///
/// # Errors
/// Where the candidate is no Pod that the API server would take.
pub fn judge(
    court: &Court,
    setting: &Setting,
    candidate: &Candidate<'_>,
) -> Result<Option<Workload>, OfflineError> {
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
        Hearing {
            court,
            candidate,
            subject,
            pod: view,
            installed: installed(view),
            agent: detect::agent(view, Some(subject.owner)),
        }
        .held()
    })?
}

struct Hearing<'h, 'd> {
    court: &'h Court,
    candidate: &'h Candidate<'d>,
    subject: &'h Subject<'h>,
    pod: &'h Pod<'h>,
    installed: Option<Installed<'h, 'h>>,
    agent: Option<Agent>,
}

impl Hearing<'_, '_> {
    fn held(&self) -> Result<Option<Workload>, OfflineError> {
        let ways = detect::detect(self.pod, &self.court.policy.sockets);
        let hosts: Vec<_> = self
            .pod
            .containers()
            .filter_map(|(place, container)| match docker_host(container) {
                DockerHost::Node(index) => Some((place, container, index)),
                DockerHost::Unset | DockerHost::Elsewhere => None,
            })
            .collect();
        if ways.is_empty() && hosts.is_empty() {
            return Ok(None);
        }
        let outcome = engine::pass(&self.court.policy, self.subject, self.pod, Scope::Creation)
            .map_err(|error| OfflineError::Internal(error.to_string()))?;
        let order = match self.decided(&ways).verdict {
            decide::Verdict::Change(order) => Some(order),
            decide::Verdict::Deny(_) | decide::Verdict::Leave(_) => None,
        };
        let mut findings = Vec::new();
        for (index, way) in ways.iter().enumerate() {
            let swapped = order.as_ref().is_some_and(|o| o.swap.contains(&index));
            findings.push(self.mount(way, swapped));
        }
        for (place, container, index) in hosts {
            let replaced = order.as_ref().is_some_and(|order| {
                let replace: &[(Place, usize)] = &order.replace_docker_host;
                replace.contains(&(place, index))
            });
            findings.push(self.host(place, container, index, replaced));
        }
        let mut hand = None;
        let (reason, message) = match &outcome.action {
            Action::Denied(denial) => {
                for finding in &mut findings {
                    finding.verdict = Verdict::Denied;
                }
                hand = hand_of(denial, self.agent);
                (denial.reason(), denial.to_string())
            }
            Action::Left(reason) => (reason.name(), left(*reason).to_owned()),
            Action::Changed(_) => ("RuleAllows", Verdict::Allowed.sentence().to_owned()),
        };
        let worst = findings.iter().map(|finding| finding.verdict).max();
        let verdict = worst.unwrap_or(Verdict::Allowed);
        let stays = |finding: &&Finding| finding.verdict == verdict;
        let hand = hand.or_else(|| {
            let mut stay = findings.iter().filter(stays);
            stay.find_map(|finding| finding.hand.clone())
        });
        let notices: Vec<String> = outcome.notices.iter().map(ToString::to_string).collect();
        let (reason, message) = match (verdict, &outcome.action) {
            (_, Action::Denied(_)) => (reason, message),
            (Verdict::Swapped, _) => ("Swapped", verdict.sentence().to_owned()),
            (Verdict::Warned, _) => ("RuleWarns", warning(&notices, verdict)),
            (_, Action::Left(_) | Action::Changed(_)) => (reason, message),
        };
        let scripts = self.candidate.scripts.as_ref();
        Ok(Some(Workload {
            namespace: self.subject.namespace.to_owned(),
            kind: self.candidate.kind.to_string(),
            name: self.candidate.name.to_string(),
            base: self.candidate.pointers.base().to_owned(),
            spot: None,
            verdict,
            reason,
            message,
            rule: outcome.rule.map(str::to_owned),
            hand,
            risks: risk::of(self.pod, self.candidate.maker, &findings, scripts),
            findings,
            notices,
            change: self.change(&outcome)?,
        }))
    }

    fn decided(&self, ways: &[detect::Finding]) -> decide::Decision<'_> {
        decide(
            &self.court.policy,
            self.subject,
            self.pod,
            Scope::Creation,
            ways,
            self.installed.as_ref(),
        )
    }

    /// One mount; where it is not swapped, it is decided about alone.
    fn mount(&self, way: &detect::Finding, swapped: bool) -> Finding {
        let container = self.pod.container(way.place);
        let mount = &container.volume_mounts[way.mount];
        let (verdict, hand) = if swapped {
            (Verdict::Swapped, None)
        } else {
            let decision = self.decided(std::slice::from_ref(way));
            let start = format!("{}: ", container.name);
            let told = |notice: &Notice| matches!(notice, Notice::Policy(text) if text.starts_with(&start));
            match &decision.verdict {
                decide::Verdict::Deny(denial) => (Verdict::Denied, hand_of(denial, self.agent)),
                decide::Verdict::Change(_) | decide::Verdict::Leave(_) => {
                    let verdict = if decision.notices.iter().any(told) {
                        Verdict::Warned
                    } else {
                        Verdict::Allowed
                    };
                    (verdict, self.hand(&way.reach))
                }
            }
        };
        let pointer = format!("{}/volumeMounts/{}", way.place, way.mount);
        Finding {
            container: Some(shown(container)),
            how: How::from(&way.reach),
            target: self.spelled(way),
            mount_path: Some(mount.mount_path.to_string()),
            pointer: self.candidate.pointers.outer(&pointer),
            spot: None,
            verdict,
            hand,
        }
    }

    /// Why a mount that is not swapped needs a hand.
    fn hand(&self, reach: &Reach) -> Option<Hand> {
        if self
            .pod
            .metadata()
            .annotations
            .get(crate::names::MIRROR_POD)
            .is_some()
        {
            return Some(Hand::StaticPod);
        }
        match (reach, self.agent) {
            (Reach::Ancestor, _) => Some(Hand::Ancestor),
            (Reach::Unresolved, _) => Some(Hand::SubPathExpr),
            (Reach::Runtime(runtime), _) => Some(Hand::OtherRuntime(runtime.name())),
            (Reach::Socket(_) | Reach::Directory, Some(agent)) => Some(Hand::Agent(agent)),
            (Reach::Socket(_) | Reach::Directory | Reach::Client, None) | (Reach::Client, _) => {
                None
            }
        }
    }

    /// A `DOCKER_HOST` that holds the node's address; as [`Self::mount`].
    fn host(
        &self,
        place: Place,
        container: &Container<'_>,
        index: usize,
        replaced: bool,
    ) -> Finding {
        let name = &*container.name;
        let decision = self.decided(&[]);
        let told = |notice: &Notice| matches!(notice, Notice::DockerHostElsewhere { container, .. } if container == name);
        let verdict = match &decision.verdict {
            _ if replaced => Verdict::Swapped,
            decide::Verdict::Deny(_) => Verdict::Denied,
            decide::Verdict::Change(_) | decide::Verdict::Leave(_)
                if decision.notices.iter().any(told) =>
            {
                Verdict::Warned
            }
            decide::Verdict::Change(_) | decide::Verdict::Leave(_) => Verdict::Allowed,
        };
        let var = &container.env[index];
        let target = match &*var.value {
            "" => "the node's address (valueFrom)".to_owned(),
            value => value.to_owned(),
        };
        Finding {
            container: Some(shown(container)),
            how: How::TcpDockerHost,
            target,
            mount_path: None,
            pointer: self
                .candidate
                .pointers
                .outer(&format!("{place}/env/{index}")),
            spot: None,
            verdict,
            hand: (verdict != Verdict::Swapped).then_some(Hand::TcpDockerHost),
        }
    }

    /// The path of the node as its author wrote it.
    fn spelled(&self, way: &detect::Finding) -> String {
        let mount = &self.pod.container(way.place).volume_mounts[way.mount];
        let source = &self.pod.spec.volumes[way.volume].host_path;
        let host = source.as_ref().map_or("", |source| &*source.path);
        let below = match (&*mount.sub_path, &*mount.sub_path_expr) {
            ("", "") => return host.to_owned(),
            ("", expr) => expr,
            (sub, _) => sub,
        };
        format!("{}/{below}", host.trim_end_matches('/'))
    }

    fn change(&self, outcome: &engine::Outcome<'_>) -> Result<Option<Change>, OfflineError> {
        let (Action::Changed(_), true) = (&outcome.action, self.court.changes) else {
            return Ok(None);
        };
        let before = match &self.candidate.pod {
            Ok(Cow::Borrowed(pod)) => Value::Object((*pod).clone()),
            Ok(Cow::Owned(pod)) => Value::Object(pod.clone()),
            Err(error) => return Err(error.clone().into()),
        };
        let mut after = before.clone();
        offline::apply(&mut after, "", outcome)?;
        Ok(Some(Change { before, after }))
    }
}

/// Its name; what fills one in later (Prow does) leaves it out.
fn shown(container: &Container<'_>) -> String {
    match &*container.name {
        "" => "(no name)".to_owned(),
        name => name.to_owned(),
    }
}

/// The policy's own words, where it had some.
fn warning(notices: &[String], verdict: Verdict) -> String {
    match notices {
        [] => verdict.sentence().to_owned(),
        notices => notices.join("; "),
    }
}

fn left(reason: Reason) -> &'static str {
    match reason {
        Reason::NothingToDo | Reason::NotACreation => "nothing is done",
        Reason::MirrorPod => "the mirror of a static Pod cannot be changed",
        Reason::WindowsPod => "a Pod for Windows nodes is left alone",
        Reason::OptedOut => "its annotation opts out, and the rule honors that",
        Reason::OwnDaemon => "it runs a Docker daemon of its own",
        Reason::AlreadyInjected => "it has its sidecar already",
        Reason::RuleAllows => "the rule lets it be",
        Reason::AnnotationIgnored => "its annotation is ignored here",
    }
}

fn hand_of(denial: &Denial, agent: Option<Agent>) -> Option<Hand> {
    Some(match denial {
        Denial::Annotation(_)
        | Denial::Size { .. }
        | Denial::AboveMaximum { .. }
        | Denial::Profile { .. } => Hand::Annotation,
        // Only the rule stands in the way.
        Denial::HostSocket { .. } => return None,
        Denial::NodeAgent { .. } => return agent.map(Hand::Agent),
        Denial::Ancestor { .. } => Hand::Ancestor,
        Denial::Unresolved { .. } => Hand::SubPathExpr,
        Denial::OtherRuntime { runtime, .. } => Hand::OtherRuntime(runtime),
        Denial::TcpDockerHost { .. } => Hand::TcpDockerHost,
        Denial::HostNetwork { rule: _ } => Hand::Agent(Agent::HostNetwork),
        Denial::PodSecurity { .. } => Hand::PodSecurity,
        Denial::EphemeralContainer { .. } => Hand::EphemeralContainer,
        Denial::RuntimeClass { .. } => Hand::RuntimeClass,
    })
}
