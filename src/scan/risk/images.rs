//! Hints from an image's name: what looks at the node's containers, or runs builds.

use crate::decide::need::Need;

use crate::scan::risk::{Evidence, Rule, Weight};

pub(super) static NODE_OBSERVER: Rule = Rule {
    id: "node-observer",
    weight: Weight::Useless,
    title: "a log collector or metrics agent reads the node's containers",
    help: "A daemon of its own shows it no containers at all. Collect from the kubelet and from \
           /var/log/pods, or exempt it by a rule until it is replaced.",
    holds: |evidence| image_with(evidence, Need::Watch),
};

pub(super) static NODE_MANAGER: Rule = Rule {
    id: "node-manager",
    weight: Weight::Useless,
    title: "it manages or discovers the node's containers",
    help: "A daemon of its own holds nothing to manage. Use what does the same for Kubernetes: its \
           own provider (Traefik), Deployments that roll (Watchtower), the API server (Portainer).",
    holds: |evidence| image_with(evidence, Need::Manage),
};

pub(super) static NODE_AUDITOR: Rule = Rule {
    id: "node-auditor",
    weight: Weight::Useless,
    title: "a security tool looks at the node's containers",
    help: "It would only see the Pod's own daemon. Use the tool's mode for containerd or CRI-O, or \
           exempt it by a rule.",
    holds: |evidence| image_with(evidence, Need::Check),
};

pub(super) static IMAGE_CLEANER: Rule = Rule {
    id: "image-cleaner",
    weight: Weight::Useless,
    title: "it removes the node's unused images and containers",
    help: "The kubelet removes unused images and dead containers of the node itself, and a Pod's own \
           daemon goes with the Pod. Delete the workload.",
    holds: |evidence| image_with(evidence, Need::Clean),
};

pub(super) static POD_COLLECTOR: Rule = Rule {
    id: "pod-collector",
    weight: Weight::Useless,
    title: "it asks the node's Docker for the other containers of its own Pod",
    help: "A daemon of its own has none of them. Argo Workflows: use the emissary executor \
           (containerRuntimeExecutor, the only one since 3.4).",
    holds: |evidence| image_with(evidence, Need::Collect),
};

pub(super) static ANOTHER_DAEMON: Rule = Rule {
    id: "another-daemon",
    weight: Weight::Caution,
    title: "the Pod runs a Docker daemon already, and gets one more",
    help: "Both are in the Pod's network and give containers the same addresses. Remove its own, or the mount of the \
           node's socket.",
    holds: |evidence| {
        let container = evidence.own_daemon?;
        Some(format!("container {}", container.name))
    },
};

pub(super) static CI_RUNNER: Rule = Rule {
    id: "ci-runner",
    weight: Weight::Note,
    title: "builds run in the Pod's own daemon and count against the Pod",
    help: "Give the sidecar the CPU, memory and storage of the builds (annotations or profile). Layers \
           are cached as long as the Pod lives; a registry mirror keeps pulls short.",
    holds: |evidence| {
        named(
            evidence,
            &[
                "gitlab-runner",
                "gitlab-runner-helper",
                "jenkins",
                "inbound-agent",
                "jnlp-slave",
                "jnlp-agent",
                "ssh-agent",
                "ssh-slave",
                "actions-runner",
                "gha-runner",
                "github-runner",
                "act_runner",
                "forgejo-runner",
                "drone-runner-docker",
                "drone-runner-kube",
                "drone-agent",
                "drone-server",
                "agent-stack-k8s",
                "buildkite-agent",
                "buildkite",
                "concourse",
                "woodpecker-agent",
                "teamcity-agent",
                "go-agent",
                "gocd-agent-alpine",
                "bamboo-agent",
                "bamboo-agent-base",
                "azp-agent",
                "azure-pipelines-agent",
                "vsts-agent",
                "bitbucket-pipelines-runner",
                "codefresh-engine",
                "venona",
                "kubekins-e2e",
            ],
        )
    },
};

/// The image, where the policy knows this need of it.
fn image_with(evidence: &Evidence<'_, '_>, need: Need) -> Option<String> {
    let container = evidence.container;
    (Need::of(container) == Some(need)).then(|| container.image.to_string())
}

/// The image, where the last part of its repository is one of these names.
fn named(evidence: &Evidence<'_, '_>, names: &[&str]) -> Option<String> {
    let image: &str = &evidence.container.image;
    let path = image.split('@').next().unwrap_or(image);
    let last = path.rsplit('/').next().unwrap_or(path);
    let last = last.split(':').next().unwrap_or(last);
    let of_vendor = ["buildkite/agent", "concourse/concourse"];
    let known = names.contains(&last) || of_vendor.iter().any(|vendor| path.contains(vendor));
    known.then(|| image.to_owned())
}
