//! Hints from the `docker` commands that a container runs.

use crate::model::path::CleanPath;
use crate::scan::words::DockerCommand;

use crate::scan::risk::{Evidence, Rule, Weight};

pub(super) static PRUNES: Rule = Rule {
    id: "node-cleanup",
    weight: Weight::Useless,
    title: "it cleans up the node's daemon",
    help: "A Pod's own daemon goes with the Pod, and the kubelet removes the node's unused images. \
           Delete the command, or the workload if it does nothing else.",
    holds: |evidence| {
        let verbs = [
            "system prune",
            "image prune",
            "container prune",
            "volume prune",
            "builder prune",
            "network prune",
            "rmi",
        ];
        // Who makes an image may remove it.
        let own = evidence.runs(&[
            "build",
            "run",
            "compose up",
            "compose build",
            "pull",
            "load",
        ]);
        evidence.first(&verbs).filter(|_| !own)
    },
};

pub(super) static OTHERS_CONTAINERS: Rule = Rule {
    id: "other-containers",
    weight: Weight::Caution,
    title: "it looks at, or acts on, containers that it did not start",
    help: "Its own daemon only knows what this Pod starts. Use kubectl and the Kubernetes API for \
           other Pods' containers.",
    holds: |evidence| {
        let verbs = [
            "ps", "logs", "stats", "events", "exec", "inspect", "stop", "kill", "restart", "top",
            "attach", "cp", "rm",
        ];
        let own = evidence.runs(&["run", "create", "compose up", "compose run", "start"]);
        evidence.first(&verbs).filter(|_| !own)
    },
};

pub(super) static SOCKET_RELAY: Rule = Rule {
    id: "socket-relay",
    weight: Weight::Useless,
    title: "it hands the node's socket on to others",
    help: "What it hands on would be a daemon of this Pod alone. Give each Pod that uses it the \
           annotation, and delete the relay.",
    holds: |evidence| {
        let words = evidence.container.command.iter();
        let mut words = words.chain(&evidence.container.args);
        let is_relay = |word: &str| word.split_whitespace().any(|one| one.ends_with("socat"));
        let of_image = evidence.container.image.contains("socat");
        let found = words
            .find(|word| is_relay(word))
            .map(|word| word.to_string());
        found.or_else(|| of_image.then(|| evidence.container.image.to_string()))
    },
};

pub(super) static SWARM: Rule = Rule {
    id: "swarm",
    weight: Weight::Useless,
    title: "it speaks to the node's swarm",
    help: "A Pod's own daemon is part of no swarm. Move the services to Kubernetes.",
    holds: |evidence| {
        let mut commands = evidence.commands.iter();
        let swarm = commands.find(|command| {
            let group = command.verb.split(' ').next().unwrap_or_default();
            matches!(
                group,
                "swarm" | "service" | "stack" | "node" | "secret" | "config"
            )
        });
        swarm.map(shown)
    },
};

pub(super) static UNPUSHED_IMAGE: Rule = Rule {
    id: "node-image-cache",
    weight: Weight::Caution,
    title: "an image that it builds is expected on the node",
    help: "The image stays in the Pod's own daemon: no other Pod, and no kubelet, finds it on the \
           node. Push it to a registry and pull it from there.",
    holds: |evidence| {
        let pushes = evidence.runs(&["push", "compose push"])
            || evidence.commands.iter().any(|command| {
                command.has(&["--push"]) || command.words.iter().any(|w| w.contains("push=true"))
            });
        let makes = ["build", "compose build", "load", "import", "commit"];
        evidence.first(&makes).filter(|_| !pushes)
    },
};

pub(super) static PUBLISHED_PORT: Rule = Rule {
    id: "published-port",
    weight: Weight::Caution,
    title: "a published port is on the Pod's IP, no longer on the node's",
    help: "Reach it on localhost inside the Pod, or on the Pod's IP; a Service brings it further.",
    holds: |evidence| {
        evidence
            .of(&["run", "create"])
            .find(|command| {
                command.values(&["-p", "--publish"]).next().is_some()
                    || command.has(&["-P", "--publish-all"])
            })
            .map(shown)
    },
};

pub(super) static HOST_NAMESPACE: Rule = Rule {
    id: "host-namespace",
    weight: Weight::Caution,
    title: "`host` now means the Pod, no longer the node",
    help: "Networks and processes of the node are not seen. If that is what it is for, exempt it by \
           a rule.",
    holds: |evidence| {
        let flags = [
            "--network",
            "--net",
            "--pid",
            "--ipc",
            "--uts",
            "--userns",
            "--cgroupns",
        ];
        evidence
            .of(&["run", "create"])
            .find(|command| command.values(&flags).any(|value| value == "host"))
            .map(shown)
    },
};

pub(super) static OWN_CONTAINER: Rule = Rule {
    id: "own-container",
    weight: Weight::Caution,
    title: "it shares volumes or a network with a container that it did not start",
    help: "Its own daemon has no container of this Pod (\"No such container\"). Bind the paths that the Pod mounts, \
           and use --network host for the Pod's network.",
    holds: |evidence| {
        let started = |name: &str| {
            let mut all = evidence.of(&["run", "create"]);
            all.any(|command| command.values(&["--name"]).any(|started| started == name))
        };
        let other = |command: &&DockerCommand| {
            let volumes = command.values(&["--volumes-from"]);
            let flags = ["--network", "--net", "--pid", "--ipc"];
            let namespaces = command.values(&flags);
            let namespaces = namespaces.filter_map(|value| value.strip_prefix("container:"));
            let mut others = volumes
                .map(|value| value.split(':').next().unwrap_or(value))
                .chain(namespaces);
            others.any(|name| !started(name))
        };
        evidence.of(&["run", "create"]).find(other).map(shown)
    },
};

pub(super) static NODE_PATH: Rule = Rule {
    id: "node-path",
    weight: Weight::Caution,
    title: "it binds a path that is none of its volumes",
    help: "The path is looked up in the Pod, where it is an empty directory, no longer on the node. \
           Mount it in the container; it is then seen by the daemon too.",
    holds: |evidence| {
        let binds = evidence.of(&["run", "create"]).flat_map(|command| {
            let short = command.values(&["-v", "--volume"]).map(|value| {
                let (source, _) = value.split_once(':').unwrap_or((value, ""));
                source.to_owned()
            });
            let long = command.values(&["--mount"]).filter_map(|value| {
                let mut fields = value.split(',').filter_map(|field| field.split_once('='));
                let source = fields.find(|(key, _)| matches!(*key, "source" | "src"))?;
                Some(source.1.to_owned())
            });
            short.chain(long).collect::<Vec<_>>()
        });
        binds
            .filter(|source| source.starts_with('/') && !source.contains('$'))
            .find(|source| !evidence.mounts(source))
    },
};

pub(super) static OUTLIVES_POD: Rule = Rule {
    id: "outlives-pod",
    weight: Weight::Caution,
    title: "what it starts in the background ends with the Pod",
    help: "On the node's daemon it went on after the Pod. Wait for it in the Pod, or make it a \
           Deployment or a Job of its own.",
    holds: |evidence| {
        let detached = evidence.of(&["run"]).find(|command| {
            let removed = command.has(&["--rm"]);
            !removed && (command.has(&["-d", "--detach"]) || restarts(command))
        });
        let composed = || {
            evidence
                .of(&["compose up"])
                .find(|command| command.has(&["-d", "--detach"]))
        };
        let waits = evidence.runs(&["stop", "rm", "compose down", "compose stop", "kill"]);
        detached.or_else(composed).filter(|_| !waits).map(shown)
    },
};

pub(super) static NAMED_VOLUME: Rule = Rule {
    id: "named-volume",
    weight: Weight::Caution,
    title: "a named Docker volume goes with the Pod",
    help: "On the node it was there for the next Pod. Mount a PersistentVolumeClaim in the container, \
           and bind its path.",
    holds: |evidence| {
        let created = evidence.of(&["volume create"]).next().map(shown);
        created.or_else(|| {
            let mut runs = evidence.of(&["run", "create"]);
            let named = |value: &str| {
                value.split_once(':').is_some_and(|(name, _)| {
                    let mut chars = name.chars();
                    let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
                    first && chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
                })
            };
            let command = runs.find(|c| c.values(&["-v", "--volume"]).any(named))?;
            Some(shown(command))
        })
    },
};

pub(super) static LOCAL_REGISTRY: Rule = Rule {
    id: "local-registry",
    weight: Weight::Caution,
    title: "it uses a registry on the node's own address",
    help: "localhost is the Pod's, no longer the node's. Name the registry by its Service.",
    holds: |evidence| {
        let words = evidence.commands.iter().flat_map(|command| &command.words);
        let mut images = words.filter(|word| word.contains('/') && is_on_localhost(word));
        images.next().map(ToString::to_string).or_else(|| {
            // What a variable hands on to the command, by the variable's name.
            let mut variables = evidence.container.env.iter();
            let variable = variables.find(|variable| {
                let name = variable.name.to_ascii_uppercase();
                let is_image = ["REGISTRY", "IMAGE", "REPO", "TAG"];
                is_image.iter().any(|word| name.contains(word)) && is_on_localhost(&variable.value)
            })?;
            Some(format!("{}={}", variable.name, variable.value))
        })
    },
};

pub(super) static GPU: Rule = Rule {
    id: "gpu",
    weight: Weight::Caution,
    title: "it asks the node's daemon for a GPU or a runtime of its own",
    help: "The sidecar's daemon has no such runtime. Use a profile whose image has one.",
    holds: |evidence| {
        let mut runs = evidence.of(&["run", "create"]);
        runs.find(|command| command.has(&["--gpus", "--runtime"]))
            .map(shown)
    },
};

pub(super) static COLD_CACHE: Rule = Rule {
    id: "cold-cache",
    weight: Weight::Note,
    title: "each run starts with an empty image cache",
    help: "What the node's daemon had pulled before is pulled anew by each Pod. With storage.node in the \
           profile, the next Pod of the namespace finds images and build cache on its node; a mirror in \
           the cluster (the chart's mirror.enabled) keeps the rest short.",
    holds: |evidence| {
        let short_lived = matches!(
            evidence.maker,
            "Pod" | "Job" | "CronJob" | "TaskRun" | "Workflow" | "EphemeralRunner"
        );
        let pulls = [
            "pull",
            "run",
            "build",
            "compose up",
            "compose run",
            "compose build",
            "create",
        ];
        evidence.first(&pulls).filter(|_| short_lived)
    },
};

impl Evidence<'_, '_> {
    /// The commands with one of these verbs.
    fn of<'s>(&'s self, verbs: &'s [&'s str]) -> impl Iterator<Item = &'s DockerCommand> {
        let commands = self.commands.iter();
        commands.filter(move |command| verbs.contains(&command.verb.as_str()))
    }

    fn runs(&self, verbs: &[&str]) -> bool {
        self.of(verbs).next().is_some()
    }

    fn first(&self, verbs: &[&str]) -> Option<String> {
        self.of(verbs).next().map(shown)
    }

    /// Whether a volume of the container holds `path`, or it is the socket itself.
    fn mounts(&self, path: &str) -> bool {
        let path = CleanPath::on_node(path);
        let mut mounts = self.container.volume_mounts.iter();
        mounts.any(|mount| CleanPath::on_node(&mount.mount_path).holds(&path))
            || path == CleanPath::on_node(crate::model::sockets::DEFAULT_SOCKET)
    }
}

/// Whether an image, or a registry, is at a port of localhost.
fn is_on_localhost(image: &str) -> bool {
    let image = image.split_once("://").map_or(image, |(_, rest)| rest);
    let host = image.split('/').next().unwrap_or_default();
    host.starts_with("localhost:") || host.starts_with("127.0.0.1:")
}

fn restarts(command: &DockerCommand) -> bool {
    command.values(&["--restart"]).any(|policy| policy != "no")
}

fn shown(command: &DockerCommand) -> String {
    let mut text = format!("docker {}", command.verb);
    for word in &command.words {
        text.push(' ');
        text.push_str(word);
    }
    text
}
