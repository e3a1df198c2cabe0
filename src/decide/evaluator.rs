//! The judge of one Pod: for each way in which it reaches a daemon, the first rule that
//! matches, and what that rule says.
//!
//! All ways are judged, also after one of them is refused, so that `explain` shows them all.

use std::borrow::Cow;

use crate::budget::{Budget, Excess};
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
use crate::decide::named::{Entry, Named};
use crate::decide::need::Need;
use crate::decide::rule::{Action, AnnotationPolicy, Restriction, Rule, TcpAction};
use crate::model::scope::Scope;
use crate::model::subject::Subject;

/// What a rule says to one way of reaching or asking for a daemon.
#[derive(Clone, Copy, Debug)]
pub struct RuleMatch<'p> {
    /// What was judged.
    pub part: MatchedPart,
    /// How it reaches or asks.
    pub detection: Detection,
    /// The rule that judged it.
    pub rule: &'p Rule,
    /// What the rule says.
    pub effect: Effect,
}

/// What a judgment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedPart {
    /// The finding with this index.
    Mount(usize),
    /// A container's variable.
    Variable {
        /// The container.
        place: Place,
        /// The variable's index in `env`.
        index: usize,
    },
    /// The Pod's annotations.
    Annotations,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A daemon of its own.
    Swap,
    /// The Pod is refused.
    Deny,
    /// Left, with a warning.
    Warn,
    /// Left.
    Allow,
    /// Left, since the Pod opts out.
    OptedOut,
    /// An annotation that counts.
    Honor,
    /// An annotation that does not.
    Ignore,
}

impl Named for Effect {
    const ALL: &'static [Entry<Self>] = &[
        (Self::Swap, "Swap", "a daemon of its own in its place"),
        (Self::Deny, "Deny", "the Pod is refused"),
        (Self::Warn, "Warn", "left, with a warning"),
        (Self::Allow, "Allow", "left"),
        (Self::OptedOut, "OptedOut", "left, since the Pod opts out"),
        (Self::Honor, "Honor", "the annotation counts"),
        (Self::Ignore, "Ignore", "the annotation does not count"),
    ];
}

/// The judge, with what was judged so far.
pub(crate) struct Evaluator<'p, 's, 'a> {
    pub policy: &'p Policy,
    pub subject: &'s Subject<'s>,
    pub pod: &'s Pod<'a>,
    pub scope: Scope,
    pub budget: &'s Budget,
    rules: Rules<'p>,
    need: Option<(Place, Option<Need>)>,
    opt_outs: Vec<&'p str>,
    agent: Option<Agent>,
    /// Whether the Pod asks to be left alone.
    pub opts_out: bool,
    /// Whether the Pod has a daemon of its own already.
    pub has_daemon: bool,
    pub rule_matches: Vec<RuleMatch<'p>>,
    pub notices: Notices,
    /// The first refusal, and the rule that says it.
    pub denial: Option<(Denial, &'p Rule)>,
}

/// The rules of a policy that match a Pod, as far as they were asked for. A Pod's labels, user and groups
/// are matched once a rule, and not once a mount.
#[derive(Debug, Default)]
struct Rules<'p> {
    /// Those that match but for their detections, in order.
    matching: Vec<&'p Rule>,
    /// How many were looked at.
    seen: usize,
    /// The answers.
    known: Vec<(Detection, &'p Rule)>,
}

impl<'p> Rules<'p> {
    fn first(
        &mut self,
        policy: &'p Policy,
        subject: &Subject<'_>,
        detection: Detection,
        budget: &Budget,
    ) -> Result<&'p Rule, Excess> {
        let mut known = self.known.iter();
        if let Some((_, rule)) = known.find(|(of, _)| *of == detection) {
            return Ok(rule);
        }
        let rule = match self
            .matching
            .iter()
            .find(|rule| rule.matches.is_for(detection))
        {
            Some(rule) => rule,
            None => self.next(policy, subject, detection, budget)?,
        };
        self.known.push((detection, rule));
        Ok(rule)
    }

    /// The first of the rules that were not looked at yet.
    fn next(
        &mut self,
        policy: &'p Policy,
        subject: &Subject<'_>,
        detection: Detection,
        budget: &Budget,
    ) -> Result<&'p Rule, Excess> {
        for rule in policy.rules.iter().skip(self.seen) {
            self.seen += 1;
            if rule.matches.mismatch_of_subject(subject, budget)?.is_none() {
                self.matching.push(rule);
                if rule.matches.is_for(detection) {
                    return Ok(rule);
                }
            }
        }
        Ok(&policy.otherwise)
    }
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
            has_daemon: false,
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

    /// Judges every mount; returns those to swap.
    pub fn findings(&mut self, findings: &[Finding]) -> Result<Vec<usize>, Excess> {
        let mut swap = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            if !self.scope.holds(finding.place) {
                continue;
            }
            let detection = Detection::of(finding);
            let rule = self.rule_for(detection)?;
            let effect = match &finding.reach {
                Reach::Pipe(_) => continue,
                Reach::UnknownSocket | Reach::HostPath if self.is_allowed(rule, finding) => {
                    continue;
                }
                Reach::UnknownSocket => self.restricted(rule, finding, told(rule.host_paths)),
                Reach::HostPath => self.restricted(rule, finding, rule.host_paths),
                Reach::Link => self.restricted(rule, finding, self.links(rule)),
                Reach::Data(_) => self.restricted(rule, finding, rule.data_directories),
                Reach::Socket(_) => self.socket(rule, finding, false),
                Reach::Directory => self.socket(rule, finding, true),
                Reach::Client => self.client(rule),
                Reach::Ancestor => self.restricted(rule, finding, rule.ancestors),
                Reach::Unresolved => self.restricted(rule, finding, rule.ancestors),
                Reach::Runtime(_) => self.restricted(rule, finding, rule.other_runtimes),
            };
            if effect == Effect::Swap {
                swap.push(index);
            }
            self.rule_matches.push(RuleMatch {
                part: MatchedPart::Mount(index),
                detection,
                rule,
                effect,
            });
        }
        Ok(swap)
    }

    /// A mount of the socket, or of the directory that holds it.
    fn socket(&mut self, rule: &'p Rule, finding: &Finding, is_directory: bool) -> Effect {
        let action = match (self.agent, is_directory) {
            (None, _) => rule.host_sockets,
            (Some(_), true) => rule.node_agents.directories,
            (Some(_), false) => rule.node_agents.sockets,
        };
        let container = self.pod.container(finding.place);
        let need = self.need(finding.place);
        let name = told_name(&container.name);
        match action {
            Action::Swap if self.opted_out(rule) => Effect::OptedOut,
            Action::Swap if self.scope == Scope::EphemeralContainers && !self.has_daemon => {
                let path = self.spelled(finding).into_owned();
                let container = name;
                self.deny(rule, Denial::EphemeralContainer { container, path });
                Effect::Deny
            }
            Action::Swap => {
                if let Some(need) = need {
                    self.say(format!(
                        "{name} {}, by its image; its own daemon does not show it those",
                        need.phrase()
                    ));
                }
                Effect::Swap
            }
            Action::Allow => Effect::Allow,
            Action::Warn => {
                let who = self
                    .agent
                    .map(|agent| format!(" of a node agent ({})", agent.name()));
                let path = self.spelled(finding);
                self.say(format!(
                    "{name}: {path}{} reaches the node's Docker daemon; it was left alone",
                    who.unwrap_or_default()
                ));
                Effect::Warn
            }
            Action::Deny => {
                let path = self.spelled(finding).into_owned();
                let container = name;
                let denial = match self.agent {
                    Some(agent) => Denial::NodeAgent {
                        container,
                        path,
                        agent,
                        need,
                        exemption: self.exemption(
                            rule,
                            if is_directory {
                                "nodeAgents: {directories: Allow}"
                            } else {
                                "nodeAgents: {sockets: Allow}"
                            },
                        ),
                    },
                    None => Denial::HostSocket {
                        container,
                        path,
                        rule: rule.name.clone(),
                        need,
                    },
                };
                self.deny(rule, denial);
                Effect::Deny
            }
        }
    }

    /// A mount of the node's client: swapped beside a socket, harmless without one.
    fn client(&mut self, rule: &'p Rule) -> Effect {
        match rule.host_sockets {
            Action::Swap if self.opted_out(rule) => Effect::OptedOut,
            Action::Swap => Effect::Swap,
            Action::Deny | Action::Warn | Action::Allow => Effect::Allow,
        }
    }

    /// Whether the rule has nothing to say on a path of the node.
    fn is_allowed(&self, rule: &Rule, finding: &Finding) -> bool {
        let is_listed = |read_only| {
            let mut allowed = rule.allowed_host_paths.iter();
            allowed.any(|path| path.allows(&finding.node_path, read_only))
        };
        let is_unremarkable =
            finding.reach == Reach::HostPath && rule.host_paths == Restriction::Allow;
        is_unremarkable || is_listed(self.mount(finding).read_only)
    }

    /// What is done with what may be a link of the Pod's own making. An agent may have made it in
    /// a directory that agents have.
    fn links(&self, rule: &Rule) -> Restriction {
        match (self.agent, rule.node_agents.directories) {
            (Some(_), Action::Deny) => Restriction::Deny,
            (Some(_), Action::Warn) => Restriction::Warn,
            (Some(_), Action::Allow) => Restriction::Allow,
            (Some(_), Action::Swap) | (None, _) => rule.ancestors,
        }
    }

    /// A mount that cannot be swapped.
    fn restricted(&mut self, rule: &'p Rule, finding: &Finding, says: Restriction) -> Effect {
        match says {
            Restriction::Allow => Effect::Allow,
            Restriction::Warn => {
                let text = self.warning(rule, finding);
                self.say(text);
                Effect::Warn
            }
            Restriction::Deny => {
                let denial = self.refusal(rule, finding);
                self.deny(rule, denial);
                Effect::Deny
            }
        }
    }

    fn warning(&self, rule: &Rule, finding: &Finding) -> String {
        let container = told_name(&self.pod.container(finding.place).name);
        let path = self.spelled(finding);
        match &finding.reach {
            Reach::Runtime(runtime) => format!(
                "{container}: {path} reaches the node's {}; it was left alone",
                runtime.name()
            ),
            Reach::Data(runtime) => format!(
                "{container}: writes {path}, where {} keeps the node's containers",
                runtime.name()
            ),
            Reach::Unresolved => format!(
                "{container}: a subPathExpr below {path} may reach the node's Docker socket"
            ),
            Reach::Link => format!(
                "{container}: {path} may be a link of this Pod's making to the node's Docker socket"
            ),
            Reach::UnknownSocket => format!(
                "{container}: if {path} is a Docker socket, its policy needs sockets: [{}]",
                told_path(finding.node_path.as_str())
            ),
            Reach::HostPath => format!(
                "{container}: {path} of the node is not allowed here (rule {})",
                rule.name
            ),
            Reach::Socket(_)
            | Reach::Directory
            | Reach::Client
            | Reach::Ancestor
            | Reach::Pipe(_) => format!(
                "{container}: the node's Docker socket can still be reached through its mount of \
                 {path}"
            ),
        }
    }

    fn refusal(&self, rule: &Rule, finding: &Finding) -> Denial {
        let container = told_name(&self.pod.container(finding.place).name);
        let path = self.spelled(finding).into_owned();
        match &finding.reach {
            Reach::Runtime(runtime) => Denial::OtherRuntime {
                container,
                runtime: runtime.name(),
                path,
                exemption: self.exemption(rule, "otherRuntimes: Allow"),
            },
            Reach::Data(runtime) => Denial::DataDirectory {
                container,
                runtime: runtime.name(),
                path,
                exemption: self.exemption(rule, "dataDirectories: Allow"),
            },
            Reach::Unresolved => Denial::Unresolved {
                container,
                path,
                rule: rule.name.clone(),
            },
            Reach::Link => Denial::Link {
                container,
                path,
                exemption: self.exemption(
                    rule,
                    match (self.agent, rule.host_paths) {
                        (Some(_), Restriction::Deny) => {
                            "nodeAgents: {directories: Allow}, hostPaths: Allow"
                        }
                        (Some(_), _) => "nodeAgents: {directories: Allow}",
                        (None, Restriction::Deny) => "ancestors: Allow, hostPaths: Allow",
                        (None, _) => "ancestors: Allow",
                    },
                ),
            },
            Reach::UnknownSocket => Denial::UnknownSocket {
                container,
                path: told_path(finding.node_path.as_str()).into_owned(),
                exemption: self.exemption(rule, "hostPaths: Allow"),
            },
            Reach::HostPath => {
                let mut allowed = rule.allowed_host_paths.iter();
                Denial::HostPath {
                    container,
                    path,
                    writes: allowed.any(|path| path.allows(&finding.node_path, true)),
                    exemption: self.exemption(rule, "hostPaths: Allow"),
                }
            }
            Reach::Socket(_)
            | Reach::Directory
            | Reach::Client
            | Reach::Ancestor
            | Reach::Pipe(_) => Denial::Ancestor {
                container,
                path,
                exemption: self.exemption(rule, "ancestors: Allow"),
            },
        }
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
    fn opted_out(&mut self, rule: &'p Rule) -> bool {
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

    fn mount(&self, finding: &Finding) -> &'s VolumeMount<'a> {
        let container = self.pod.container(finding.place);
        &container.volume_mounts[finding.mount]
    }

    fn exemption(&self, rule: &Rule, says: &'static str) -> Box<Exemption> {
        Box::new(Exemption {
            namespace: self.subject.namespace.to_owned(),
            above: rule.name.clone(),
            says,
        })
    }

    /// What the container at `place` wants the node's daemon for; its image is looked at once, however many
    /// mounts it has.
    fn need(&mut self, place: Place) -> Option<Need> {
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
    fn spelled(&self, finding: &Finding) -> Cow<'s, str> {
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

/// What may be a Docker socket is told at least.
fn told(says: Restriction) -> Restriction {
    match says {
        Restriction::Allow | Restriction::Warn => Restriction::Warn,
        Restriction::Deny => Restriction::Deny,
    }
}
