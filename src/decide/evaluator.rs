//! A Pod reaches or asks for a daemon in several ways, and each may fall under another rule.
//!
//! For each way this finds the first rule that matches, and keeps what the rule says. It goes on after a
//! refusal, so that `explain` shows every way. Mounts are evaluated in `mount_effect`.

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
use crate::decide::rule_match::Effect;
use crate::decide::rule_match::MatchedPart;
use crate::decide::rule_match::RuleMatch;
use crate::decide::rules::Rules;
use crate::detect::docker_host::{DockerHost, docker_host};
use crate::detect::mounts;
use crate::detect::mounts::{Agent, Finding, Reach};
use crate::model::notice::{Notice, Notices, told_name, told_path};
use crate::model::place::Place;
use crate::model::view::{Container, Pod, VolumeMount};
use crate::names;

use crate::decide::Policy;
use crate::decide::denial::{Cause, Denial, Exemption};
use crate::decide::matcher::Detection;
use crate::decide::need::Need;
use crate::decide::rule::{Action, AnnotationPolicy, Rule, TcpAction};
use crate::model::scope::Scope;
use crate::model::subject::Subject;

/// Evaluates one Pod, and holds what came of it so far.
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
    /// Whether the Pod asks to be left alone.
    pub opts_out: bool,
    /// Where the sidecar of an earlier pass is.
    pub sidecar: Option<Place>,
    pub rule_matches: Vec<RuleMatch<'p>>,
    pub notices: Notices,
    /// The first refusal, and the rule that says it.
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

    /// The first rule for a way of reaching or asking for a daemon.
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

    /// The rule of the first judgment.
    pub fn first(&self) -> Option<&'p Rule> {
        self.rule_matches.first().map(|rule_match| rule_match.rule)
    }

    /// The rule of the first judgment with this ruling.
    pub fn first_with(
        &self,
        effect: Effect,
        also: impl Fn(&RuleMatch<'p>) -> bool,
    ) -> Option<&'p Rule> {
        let mut rule_matches = self.rule_matches.iter();
        let found = rule_matches.find(|rule_match| rule_match.effect == effect && also(rule_match));
        found.map(|rule_match| rule_match.rule)
    }

    pub fn say(&mut self, text: String) {
        self.notices.push(Notice::Policy(text));
    }

    /// Refuses the Pod, unless something refused it before. A path that is only not allowed gives
    /// way to one that reaches a runtime.
    pub fn deny(&mut self, rule: &'p Rule, denial: Denial) {
        let gives_way = |denial: &Denial| denial.cause() == Cause::HostPath;
        match &self.denial {
            Some((first, _)) if !gives_way(first) || gives_way(&denial) => {}
            Some(_) | None => self.denial = Some((denial, rule)),
        }
    }

    /// Clients were to be swapped beside a socket, and there is none.
    pub fn leave_clients(&mut self) {
        let clients = self.rule_matches.iter_mut();
        for client in clients.filter(|rule_match| rule_match.detection == Detection::Client) {
            client.effect = Effect::Allow;
        }
    }

    /// Notes what was said to the Pod's annotations.
    pub fn annotation(&mut self, rule: &'p Rule, effect: Effect) {
        self.rule_matches.push(RuleMatch {
            part: MatchedPart::Annotations,
            detection: Detection::Annotation,
            rule,
            effect,
        });
    }

    /// Judges every `DOCKER_HOST` that leads to the node; returns those to replace.
    pub fn docker_hosts(&mut self) -> Result<Vec<(Place, usize)>, Excess> {
        let mut replace = Vec::new();
        for (place, container) in self.pod.containers() {
            let (index, is_known) = match docker_host(self.pod, container) {
                DockerHost::Node(index) => (index, true),
                DockerHost::Unknown(index) => (index, false),
                DockerHost::Unset | DockerHost::Elsewhere => continue,
            };
            if !self.scope.holds(place) {
                continue;
            }
            let rule = self.rule_for(Detection::TcpDockerHost)?;
            let effect = self.docker_host(rule, container, index, is_known);
            if effect == Effect::Swap {
                replace.push((place, index));
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
        // In the node's network a Pod is an agent, for which nothing can be put in place.
        let action = match (rule.tcp_docker_host, rule.node_agents.sockets) {
            (TcpAction::Replace, Action::Deny) if self.pod.spec.host_network => TcpAction::Deny,
            (TcpAction::Replace, Action::Warn) if self.pod.spec.host_network => TcpAction::Warn,
            (TcpAction::Replace, Action::Allow) if self.pod.spec.host_network => TcpAction::Allow,
            (other, _) => other,
        };
        match action {
            TcpAction::Allow => Effect::Allow,
            TcpAction::Replace if self.opted_out(rule) => Effect::OptedOut,
            TcpAction::Replace if self.scope == Scope::Creation => Effect::Swap,
            TcpAction::Deny => {
                let denial = Denial::TcpDockerHost {
                    container: told_name(&container.name),
                    is_known,
                    rule: rule.name.clone(),
                };
                self.deny(rule, denial);
                Effect::Deny
            }
            TcpAction::Replace | TcpAction::Warn => {
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

    /// Whether the Pod's wish to keep what it has counts.
    pub(super) fn opted_out(&mut self, rule: &'p Rule) -> bool {
        if !self.opts_out {
            return false;
        }
        match rule.opt_out {
            AnnotationPolicy::Honor => true,
            AnnotationPolicy::Ignore => {
                if !self.opt_outs.contains(&rule.name.as_str()) {
                    self.opt_outs.push(&rule.name);
                    self.say(format!(
                        "annotation {}: \"false\" is ignored here (rule {})",
                        names::INJECT,
                        rule.name
                    ));
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
            above: rule.name.clone(),
            says,
        })
    }

    /// What the container at `place` wants the node's daemon for; its image is looked at once, however many
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

    /// The mounted path as the Pod's author wrote it, cut where it is too long for a message.
    pub(super) fn spelled(&self, finding: &Finding) -> Cow<'s, str> {
        let mount = self.mount(finding);
        let volume = &self.pod.spec.volumes[finding.volume];
        let host = volume.host_path.as_ref().map_or("", |source| &*source.path);
        let below = match (&finding.reach, &*mount.sub_path) {
            // The messages on it speak of its expression themselves.
            (Reach::Unresolved, _) => "",
            (_, "") => &*mount.sub_path_expr,
            (_, sub) => sub,
        };
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
