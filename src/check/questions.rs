//! Every question that `check` asks, spelled once.

use crate::check::guide::Guide;
use crate::check::outcome::Question;

macro_rules! questions {
    ($($constant:ident = $name:literal, $asked:literal, $guide:ident;)*) => {
        $(
            #[doc = $asked]
            pub const $constant: Question = Question {
                name: $name,
                asked: $asked,
                guide: Guide::$guide,
            };
        )*
        /// Every question, in no order.
        pub const ALL: &[Question] = &[$($constant),*];
    };
}

questions! {
    API_SERVER = "api-server", "the API server answers, and is new enough", Install;
    // Before installing.
    ADMISSION = "admission", "admissionregistration.k8s.io/v1 is served with matchConditions", Install;
    ADMISSION_POLICIES = "admission-policies", "ValidatingAdmissionPolicies are served", Guards;
    INSTALL_RIGHTS = "install-rights", "the caller may create what the chart creates", Install;
    NODES = "nodes", "every node's kubelet, kernel and container runtime can run the sidecar", Install;
    CGROUPS = "cgroups", "every node has cgroup version 2", Install;
    USER_NAMESPACES = "user-namespaces", "the profile userns works on some node, and on which", PodSecurity;
    RUNTIME_CLASSES = "runtime-classes", "the RuntimeClasses of the cluster are known", PodSecurity;
    POD_SECURITY = "pod-security", "no namespace's Pod Security level refuses the sidecar", PodSecurity;
    // After.
    MUTATING = "mutating-webhook", "the webhook is registered, and sent new Pods", Install;
    VALIDATING = "validating-webhook", "what other webhooks change afterwards is verified", Install;
    SELECTOR = "namespace-selector", "Pods of the namespace are sent to the webhook", Failures;
    FAILURE_POLICY = "failure-policy", "a webhook that does not answer breaks no cluster", Failures;
    ORDER = "webhook-order", "no other mutating webhook undoes what this one does", Failures;
    CA_BUNDLE = "ca-bundle", "every caBundle is a valid CA, and that of what the replicas serve", Certificates;
    CA_LIFETIME = "ca-lifetime", "the CA is valid for long enough", Certificates;
    SERVICE = "service", "the Service has ready endpoints", Failures;
    REPLICAS = "replicas", "every replica is there and ready", Failures;
    VERSIONS = "versions", "every replica is of one version", Failures;
    CERTIFICATE = "certificate", "every replica's certificate is valid for long enough", Certificates;
    POLICY = "policy", "one policy is in force, and it is the newest", Policy;
    WATCHES = "watches", "every watch of the replicas is alive", Failures;
    RIGHTS = "rights", "the webhook's account may do what it must", Rights;
    GUARDS = "guards", "the webhook's account is held to its caBundle", Guards;
    BACKSTOP = "backstop", "Pods are refused also while the webhook is down", Backstop;
    NETWORK_PATH = "network-path", "a Pod goes through the API server and comes back as the policy says", Network;
    // A Pod that runs.
    RUN_POD = "run-pod", "a Pod with a daemon of its own runs to its end", Check;
    RUN_PROFILES = "run-profiles", "the policy's profiles are admitted", PodSecurity;
    RUN_DAEMON = "run-daemon", "the daemon is up in time", Check;
    RUN_CONTAINER = "run-container", "`docker run` works", Check;
    RUN_MOUNT = "run-mount", "a volume of the Pod can be mounted with `docker run -v`", Check;
    RUN_MTU = "run-mtu", "inner containers have the Pod's MTU", Check;
    RUN_CONTAINED = "run-contained", "an inner container above the sidecar's limit is killed alone", Check;
    RUN_CGROUP = "run-cgroup", "the daemon manages cgroups", Check;
    RUN_STORAGE = "run-storage", "the storage driver copies no layers", Check;
    RUN_DELETED = "run-deleted", "the Pod is deleted again", Check;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_question() {
        let mut names: Vec<_> = ALL.iter().map(|question| question.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
