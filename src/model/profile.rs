//! A profile: what the daemon's sidecar looks like.
//!
//! The sidecar may be root on the node, so only an admin writes profiles. A Pod's author may at most choose
//! one by name, and sizes up to the rule's maximum. Every field has a default that works.

use serde_json::{Value, json};

use crate::model::node_storage::NodeStorage;
use crate::model::quantity::{Quantity, QuantityError};

/// The image of the default profile, pinned by version. It is spelled nowhere else.
pub const DEFAULT_IMAGE: &str = "docker:28.5.2-dind";
pub const DEFAULT_ROOTLESS_IMAGE: &str = "docker:28.5.2-dind-rootless";
/// The name of the default profile.
pub const DEFAULT_NAME: &str = "privileged";
pub const ROOTLESS_NAME: &str = "rootless";
pub const USERNS_NAME: &str = "userns";

#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Rules and annotations choose the profile by it.
    pub name: String,
    pub image: String,
    /// The sidecar's `imagePullPolicy`. `None` leaves the API server's default.
    pub image_pull_policy: Option<PullPolicy>,
    /// Whether the image is `docker:dind-rootless` or behaves like it.
    pub rootless: bool,
    pub security_context: Option<Value>,
    /// The strictest Pod Security Standard that a Pod with this sidecar still meets.
    pub pod_security: PodSecurity,
    pub daemon_flags: Vec<String>,
    /// Environment variables to add to the sidecar.
    pub env: Vec<(String, String)>,
    pub resources: Resources,
    pub storage: Storage,
    /// The Pod's `runtimeClassName`, if the sidecar needs one (Sysbox, Kata).
    pub runtime_class_name: Option<String>,
    /// The Pod's `hostUsers`. `false`: the daemon is no user of the node. A Pod that forbids it does not get the
    /// profile.
    pub host_users: Option<bool>,
    pub labels: Vec<(String, String)>,
    /// Annotations to add to the Pod (a service mesh may need one).
    pub annotations: Vec<(String, String)>,
    /// Whether the sidecar and the containers share `/tmp`. `None`: only in Pods injected by annotation.
    pub shared_tmp: Option<bool>,
    /// URLs of Docker Hub mirrors. `None`: those of the policy.
    pub registry_mirrors: Option<Vec<String>>,
    /// Registries without TLS, or with a certificate that cannot be verified.
    pub insecure_registries: Vec<String>,
    /// A ConfigMap in the Pod's namespace with CA certificates to trust.
    pub ca_config_map: Option<String>,
    /// Whether the daemon has the proxy variables of the first container that uses Docker and has any.
    pub inherit_proxy: bool,
    /// The networks from which dockerd takes addresses.
    pub address_pools: Vec<AddressPool>,
    /// Whether a Pod with `hostNetwork` may have this sidecar, which then has no bridge and no iptables
    /// rules.
    pub host_network: bool,
    /// A fixed MTU. `None`: that of the Pod's interface.
    pub mtu: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// A Pod Security Standard, the least strict first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurity {
    Privileged,
    /// Prevents known ways to the node.
    Baseline,
    Restricted,
}

impl PodSecurity {
    /// The value of the namespace label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    pub cpu: Bounds,
    pub memory: Bounds,
    /// Ephemeral storage of the node, besides the daemon's own volume.
    pub ephemeral_storage: Bounds,
}

/// An optional request and an optional limit. The request is never above the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    request: Option<Quantity>,
    limit: Option<Quantity>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    #[error("the request {request} is above the limit {limit}")]
    RequestAboveLimit {
        /// As written.
        request: String,
        /// As written.
        limit: String,
    },
    #[error("{text:?} is {error}")]
    Quantity {
        /// As written.
        text: String,
        error: QuantityError,
    },
    /// A limit of zero, which the kubelet takes for no limit.
    #[error("{text:?} is no limit at all to Kubernetes; write the amount that is meant")]
    Zero {
        /// As written.
        text: String,
    },
}

impl Bounds {
    /// # Errors
    /// If the request is above the limit.
    pub fn new(request: Option<Quantity>, limit: Option<Quantity>) -> Result<Self, BoundsError> {
        match (&request, &limit) {
            (Some(asked), Some(most)) if asked > most => Err(BoundsError::RequestAboveLimit {
                request: asked.to_string(),
                limit: most.to_string(),
            }),
            _ => Ok(Self { request, limit }),
        }
    }

    pub fn request(&self) -> Option<&Quantity> {
        self.request.as_ref()
    }

    pub fn limit(&self) -> Option<&Quantity> {
        self.limit.as_ref()
    }

    /// Applies an annotation: `LIMIT`, which also lowers a request above it, or `REQUEST/LIMIT`.
    pub fn overridden(&self, asked: &str) -> Result<Self, BoundsError> {
        let parse = |text: &str| {
            text.parse::<Quantity>()
                .map_err(|error| BoundsError::Quantity {
                    text: text.to_owned(),
                    error,
                })
        };
        let parse_limit = |text: &str| match parse(text) {
            Ok(limit) if limit.is_zero() => Err(BoundsError::Zero {
                text: text.to_owned(),
            }),
            parsed => parsed,
        };
        match asked.split_once('/') {
            Some((request, limit)) => Self::new(Some(parse(request)?), Some(parse_limit(limit)?)),
            None => {
                let limit = parse_limit(asked)?;
                let request = self
                    .request
                    .clone()
                    .map(|request| request.min(limit.clone()));
                Self::new(request, Some(limit))
            }
        }
    }
}

/// Where the daemon keeps images and containers. It is always a volume, since overlayfs on the container's
/// own overlayfs would fall back to copying every layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    EmptyDir {
        /// Above it, the kubelet evicts the Pod.
        size_limit: Option<Quantity>,
    },
    /// A generic ephemeral volume: a claim that is deleted with the Pod.
    Ephemeral {
        /// `None`: the cluster's default class.
        storage_class: Option<String>,
        size: Quantity,
    },
    /// A slot of the node's disk, in which the next daemon of the same key finds what this one leaves.
    Node(NodeStorage),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPool {
    /// A CIDR.
    pub base: String,
    /// The prefix length of each network taken from it.
    pub size: u8,
}

impl Profile {
    /// The default profile.
    pub fn privileged() -> Self {
        let quantity = |text: &str| text.parse().ok();
        Self {
            name: DEFAULT_NAME.to_owned(),
            image: DEFAULT_IMAGE.to_owned(),
            image_pull_policy: None,
            rootless: false,
            security_context: None,
            pod_security: PodSecurity::Privileged,
            daemon_flags: Vec::new(),
            env: Vec::new(),
            resources: Resources {
                cpu: Bounds {
                    request: quantity("100m"),
                    limit: quantity("2"),
                },
                memory: Bounds {
                    request: quantity("256Mi"),
                    limit: quantity("4Gi"),
                },
                ephemeral_storage: Bounds::default(),
            },
            storage: Storage::EmptyDir {
                size_limit: quantity("20Gi"),
            },
            runtime_class_name: None,
            host_users: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            shared_tmp: None,
            registry_mirrors: None,
            insecure_registries: Vec::new(),
            ca_config_map: None,
            inherit_proxy: false,
            address_pools: Vec::new(),
            host_network: false,
            mtu: None,
        }
    }

    /// The built-in rootless profile: user 1000, in a container that still has to be privileged.
    /// `docs/policy.md` ("Rootless only") says what was tried with fewer rights, and where it failed.
    pub fn rootless() -> Self {
        Self {
            name: ROOTLESS_NAME.to_owned(),
            image: DEFAULT_ROOTLESS_IMAGE.to_owned(),
            rootless: true,
            ..Self::privileged()
        }
    }

    /// The built-in profile of a daemon that is not root on the node: its Pod is in a user namespace, and its
    /// container is not privileged.
    /// `docs/policy.md` ("Not root on the node") says what each capability and field is for.
    pub fn userns() -> Self {
        Self {
            name: USERNS_NAME.to_owned(),
            security_context: Some(json!({
                "privileged": false,
                "allowPrivilegeEscalation": true,
                "readOnlyRootFilesystem": false,
                "runAsNonRoot": false,
                "runAsUser": 0,
                "runAsGroup": 0,
                // The last line is what containerd gives to all, and CRI-O does not.
                "capabilities": {"add": [
                    "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE",
                    "AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SYS_CHROOT",
                ]},
                "seccompProfile": {"type": "Unconfined"},
                "appArmorProfile": {"type": "Unconfined"},
            })),
            host_users: Some(false),
            ..Self::privileged()
        }
    }

    /// The built-in profiles, the default first.
    pub fn builtin() -> [Self; 3] {
        [Self::privileged(), Self::userns(), Self::rootless()]
    }
}
