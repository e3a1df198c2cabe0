//! Why a profile does not fit a Pod.
//!
//! A rule names profiles in order of preference, and a Pod gets the first that fits. Which one was passed over, and
//! for what, is told in the same words everywhere: to the author, in the audit log, by `explain` and as a metric.

use crate::model::notice::Notice;
use crate::model::profile::{PodSecurity, Profile};
use crate::names;
use crate::text::beginning;

use crate::decide::cause::Cause;
use crate::decide::denial::Denial;
use crate::decide::obstacle::Obstacle;
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
}

impl Misfit {
    /// The fixed word, for metrics.
    pub fn cause(&self) -> Cause {
        match self {
            Self::PodSecurity(_) => Cause::PodSecurity,
            Self::HostNetwork => Cause::HostNetwork,
            Self::RuntimeClass(_) => Cause::RuntimeClass,
            Self::UserNamespace(_) => Cause::UserNamespace,
        }
    }

    /// The denial of a Pod that fits no profile of `rule`, of which `profile` is the preferred one, or the one
    /// that its author asks for.
    pub(crate) fn denial(self, rule: &Rule, profile: &Profile, is_asked: bool) -> Denial {
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
                is_asked: is_asked && rule.profiles.iter().count() > 1,
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
