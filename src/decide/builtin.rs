//! The policies that need no file: one for a live cluster, one for offline use.
//!
//! An installation without a policy must not break any Pod. The built-in policy swaps nothing and only warns,
//! except in namespaces that an admin has labelled. The offline policy swaps everything that can be swapped.

use std::sync::Arc;

use crate::model::docs_url::DocsUrl;
use crate::model::profile::Profile;
use crate::model::sidecar_mode::SidecarMode;
use crate::model::sockets::Sockets;
use crate::names;

use crate::decide::Policy;
use crate::decide::matcher::{Glob, LabelIs, Matcher};
use crate::decide::rule::{
    Action, AgentActions, AnnotationPolicy, Profiles, Restriction, Rule, Sizes, TcpAction,
};

/// The rule that only warns. Rules of a policy file start from it.
pub fn warn_rule(name: &str, profile: Arc<Profile>) -> Rule {
    Rule {
        name: name.to_owned(),
        matches: Matcher::default(),
        host_sockets: Action::Warn,
        node_agents: AgentActions {
            sockets: Action::Warn,
            directories: Action::Warn,
        },
        ancestors: Restriction::Warn,
        other_runtimes: Restriction::Allow,
        data_directories: Restriction::Allow,
        host_paths: Restriction::Allow,
        allowed_host_paths: Vec::new(),
        tcp_docker_host: TcpAction::Warn,
        annotation: AnnotationPolicy::Ignore,
        opt_out: AnnotationPolicy::Ignore,
        profiles: Profiles::only(profile),
        pod_security_profile: None,
        maximum: default_maximum(),
    }
}

/// A rule that swaps, and honors annotations. Node agents are left alone.
fn swap_rule(name: &str, profile: Arc<Profile>) -> Rule {
    Rule {
        host_sockets: Action::Swap,
        annotation: AnnotationPolicy::Honor,
        opt_out: AnnotationPolicy::Honor,
        profiles: Profiles {
            default: profile.clone(),
            others: vec![Arc::new(Profile::userns()), Arc::new(Profile::rootless())],
        },
        ..warn_rule(name, profile)
    }
}

/// What an annotation may ask for if an admin sets no other maximum.
fn default_maximum() -> Sizes {
    Sizes {
        cpu: "16".parse().ok(),
        memory: "64Gi".parse().ok(),
        storage: "500Gi".parse().ok(),
    }
}

/// The rule of commands that are given no policy file: a message that names it must not read as if a
/// cluster had it.
pub const OFFLINE: &str = "builtin-offline";

impl Policy {
    /// For a cluster without a policy file.
    pub fn builtin() -> Self {
        let profile = Arc::new(Profile::privileged());
        let mut system = warn_rule("system", profile.clone());
        system.matches.namespaces = vec![Glob::new("kube-system"), Glob::new(names::NAMESPACE)];
        system.host_sockets = Action::Allow;
        system.node_agents = AgentActions {
            sockets: Action::Allow,
            directories: Action::Allow,
        };
        system.ancestors = Restriction::Allow;
        system.tcp_docker_host = TcpAction::Allow;
        let mut enabled = swap_rule("enabled", profile.clone());
        enabled.matches.namespace_labels = vec![LabelIs {
            key: names::INJECTION_LABEL.to_owned(),
            values: vec![Glob::new("enabled")],
        }];
        Self {
            rules: vec![system, enabled],
            otherwise: warn_rule("default", profile),
            sockets: Sockets::default(),
            sidecar_mode: SidecarMode::Native,
            docs: DocsUrl::default(),
        }
    }

    /// For offline use: swaps everywhere, and refuses what cannot be swapped except in node agents.
    pub fn offline() -> Self {
        let mut everywhere = swap_rule(OFFLINE, Arc::new(Profile::privileged()));
        everywhere.node_agents.sockets = Action::Deny;
        Self {
            rules: Vec::new(),
            otherwise: everywhere,
            sockets: Sockets::default(),
            sidecar_mode: SidecarMode::Native,
            docs: DocsUrl::default(),
        }
    }
}
