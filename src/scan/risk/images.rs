//! Hints from an image's name: what looks at the node's containers, or runs builds.

use super::{Evidence, Rule, Weight};

pub(super) static NODE_OBSERVER: Rule = Rule {
    id: "node-observer",
    weight: Weight::Useless,
    title: "a log collector or metrics agent reads the node's containers",
    help: "A daemon of its own shows it no containers at all. Collect from the kubelet and from \
           /var/log/pods, or exempt it by a rule until it is replaced.",
    holds: |evidence| {
        named(
            evidence,
            &[
                "cadvisor",
                "datadog",
                "agent-datadog",
                "dd-agent",
                "fluentd",
                "fluent-bit",
                "filebeat",
                "metricbeat",
                "auditbeat",
                "logspout",
                "promtail",
                "telegraf",
                "newrelic",
                "newrelic-infra",
                "infrastructure-bundle",
                "oneagent",
                "dynatrace-oneagent",
                "instana",
                "instana-agent",
                "scalyr-agent",
                "scalyr-k8s-agent",
                "sumologic",
                "collector-sumologic",
                "logdna-agent",
                "logagent",
                "logstash",
                "splunk-connect",
                "splunk-otel-collector",
                "docker-exporter",
                "dockerhub-exporter",
                "docker_exporter",
                "netdata",
                "weave-scope",
                "zabbix-agent",
                "zabbix-agent2",
                "dozzle",
                "ctop",
                "glances",
                "lightstep",
                "signalfx-agent",
                "sematext-agent",
                "site24x7-agent",
                "appdynamics",
                "machine-agent",
                "log-collector",
                "alloy",
                "node-problem-detector",
            ],
        )
    },
};

pub(super) static NODE_MANAGER: Rule = Rule {
    id: "node-manager",
    weight: Weight::Useless,
    title: "it manages or discovers the node's containers",
    help: "A daemon of its own holds nothing to manage. Use what does the same for Kubernetes: its \
           own provider (Traefik), Deployments that roll (Watchtower), the API server (Portainer).",
    holds: |evidence| {
        named(
            evidence,
            &[
                "portainer",
                "portainer-ce",
                "portainer-ee",
                "watchtower",
                "ouroboros",
                "diun",
                "shepherd",
                "traefik",
                "nginx-proxy",
                "docker-gen",
                "caddy-docker-proxy",
                "autoheal",
                "docker-autoheal",
                "yacht",
                "dockge",
                "rancher",
                "rancher-agent",
                "registrator",
                "docker-socket-proxy",
                "dockerproxy",
                "swarmpit",
                "whaler",
                "pumba",
                "shipyard",
            ],
        )
    },
};

pub(super) static NODE_AUDITOR: Rule = Rule {
    id: "node-auditor",
    weight: Weight::Useless,
    title: "a security tool looks at the node's containers",
    help: "It would only see the Pod's own daemon. Use the tool's mode for containerd or CRI-O, or \
           exempt it by a rule.",
    holds: |evidence| {
        named(
            evidence,
            &[
                "docker-bench-security",
                "docker-bench",
                "falco",
                "falco-no-driver",
                "sysdig",
                "agent-sysdig",
                "twistlock",
                "defender",
                "aqua",
                "aquasec",
                "enforcer",
                "neuvector",
                "anchore",
                "clair",
                "clairctl",
                "kube-bench",
                "dagda",
                "deepfence",
                "deepfence_agent",
                "stackrox",
                "collector-stackrox",
                "osquery",
                "tracee",
                "wazuh-agent",
                "lacework",
                "datacollector",
            ],
        )
    },
};

pub(super) static IMAGE_CLEANER: Rule = Rule {
    id: "image-cleaner",
    weight: Weight::Useless,
    title: "it removes the node's unused images and containers",
    help: "The kubelet removes unused images and dead containers of the node itself, and a Pod's own \
           daemon goes with the Pod. Delete the workload.",
    holds: |evidence| {
        named(
            evidence,
            &[
                "docker-gc",
                "docker-cleanup",
                "docker-clean",
                "docker-prune",
                "docker-image-gc",
                "image-gc",
                "docker-janitor",
                "janitor",
                "docker-custodian",
                "docker-volume-cleanup",
                "image-cleaner",
                "eraser",
            ],
        )
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

/// The image, where its repository has one of these names.
fn named(evidence: &Evidence<'_, '_>, names: &[&str]) -> Option<String> {
    let image: &str = &evidence.container.image;
    let path = image.split('@').next().unwrap_or(image);
    let (parents, last) = path.rsplit_once('/').unwrap_or(("", path));
    let last = last.split(':').next().unwrap_or(last);
    // The vendor's own registry or organization: `datadog/agent`, `gcr.io/datadoghq/agent`.
    let vendor = parents.rsplit('/').next().unwrap_or_default();
    let vendors = [
        ("datadog", "datadog"),
        ("datadoghq", "datadog"),
        ("sysdig", "sysdig"),
        ("instana", "instana"),
        ("portainer", "portainer"),
        ("dynatrace", "dynatrace-oneagent"),
        ("falcosecurity", "falco"),
        ("aquasec", "aqua"),
        ("neuvector", "neuvector"),
        ("buildkite", "buildkite"),
        ("concourse", "concourse"),
        ("sumologic", "sumologic"),
        ("weaveworks", "weave-scope"),
    ];
    let of_vendor = vendors
        .iter()
        .any(|(organization, name)| *organization == vendor && names.contains(name));
    (names.contains(&last) || of_vendor).then(|| image.to_owned())
}
