//! An installation as it was read from the cluster, and every check of it.

use std::time::SystemTime;

use crate::check::certificates::{Bundle, Served};
use crate::check::guards::Right;
use crate::check::metrics::Samples;
use crate::check::objects::{
    Binding, Deployment, EndpointSlice, Named, Pod, Service, WebhookConfiguration,
};
use crate::check::outcome::Check;
use crate::check::policy::PolicyFile;
use crate::check::questions::API_SERVER;
use crate::check::read::{Read, Unread};
use crate::check::report::Report;
use crate::check::trial::Trial;
use crate::check::{certificates, guards, policy, replicas, trial, webhooks};

/// What was read of an installation.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The name of the Deployment, the Service and the webhook configurations.
    pub name: String,
    /// The namespace of the installation.
    pub home: String,
    /// The namespace that a Pod is tried in, with its labels.
    pub namespace: Read<Named>,
    /// When it was read.
    pub now: SystemTime,
    /// The API server's version.
    pub version: Read<(u32, u32)>,
    /// Every MutatingWebhookConfiguration.
    pub mutating: Read<Vec<WebhookConfiguration>>,
    /// Every ValidatingWebhookConfiguration.
    pub validating: Read<Vec<WebhookConfiguration>>,
    /// The caBundle of each webhook of the installation.
    pub bundles: Vec<Bundle>,
    /// The Service.
    pub service: Read<Service>,
    /// Its EndpointSlices.
    pub slices: Read<Vec<EndpointSlice>>,
    /// The Deployment.
    pub deployment: Read<Deployment>,
    /// Its Pods, those that end left out.
    pub pods: Read<Vec<Pod>>,
    /// What each Pod's admin port says.
    pub replicas: Vec<Replica>,
    /// The policy file of the Deployment.
    pub policy: Read<PolicyFile>,
    /// Every ValidatingAdmissionPolicy.
    pub policies: Read<Vec<Named>>,
    /// Every ValidatingAdmissionPolicyBinding.
    pub bindings: Read<Vec<Binding>>,
    /// What the webhook's account must be allowed, and whether it is.
    pub rights: Vec<(Right, Read<bool>)>,
    /// A Pod that was sent through the API server by a dry run.
    pub trial: Read<Trial>,
}

/// What the admin port of one Pod says.
#[derive(Clone, Debug)]
pub struct Replica {
    /// The Pod's name.
    pub pod: String,
    /// `/metrics`.
    pub metrics: Read<Samples>,
    /// `/certificate`.
    pub certificate: Read<Served>,
}

impl Installed {
    /// Every check.
    pub fn checks(&self) -> Report {
        let mut checks = vec![api_server(&self.version)];
        checks.extend(webhooks::checks(self));
        checks.extend(replicas::checks(self));
        checks.extend(certificates::checks(self));
        checks.push(policy::check(self));
        checks.extend(guards::checks(self));
        checks.push(trial::check(self));
        Report {
            checks,
            docs: self
                .deployment
                .as_ref()
                .map(Deployment::docs)
                .unwrap_or_default(),
        }
    }

    /// The installation's own configuration of these.
    pub fn own<'c>(
        &self,
        configurations: &'c Read<Vec<WebhookConfiguration>>,
    ) -> Read<&'c WebhookConfiguration> {
        let all = configurations.as_ref().map_err(Unread::clone)?;
        let mut all = all.iter();
        all.find(|configuration| configuration.metadata.name == self.name)
            .ok_or(Unread::Missing)
    }

    /// The name of the namespace that a Pod is tried in.
    pub fn tried(&self) -> &str {
        match &self.namespace {
            Ok(namespace) => &namespace.metadata.name,
            Err(_) => "",
        }
    }
}

/// The oldest minor version of Kubernetes 1 that evaluates `matchConditions` by default.
/// Source: `k8s.io/apiserver/pkg/features/kube_features.go`, `AdmissionWebhookMatchConditions`.
const OLDEST: (u32, u32) = (1, 28);
/// The first that runs native sidecars by default; see [`crate::cluster::NATIVE_SIDECARS`].
const NATIVE: (u32, u32) = (1, 29);

/// Judges the API server's version.
pub fn api_server(version: &Read<(u32, u32)>) -> Check {
    match version {
        Ok(version) => {
            let (major, minor) = version;
            let told = format!("Kubernetes {major}.{minor}");
            if *version < OLDEST {
                API_SERVER.fails(
                    format!("{told} does not evaluate matchConditions"),
                    "upgrade the cluster to 1.28 or newer",
                )
            } else if *version < NATIVE {
                API_SERVER.warns(
                    format!("{told} has no native sidecars: a Job with a sidecar does not end by itself"),
                    "upgrade the cluster to 1.29 or newer, or set sidecarMode: Container in the policy",
                )
            } else {
                API_SERVER.ok(format!("{told} answers"))
            }
        }
        Err(unread) => API_SERVER.could_not_ask_but(
            format!("the API server gives no version: {unread}"),
            "name the cluster by --context or --kubeconfig; kubectl version asks the same",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Outcome;

    #[test]
    fn versions_are_refused_warned_of_and_taken() {
        let outcome = |version| api_server(&version).outcome;
        assert_eq!(outcome(Ok((1, 27))), Outcome::Failed);
        assert_eq!(outcome(Ok((1, 28))), Outcome::Warning);
        assert_eq!(outcome(Ok((1, 29))), Outcome::Ok);
        assert_eq!(outcome(Ok((2, 0))), Outcome::Ok);
        let away = Err(Unread::Failed("refused".to_owned()));
        assert_eq!(outcome(away), Outcome::CouldNotAsk);
    }
}
