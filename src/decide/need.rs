//! What a container uses the node's daemon for, as far as its image or its shape tells.
//!
//! The Pod's own daemon only has the Pod's containers and images, so some programs start with it and find
//! nothing. A need makes a message clearer. It must never decide, since the author chooses the image.

use crate::model::sockets::DEFAULT_SOCKET;
use crate::model::view::Container;

/// A need that the Pod's own daemon does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Watching the node's containers.
    Watch,
    /// Removing the node's images.
    Clean,
    /// Checking the configuration of the node's daemon.
    Check,
    /// Managing the node's containers.
    Manage,
    /// Watching the other containers of its own Pod, which the node's runtime runs.
    Collect,
}

// Words of an image's repository, or of the organization that it is in.

/// Log collectors, metrics agents, security monitors.
const WATCHERS: [&str; 42] = [
    "cadvisor",
    "datadog",
    "datadoghq",
    "dd-agent",
    "telegraf",
    "filebeat",
    "metricbeat",
    "auditbeat",
    "fluentd",
    "fluent-bit",
    "promtail",
    "alloy",
    "netdata",
    "newrelic",
    "newrelic-infra",
    "oneagent",
    "instana",
    "scalyr",
    "sumologic",
    "logdna-agent",
    "logagent",
    "logspout",
    "splunk-otel-collector",
    "signalfx-agent",
    "appdynamics",
    "zabbix-agent",
    "zabbix-agent2",
    "docker-exporter",
    "dozzle",
    "ctop",
    "weave-scope",
    "weaveworks",
    "cloudwatch-agent",
    "sysdig",
    "falco",
    "falcosecurity",
    "tracee",
    "osquery",
    "neuvector",
    "deepfence",
    "twistlock",
    "aquasec",
];

/// Programs that remove the node's images and containers.
const CLEANERS: [&str; 9] = [
    "docker-gc",
    "image-gc",
    "docker-cleanup",
    "docker-prune",
    "docker-image-gc",
    "drone-gc",
    "docker-custodian",
    "image-cleaner",
    "eraser",
];

/// Programs that check the configuration of the node's daemon.
const CHECKERS: [&str; 4] = [
    "docker-bench",
    "docker-bench-security",
    "kube-bench",
    "dagda",
];

/// Programs that manage, restart, expose or discover the node's containers.
const MANAGERS: [&str; 19] = [
    "watchtower",
    "ouroboros",
    "diun",
    "portainer",
    "portainer-ce",
    "portainer-ee",
    "autoheal",
    "docker-autoheal",
    "traefik",
    "nginx-proxy",
    "docker-gen",
    "caddy-docker-proxy",
    "docker-socket-proxy",
    "registrator",
    "yacht",
    "dockge",
    "swarmpit",
    "pumba",
    "rancher",
];

const IMAGES: [(&[&str], Need); 4] = [
    (&WATCHERS, Need::Watch),
    (&CLEANERS, Need::Clean),
    (&CHECKERS, Need::Check),
    (&MANAGERS, Need::Manage),
];

/// A container that a system adds to its Pods, and that asks the node's Docker about the others in them.
struct Helper {
    /// A word of its image's repository.
    image: &'static str,
    container: &'static str,
    /// Where it looks for the node's socket. With another executor it sees the author's mounts, elsewhere, and asks nothing.
    socket: &'static str,
}

const HELPERS: [Helper; 2] = [
    // Argo Workflows before 3.4 waits for `main` and saves its outputs like this, with the docker executor,
    // the default up to 3.2. Since then `wait` has the mounts of `main` below `/mainctrfs`, for its files. Sources:
    // argo-workflows, `workflow/executor/docker/docker.go`, `workflow/controller/workflowpod.go`.
    Helper {
        image: "argoexec",
        container: "wait",
        socket: DEFAULT_SOCKET,
    },
    Helper {
        image: "argoexec",
        container: "sidecar-artifacts",
        socket: DEFAULT_SOCKET,
    },
];

/// Variables that choose such an executor, with their values.
const CHOICES: [(&str, &str); 1] = [("ARGO_CONTAINER_RUNTIME_EXECUTOR", "docker")];

/// The longest image reference that is looked at, in bytes: a repository of 255, a tag of 128, a digest.
const LONGEST_IMAGE: usize = 512;

impl Need {
    /// `None` if neither image nor shape is known.
    pub fn of(container: &Container<'_>) -> Option<Self> {
        Self::by_shape(container).or_else(|| Self::by_image(container))
    }

    fn by_shape(container: &Container<'_>) -> Option<Self> {
        let is_chosen = || {
            let mut choices = CHOICES.iter();
            choices.any(|(name, value)| {
                let var = container.env_var(name);
                var.is_some_and(|var| *var.value == **value)
            })
        };
        let mut helpers = HELPERS.iter();
        let is_helper = helpers.any(|helper| {
            let mut mounts = container.volume_mounts.iter();
            *container.name == *helper.container
                && mounts.any(|mount| *mount.mount_path == *helper.socket)
                && parts(&container.image).any(|part| has_word(part, &[helper.image]))
        });
        (is_helper || is_chosen()).then_some(Self::Collect)
    }

    fn by_image(container: &Container<'_>) -> Option<Self> {
        let mut parts = parts(&container.image);
        parts.find_map(|part| {
            let mut images = IMAGES.iter();
            let found = images.find(|(words, _)| has_word(part, words));
            found.map(|(_, need)| *need)
        })
    }

    /// The predicate of a sentence about the container.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Watch => "watches the node's containers",
            Self::Clean => "cleans up the node's images",
            Self::Check => "checks the node's own daemon",
            Self::Manage => "manages the node's containers",
            Self::Collect => "waits for this Pod's other containers at the node's Docker",
        }
    }
}

/// An image's repository and organization, last one first.
fn parts(image: &str) -> impl Iterator<Item = &str> {
    // No registry has an image with a longer name.
    let image = if image.len() > LONGEST_IMAGE {
        ""
    } else {
        image
    };
    let image = image.split('@').next().unwrap_or_default();
    let repository = match image.rsplit_once(':') {
        // What follows a registry's port is not a tag.
        Some((before, tag)) if !tag.contains('/') => before,
        _ => image,
    };
    repository.rsplit('/').take(2)
}

/// Whether one of `words` is in `part`, delimited by `-`, `_`, `.` or its ends. A Pod is searched for every
/// word, so they are compared only where one can start.
fn has_word(part: &str, words: &[&str]) -> bool {
    let is_end = |byte: Option<&u8>| matches!(byte, None | Some(b'-' | b'_' | b'.'));
    let part = part.as_bytes();
    let stands = |rest: &[u8], word: &&str| {
        let word = word.as_bytes();
        rest.first() == word.first() && rest.starts_with(word) && is_end(rest.get(word.len()))
    };
    (0..part.len())
        .filter(|at| is_end(at.checked_sub(1).and_then(|before| part.get(before))))
        .any(|at| words.iter().any(|word| stands(&part[at..], word)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tells_a_need_by_the_shape_of_a_helper() {
        let variable = |value: &str| serde_json::json!([{"name": "ARGO_CONTAINER_RUNTIME_EXECUTOR", "value": value}]);
        let seen = "/mainctrfs/var/run/docker.sock";
        for (name, image, mount, env, need) in [
            (
                "wait",
                "argoproj/argoexec:v3.2.11",
                DEFAULT_SOCKET,
                None,
                Some(Need::Collect),
            ),
            (
                "wait",
                "gcr.io/ml-pipeline/argoexec:v3.2.3-license-compliance",
                DEFAULT_SOCKET,
                None,
                Some(Need::Collect),
            ),
            ("wait", "quay.io/argoproj/argoexec:v4.0.5", seen, None, None),
            (
                "main",
                "ci/mirrored",
                seen,
                Some("docker"),
                Some(Need::Collect),
            ),
            (
                "main",
                "argoproj/argoexec:v3.2.11",
                DEFAULT_SOCKET,
                Some("emissary"),
                None,
            ),
            ("wait", "alpine", DEFAULT_SOCKET, None, None),
        ] {
            let mounts = serde_json::json!([{"name": "docker", "mountPath": mount}]);
            let mut json =
                serde_json::json!({"name": name, "image": image, "volumeMounts": mounts});
            if let Some(value) = env {
                json["env"] = variable(value);
            }
            let json = json.to_string();
            let container: Container<'_> = crate::json::from_str(&json).unwrap();
            assert_eq!(Need::of(&container), need, "{json}");
        }
    }

    #[test]
    fn tells_needs_apart_by_the_image() {
        for (image, need) in [
            ("gcr.io/cadvisor/cadvisor:v0.49", Some(Need::Watch)),
            ("registry.example:5000/datadog/agent:7", Some(Need::Watch)),
            ("fluent/fluent-bit@sha256:00", Some(Need::Watch)),
            ("spotify/docker-gc", Some(Need::Clean)),
            ("docker/docker-bench-security:1", Some(Need::Check)),
            ("containrrr/watchtower", Some(Need::Manage)),
            ("weaveworks/scope:1.13", Some(Need::Watch)),
            ("registry.example:5000/ci/builder", None),
            ("ci/mytraefiklike", None),
            ("docker:28", None),
            ("", None),
        ] {
            let json = serde_json::json!({"image": image}).to_string();
            let container: Container<'_> = crate::json::from_str(&json).unwrap();
            assert_eq!(Need::of(&container), need, "{image}");
        }
    }
}
