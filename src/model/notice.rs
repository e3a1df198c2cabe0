//! Admission warnings: what the Pod's author reads in `kubectl`.
//!
//! The API server cuts a warning at 256 characters and asks for fewer than 120
//! (`k8s.io/api/admission/v1/types.go`). A text keeps the lower limit; with the program's name and a link, which
//! `respond::message` adds, it keeps the higher. So long names and paths are shortened, and the rest of the
//! sentence never is.

use crate::text::shortened;
use std::borrow::Cow;
use std::fmt;

/// The longest warning, in characters.
pub const LONGEST: usize = 119;

/// The longest anchor of a paragraph in `docs/messages.md`, in characters.
pub const LONGEST_TOPIC: usize = 22;

/// The paragraph about messages that are counted and not told.
const MORE: &str = "more-messages";

/// How many warnings an author gets. The others are only counted.
pub const MOST: usize = 32;

/// The first [`MOST`] notices in order, and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    kept: Vec<Notice>,
    more: usize,
}

impl Notices {
    /// Adds a notice, or counts it if there are [`MOST`] already. What a container mounts twice is said once.
    pub fn push(&mut self, notice: Notice) {
        if self.kept.contains(&notice) {
            return;
        }
        if self.kept.len() < MOST {
            self.kept.push(notice);
        } else {
            self.more += 1;
        }
    }

    #[must_use]
    pub fn then(mut self, others: Self) -> Self {
        self.extend(others.kept);
        self.more += others.more;
        self
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Notice> {
        self.kept.iter()
    }

    /// The warnings, each of at most [`LONGEST`] characters.
    pub fn texts(&self) -> Vec<String> {
        self.with_topics().map(|(text, _)| text).collect()
    }

    /// The same, each with the paragraph of `docs/messages.md` that explains it.
    pub fn with_topics(&self) -> impl Iterator<Item = (String, &'static str)> {
        let more = (self.more > 0).then(|| {
            let text = format!("and {} more warnings", self.more);
            (text, MORE)
        });
        let kept = self
            .kept
            .iter()
            .map(|notice| (notice.text(), notice.topic()));
        kept.chain(more)
    }
}

impl Extend<Notice> for Notices {
    fn extend<I: IntoIterator<Item = Notice>>(&mut self, notices: I) {
        notices.into_iter().for_each(|notice| self.push(notice));
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// These containers' mounts now lead to the Pod's own daemon.
    Swapped { containers: Vec<String> },
    /// These containers got a daemon because the annotation asks for it.
    Added { containers: Vec<String> },
    /// The sidecar's `restartPolicy` was put back.
    Repaired,
    /// The daemon cannot see a volume that a container mounts.
    NotMirrored {
        container: String,
        path: String,
        why: Why,
    },
    /// An init container uses Docker and starts before the sidecar, which is not a native one.
    InitBeforeDaemon { container: String },
    /// A Job whose sidecar is not a native one never completes by itself.
    JobWillNotComplete,
    /// `DOCKER_HOST` of a container does not lead to the Pod's daemon.
    DockerHostElsewhere {
        container: String,
        /// `DOCKER_HOST` or `DOCKER_CONTEXT`.
        variable: &'static str,
        value: String,
    },
    /// `DOCKER_HOST` of a container leads to the node's daemon, and was left alone.
    DockerHostNode {
        container: String,
        value: String,
        /// Whether that is known before the Pod runs.
        is_known: bool,
    },
    /// `DOCKER_HOST` of these containers led to the node, or may have.
    DockerHostReplaced {
        containers: Vec<String>,
        /// Whether that is known before the Pod runs.
        is_known: bool,
    },
    /// A variable named the node as the address of published ports, which are now in the Pod.
    Published {
        container: String,
        variable: String,
        /// Whether it is known to be for published ports. `DOCKER_REGISTRY` may be for something else at the node.
        is_sure: bool,
        /// Whether it names the Pod now.
        replaced: bool,
    },
    /// The daemon does not have a proxy of a container, though its profile says that it should.
    ProxyLeftOut {
        container: String,
        /// One of `env`; otherwise `envFrom` may have some.
        variable: Option<&'static str>,
    },
    /// An ephemeral container reaches the Pod's daemon through the directory of its socket.
    SocketByDirectory { container: String, host: String },
    /// An annotation that the rule does not honor.
    AnnotationIgnored {
        /// With its value where that matters.
        annotation: &'static str,
        rule: String,
        /// Key and value of a namespace label that would have it honored, where there is one.
        label: Option<(String, String)>,
    },
    /// A profile of the rule does not fit the Pod.
    AnotherProfile {
        used: String,
        /// What rules out which profile.
        because: String,
    },
    /// A container runs a daemon beside the one that the Pod gets. Both give containers the same addresses.
    SecondDaemon { container: String },
    /// A privileged container of a Pod that gets a user namespace.
    PrivilegedInNamespace { container: String },
    /// Any other message of the policy.
    Policy(String),
}

impl Notice {
    /// The anchor of the paragraph in `docs/messages.md` that says what to do.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::Swapped { .. } => "swapped",
            Self::Added { .. } => "added",
            Self::Repaired => "repaired",
            Self::NotMirrored { .. } => "not-mirrored",
            Self::InitBeforeDaemon { .. } | Self::JobWillNotComplete => "older-clusters",
            Self::DockerHostElsewhere { .. }
            | Self::DockerHostNode { .. }
            | Self::DockerHostReplaced { .. } => "docker-host",
            Self::Published { .. } => "published-ports",
            Self::ProxyLeftOut { .. } => "proxy",
            Self::SocketByDirectory { .. } => "debugging",
            Self::AnnotationIgnored { .. } => "annotation-ignored",
            Self::AnotherProfile { .. } => "another-profile",
            Self::SecondDaemon { .. } => "second-daemon",
            Self::PrivilegedInNamespace { .. } => "privileged-container",
            Self::Policy(_) => "left-alone",
        }
    }

    /// At most [`LONGEST`] characters.
    pub fn text(&self) -> String {
        let text = match self {
            Self::Swapped { containers } => of_containers(
                containers,
                "docker.sock now leads to this Pod's own Docker daemon",
            ),
            Self::Added { containers } => of_containers(
                containers,
                "this Pod got its own Docker daemon, as annotated",
            ),
            Self::Repaired => {
                "restartPolicy: Always was put back on the dind sidecar; another webhook drops it"
                    .to_owned()
            }
            Self::NotMirrored {
                container,
                path,
                why,
            } => {
                let why = match why {
                    Why::Taken => "another container's volume is there",
                    Why::LeadsToNode => "it leads to the node's own runtime",
                    Why::DaemonPath => "a volume there could change the daemon",
                    Why::OfNode => "this daemon gets no path of the node",
                    Why::DaemonSettings => "only the profile sets the daemon's settings",
                    Why::SettingsDirectory => "mount its certs.d by itself to have it trusted",
                    Why::Trusted => "the daemon trusts it elsewhere",
                    Why::MadeLater => "it may be created after the daemon starts",
                    Why::UnknownSubPath => "its subPathExpr is not known before the Pod runs",
                    Why::AbsoluteSubPath => "the kubelet refuses its absolute subPathExpr",
                    Why::SubPathUpwards => "the kubelet refuses .. in its subPathExpr",
                };
                let what = format!("is not visible to `docker run -v`: {why}");
                let room = LONGEST.saturating_sub(what.len() + ":  ".len());
                let container = shortened(container, room * 2 / 5);
                let path = shortened(path, room - container.chars().count());
                format!("{container}: {path} {what}")
            }
            Self::InitBeforeDaemon { container } => format!(
                "init container {} starts before its Docker daemon on clusters before 1.29",
                shortened(container, 30)
            ),
            Self::JobWillNotComplete => {
                "this Job will not complete by itself: its dind sidecar keeps running before 1.29"
                    .to_owned()
            }
            Self::DockerHostElsewhere {
                container,
                variable,
                value,
            } => format!(
                "{}: {variable}={} does not lead to the Pod's own Docker daemon",
                shortened(container, 27),
                shortened(value, 30)
            ),
            Self::DockerHostNode {
                container,
                value,
                is_known,
            } => format!(
                "{}: DOCKER_HOST={} {} to the node's Docker daemon; it was left alone",
                shortened(container, 22),
                shortened(value, 26),
                if *is_known { "leads" } else { "may lead" }
            ),
            Self::DockerHostReplaced {
                containers,
                is_known,
            } => of_containers(
                containers,
                match is_known {
                    true => {
                        "DOCKER_HOST, which led to the node, now leads to this Pod's own daemon"
                    }
                    false => {
                        "DOCKER_HOST, which may have led to the node, now leads to this Pod's own daemon"
                    }
                },
            ),
            Self::Published {
                container,
                variable,
                is_sure,
                replaced,
            } => {
                let container = shortened(container, 24);
                let variable = shortened(variable, 30);
                match (replaced, is_sure) {
                    (true, _) => format!(
                        "{container}: {variable} now says localhost: published ports are in this Pod, not at the node"
                    ),
                    (false, true) => format!(
                        "{container}: {variable} is the node, but published ports are in this Pod: use localhost"
                    ),
                    (false, false) => format!(
                        "{container}: {variable} is the node. Published ports are in this Pod: for them, use localhost"
                    ),
                }
            }
            Self::ProxyLeftOut {
                container,
                variable,
            } => {
                let container = shortened(container, 30);
                match variable {
                    Some(variable) => format!(
                        "{container}: {variable} is not its Docker daemon's: the value is not known before the Pod runs"
                    ),
                    None => format!(
                        "{container}: its Docker daemon has no proxy that may come from envFrom; name it in env"
                    ),
                }
            }
            Self::SocketByDirectory { container, host } => format!(
                "{}: a single file cannot be mounted here; this Pod's Docker is at DOCKER_HOST={}",
                shortened(container, 20),
                shortened(host, 34)
            ),
            Self::AnnotationIgnored {
                annotation,
                rule,
                label,
            } => {
                let label = match label {
                    Some((key, value)) => {
                        let label = format!("{}={}", shortened(key, 40), shortened(value, 12));
                        format!("; namespace label {label} honors it")
                    }
                    None => "; ask for a rule that honors it".to_owned(),
                };
                let what = format!("{annotation} is ignored here (rule )");
                let room = LONGEST.saturating_sub(what.chars().count() + label.chars().count());
                let rule = shortened(rule, room);
                format!("{annotation} is ignored here (rule {rule}){label}")
            }
            Self::AnotherProfile { used, because } => {
                format!("profile {} is used, since {because}", shortened(used, 20))
            }
            Self::SecondDaemon { container } => of_containers(
                std::slice::from_ref(container),
                "runs a Docker daemon on the network of its new one; remove one of the two",
            ),
            Self::PrivilegedInNamespace { container } => of_containers(
                std::slice::from_ref(container),
                "is privileged inside of its user namespace alone; if it needs more, use another profile",
            ),
            Self::Policy(text) => text.clone(),
        };
        match shortened(&text, LONGEST) {
            Cow::Borrowed(_) => text,
            Cow::Owned(short) => short,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// `what` of the containers, whose names are cut where they are many.
fn of_containers(containers: &[String], what: &str) -> String {
    let noun = if containers.len() == 1 {
        "container"
    } else {
        "containers"
    };
    let names = containers.join(", ");
    let room = LONGEST.saturating_sub(noun.len() + " : ".len() + what.len());
    [noun, " ", &shortened(&names, room), ": ", what].concat()
}

/// A name for a message. Kubernetes' own names have at most 63 characters; others are cut there.
pub fn told_name(name: &str) -> String {
    shortened(name, 63).into_owned()
}

/// As many names as fit into one message.
pub fn told_names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    // Each takes at least a letter, a comma and a space.
    names.take(LONGEST / 3 + 1).map(told_name).collect()
}

/// A path for a message, of at most 512 characters.
pub fn told_path(path: &str) -> Cow<'_, str> {
    shortened(path, 512)
}

/// Why the daemon cannot see a volume at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another volume is mounted there.
    Taken,
    /// The daemon's own files are there.
    DaemonPath,
    /// It leads to the node's own runtime.
    LeadsToNode,
    /// It is the node's, and the daemon is not root there.
    OfNode,
    /// Only the profile sets the daemon's settings.
    DaemonSettings,
    /// It may have certificates of registries, in a directory of it that is only known once the Pod runs.
    SettingsDirectory,
    /// The daemon trusts it, but has it at another path.
    Trusted,
    /// A container that starts after the daemon may still have to create it.
    MadeLater,
    /// Its `subPathExpr` uses a variable that is not in the container's `env`.
    UnknownSubPath,
    /// Its `subPathExpr` expands to an absolute path, which the kubelet refuses.
    AbsoluteSubPath,
    /// Its `subPathExpr` expands to a path with `..`, which the kubelet refuses.
    SubPathUpwards,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_said_whole_however_long_a_name_is() {
        for name in ["a", &"n".repeat(63)] {
            let container = told_name(name);
            let second = Notice::SecondDaemon {
                container: container.clone(),
            };
            assert!(second.text().ends_with("remove one of the two"), "{second}");
            let privileged = Notice::PrivilegedInNamespace { container };
            assert!(
                privileged.text().ends_with("use another profile"),
                "{privileged}"
            );
        }
    }

    #[test]
    fn what_is_said_again_is_neither_kept_nor_counted() {
        let mut notices = Notices::default();
        for _ in 0..=MOST {
            notices.push(Notice::Policy("c mounts it".to_owned()));
        }
        assert_eq!(notices.texts(), ["c mounts it"]);
    }

    #[test]
    fn a_long_name_or_path_is_cut_and_never_what_happened() {
        let (container, path) = ("c".repeat(63), format!("/{}", "p".repeat(300)));
        let not_mirrored = |why, told| {
            let (container, path) = (container.clone(), path.clone());
            let notice = Notice::NotMirrored {
                container,
                path,
                why,
            };
            (notice, told)
        };
        let host = |value: &str| (container.clone(), value.repeat(100));
        let (container_of_node, node) = host("tcp://node");
        let (container_of_other, other) = host("tcp://other");
        for (notice, told) in [
            not_mirrored(Why::Taken, "is there"),
            not_mirrored(Why::DaemonPath, "change the daemon"),
            not_mirrored(Why::SettingsDirectory, "to have it trusted"),
            not_mirrored(Why::LeadsToNode, "own runtime"),
            not_mirrored(Why::OfNode, "path of the node"),
            not_mirrored(Why::UnknownSubPath, "the Pod runs"),
            not_mirrored(Why::AbsoluteSubPath, "absolute subPathExpr"),
            not_mirrored(Why::SubPathUpwards, ".. in its subPathExpr"),
            (
                Notice::InitBeforeDaemon {
                    container: container.clone(),
                },
                "before 1.29",
            ),
            (
                Notice::ProxyLeftOut {
                    container: container.clone(),
                    variable: Some("HTTPS_PROXY"),
                },
                "before the Pod runs",
            ),
            (
                Notice::ProxyLeftOut {
                    container: container.clone(),
                    variable: None,
                },
                "name it in env",
            ),
            (
                Notice::DockerHostElsewhere {
                    container: container_of_other,
                    variable: crate::names::DOCKER_CONTEXT,
                    value: other,
                },
                "own Docker daemon",
            ),
            (
                Notice::DockerHostNode {
                    container: container_of_node,
                    value: node,
                    is_known: false,
                },
                "left alone",
            ),
        ] {
            let text = notice.to_string();
            assert!(text.ends_with(told), "{text}");
            assert!(text.chars().count() <= LONGEST, "{text}");
        }
    }
}
