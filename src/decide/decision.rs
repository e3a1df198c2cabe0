//! The decision: what is done with one Pod under a policy.
//!
//! A Pod can reach a daemon in several ways, and a harmless one must never shield another. So each way is
//! evaluated by the first rule that matches it, and every Pod gets exactly one of "leave", "deny" and
//! "change".

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
use crate::detect::installed::Installed;
use crate::detect::lost::lost_sockets;
use crate::detect::mounts::{Finding, Reach};
use crate::detect::own_daemon;
use crate::model::asked::AskedMount;
use crate::model::injection::Injection;
use crate::model::notice::{Notice, Notices, told_name};
use crate::model::place::Place;
use crate::model::scope::Scope;
use crate::model::view::Pod;
use crate::names;

use crate::decide::Policy;
use crate::decide::annotations::{AnnotationRequest, Requested, unknown_annotation};
use crate::decide::denial::Denial;
use crate::decide::evaluator::Evaluator;
use crate::decide::fit::{self, Fitted};
use crate::decide::matcher::Detection;
use crate::decide::misfit::PassedOver;
use crate::decide::obstacle::Seen;
use crate::decide::reason::Reason;
use crate::decide::rule::{AnnotationPolicy, Rule, TcpAction};
use crate::decide::rule_match::{Effect, RuleMatch};
use crate::model::subject::Subject;

#[derive(Debug)]
pub struct Decision<'p> {
    pub verdict: Verdict<'p>,
    /// The rule that decided, if any did.
    pub rule: Option<&'p str>,
    /// Warnings for the Pod's author.
    pub notices: Notices,
    /// Each way to a daemon, with the rule that evaluated it.
    pub rule_matches: Vec<RuleMatch<'p>>,
    /// The rule's profiles that do not fit the Pod, if it gets another.
    pub passed_over: Vec<PassedOver<'p>>,
}

#[derive(Debug)]
pub enum Verdict<'p> {
    AnnotationPolicy(Reason),
    Deny(Denial),
    Change(Box<Injection<'p>>),
}

pub fn decide<'p>(
    policy: &'p Policy,
    subject: &Subject<'_>,
    pod: &Pod<'_>,
    scope: Scope,
    findings: &[Finding],
    installed: Option<&Installed<'_, '_>>,
    budget: &Budget,
) -> Decision<'p> {
    if let Some(reason) = not_ours(pod) {
        let reason = match reason {
            Reason::WindowsPod if has_pipe(findings) => Reason::NamedPipe,
            other => other,
        };
        return Decision {
            verdict: Verdict::AnnotationPolicy(reason),
            rule: None,
            notices: Notices::default(),
            rule_matches: Vec::new(),
            passed_over: Vec::new(),
        };
    }
    let mut case = Case {
        evaluator: Evaluator::new(policy, subject, pod, scope, budget),
        decided: None,
        passed_over: Vec::new(),
    };
    let verdict = match case.verdict(findings, installed) {
        Ok(verdict) => verdict,
        Err(denial) => Verdict::Deny(denial),
    };
    let Case {
        evaluator,
        decided,
        passed_over,
    } = case;
    Decision {
        verdict,
        rule: decided.or(evaluator.first()).map(|rule| rule.name.as_str()),
        notices: evaluator.notices,
        rule_matches: evaluator.rule_matches,
        passed_over,
    }
}

/// Whether the Pod reaches a Windows node's runtime, which is left alone.
fn has_pipe(findings: &[Finding]) -> bool {
    let mut findings = findings.iter();
    findings.any(|finding| matches!(finding.reach, Reach::Pipe(_)))
}

/// Kubelets never start a Pod with the first mark, and the API server does not let it be removed later.
pub fn not_ours(pod: &Pod<'_>) -> Option<Reason> {
    if pod.metadata().annotations.get(names::MIRROR_POD).is_some() {
        return Some(Reason::MirrorPod);
    }
    pod.is_windows().then_some(Reason::WindowsPod)
}

/// What the annotations give to a Pod's containers.
#[derive(Default)]
struct Targets {
    /// Those that get a socket.
    places: Vec<Place>,
    /// Where they see it, and what else they see of the daemon.
    asked: Vec<AskedMount>,
}

/// One Pod during its decision.
struct Case<'p, 's, 'a> {
    evaluator: Evaluator<'p, 's, 'a>,
    /// The rule that decided.
    decided: Option<&'p Rule>,
    passed_over: Vec<PassedOver<'p>>,
}

impl<'p> Case<'p, '_, '_> {
    fn verdict(
        &mut self,
        findings: &[Finding],
        installed: Option<&Installed<'_, '_>>,
    ) -> Result<Verdict<'p>, Denial> {
        let request = self.request()?;
        self.evaluator.opts_out = request.ask == Requested::OptOut;
        self.evaluator.sidecar = installed.map(|installed| installed.place);
        let swap = self.evaluator.findings(findings)?;
        self.obstacle_after(findings, &swap, installed)?;
        let hosts = self.evaluator.docker_hosts()?;
        let ordering = self.evaluator.first_with(Effect::Swap, |rule_match| {
            rule_match.detection != Detection::Client
        });
        let Targets {
            places: targets,
            asked,
        } = self.targets(&request, ordering.is_some(), installed)?;
        // A client alone is no reason for a daemon.
        let reaches = swap
            .iter()
            .any(|index| findings[*index].reach != Reach::Client);
        let creates = self.evaluator.scope == Scope::Creation;
        let repair = creates && installed.is_some_and(Installed::lost_restart_policy);
        let sockets = &self.evaluator.policy.sockets;
        let lost = match (creates, installed) {
            (false, Some(installed)) => lost_sockets(self.evaluator.pod, installed, sockets),
            _ => Vec::new(),
        };
        let asks_none = targets.is_empty() && asked.is_empty();
        let needs_none = asks_none && hosts.is_empty() && lost.is_empty();
        let is_left = !reaches && needs_none && !repair;
        self.evaluator.clients(findings, is_left)?;
        if let Some((denial, rule)) = self.evaluator.denial.take() {
            self.decided = Some(rule);
            return Err(denial);
        }
        if is_left {
            let reason = match self.why_left(&request, installed) {
                Reason::NothingToDo | Reason::RuleAllows if has_pipe(findings) => Reason::NamedPipe,
                other => other,
            };
            return Ok(Verdict::AnnotationPolicy(reason));
        }
        let rule = match ordering {
            Some(rule) => rule,
            None => self.evaluator.rule_for(Detection::Annotation)?,
        };
        self.decided = Some(rule);
        let evaluator = &mut self.evaluator;
        let (profile, resources, storage, slots) = if installed.is_some() {
            // The sidecar of an earlier pass stays as it is: no profile is chosen again.
            let chosen = request
                .profile
                .as_deref()
                .and_then(|name| rule.profiles.get(name));
            let profile = chosen.unwrap_or(&rule.profiles.default);
            (
                profile,
                Cow::Borrowed(&profile.resources),
                Cow::Borrowed(&profile.storage),
                None,
            )
        } else {
            if let Some((_, container)) = own_daemon::own_daemon(evaluator.pod) {
                evaluator.notices.push(Notice::SecondDaemon {
                    container: told_name(&container.name),
                });
            }
            let seen = Seen {
                pod: evaluator.pod,
                findings,
                swap: &swap,
                budget: evaluator.budget,
            };
            let Fitted {
                profile,
                passed_over,
            } = fit::profile(rule, &request, evaluator.subject, &seen)?;
            let first = passed_over.first().map(|over| over.notice(profile));
            evaluator.notices.extend(first);
            let mut containers = evaluator.pod.containers();
            let is_new =
                profile.host_users == Some(false) && evaluator.pod.spec.host_users.is_none();
            if is_new
                && let Some((_, container)) =
                    containers.find(|(_, container)| container.security_context.privileged)
            {
                evaluator.notices.push(Notice::PrivilegedInNamespace {
                    container: told_name(&container.name),
                });
            }
            self.passed_over = passed_over;
            let (resources, storage) = fit::sizes(rule, profile, &request)?;
            let (slots, notice) = fit::slots(profile, evaluator.subject, evaluator.pod);
            evaluator.notices.extend(notice);
            (profile, resources, storage, slots)
        };
        let published = evaluator
            .rule_for(Detection::TcpDockerHost)?
            .tcp_docker_host;
        Ok(Verdict::Change(Box::new(Injection {
            profile,
            resources,
            storage,
            slots,
            swap,
            targets,
            asked,
            shared_tmp: request.shared_tmp.filter(|_| !asks_none),
            replace_docker_host: hosts,
            lost,
            scope: evaluator.scope,
            replace_published: published == TcpAction::Replace,
            mode: evaluator.policy.sidecar_mode,
        })))
    }

    /// Refuses what another webhook added to a Pod whose daemon is root of nothing on the node because of its user
    /// namespace: with a path of the node in it, that would no longer hold. A privileged daemon may be in a user namespace
    /// that its Pod's author chose, which promises nothing.
    fn obstacle_after(
        &self,
        findings: &[Finding],
        swap: &[usize],
        installed: Option<&Installed<'_, '_>>,
    ) -> Result<(), Denial> {
        let pod = self.evaluator.pod;
        let is_held = installed.is_some_and(|installed| {
            pod.spec.host_users == Some(false) && !installed.container.security_context.privileged
        });
        if !is_held || self.evaluator.scope != Scope::Creation {
            return Ok(());
        }
        let seen = Seen {
            pod,
            findings,
            swap,
            budget: self.evaluator.budget,
        };
        match seen.obstacle(Some(&pod.spec.runtime_class_name))? {
            Some(obstacle) => Err(Denial::ObstacleAfter { obstacle }),
            None => Ok(()),
        }
    }

    /// What the annotations ask for; nothing if they cannot be understood, or the Pod exists already.
    fn request(&mut self) -> Result<AnnotationRequest, Excess> {
        let evaluator = &mut self.evaluator;
        // `kubectl debug` cannot change the annotations of its Pod.
        if evaluator.scope == Scope::EphemeralContainers
            && AnnotationRequest::of(evaluator.pod, &evaluator.policy.sockets).is_err()
        {
            return Ok(AnnotationRequest::default());
        }
        if evaluator.scope == Scope::Creation
            && let Some(unknown) = unknown_annotation(evaluator.pod)
        {
            evaluator.say(unknown);
        }
        let request = match AnnotationRequest::of(evaluator.pod, &evaluator.policy.sockets) {
            Ok(request) => request,
            Err(error) => {
                let rule = evaluator.rule_for(Detection::Annotation)?;
                let effect = match rule.annotation {
                    AnnotationPolicy::Honor => {
                        evaluator.deny(rule, error.into());
                        Effect::Deny
                    }
                    AnnotationPolicy::Ignore => {
                        evaluator.say(format!("ignored by rule {}: {error}", rule.name));
                        Effect::Ignore
                    }
                };
                evaluator.annotation(rule, effect);
                AnnotationRequest::default()
            }
        };
        Ok(match (evaluator.scope, request.ask) {
            (Scope::Creation, _) | (_, Requested::OptOut | Requested::Nothing) => request,
            (Scope::EphemeralContainers, Requested::Inject) => AnnotationRequest {
                ask: Requested::Nothing,
                ..request
            },
        })
    }

    /// The containers that get a socket because the annotation asks for it.
    fn targets(
        &mut self,
        request: &AnnotationRequest,
        is_swapped: bool,
        installed: Option<&Installed<'_, '_>>,
    ) -> Result<Targets, Excess> {
        if request.ask != Requested::Inject {
            return Ok(Targets::default());
        }
        let evaluator = &mut self.evaluator;
        let rule = evaluator.rule_for(Detection::Annotation)?;
        let effect = match rule.annotation {
            AnnotationPolicy::Honor => Effect::Honor,
            AnnotationPolicy::Ignore => Effect::Ignore,
        };
        evaluator.annotation(rule, effect);
        // If the swap already gives the Pod its daemon, the annotation asks for nothing more.
        let asks_no_more = is_swapped && request.containers.is_none();
        Ok(match rule.annotation {
            AnnotationPolicy::Ignore if asks_no_more => Targets::default(),
            AnnotationPolicy::Ignore => {
                let annotation = match evaluator.pod.metadata().annotations.get(names::INJECT) {
                    Some(_) => names::INJECT,
                    None => names::APPLATIX,
                };
                evaluator.ignored(annotation, rule, |rule| rule.annotation);
                Targets::default()
            }
            AnnotationPolicy::Honor if installed.is_some() => Targets::default(),
            AnnotationPolicy::Honor => {
                if let Some((_, container)) = own_daemon::own_daemon(evaluator.pod) {
                    evaluator.say(format!(
                        "annotation {} changes nothing: container {} runs a Docker daemon",
                        names::INJECT,
                        told_name(&container.name)
                    ));
                    return Ok(Targets::default());
                }
                let places = match &request.containers {
                    Some(places) => places.clone(),
                    None if asks_no_more => Vec::new(),
                    None => evaluator.pod.containers().map(|(place, _)| place).collect(),
                };
                Targets {
                    places,
                    asked: request.mounts.clone(),
                }
            }
        })
    }

    fn why_left(
        &mut self,
        request: &AnnotationRequest,
        installed: Option<&Installed<'_, '_>>,
    ) -> Reason {
        let opted_out = self.evaluator.first_with(Effect::OptedOut, |_| true);
        let ignored = self.evaluator.first_with(Effect::Ignore, |_| true);
        if installed.is_some() {
            Reason::AlreadyInjected
        } else if opted_out.is_some() {
            self.decided = opted_out;
            Reason::OptedOut
        } else if self
            .evaluator
            .rule_matches
            .iter()
            .any(|rule_match| rule_match.detection != Detection::Annotation)
        {
            Reason::RuleAllows
        } else if ignored.is_some() {
            self.decided = ignored;
            Reason::AnnotationIgnored
        } else if request.ask == Requested::Inject {
            Reason::OwnDaemon
        } else {
            Reason::NothingToDo
        }
    }
}
