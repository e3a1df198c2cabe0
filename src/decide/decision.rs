//! The decision: what is done with one Pod under a policy.
//!
//! Each way in which the Pod reaches a daemon is judged by the first rule that matches it,
//! so that a second, milder way never shields the first. Pure, and total: every Pod gets
//! exactly one of "leave", "deny" and "change".

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
use crate::detect::installed::Installed;
use crate::detect::lost::lost_sockets;
use crate::detect::mounts::{Finding, Reach};
use crate::detect::own_daemon;
use crate::model::injection::Order;
use crate::model::notice::{Notices, told_name};
use crate::model::place::Place;
use crate::model::scope::Scope;
use crate::model::view::Pod;
use crate::names;

use crate::decide::Policy;
use crate::decide::annotations::{Ask, Wish, unknown_annotation};
use crate::decide::denial::Denial;
use crate::decide::evaluator::{Judge, Judgment, Ruling};
use crate::decide::fit;
use crate::decide::matcher::Detection;
use crate::decide::reason::Reason;
use crate::decide::rule::{Leave, Rule, TcpAction};
use crate::model::subject::Subject;

/// What is done with a Pod, and what its author is told.
#[derive(Debug)]
pub struct Decision<'p> {
    /// What is done.
    pub verdict: Verdict<'p>,
    /// The rule that decided, where one did.
    pub rule: Option<&'p str>,
    /// What the author should know.
    pub notices: Notices,
    /// Each way to a daemon, with the rule that judged it.
    pub judgments: Vec<Judgment<'p>>,
}

/// What is done with a Pod.
#[derive(Debug)]
pub enum Verdict<'p> {
    /// Nothing.
    Leave(Reason),
    /// It is refused.
    Deny(Denial),
    /// It is changed.
    Change(Box<Order<'p>>),
}

/// Decides about `pod`.
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
            verdict: Verdict::Leave(reason),
            rule: None,
            notices: Notices::default(),
            judgments: Vec::new(),
        };
    }
    let mut case = Case {
        judge: Judge::new(policy, subject, pod, scope, budget),
        decided: None,
    };
    let verdict = match case.verdict(findings, installed) {
        Ok(verdict) => verdict,
        Err(denial) => Verdict::Deny(denial),
    };
    let Case { judge, decided } = case;
    Decision {
        verdict,
        rule: decided.or(judge.first()).map(|rule| rule.name.as_str()),
        notices: judge.notices,
        judgments: judge.judgments,
    }
}

/// Whether the Pod reaches a Windows node's runtime, which is left alone.
fn has_pipe(findings: &[Finding]) -> bool {
    let mut findings = findings.iter();
    findings.any(|finding| matches!(finding.reach, Reach::Pipe(_)))
}

/// Kubelets never start what carries the first mark; the API server keeps it from being
/// removed later.
pub fn not_ours(pod: &Pod<'_>) -> Option<Reason> {
    if pod.metadata().annotations.get(names::MIRROR_POD).is_some() {
        return Some(Reason::MirrorPod);
    }
    pod.is_windows().then_some(Reason::WindowsPod)
}

/// One Pod before its judge.
struct Case<'p, 's, 'a> {
    judge: Judge<'p, 's, 'a>,
    /// The rule that made the difference.
    decided: Option<&'p Rule>,
}

impl<'p> Case<'p, '_, '_> {
    fn verdict(
        &mut self,
        findings: &[Finding],
        installed: Option<&Installed<'_, '_>>,
    ) -> Result<Verdict<'p>, Denial> {
        let wish = self.wish()?;
        self.judge.opts_out = wish.ask == Ask::OptOut;
        self.judge.has_daemon = installed.is_some();
        let swap = self.judge.findings(findings)?;
        let hosts = self.judge.docker_hosts()?;
        let ordering = self.judge.first_with(Ruling::Swap, |judgment| {
            judgment.detection != Detection::Client
        });
        let targets = self.targets(&wish, ordering.is_some(), installed)?;
        if let Some((denial, rule)) = self.judge.denial.take() {
            self.decided = Some(rule);
            return Err(denial);
        }
        // A client alone is no reason for a daemon.
        let reaches = swap
            .iter()
            .any(|index| findings[*index].reach != Reach::Client);
        let creates = self.judge.scope == Scope::Creation;
        let repair = creates && installed.is_some_and(Installed::lost_restart_policy);
        let sockets = &self.judge.policy.sockets;
        let lost = match (creates, installed) {
            (false, Some(installed)) => lost_sockets(self.judge.pod, installed, sockets),
            _ => Vec::new(),
        };
        let needs_none = targets.is_empty() && hosts.is_empty() && lost.is_empty();
        if !reaches && needs_none && !repair {
            self.judge.leave_clients();
            let reason = match self.why_left(&wish, installed) {
                Reason::NothingToDo if has_pipe(findings) => Reason::NamedPipe,
                other => other,
            };
            return Ok(Verdict::Leave(reason));
        }
        let rule = match ordering {
            Some(rule) => rule,
            None => self.judge.rule_for(Detection::Annotation)?,
        };
        self.decided = Some(rule);
        let judge = &mut self.judge;
        let (profile, resources, storage) = if installed.is_some() {
            // The sidecar of an earlier pass stays as it is: nothing is chosen any more.
            let chosen = wish
                .profile
                .as_deref()
                .and_then(|name| rule.profiles.get(name));
            let profile = chosen.unwrap_or(&rule.profiles.default);
            (
                profile,
                Cow::Borrowed(&profile.resources),
                Cow::Borrowed(&profile.storage),
            )
        } else {
            let (profile, notice) = fit::profile(rule, &wish, judge.subject, judge.pod)?;
            judge.notices.extend(notice);
            let (resources, storage) = fit::sizes(rule, profile, &wish)?;
            (profile, resources, storage)
        };
        let published = judge.rule_for(Detection::TcpDockerHost)?.tcp_docker_host;
        Ok(Verdict::Change(Box::new(Order {
            profile,
            resources,
            storage,
            swap,
            targets,
            replace_docker_host: hosts,
            lost,
            scope: judge.scope,
            replace_published: published == TcpAction::Replace,
            mode: judge.policy.sidecar_mode,
        })))
    }

    /// What the annotations ask for; nothing where they cannot be understood, or where
    /// the Pod is there already.
    fn wish(&mut self) -> Result<Wish, Excess> {
        let judge = &mut self.judge;
        // `kubectl debug` cannot change the annotations of the Pod that it is for.
        if judge.scope == Scope::EphemeralContainers && Wish::of(judge.pod).is_err() {
            return Ok(Wish::default());
        }
        if judge.scope == Scope::Creation
            && let Some(unknown) = unknown_annotation(judge.pod)
        {
            judge.say(unknown);
        }
        let wish = match Wish::of(judge.pod) {
            Ok(wish) => wish,
            Err(error) => {
                let rule = judge.rule_for(Detection::Annotation)?;
                let ruling = match rule.annotation {
                    Leave::Honor => {
                        judge.deny(rule, error.into());
                        Ruling::Deny
                    }
                    Leave::Ignore => {
                        judge.say(format!("ignored here (rule {}): {error}", rule.name));
                        Ruling::Ignore
                    }
                };
                judge.annotation(rule, ruling);
                Wish::default()
            }
        };
        Ok(match (judge.scope, wish.ask) {
            (Scope::Creation, _) | (_, Ask::OptOut | Ask::Nothing) => wish,
            (Scope::EphemeralContainers, Ask::Inject) => Wish {
                ask: Ask::Nothing,
                ..wish
            },
        })
    }

    /// The containers that get a socket because the annotation asks for it.
    fn targets(
        &mut self,
        wish: &Wish,
        is_swapped: bool,
        installed: Option<&Installed<'_, '_>>,
    ) -> Result<Vec<Place>, Excess> {
        if wish.ask != Ask::Inject {
            return Ok(Vec::new());
        }
        let judge = &mut self.judge;
        let rule = judge.rule_for(Detection::Annotation)?;
        let ruling = match rule.annotation {
            Leave::Honor => Ruling::Honor,
            Leave::Ignore => Ruling::Ignore,
        };
        judge.annotation(rule, ruling);
        // Where the swap gives the Pod its daemon, the annotation asks for nothing more.
        let asks_no_more = is_swapped && wish.containers.is_none();
        Ok(match rule.annotation {
            Leave::Ignore if asks_no_more => Vec::new(),
            Leave::Ignore => {
                judge.say(format!(
                    "annotation {} is ignored here (rule {})",
                    names::INJECT,
                    rule.name
                ));
                Vec::new()
            }
            Leave::Honor if installed.is_some() => Vec::new(),
            Leave::Honor => {
                if let Some((_, container)) = own_daemon::own_daemon(judge.pod) {
                    judge.say(format!(
                        "annotation {} changes nothing: container {} runs a Docker daemon",
                        names::INJECT,
                        told_name(&container.name)
                    ));
                    return Ok(Vec::new());
                }
                match &wish.containers {
                    Some(places) => places.clone(),
                    None if asks_no_more => Vec::new(),
                    None => judge.pod.containers().map(|(place, _)| place).collect(),
                }
            }
        })
    }

    fn why_left(&mut self, wish: &Wish, installed: Option<&Installed<'_, '_>>) -> Reason {
        let opted_out = self.judge.first_with(Ruling::OptedOut, |_| true);
        let ignored = self.judge.first_with(Ruling::Ignore, |_| true);
        if installed.is_some() {
            Reason::AlreadyInjected
        } else if opted_out.is_some() {
            self.decided = opted_out;
            Reason::OptedOut
        } else if self
            .judge
            .judgments
            .iter()
            .any(|judgment| judgment.detection != Detection::Annotation)
        {
            Reason::RuleAllows
        } else if ignored.is_some() {
            self.decided = ignored;
            Reason::AnnotationIgnored
        } else if wish.ask == Ask::Inject {
            Reason::OwnDaemon
        } else {
            Reason::NothingToDo
        }
    }
}
