//! The decision: what is done with one Pod under a policy.
//!
//! Each way in which the Pod reaches a daemon is judged by the first rule that matches it,
//! so that a second, milder way never shields the first. Pure, and total: every Pod gets
//! exactly one of "leave", "deny" and "change".

use crate::names;
use crate::pod::daemon;
use crate::pod::detect::{self, Agent, Finding, Reach};
use crate::pod::docker_host::{DockerHost, docker_host};
use crate::pod::view::{List, Place, Pod};
use crate::sidecar::installed::Installed;
use crate::sidecar::notice::Notice;
use crate::sidecar::plan::Order;
use crate::sidecar::profile::{PodSecurity, Profile, Resources, Storage};

use super::Policy;
use super::denial::{Denial, Reason};
use super::matcher::Detection;
use super::rule::{Action, Leave, Restriction, Rule, TcpAction};
use super::subject::Subject;
use super::wish::{Ask, Size, Wish};

/// What is done with a Pod, and what its author is told.
#[derive(Debug)]
pub struct Decision<'p> {
    /// What is done.
    pub verdict: Verdict<'p>,
    /// The rule that decided, where one did.
    pub rule: Option<&'p str>,
    /// What the author should know.
    pub notices: Vec<Notice>,
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

/// The part of a Pod that a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole Pod, at its creation.
    Creation,
    /// Only its ephemeral containers: the rest cannot be changed any more.
    EphemeralContainers,
}

/// Decides about `pod`.
pub fn decide<'p>(
    policy: &'p Policy,
    subject: &Subject<'_>,
    pod: &Pod<'_>,
    scope: Scope,
    findings: &[Finding],
    installed: Option<&Installed<'_, '_>>,
) -> Decision<'p> {
    if let Some(reason) = not_ours(pod) {
        return Decision {
            verdict: Verdict::Leave(reason),
            rule: None,
            notices: Vec::new(),
        };
    }
    let mut judge = Judge {
        policy,
        subject,
        pod,
        scope,
        agent: detect::agent(pod, Some(subject.owner)),
        rule: None,
        notices: Vec::new(),
    };
    let verdict = match judge.verdict(findings, installed) {
        Ok(verdict) => verdict,
        Err(denial) => Verdict::Deny(denial),
    };
    Decision {
        verdict,
        rule: judge.rule.map(|rule| rule.name.as_str()),
        notices: judge.notices,
    }
}

fn not_ours(pod: &Pod<'_>) -> Option<Reason> {
    if pod.metadata().annotations.get(names::MIRROR_POD).is_some() {
        return Some(Reason::MirrorPod);
    }
    pod.is_windows().then_some(Reason::WindowsPod)
}

struct Judge<'p, 's, 'a> {
    policy: &'p Policy,
    subject: &'s Subject<'s>,
    pod: &'s Pod<'a>,
    scope: Scope,
    agent: Option<Agent>,
    /// The first rule that had a word.
    rule: Option<&'p Rule>,
    notices: Vec<Notice>,
}

impl<'p> Judge<'p, '_, '_> {
    fn verdict(
        &mut self,
        findings: &[Finding],
        installed: Option<&Installed<'_, '_>>,
    ) -> Result<Verdict<'p>, Denial> {
        let wish = self.wish()?;
        let ask = match self.scope {
            Scope::Creation => wish.ask,
            Scope::EphemeralContainers => Ask::Nothing,
        };
        if ask == Ask::OptOut {
            let rule = self.rule_for(Detection::Annotation);
            match rule.opt_out {
                Leave::Honor => return Ok(Verdict::Leave(Reason::OptedOut)),
                Leave::Ignore if findings.is_empty() => {}
                Leave::Ignore => self.say(format!(
                    "annotation {}: \"false\" is ignored here (rule {})",
                    names::INJECT,
                    rule.name
                )),
            }
        }
        let swap = self.judge_findings(findings)?;
        let hosts = self.judge_docker_hosts()?;
        let mut order_rule = self.rule_that_orders(&swap, findings, !hosts.is_empty());
        let mut targets = Vec::new();
        let mut ignored = false;
        if ask == Ask::Inject {
            let rule = self.rule_for(Detection::Annotation);
            match rule.annotation {
                Leave::Honor => {
                    targets = self.targets(&wish, swap.is_empty(), installed);
                    if !targets.is_empty() {
                        order_rule = order_rule.or(Some(rule));
                    }
                }
                Leave::Ignore => {
                    ignored = true;
                    self.say(format!(
                        "annotation {} is ignored here (rule {})",
                        names::INJECT,
                        rule.name
                    ));
                }
            }
        }
        // A client alone is no reason for a daemon.
        let reaches = swap
            .iter()
            .any(|index| findings[*index].reach != Reach::Client);
        let repair = installed.is_some_and(Installed::lost_restart_policy);
        if !reaches && targets.is_empty() && hosts.is_empty() && !repair {
            return Ok(Verdict::Leave(
                self.why_left(findings, ask, ignored, installed),
            ));
        }
        let rule = order_rule.unwrap_or_else(|| self.rule_for(Detection::Annotation));
        self.rule = Some(rule);
        let profile = self.profile(rule, &wish, installed.is_some())?;
        let (resources, storage) = sizes(rule, profile, &wish)?;
        Ok(Verdict::Change(Box::new(Order {
            profile,
            resources,
            storage,
            swap,
            targets,
            replace_docker_host: hosts,
            mode: self.policy.sidecar_mode,
        })))
    }

    /// The first rule for a way of reaching or asking for a daemon.
    fn rule_for(&mut self, detection: Detection) -> &'p Rule {
        let mut rules = self.policy.rules.iter();
        let found = rules.find(|rule| rule.matches.matches(self.subject, detection));
        let rule = found.unwrap_or(&self.policy.otherwise);
        self.rule.get_or_insert(rule);
        rule
    }

    fn wish(&mut self) -> Result<Wish, Denial> {
        match Wish::of(self.pod) {
            Ok(wish) => Ok(wish),
            Err(error) => {
                let rule = self.rule_for(Detection::Annotation);
                match rule.annotation {
                    Leave::Honor => Err(error.into()),
                    Leave::Ignore => {
                        self.say(format!("ignored here (rule {}): {error}", rule.name));
                        Ok(Wish::default())
                    }
                }
            }
        }
    }

    /// The findings to swap; an error for the first one that is refused.
    fn judge_findings(&mut self, findings: &[Finding]) -> Result<Vec<usize>, Denial> {
        let mut swap = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            let of_scope = match self.scope {
                Scope::Creation => true,
                Scope::EphemeralContainers => finding.place.list == List::Ephemeral,
            };
            if of_scope && self.judge_finding(finding)? {
                swap.push(index);
            }
        }
        Ok(swap)
    }

    /// Whether the finding is to be swapped.
    fn judge_finding(&mut self, finding: &Finding) -> Result<bool, Denial> {
        let rule = self.rule_for(Detection::of(finding));
        let container = self.pod.container(finding.place).name.to_string();
        let path = self.spelled_path(finding);
        let rule_name = || rule.name.clone();
        let restriction = match &finding.reach {
            Reach::Socket(_) | Reach::Directory => {
                return self.judge_socket(rule, finding, container, path);
            }
            Reach::Client => return Ok(rule.host_sockets == Action::Swap),
            Reach::Ancestor | Reach::Unresolved => rule.ancestors,
            Reach::Runtime(_) => rule.other_runtimes,
        };
        match restriction {
            Restriction::Allow => Ok(false),
            Restriction::Warn => {
                self.say(match &finding.reach {
                    Reach::Runtime(runtime) => format!(
                        "{container}: {path} is the node's {} socket; it was left alone",
                        runtime.name()
                    ),
                    Reach::Unresolved => format!(
                        "{container}: a subPathExpr below {path} may reach the node's Docker socket"
                    ),
                    Reach::Socket(_) | Reach::Directory | Reach::Client | Reach::Ancestor => {
                        format!(
                            "{container}: the node's Docker socket can still be reached through \
                             its mount of {path}"
                        )
                    }
                });
                Ok(false)
            }
            Restriction::Deny => Err(match &finding.reach {
                Reach::Runtime(runtime) => Denial::OtherRuntime {
                    container,
                    runtime: runtime.name(),
                    path,
                    rule: rule_name(),
                },
                Reach::Unresolved => Denial::Unresolved {
                    container,
                    path,
                    rule: rule_name(),
                },
                Reach::Socket(_) | Reach::Directory | Reach::Client | Reach::Ancestor => {
                    Denial::Ancestor {
                        container,
                        path,
                        rule: rule_name(),
                    }
                }
            }),
        }
    }

    fn judge_socket(
        &mut self,
        rule: &'p Rule,
        finding: &Finding,
        container: String,
        path: String,
    ) -> Result<bool, Denial> {
        let is_directory = finding.reach == Reach::Directory;
        let action = match (self.agent, is_directory) {
            (None, _) => rule.host_sockets,
            (Some(_), true) => rule.node_agents.directories,
            (Some(_), false) => rule.node_agents.sockets,
        };
        match action {
            Action::Swap if self.scope == Scope::EphemeralContainers => {
                Err(Denial::EphemeralContainer { container, path })
            }
            Action::Swap => Ok(true),
            Action::Allow => Ok(false),
            Action::Warn => {
                let agent = self
                    .agent
                    .map(|agent| format!(" of a node agent ({})", agent.name()));
                self.say(format!(
                    "{container}: {path}{} reaches the node's Docker daemon; it was left alone",
                    agent.unwrap_or_default()
                ));
                Ok(false)
            }
            Action::Deny => Err(match self.agent {
                Some(Agent::HostNetwork) => Denial::HostNetwork,
                Some(agent) => Denial::agent(container, path, agent, rule.name.clone()),
                None => Denial::HostSocket {
                    container,
                    path,
                    rule: rule.name.clone(),
                },
            }),
        }
    }

    /// The `DOCKER_HOST` variables to be replaced.
    fn judge_docker_hosts(&mut self) -> Result<Vec<(Place, usize)>, Denial> {
        let mut replace = Vec::new();
        for (place, container) in self.pod.containers() {
            let DockerHost::Node(index) = docker_host(container) else {
                continue;
            };
            let rule = self.rule_for(Detection::TcpDockerHost);
            let name = container.name.to_string();
            match rule.tcp_docker_host {
                TcpAction::Allow => {}
                TcpAction::Replace if self.scope == Scope::Creation => replace.push((place, index)),
                TcpAction::Deny => {
                    return Err(Denial::TcpDockerHost {
                        container: name,
                        rule: rule.name.clone(),
                    });
                }
                TcpAction::Replace | TcpAction::Warn => {
                    self.notices.push(Notice::DockerHostElsewhere {
                        container: name,
                        value: container.env[index].value.to_string(),
                    });
                }
            }
        }
        Ok(replace)
    }

    fn rule_that_orders(
        &mut self,
        swap: &[usize],
        findings: &[Finding],
        hosts: bool,
    ) -> Option<&'p Rule> {
        let first = swap.iter().map(|index| &findings[*index]);
        let first = first
            .filter(|finding| finding.reach != Reach::Client)
            .map(Detection::of)
            .next();
        let first = first.or(hosts.then_some(Detection::TcpDockerHost));
        first.map(|detection| self.rule_for(detection))
    }

    /// The containers that get a socket because the annotation asks for it.
    fn targets(
        &mut self,
        wish: &Wish,
        nothing_swapped: bool,
        installed: Option<&Installed<'_, '_>>,
    ) -> Vec<Place> {
        if installed.is_some() {
            return Vec::new();
        }
        if let Some((_, container)) = daemon::own_daemon(self.pod) {
            self.say(format!(
                "annotation {} changes nothing: container {} runs a Docker daemon",
                names::INJECT,
                container.name
            ));
            return Vec::new();
        }
        match &wish.containers {
            Some(places) => places.clone(),
            None if nothing_swapped => self.pod.containers().map(|(place, _)| place).collect(),
            None => Vec::new(),
        }
    }

    fn why_left(
        &self,
        findings: &[Finding],
        ask: Ask,
        ignored: bool,
        installed: Option<&Installed<'_, '_>>,
    ) -> Reason {
        if installed.is_some() {
            Reason::AlreadyInjected
        } else if !findings.is_empty() {
            Reason::RuleAllows
        } else if ignored {
            Reason::AnnotationIgnored
        } else if ask == Ask::Inject {
            Reason::OwnDaemon
        } else {
            Reason::NothingToDo
        }
    }

    /// The profile: the author's choice within the rule's, then what the namespace admits.
    fn profile(
        &mut self,
        rule: &'p Rule,
        wish: &Wish,
        is_installed: bool,
    ) -> Result<&'p Profile, Denial> {
        let chosen: &'p Profile = match &wish.profile {
            None => &rule.profiles.default,
            Some(name) => rule.profiles.get(name).ok_or_else(|| Denial::Profile {
                asked: name.chars().take(63).collect(),
                rule: rule.name.clone(),
                allowed: {
                    let all: Vec<&str> = rule.profiles.iter().map(|p| p.name.as_str()).collect();
                    all.join(", ")
                },
            })?,
        };
        if is_installed {
            return Ok(chosen);
        }
        let profile = self.admitted(rule, chosen)?;
        if self.pod.spec.host_network && !profile.host_network {
            return Err(Denial::HostNetwork);
        }
        let asked = &*self.pod.spec.runtime_class_name;
        match profile.runtime_class_name.as_deref() {
            Some(needs) if !asked.is_empty() && asked != needs => Err(Denial::RuntimeClass {
                asked: asked.to_owned(),
                profile: profile.name.clone(),
                needs: needs.to_owned(),
            }),
            _ => Ok(profile),
        }
    }

    /// `chosen`, or the rule's other profile, as the namespace's Pod Security level admits.
    fn admitted(&mut self, rule: &'p Rule, chosen: &'p Profile) -> Result<&'p Profile, Denial> {
        let labels = self.subject.namespace_labels;
        let enforced = match labels.and_then(|labels| labels.get(names::PSA_ENFORCE)) {
            Some(level) if level == PodSecurity::Baseline.name() => PodSecurity::Baseline,
            Some(level) if level == PodSecurity::Restricted.name() => PodSecurity::Restricted,
            _ => return Ok(chosen),
        };
        if chosen.pod_security >= enforced {
            return Ok(chosen);
        }
        match rule.pod_security_profile.as_deref() {
            Some(other) if other.pod_security >= enforced => {
                self.say(format!(
                    "profile {} is used, since namespace label {}={} does not admit {}",
                    other.name,
                    names::PSA_ENFORCE,
                    enforced.name(),
                    chosen.name
                ));
                Ok(other)
            }
            _ => Err(Denial::pod_security(
                enforced,
                &chosen.name,
                chosen.pod_security,
            )),
        }
    }

    /// The mounted path as the Pod's author wrote it.
    fn spelled_path(&self, finding: &Finding) -> String {
        let container = self.pod.container(finding.place);
        let mount = &container.volume_mounts[finding.mount];
        let volume = &self.pod.spec.volumes[finding.volume];
        let host = volume.host_path.as_ref().map_or("", |source| &*source.path);
        match &*mount.sub_path {
            "" => host.to_owned(),
            sub => format!("{}/{sub}", host.trim_end_matches('/')),
        }
    }

    fn say(&mut self, text: String) {
        self.notices.push(Notice::Policy(text));
    }
}

/// The sidecar's sizes: the profile's, or the author's within the rule's maximum.
fn sizes(rule: &Rule, profile: &Profile, wish: &Wish) -> Result<(Resources, Storage), Denial> {
    let mut resources = profile.resources.clone();
    let mut storage = profile.storage.clone();
    for (size, bounds, maximum) in [
        (&wish.cpu, &mut resources.cpu, &rule.maximum.cpu),
        (&wish.memory, &mut resources.memory, &rule.maximum.memory),
    ] {
        let Some(Size { annotation, value }) = size else {
            continue;
        };
        let asked = bounds
            .overridden(value)
            .map_err(|error| Denial::Size { annotation, error })?;
        within(rule, annotation, value, asked.limit(), maximum.as_ref())?;
        *bounds = asked;
    }
    if let Some(Size { annotation, value }) = &wish.storage {
        let asked = crate::sidecar::profile::Bounds::default()
            .overridden(value)
            .map_err(|error| Denial::Size { annotation, error })?;
        within(
            rule,
            annotation,
            value,
            asked.limit(),
            rule.maximum.storage.as_ref(),
        )?;
        match &mut storage {
            Storage::EmptyDir { size_limit } => *size_limit = asked.limit().cloned(),
            Storage::Ephemeral { size, .. } => {
                if let Some(limit) = asked.limit() {
                    *size = limit.clone();
                }
            }
        }
    }
    Ok((resources, storage))
}

fn within(
    rule: &Rule,
    annotation: &'static str,
    value: &str,
    asked: Option<&crate::sidecar::quantity::Quantity>,
    maximum: Option<&crate::sidecar::quantity::Quantity>,
) -> Result<(), Denial> {
    match (asked, maximum) {
        (Some(asked), Some(maximum)) if asked > maximum => Err(Denial::AboveMaximum {
            annotation,
            value: value.to_owned(),
            maximum: maximum.to_string(),
            rule: rule.name.clone(),
        }),
        _ => Ok(()),
    }
}
