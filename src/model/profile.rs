//! A profile: what the daemon's sidecar looks like.
//!
//! Only an admin writes profiles; a Pod's author may at most choose one by name, and
//! sizes within the rule's bounds. Every field has a default that works.

use serde_json::Value;

use crate::model::node_storage::NodeStorage;
use crate::model::quantity::{Quantity, QuantityError};

/// The image of the default profile, pinned by version; this is its one place.
pub const DEFAULT_IMAGE: &str = "docker:28.5.2-dind";
/// The image of the `rootless` profile.
pub const DEFAULT_ROOTLESS_IMAGE: &str = "docker:28.5.2-dind-rootless";
/// The name of the profile that is used where nothing else is said.
pub const DEFAULT_NAME: &str = "privileged";
/// The name of the built-in rootless profile.
pub const ROOTLESS_NAME: &str = "rootless";

/// What the sidecar looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The name that rules and annotations choose it by.
    pub name: String,
    /// The sidecar's image.
    pub image: String,
    /// The sidecar's `imagePullPolicy`; the API server's default where it is missing.
    pub image_pull_policy: Option<PullPolicy>,
    /// Whether the image is `docker:dind-rootless` or behaves as it does.
    pub rootless: bool,
    /// Replaces the sidecar's `securityContext`.
    pub security_context: Option<Value>,
    /// The Pod Security Standard that a Pod with this sidecar still meets.
    pub pod_security: PodSecurity,
    /// More flags of dockerd.
    pub daemon_flags: Vec<String>,
    /// More environment of the sidecar.
    pub env: Vec<(String, String)>,
    /// What the sidecar requests, and is held to.
    pub resources: Resources,
    /// Where the daemon keeps images and containers.
    pub storage: Storage,
    /// The Pod's `runtimeClassName`, where the sidecar needs one (sysbox, kata).
    pub runtime_class_name: Option<String>,
    /// The Pod's `hostUsers`.
    pub host_users: Option<bool>,
    /// Labels for the Pod.
    pub labels: Vec<(String, String)>,
    /// Annotations for the Pod (a service mesh may need one).
    pub annotations: Vec<(String, String)>,
    /// Whether sidecar and containers share `/tmp`; where it is missing, only for Pods
    /// injected by annotation.
    pub shared_tmp: Option<bool>,
    /// Mirrors of Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Registries without TLS, or with a certificate that nobody can check.
    pub insecure_registries: Vec<String>,
    /// A ConfigMap of the Pod's namespace with certificates to trust.
    pub ca_config_map: Option<String>,
    /// Whether proxy variables are taken over from the first container that uses Docker.
    pub inherit_proxy: bool,
    /// The networks that dockerd may take addresses from.
    pub address_pools: Vec<AddressPool>,
    /// Whether a `hostNetwork` Pod may have this sidecar, without a bridge or iptables.
    pub host_network: bool,
    /// A fixed MTU; the Pod interface's where it is missing.
    pub mtu: Option<u16>,
}

/// A container's `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Ask the registry each time.
    Always,
    /// Pull what the node does not have.
    IfNotPresent,
    /// Use what the node has.
    Never,
}

impl PullPolicy {
    /// The value in a container.
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
    /// Anything goes.
    Privileged,
    /// No known way to the node.
    Baseline,
    /// Hardened.
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

/// Requests and limits of the sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// CPU.
    pub cpu: Bounds,
    /// Memory.
    pub memory: Bounds,
    /// Ephemeral storage of the node, beside the daemon's own volume.
    pub ephemeral_storage: Bounds,
}

/// A request and a limit, each optional; the request is never above the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    request: Option<Quantity>,
    limit: Option<Quantity>,
}

/// Why a request and a limit do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// A request above its limit.
    #[error("the request {request} is above the limit {limit}")]
    RequestAboveLimit {
        /// As written.
        request: String,
        /// As written.
        limit: String,
    },
    /// Not a quantity.
    #[error("{text:?} is {error}")]
    Quantity {
        /// As written.
        text: String,
        /// What is wrong with it.
        error: QuantityError,
    },
    /// A limit of nothing, which the kubelet takes for no limit.
    #[error("{text:?} is no limit at all to Kubernetes; write the amount that is meant")]
    Zero {
        /// As written.
        text: String,
    },
}

impl Bounds {
    /// A request within its limit.
    pub fn new(request: Option<Quantity>, limit: Option<Quantity>) -> Result<Self, BoundsError> {
        match (&request, &limit) {
            (Some(asked), Some(most)) if asked > most => Err(BoundsError::RequestAboveLimit {
                request: asked.to_string(),
                limit: most.to_string(),
            }),
            _ => Ok(Self { request, limit }),
        }
    }

    /// What is set aside.
    pub fn request(&self) -> Option<&Quantity> {
        self.request.as_ref()
    }

    /// What is never exceeded.
    pub fn limit(&self) -> Option<&Quantity> {
        self.limit.as_ref()
    }

    /// What an annotation asks for: `LIMIT`, which lowers a request above it, or
    /// `REQUEST/LIMIT`.
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

/// Where the daemon keeps images and containers: always a volume, since overlayfs on
/// the container's own overlayfs would fall back to copying every layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// An `emptyDir`, with a size limit or without.
    EmptyDir {
        /// Over it, the kubelet evicts the Pod.
        size_limit: Option<Quantity>,
    },
    /// A generic ephemeral volume: a claim that lives and dies with the Pod.
    Ephemeral {
        /// The cluster's default where it is missing.
        storage_class: Option<String>,
        /// The claim's size.
        size: Quantity,
    },
    /// A slot of the node's disk, in which the next daemon of the same key finds what this one leaves.
    Node(NodeStorage),
}

/// One of dockerd's `--default-address-pool`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPool {
    /// A CIDR.
    pub base: String,
    /// The prefix length of each network taken from it.
    pub size: u8,
}

impl Profile {
    /// The profile that is used where nothing else is said.
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
            registry_mirrors: Vec::new(),
            insecure_registries: Vec::new(),
            ca_config_map: None,
            inherit_proxy: false,
            address_pools: Vec::new(),
            host_network: false,
            mtu: None,
        }
    }

    /// The built-in rootless profile: user 1000 in a container that must be privileged still.
    /// `docs/policy.md` ("Rootless only") has what was tried with less, and where it stops.
    pub fn rootless() -> Self {
        Self {
            name: ROOTLESS_NAME.to_owned(),
            image: DEFAULT_ROOTLESS_IMAGE.to_owned(),
            rootless: true,
            ..Self::privileged()
        }
    }
}
