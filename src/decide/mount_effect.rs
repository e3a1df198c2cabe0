//! What a rule does with one mount: a swap, a denial with its reason, a warning, or nothing.

use crate::budget::Excess;
use crate::detect::mounts::{Finding, Reach};
use crate::model::notice::{told_name, told_path};
use crate::model::scope::Scope;
use crate::model::sockets::Leads;
use crate::names;

use super::denial::Denial;
use super::evaluator::Evaluator;
use super::fit::slots;
use super::matcher::Detection;
use super::rule::{Action, Restriction, Rule};
use super::rule_match::{Effect, MatchedPart, RuleMatch};

impl<'p> Evaluator<'p, '_, '_> {
    /// Evaluates every mount, and returns those to swap.
    pub fn findings(&mut self, findings: &[Finding]) -> Result<Vec<usize>, Excess> {
        let mut swap = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            if !self.scope.holds(finding.place) {
                continue;
            }
            if self.is_own_storage(finding)? {
                continue;
            }
            let detection = Detection::of(finding);
            let rule = self.rule_for(detection)?;
            let effect = match &finding.reach {
                Reach::UnknownSocket | Reach::HostPath | Reach::Pipe(_)
                    if self.is_allowed(rule, finding) =>
                {
                    continue;
                }
                Reach::UnknownSocket => self.restricted(rule, finding, told(rule.host_paths)),
                Reach::HostPath | Reach::Pipe(_) => self.restricted(rule, finding, rule.host_paths),
                Reach::Link if self.is_storage(finding) && !self.names_storage(rule, finding) => {
                    self.restricted(rule, finding, Restriction::Deny)
                }
                Reach::Link => self.restricted(rule, finding, self.links(rule)),
                Reach::Data(_) => self.restricted(rule, finding, rule.data_directories),
                Reach::Storage if self.names_storage(rule, finding) => continue,
                Reach::Storage => self.restricted(rule, finding, Restriction::Deny),
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

    /// A mount of the socket or its directory.
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
            Action::Swap if self.scope == Scope::EphemeralContainers && self.sidecar.is_none() => {
                let path = self.spelled(finding);
                let does = format!("mounts the node's Docker socket ({path})");
                let container = name;
                self.deny(rule, Denial::EphemeralContainer { container, does });
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

    /// What becomes of mounts of the node's client that are not swapped, because nothing is (`is_left`) or their rule
    /// swaps nothing: they are paths of the node like any other. Who may write to one writes a program that the node runs.
    /// That of an ephemeral container is never swapped, since it may not use `subPath`.
    pub fn clients(&mut self, findings: &[Finding], is_left: bool) -> Result<(), Excess> {
        for at in 0..self.rule_matches.len() {
            let RuleMatch {
                part,
                detection,
                effect,
                ..
            } = self.rule_matches[at];
            let MatchedPart::Mount(index) = part else {
                continue;
            };
            let is_swapped = effect == Effect::Swap && !is_left && self.scope == Scope::Creation;
            if detection != Detection::Client || is_swapped {
                continue;
            }
            let finding = &findings[index];
            let rule = self.rule_for(Detection::HostPath)?;
            if rule.host_paths == Restriction::Allow || self.is_allowed(rule, finding) {
                if effect == Effect::Swap {
                    self.rule_matches[at].effect = Effect::Allow;
                }
                continue;
            }
            let effect = self.restricted(rule, finding, rule.host_paths);
            self.rule_matches[at] = RuleMatch {
                part,
                detection: Detection::HostPath,
                rule,
                effect,
            };
        }
        Ok(())
    }

    /// A mount of the node's client, which may be swapped together with a socket.
    fn client(&mut self, rule: &'p Rule) -> Effect {
        match rule.host_sockets {
            Action::Swap if self.opted_out(rule) => Effect::OptedOut,
            Action::Swap => Effect::Swap,
            Action::Deny | Action::Warn | Action::Allow => Effect::Allow,
        }
    }

    /// Whether the rule allows a path of the node.
    fn is_allowed(&self, rule: &Rule, finding: &Finding) -> bool {
        let is_listed = |read_only| {
            let mut allowed = rule.allowed_host_paths.iter();
            allowed.any(|path| path.allows(&finding.node_path, read_only))
        };
        let is_unremarkable = matches!(finding.reach, Reach::HostPath | Reach::Pipe(_))
            && rule.host_paths == Restriction::Allow;
        is_unremarkable || is_listed(self.mount(finding).read_only)
    }

    /// Whether the rule lists the storage of the node itself, for a Pod that looks after it; a directory
    /// above does not open it.
    fn names_storage(&self, rule: &Rule, finding: &Finding) -> bool {
        let sockets = &self.policy.sockets;
        let read_only = self.mount(finding).read_only;
        let mut allowed = rule.allowed_host_paths.iter();
        allowed.any(|path| {
            path.allows(&finding.node_path, read_only)
                && sockets.leads(&path.path) == Some(Leads::Storage)
        })
    }

    fn is_storage(&self, finding: &Finding) -> bool {
        self.policy.sockets.leads(&finding.node_path) == Some(Leads::Storage)
    }

    /// Whether it is the mount by which the sidecar of an earlier pass has its storage of the node: of the
    /// folder that a rule for this Pod gives it, and no other. Its author could have written the sidecar.
    fn is_own_storage(&mut self, finding: &Finding) -> Result<bool, Excess> {
        // A link that the Pod may have made there leads elsewhere.
        if self.sidecar != Some(finding.place) || finding.reach != Reach::Storage {
            return Ok(false);
        }
        let mount = self.mount(finding);
        let is_whole = mount.sub_path.is_empty() && mount.sub_path_expr.is_empty();
        if !is_whole || *mount.mount_path != *names::SLOTS_DIR {
            return Ok(false);
        }
        let volume = &self.pod.spec.volumes[finding.volume];
        let path = volume.host_path.as_ref().map(|source| &*source.path);
        for detection in [
            Detection::Socket,
            Detection::Parent,
            Detection::TcpDockerHost,
            Detection::Annotation,
        ] {
            let rule = self.rule_for(detection)?;
            let mut profiles = rule.every_profile();
            let is_given = profiles.any(|profile| {
                let (folder, _) = slots(profile, self.subject, self.pod);
                folder.is_some() && folder.as_deref() == path
            });
            if is_given && rule.gives_daemon(detection, self.agent.is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is done with a possible link. A node agent may have made it in a directory that agents may mount.
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
                "{container}: may write {path}, where {} keeps the node's containers",
                runtime.name()
            ),
            Reach::Storage => format!(
                "{container}: {path} is where daemons of other Pods keep their images (rule {})",
                rule.name
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
            Reach::HostPath | Reach::Client | Reach::Pipe(_) => format!(
                "{container}: {path} of the node is not allowed here (rule {})",
                rule.name
            ),
            Reach::Socket(_) | Reach::Directory | Reach::Ancestor => format!(
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
                needs: match self.policy.sockets.has_mounts(&finding.node_path) {
                    true => {
                        "readOnly: true and recursiveReadOnly: Enabled (readOnly alone covers no file system that is \
                         mounted below it)"
                    }
                    false => "readOnly: true",
                },
                runtime: runtime.name(),
                path,
                exemption: self.exemption(rule, "dataDirectories: Allow"),
            },
            Reach::Storage => Denial::NodeStorage {
                container,
                path,
                rule: rule.name.clone(),
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
            Reach::HostPath | Reach::Client | Reach::Pipe(_) => {
                let mut allowed = rule.allowed_host_paths.iter();
                Denial::HostPath {
                    container,
                    path,
                    writes: allowed.any(|path| path.allows(&finding.node_path, true)),
                    is_pipe: matches!(finding.reach, Reach::Pipe(_)),
                    exemption: self.exemption(rule, "hostPaths: Allow"),
                }
            }
            Reach::Socket(_) | Reach::Directory | Reach::Ancestor => Denial::Ancestor {
                container,
                path,
                exemption: self.exemption(rule, "ancestors: Allow"),
            },
        }
    }
}

/// At least a warning: the path may be a Docker socket.
fn told(says: Restriction) -> Restriction {
    match says {
        Restriction::Allow | Restriction::Warn => Restriction::Warn,
        Restriction::Deny => Restriction::Deny,
    }
}
