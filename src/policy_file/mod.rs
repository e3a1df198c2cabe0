//! The policy as a YAML file.
//!
//! An admin who is told one fault at a time gives up, and a policy that is half read is worse than none. So
//! all faults of a file are found at once, each with its place and the text to write instead, and a file with
//! any fault is refused as a whole. Every field is declared once, in the function that reads it: the parser,
//! the suggestions, the JSON Schema and the tables of the documentation come from that declaration.
//!
//! serde with serde-saphyr, garde and schemars was tried in its place, against `tests/policy/bad`: a wrong
//! type, an unknown field or value, or a missing field ends deserialization, so that it reported 23 of the 107
//! faults, most files' first alone. Also lost were suggestions, inherited fields, and field names as written.

pub mod amount;
pub mod collection;
pub mod conflict;
pub mod daemon_flag;
pub mod document;
pub mod error;
pub mod fields;
pub mod form;
pub mod kind;
pub mod node;
pub mod pool;
pub mod profile;
pub mod registry;
pub mod resources;
pub mod rule;
pub mod schema;
pub mod security;
pub mod socket;
pub mod variable;

use std::fmt;

use crate::decide::named::{Entry, Named};
use crate::manifest;
use crate::model::sidecar_mode::SidecarMode;

use crate::decide::Policy;
use crate::policy_file::document::Document;
use crate::policy_file::node::{Node, Report};

pub use crate::policy_file::error::{ConfigError, ConfigErrors, Problem};
pub use crate::policy_file::schema::{schema, tables};

pub const KIND: &str = "Policy";

#[derive(Clone, Debug)]
pub struct Config {
    /// For a cluster with native sidecars, unless the file says otherwise.
    policy: Policy,
    sidecar_mode: SidecarChoice,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SidecarChoice {
    /// Depends on the cluster's version.
    Auto,
    Fixed(SidecarMode),
}

impl Named for SidecarChoice {
    const ALL: &'static [Entry<Self>] = &[
        (
            Self::Auto,
            "Auto",
            "as the cluster's version allows; Native without a cluster",
        ),
        (
            Self::Fixed(SidecarMode::Native),
            "Native",
            "an init container with restartPolicy: Always (Kubernetes 1.29 and newer)",
        ),
        (
            Self::Fixed(SidecarMode::Container),
            "Container",
            "the first of the Pod's containers; a Job with it does not end by itself",
        ),
    ];
}

/// Which text a policy was read from: a hash of it, or `builtin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    BuiltIn,
    Text(u64),
}

impl Version {
    /// The same text has the same version in every replica and release.
    pub fn of(text: &str) -> Self {
        // FNV-1a (64 bits): it distinguishes an admin's edits, and need not resist attacks.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::Text(hash)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Text(hash) => write!(f, "{hash:016x}"),
        }
    }
}

impl Config {
    /// Reads a policy file, YAML or JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it; see [`Problem`].
    pub fn from_yaml(text: &str) -> Result<Self, ConfigErrors> {
        let documents = manifest::read_with_positions(text)?;
        let [document] = documents.as_slice() else {
            return Err(ConfigErrors::whole(Problem::Documents(documents.len())));
        };
        let positions = document.positions.clone().unwrap_or_default();
        let mut report = Report::new(text, &positions);
        let root = Node::root(&document.value);
        let read = fields::read_mapping(&root, &mut report, document::read);
        match (read, ConfigErrors::of(report.into_errors())) {
            (
                Some(Document {
                    policy,
                    sidecar_mode,
                }),
                None,
            ) => Ok(Self {
                policy,
                sidecar_mode,
                version: Version::of(text),
            }),
            (_, Some(errors)) => Err(errors),
            // Reading fails only with a fault.
            (None, None) => Err(ConfigErrors::whole(Problem::Documents(0))),
        }
    }

    /// The policy that applies without a file.
    pub fn builtin() -> Self {
        Self {
            policy: Policy::builtin(),
            sidecar_mode: SidecarChoice::Auto,
            version: Version::BuiltIn,
        }
    }

    /// The policy if nothing is known about a cluster.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The policy for a cluster that runs sidecars as `cluster` says, unless the file says otherwise.
    pub fn policy_for(&self, cluster: SidecarMode) -> Policy {
        let sidecar_mode = match self.sidecar_mode {
            SidecarChoice::Auto => cluster,
            SidecarChoice::Fixed(mode) => mode,
        };
        Policy {
            sidecar_mode,
            ..self.policy.clone()
        }
    }

    pub fn sidecar_mode(&self) -> SidecarChoice {
        self.sidecar_mode
    }

    pub fn version(&self) -> Version {
        self.version
    }
}
