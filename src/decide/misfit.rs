//! Why a profile does not fit a Pod.
//!
//! A rule names profiles in order of preference, and a Pod gets the first that fits. Which one was passed over, and
//! for what, is told in the same words everywhere: to the author, in the audit log, by `explain` and as a metric.

use crate::budget::LONGEST_NAME;
use crate::model::notice::Notice;
use crate::model::profile::{PodSecurity, Profile};
use crate::names;
use crate::text::{beginning, shortened};

use crate::decide::cause::Cause;
use crate::decide::denial::Denial;
use crate::decide::obstacle::Obstacle;
use crate::decide::placement::Count;
use crate::decide::rule::Rule;

/// A profile of the rule, and why the Pod does not get it.
#[derive(Clone, Debug, PartialEq)]
pub struct PassedOver<'p> {
    pub profile: &'p Profile,
    pub misfit: Misfit,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// What the namespace enforces.
    #[error("namespace label {}={} does not admit", names::PSA_ENFORCE, .0.name())]
    PodSecurity(PodSecurity),
    #[error("hostNetwork: true rules out")]
    HostNetwork,
    /// The Pod's own runtime class.
    #[error("runtimeClassName: {} rules out", beginning(.0, 30))]
    RuntimeClass(String),
    #[error("{0} rules out")]
    UserNamespace(Obstacle),
    /// What the profile's `runtimeClassName` names.
    #[error("there is no RuntimeClass {}, which rules out", beginning(.0, 30))]
    MissingRuntimeClass(String),
    /// A label for which the Pod asks for another value than the profile's RuntimeClass.
    #[error("nodeSelector {} rules out", shortened(.0, 40))]
    NodeSelector(String),
    #[error("{}, which rules out", lacking(*.0))]
    Nodes(Count),
}

fn lacking(Count { lacking, eligible }: Count) -> String {
    match lacking {
        _ if lacking == eligible => "no node has user namespaces".to_owned(),
        1 => format!("1 of {eligible} nodes lacks user namespaces"),
        _ => format!("{lacking} of {eligible} nodes lack user namespaces"),
    }
}

impl Misfit {
    /// The fixed word, for metrics.
    pub fn cause(&self) -> Cause {
        match self {
            Self::PodSecurity(_) => Cause::PodSecurity,
            Self::HostNetwork => Cause::HostNetwork,
            Self::RuntimeClass(_) => Cause::RuntimeClass,
            Self::UserNamespace(_) => Cause::UserNamespace,
            Self::MissingRuntimeClass(_) => Cause::MissingRuntimeClass,
            Self::NodeSelector(_) => Cause::NodeSelector,
            Self::Nodes(_) => Cause::NodeUserNamespaces,
        }
    }

    /// The denial of a Pod that fits no profile of `rule`, of which `profile` is the preferred one, or the one
    /// that its author asks for.
    pub(crate) fn denial(self, rule: &Rule, profile: &Profile, is_asked: bool) -> Denial {
        let is_asked = is_asked && rule.profiles.iter().count() > 1;
        match self {
            Self::PodSecurity(enforced) => Denial::PodSecurity {
                enforced,
                profile: profile.name.clone(),
                needs: profile.pod_security,
                rule: rule.name.clone(),
            },
            Self::HostNetwork => Denial::HostNetwork {
                rule: rule.name.clone(),
            },
            Self::RuntimeClass(asked) => Denial::RuntimeClass {
                asked,
                profile: profile.name.clone(),
                needs: profile.runtime_class_name.clone().unwrap_or_default(),
            },
            Self::UserNamespace(obstacle) => Denial::UserNamespace {
                obstacle,
                profile: profile.name.clone(),
                rule: rule.name.clone(),
                is_asked,
            },
            Self::MissingRuntimeClass(needs) => Denial::MissingRuntimeClass {
                needs,
                profile: profile.name.clone(),
                rule: rule.name.clone(),
                is_asked,
            },
            Self::NodeSelector(key) => Denial::NodeSelector {
                key: shortened(&key, LONGEST_NAME).into_owned(),
                profile: profile.name.clone(),
                runtime_class: profile.runtime_class_name.clone().unwrap_or_default(),
                rule: rule.name.clone(),
                is_asked,
            },
            Self::Nodes(count) => Denial::Nodes {
                count,
                profile: profile.name.clone(),
                rule: rule.name.clone(),
                is_asked,
            },
        }
    }
}

impl PassedOver<'_> {
    /// What the Pod's author is told.
    pub(crate) fn notice(&self, used: &Profile) -> Notice {
        Notice::AnotherProfile {
            used: used.name.clone(),
            because: self.because(),
        }
    }

    /// `hostPID: true rules out userns`
    pub fn because(&self) -> String {
        format!("{} {}", self.misfit, self.profile.name)
    }
}
