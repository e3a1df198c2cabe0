//! What may behave differently once a workload has a daemon of its own: hints from its
//! image, its command and its mounts.
//!
//! Small pure rules, each a guess that a person checks. A rule says what it saw, and what
//! to do about it.

mod commands;
mod images;
mod mounts;
mod variables;

use std::collections::BTreeSet;

use crate::detect::own_daemon::own_daemon;
use crate::model::view::{Container, Pod};

use crate::scan::finding::Finding;
use crate::scan::words::{DockerCommand, docker_commands};
use crate::text::shortened;

/// A hint about one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// The rule that saw it.
    pub rule: &'static Rule,
    /// The container.
    pub container: String,
    /// What was seen: a command, an image, a path.
    pub seen: String,
}

/// One rule, with its words for people.
#[derive(Debug)]
pub struct Rule {
    /// Its name for programs, `node-image-cache`.
    pub id: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What will be different, in one line.
    pub title: &'static str,
    /// What to do about it.
    pub help: &'static str,
    /// What is seen, if it holds.
    holds: fn(&Evidence<'_, '_>) -> Option<String>,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// How much a difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// It works, with a difference worth knowing.
    Note,
    /// A part of it may stop working.
    Caution,
    /// With a daemon of its own it has nothing to do.
    Useless,
}

impl Weight {
    /// The weight as a fixed word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Caution => "caution",
            Self::Useless => "useless",
        }
    }
}

/// What the rules look at: one container that reaches the runtime.
struct Evidence<'e, 'a> {
    pod: &'e Pod<'a>,
    container: &'e Container<'a>,
    /// The first container of the Pod that runs a Docker daemon.
    own_daemon: Option<&'e Container<'a>>,
    maker: &'e str,
    commands: Vec<DockerCommand>,
}

/// Every rule, in the order in which hints are given.
pub static RULES: [&Rule; 23] = [
    &images::NODE_OBSERVER,
    &images::NODE_MANAGER,
    &images::NODE_AUDITOR,
    &images::IMAGE_CLEANER,
    &images::POD_COLLECTOR,
    &commands::PRUNES,
    &commands::OTHERS_CONTAINERS,
    &commands::SWARM,
    &commands::UNPUSHED_IMAGE,
    &commands::PUBLISHED_PORT,
    &variables::NODE_AS_HOST,
    &commands::SOCKET_RELAY,
    &commands::HOST_NAMESPACE,
    &commands::OWN_CONTAINER,
    &images::ANOTHER_DAEMON,
    &commands::NODE_PATH,
    &commands::OUTLIVES_POD,
    &commands::NAMED_VOLUME,
    &commands::LOCAL_REGISTRY,
    &commands::GPU,
    &mounts::NODE_DOCKER_FILES,
    &commands::COLD_CACHE,
    &images::CI_RUNNER,
];

/// The hints for the containers that `findings` are about. `maker` is the kind that owns the
/// Pod; `scripts` is what the containers run that does not stand in the Pod.
pub fn of(pod: &Pod<'_>, maker: &str, findings: &[Finding], scripts: &str) -> Vec<Risk> {
    let reaching: BTreeSet<&str> = findings
        .iter()
        .filter_map(|finding| finding.container.as_deref())
        .collect();
    // Once a Pod: each word of each container is looked at.
    let own_daemon = own_daemon(pod).map(|(_, container)| container);
    let mut risks = Vec::new();
    let mut scripts = scripts;
    for (_, container) in pod.containers() {
        if !reaching.contains(&*container.name) {
            continue;
        }
        let mut text = String::new();
        for word in container.command.iter().chain(&container.args) {
            text.push_str(word);
            text.push(' ');
        }
        text.push('\n');
        text.push_str(std::mem::take(&mut scripts));
        let evidence = Evidence {
            pod,
            container,
            own_daemon,
            maker,
            commands: docker_commands(&text),
        };
        for rule in RULES {
            if let Some(seen) = (rule.holds)(&evidence) {
                risks.push(Risk {
                    rule,
                    container: container.name.to_string(),
                    seen: shortened(&seen, LONGEST_SEEN).into_owned(),
                });
            }
        }
    }
    risks
}

/// What was seen is shown, not the whole script.
const LONGEST_SEEN: usize = 80;

#[cfg(test)]
mod tests;
