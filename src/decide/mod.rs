//! Which Pods get their own daemon, which are refused, and which rule decides.
//!
//! An admin writes the policy; a Pod's author can only ask. Deciding is pure: no files, no cluster, no clock.

pub mod annotations;
pub mod asked_mounts;
pub mod builtin;
pub mod cause;
pub mod decision;
pub mod denial;
pub mod evaluator;
pub mod exemption;
pub mod fit;
pub mod matcher;
pub mod misfit;
mod mount_effect;
pub mod named;
pub mod need;
pub mod obstacle;
pub mod placement;
pub mod reason;
pub mod rule;
pub mod rule_match;
mod rules;
pub mod suggest;

use crate::detect::mounts::Watch;
use crate::model::docs_url::DocsUrl;
use crate::model::sidecar_mode::SidecarMode;
use crate::model::sockets::Sockets;

use crate::decide::rule::Rule;

/// Everything that an admin decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The first one that matches decides.
    pub rules: Vec<Rule>,
    pub otherwise: Rule,
    /// The paths to look for.
    pub sockets: Sockets,
    pub sidecar_mode: SidecarMode,
    /// What the links in messages to authors begin with.
    pub docs: DocsUrl,
}

impl Policy {
    /// Which mounts to report: those that a rule may restrict.
    pub fn watch(&self) -> Watch {
        let mut rules = self.rules.iter().chain([&self.otherwise]);
        match rules.all(|rule| rule.host_paths == rule::Restriction::Allow) {
            true => Watch::Runtimes,
            false => Watch::EveryHostPath,
        }
    }
}
