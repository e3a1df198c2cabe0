//! What a scan finds: workloads that reach a node's container runtime, each way on its own.
//!
//! Plain values, made by [`crate::scan::evaluator`] and written by `report`. The words that
//! programs read (`name`) are fixed; the sentences for people may change.

use serde_json::Value;

use crate::detect::mounts::{Agent, Reach};
use crate::model::path::CleanPath;
use crate::model::sockets::{Leads, Sockets};

use crate::scan::risk::Risk;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file as it was named or found; `stdin` for standard input.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// One thing that makes Pods (or holds the socket for them), and reaches a node's runtime.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its namespace; empty for what has none.
    pub namespace: String,
    /// Its kind, `Deployment`.
    pub kind: String,
    /// Its name; of an Argo template or a Tekton task, `workflow/template`.
    pub name: String,
    /// The JSON pointer to its Pod, from the document's root.
    pub base: String,
    /// Where that stands, if it was read from a file.
    pub spot: Option<Spot>,
    /// The worst of its findings' verdicts.
    pub verdict: Verdict,
    /// Why, as a fixed word: a denial's or a reason's, or the verdict itself.
    pub reason: &'static str,
    /// Why, as a sentence.
    pub message: String,
    /// The policy rule that decided.
    pub rule: Option<String>,
    /// Why a person must change it, if one must.
    pub manual_work: Option<ManualWork>,
    /// Each way to the node's runtime, in the order of its containers.
    pub findings: Vec<Finding>,
    /// What the webhook would tell the author beside the verdict.
    pub notices: Vec<String>,
    /// What may behave differently once the node's daemon is gone.
    pub risks: Vec<Risk>,
    /// Its Pod before and after the webhook, if that was asked for and something changes.
    pub change: Option<Change>,
}

/// A Pod, or a Pod template, before and after the webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// As it was written.
    pub before: Value,
    /// As it is stored.
    pub after: Value,
}

/// One way to a node's runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The container; none for a volume that no container of its own has.
    pub container: Option<String>,
    /// How the runtime is reached.
    pub how: How,
    /// The path of the node as it was written, or the address.
    pub target: String,
    /// Where the container sees it.
    pub mount_path: Option<String>,
    /// The JSON pointer to the mount, variable or volume, from the document's root.
    pub pointer: String,
    /// Where that stands, if it was read from a file.
    pub spot: Option<Spot>,
    /// What the policy makes of it.
    pub verdict: Verdict,
    /// Why a person must change it, if one must.
    pub manual_work: Option<ManualWork>,
}

/// What happens under the policy, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The Pod gets a daemon of its own in place of the node's.
    Swapped,
    /// It keeps reaching the node's, and nobody is told.
    Allowed,
    /// It keeps reaching the node's; its author is warned.
    Warned,
    /// The webhook cannot see it.
    Unseen,
    /// The Pod is refused.
    Denied,
}

impl Verdict {
    /// Every verdict, from the best to the worst.
    pub const ALL: [Self; 5] = [
        Self::Swapped,
        Self::Allowed,
        Self::Warned,
        Self::Unseen,
        Self::Denied,
    ];

    /// The verdict as a fixed word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Swapped => "swapped",
            Self::Allowed => "allowed",
            Self::Warned => "warned",
            Self::Unseen => "unseen",
            Self::Denied => "denied",
        }
    }

    /// The verdict as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Swapped => "gets a Docker daemon of its own in place of the node's",
            Self::Allowed => "keeps reaching the node's runtime: the policy lets it",
            Self::Warned => "keeps reaching the node's runtime; its author is warned",
            Self::Unseen => "reaches the node's runtime where the webhook does not see it",
            Self::Denied => "is refused",
        }
    }
}

/// How a node's runtime is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The Docker socket is mounted.
    Socket,
    /// The directory that holds it is mounted.
    Directory,
    /// A directory further up is mounted, `/` or `/var`.
    Ancestor,
    /// The node's `docker` client is mounted.
    Client,
    /// Another runtime's socket or directory is mounted; its name.
    OtherRuntime(&'static str),
    /// A runtime's data directory may be written; the runtime's name.
    DataDirectory(&'static str),
    /// The folder in which daemons of other Pods leave their images is mounted.
    NodeStorage,
    /// It lies in a directory of the node that the Pod may write.
    Link,
    /// It is called as Docker's socket is, or mounted where it belongs, and is not known.
    UnknownSocket,
    /// Any other path of the node, on which the policy has a word.
    HostPath,
    /// A Windows named pipe of a runtime; its name.
    NamedPipe(&'static str),
    /// A `subPathExpr` may lead there; only the node knows.
    SubPathExpr,
    /// `DOCKER_HOST` holds the node's address.
    TcpDockerHost,
    /// A PersistentVolume holds it.
    PersistentVolume,
}

impl How {
    /// What a volume of a path of the node leads to, where a runner starts its containers without a Pod.
    pub fn of_volume(sockets: &Sockets, path: &str) -> Option<Self> {
        match sockets.leads(&CleanPath::on_node(path))? {
            Leads::Socket => Some(Self::Socket),
            Leads::Directory => Some(Self::Directory),
            Leads::Ancestor => Some(Self::Ancestor),
            Leads::Runtime(runtime) => Some(Self::OtherRuntime(runtime.name())),
            Leads::Data(runtime) => Some(Self::DataDirectory(runtime.name())),
            Leads::Storage => Some(Self::NodeStorage),
            Leads::Client | Leads::Pipe(_) => None,
        }
    }

    /// The way as a fixed word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Directory => "directory",
            Self::Ancestor => "ancestor",
            Self::Client => "client",
            Self::OtherRuntime(_) => "other-runtime",
            Self::DataDirectory(_) => "data-directory",
            Self::NodeStorage => "node-storage",
            Self::Link => "link",
            Self::UnknownSocket => "unknown-socket",
            Self::HostPath => "host-path",
            Self::NamedPipe(_) => "named-pipe",
            Self::SubPathExpr => "sub-path-expr",
            Self::TcpDockerHost => "tcp-docker-host",
            Self::PersistentVolume => "persistent-volume",
        }
    }

    /// The runtime, where it is not Docker.
    pub fn runtime(&self) -> Option<&'static str> {
        match self {
            Self::OtherRuntime(name) | Self::DataDirectory(name) | Self::NamedPipe(name) => {
                Some(name)
            }
            Self::NodeStorage | Self::Link | Self::UnknownSocket | Self::HostPath => None,
            Self::Socket
            | Self::Directory
            | Self::Ancestor
            | Self::Client
            | Self::SubPathExpr
            | Self::TcpDockerHost
            | Self::PersistentVolume => None,
        }
    }
}

impl From<&Reach> for How {
    fn from(reach: &Reach) -> Self {
        match reach {
            Reach::Socket(_) => Self::Socket,
            Reach::Directory => Self::Directory,
            Reach::Ancestor => Self::Ancestor,
            Reach::Client => Self::Client,
            Reach::Runtime(runtime) => Self::OtherRuntime(runtime.name()),
            Reach::Data(runtime) => Self::DataDirectory(runtime.name()),
            Reach::Storage => Self::NodeStorage,
            Reach::Unresolved => Self::SubPathExpr,
            Reach::Link => Self::Link,
            Reach::UnknownSocket => Self::UnknownSocket,
            Reach::HostPath => Self::HostPath,
            Reach::Pipe(runtime) => Self::NamedPipe(runtime.name()),
        }
    }
}

/// Why the webhook alone cannot bring a workload over, and what a person does instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManualWork {
    /// A node agent wants the node's own containers.
    Agent(Agent),
    /// Such a mount serves other things too.
    Ancestor,
    /// Only the node knows where it leads.
    SubPathExpr,
    /// A Docker daemon does not replace it; the runtime's name.
    OtherRuntime(&'static str),
    /// Who writes there owns every container.
    DataDirectory,
    /// Other Pods' daemons leave their images there.
    NodeStorage,
    /// A link that the Pod makes there leads anywhere.
    Link,
    /// Whether it is a socket of Docker, only an admin knows.
    UnknownSocket,
    /// The policy does not let Pods have it.
    HostPath,
    /// There is no sidecar for Windows.
    NamedPipe,
    /// The namespace's Pod Security level does not admit the sidecar.
    PodSecurity,
    /// The Pod's runtime class is not the profile's.
    RuntimeClass,
    /// The profile needs a user namespace, which the Pod rules out.
    UserNamespace,
    /// A running Pod's mounts cannot be changed.
    EphemeralContainer,
    /// An annotation is wrong, or asks for what the rule does not give.
    Annotation,
    /// A claim hides what it mounts.
    PersistentVolume,
    /// A static Pod is the kubelet's, and cannot be changed through the API.
    StaticPod,
    /// Nobody is to swap it, and its address is the node's.
    TcpDockerHost,
    /// A CI runner starts its containers itself, without a Pod.
    DockerRunner,
}

impl ManualWork {
    /// The reason as a fixed word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Agent(Agent::DaemonSet) => "DaemonSet",
            Self::Agent(Agent::HostNetwork) => "HostNetwork",
            Self::Agent(Agent::HostPid) => "HostPID",
            Self::Agent(Agent::HostIpc) => "HostIPC",
            Self::Ancestor => "AncestorMount",
            Self::SubPathExpr => "SubPathExpr",
            Self::OtherRuntime(_) => "OtherRuntime",
            Self::DataDirectory => "DataDirectory",
            Self::NodeStorage => "NodeStorage",
            Self::Link => "Link",
            Self::UnknownSocket => "UnknownSocket",
            Self::HostPath => "HostPath",
            Self::NamedPipe => "NamedPipe",
            Self::PodSecurity => "PodSecurity",
            Self::RuntimeClass => "RuntimeClass",
            Self::UserNamespace => "UserNamespace",
            Self::EphemeralContainer => "EphemeralContainer",
            Self::Annotation => "Annotation",
            Self::PersistentVolume => "PersistentVolume",
            Self::StaticPod => "StaticPod",
            Self::TcpDockerHost => "TcpDockerHost",
            Self::DockerRunner => "DockerRunner",
        }
    }

    /// What to do, as a sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Agent(Agent::DaemonSet) => {
                "A DaemonSet's Pod is there to look at its node. Point it at the kubelet, the CRI \
                 or /proc, or exempt it by a rule; if it only runs containers, make it a Deployment."
            }
            Self::Agent(Agent::HostNetwork) => {
                "With hostNetwork, a daemon in the Pod would change the node's own bridges and \
                 firewall. Remove hostNetwork, or exempt it by a rule."
            }
            Self::Agent(Agent::HostPid | Agent::HostIpc) => {
                "A Pod in the node's namespaces is there to look at its node. Remove hostPID and \
                 hostIPC, or exempt it by a rule."
            }
            Self::Ancestor => {
                "The mount serves other things too, so it is not replaced. Mount only the \
                 directories that are needed."
            }
            Self::SubPathExpr => {
                "Where subPathExpr leads is known only on the node. Use subPath with a fixed path."
            }
            Self::OtherRuntime(_) => {
                "A Docker daemon does not replace another runtime's socket. Remove the mount, or \
                 exempt it by a rule."
            }
            Self::DataDirectory => {
                "Whoever writes in a runtime's data directory owns every container of the node. \
                 Mount it with readOnly: true, for Docker and CRI-O with recursiveReadOnly: Enabled as well, or \
                 remove the mount."
            }
            Self::NodeStorage => {
                "Daemons of other Pods keep their images there (storage.node of a profile). Remove the \
                 mount, or have an admin add the path to allowedHostPaths."
            }
            Self::Link => {
                "The Pod may write a directory of the node above this one, and so put a link there. \
                 Mount the upper one with readOnly: true, or only one of the two."
            }
            Self::UnknownSocket => {
                "If nodes have a Docker socket there, add its path to `sockets` of the policy; it is \
                 swapped then."
            }
            Self::HostPath => {
                "Use a volume of the Pod's own, or have an admin add the path to allowedHostPaths."
            }
            Self::NamedPipe => {
                "A Windows node's runtime is not replaced: the webhook leaves Windows alone. Remove \
                 the mount."
            }
            Self::PodSecurity => {
                "The namespace's Pod Security level does not admit the sidecar. Raise the level, or \
                 allow a profile that fits (podSecurityProfile)."
            }
            Self::RuntimeClass => {
                "Remove the Pod's runtimeClassName, or choose a profile without one."
            }
            Self::UserNamespace => {
                "The profile puts the Pod into a user namespace. Remove what the message names, or add a profile to \
                 the rule that fits it."
            }
            Self::EphemeralContainer => {
                "A running Pod's volumes cannot be swapped. Create the Pod anew with the daemon."
            }
            Self::Annotation => "Correct the annotation that the message names.",
            Self::PersistentVolume => {
                "A claim hides what it mounts, so a Pod that uses it is not recognized. Delete the \
                 volume; its users mount the hostPath, which is swapped."
            }
            Self::StaticPod => {
                "A static Pod is made by the kubelet from a file on the node. Change that file."
            }
            Self::TcpDockerHost => {
                "The node's daemon listens on TCP. Remove DOCKER_HOST, or let a rule replace it \
                 (tcpDockerHost: Replace), and close the port."
            }
            Self::DockerRunner => {
                "Its containers, and this volume, are of the daemon that the runner uses. Where the \
                 runner is a Pod, that one is swapped, and this volume is then of its own daemon."
            }
        }
    }
}

impl Workload {
    /// The most telling way to the runtime: the first finding of the workload's verdict.
    pub fn main_finding(&self) -> Option<&Finding> {
        let worst = |finding: &&Finding| finding.verdict == self.verdict;
        self.findings
            .iter()
            .find(worst)
            .or_else(|| self.findings.first())
    }
}
