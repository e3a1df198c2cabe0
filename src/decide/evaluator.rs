//! A Pod reaches or asks for a daemon in several ways, and each may fall under another rule.
//!
//! For each way, this finds the first rule that matches, and records what the rule does. It continues after a
//! refusal, so that `explain` shows every way. `mount_effect` evaluates the mounts.

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
use crate::decide::rule_match::Effect;
use crate::decide::rule_match::MatchedPart;
use crate::decide::rule_match::RuleMatch;
use crate::decide::rules::Rules;
use crate::detect::docker_host::{DockerHost, DockerHosts};
use crate::detect::mounts;
use crate::detect::mounts::{Agent, Finding, Reach};
use crate::model::injection::HostToReplace;
use crate::model::notice::{Notice, Notices, told_name, told_path};
use crate::model::place::Place;
use crate::model::view::{Container, Pod, VolumeMount};
use crate::names;

use crate::decide::Policy;
use crate::decide::cause::Cause;
use crate::decide::denial::Denial;
use crate::decide::exemption::Exemption;
use crate::decide::matcher::{Detection, Glob};
use crate::decide::need::Need;
use crate::decide::rule::{Action, AnnotationPolicy, Rule, TcpAction};
use crate::model::scope::Scope;
use crate::model::subject::Subject;

/// Evaluates one Pod, and holds the result so far.
pub(crate) struct Evaluator<'p, 's, 'a> {
    pub policy: &'p Policy,
    pub subject: &'s Subject<'s>,
    pub pod: &'s Pod<'a>,
    pub scope: Scope,
    pub budget: &'s Budget,
    pub(super) rules: Rules<'p>,
    pub(super) need: Option<(Place, Option<Need>)>,
    pub(super) opt_outs: Vec<&'p str>,
    pub(super) agent: Option<Agent>,
    /// Whether the Pod's annotation opts out.
    pub opts_out: bool,
    /// Where the sidecar of an earlier pass is.
    pub sidecar: Option<Place>,
    pub rule_matches: Vec<RuleMatch<'p>>,
    pub notices: Notices,
    /// The first refusal, and its rule.
    pub denial: Option<(Denial, &'p Rule)>,
}

impl<'p, 's, 'a> Evaluator<'p, 's, 'a> {
    pub fn new(
        policy: &'p Policy,
        subject: &'s Subject<'s>,
        pod: &'s Pod<'a>,
        scope: Scope,
        budget: &'s Budget,
    ) -> Self {
        Self {
            policy,
            subject,
            pod,
            scope,
            budget,
            rules: Rules::default(),
            need: None,
            opt_outs: Vec::new(),
            agent: mounts::agent(pod, Some(subject.owner)),
            opts_out: false,
            sidecar: None,
            rule_matches: Vec::new(),
            notices: Notices::default(),
            denial: None,
        }
    }

    /// The first rule that matches a way of reaching or asking for a daemon.
    pub fn rule_for(&mut self, detection: Detection) -> Result<&'p Rule, Excess> {
        let Self {
            policy,
            subject,
            budget,
            rules,
            ..
        } = self;
        rules.first(policy, subject, detection, budget)
    }

    /// The rule of the first match.
    pub fn first(&self) -> Option<&'p Rule> {
        self.rule_matches.first().map(|rule_match| rule_match.rule)
    }

    /// The rule of the first match with this effect.
    pub fn first_with(
        &self,
        effect: Effect,
        also: impl Fn(&RuleMatch<'p>) -> bool,
    ) -> Option<&'p Rule> {
        let mut rule_matches = self.rule_matches.iter();
        let found = rule_matches.find(|rule_match| rule_match.effect == effect && also(rule_match));
        found.map(|rule_match| rule_match.rule)
    }

    /// Tells the author that the rule does not honor the annotation, and which namespace label would have
    /// it honored: that of the first rule that does, of `honors`, for namespaces with a label.
    pub fn ignored(
        &mut self,
        annotation: &'static str,
        rule: &Rule,
        honors: impl Fn(&Rule) -> AnnotationPolicy,
    ) {
        let mut honoring = self.policy.rules.iter();
        let honoring = honoring.find_map(|rule| match honors(rule) {
            AnnotationPolicy::Honor => rule.matches.namespace_labels.first(),
            AnnotationPolicy::Ignore => None,
        });
        let label = honoring.and_then(|label| {
            let value = label.values.iter().find_map(Glob::literal)?;
            Some((label.key.clone(), value.to_owned()))
        });
        self.notices.push(Notice::AnnotationIgnored {
            annotation,
            rule: rule.name.clone(),
            label,
        });
    }

    pub fn say(&mut self, text: String) {
        self.notices.push(Notice::Policy(text));
    }

    /// Refuses the Pod, unless it is refused already. A denial about a path that is merely not allowed gives
    /// way to one about a runtime.
    pub fn deny(&mut self, rule: &'p Rule, denial: Denial) {
        let gives_way = |denial: &Denial| denial.cause() == Cause::HostPath;
        match &self.denial {
            Some((first, _)) if !gives_way(first) || gives_way(&denial) => {}
            Some(_) | None => self.denial = Some((denial, rule)),
        }
    }

    /// Records what the rule does with the Pod's annotations.
    pub fn annotation(&mut self, rule: &'p Rule, effect: Effect) {
        self.rule_matches.push(RuleMatch {
            part: MatchedPart::Annotations,
            detection: Detection::Annotation,
            rule,
            effect,
        });
    }

    /// Evaluates every `DOCKER_HOST` that leads to the node, and returns those to replace.
    pub fn docker_hosts(&mut self) -> Result<Vec<HostToReplace>, Excess> {
        let mut replace = Vec::new();
        let docker_hosts = DockerHosts::new(self.pod);
        for (place, container) in self.pod.containers() {
            let (index, is_known) = match docker_hosts.of(container) {
                DockerHost::Node(index) => (index, true),
                DockerHost::Unknown(index) => (index, false),
                DockerHost::Unset | DockerHost::InPod | DockerHost::Elsewhere => continue,
            };
            if !self.scope.holds(place) {
                continue;
            }
            let rule = self.rule_for(Detection::TcpDockerHost)?;
            let effect = self.docker_host(rule, container, index, is_known);
            if effect == Effect::Swap {
                replace.push(HostToReplace {
                    place,
                    index,
                    is_known,
                });
            }
            self.rule_matches.push(RuleMatch {
                part: MatchedPart::Variable { place, index },
                detection: Detection::TcpDockerHost,
                rule,
                effect,
            });
        }
        Ok(replace)
    }

    fn docker_host(
        &mut self,
        rule: &'p Rule,
        container: &Container<'_>,
        index: usize,
        is_known: bool,
    ) -> Effect {
        // A Pod on the node's network is a node agent, for which nothing can be swapped.
        let action = match (rule.tcp_docker_host, rule.node_agents.sockets) {
            (TcpAction::Replace, Action::Deny) if self.pod.spec.host_network => TcpAction::Deny,
            (TcpAction::Replace, Action::Warn) if self.pod.spec.host_network => TcpAction::Warn,
            (TcpAction::Replace, Action::Allow) if self.pod.spec.host_network => TcpAction::Allow,
            (other, _) => other,
        };
        match action {
            TcpAction::Allow => Effect::Allow,
            TcpAction::Replace if self.opted_out(rule) => Effect::OptedOut,
            TcpAction::Replace if self.scope == Scope::Creation || self.sidecar.is_some() => {
                Effect::Swap
            }
            TcpAction::Replace => {
                let container = told_name(&container.name);
                let does = match is_known {
                    true => "has a DOCKER_HOST that leads to the node's Docker daemon",
                    false => "has a DOCKER_HOST that may lead to the node's Docker daemon",
                };
                let does = does.to_owned();
                self.deny(rule, Denial::EphemeralContainer { container, does });
                Effect::Deny
            }
            TcpAction::Deny => {
                let denial = Denial::TcpDockerHost {
                    container: told_name(&container.name),
                    is_known,
                    rule: rule.name.clone(),
                };
                self.deny(rule, denial);
                Effect::Deny
            }
            TcpAction::Warn => {
                self.notices.push(Notice::DockerHostNode {
                    container: told_name(&container.name),
                    value: match container.env[index].value_from {
                        Some(_) => "(valueFrom)".to_owned(),
                        None => told_path(&container.env[index].value).into_owned(),
                    },
                    is_known,
                });
                Effect::Warn
            }
        }
    }

    /// Whether the Pod may keep what it has, as its annotation asks.
    pub(super) fn opted_out(&mut self, rule: &'p Rule) -> bool {
        if !self.opts_out {
            return false;
        }
        match rule.opt_out {
            AnnotationPolicy::Honor => true,
            AnnotationPolicy::Ignore => {
                if !self.opt_outs.contains(&rule.name.as_str()) {
                    self.opt_outs.push(&rule.name);
                    self.ignored(names::OPT_OUT, rule, |rule| rule.opt_out);
                }
                false
            }
        }
    }

    pub(super) fn mount(&self, finding: &Finding) -> &'s VolumeMount<'a> {
        let container = self.pod.container(finding.place);
        &container.volume_mounts[finding.mount]
    }

    pub(super) fn exemption(&self, rule: &Rule, says: &'static str) -> Box<Exemption> {
        Box::new(Exemption {
            namespace: self.subject.namespace.to_owned(),
            owner: self.subject.owner.to_owned(),
            user: self.subject.user.to_owned(),
            above: rule.name.clone(),
            says,
        })
    }

    /// What the container at `place` uses the node's daemon for. Its image is looked at once, however many
    /// mounts it has.
    pub(super) fn need(&mut self, place: Place) -> Option<Need> {
        match self.need {
            Some((known, need)) if known == place => need,
            _ => {
                let need = Need::of(self.pod.container(place));
                self.need = Some((place, need));
                need
            }
        }
    }

    /// The mounted path as the Pod's author wrote it, cut if it is too long for a message.
    pub(super) fn spelled(&self, finding: &Finding) -> Cow<'s, str> {
        let (host, below) = finding.written(self.pod);
        // The messages about this one mention the expression themselves.
        let is_told = finding.reach != Reach::Unresolved;
        let below = if is_told { below } else { "" };
        let host = told_path(host);
        match below {
            "" => host,
            below => Cow::Owned(format!(
                "{}/{}",
                host.trim_end_matches('/'),
                told_path(below)
            )),
        }
    }
}
