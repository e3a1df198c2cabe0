//! The sidecar's record, read back.
//!
//! It may be forged: it can name only what a patch of this project touches, and every entry
//! must fit the Pod it stands in.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::names;

use crate::uninject::UninjectError;

/// What one pass took away; see [`crate::plan::original`], which writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Record {
    /// Removed volumes, with their index in the list as it was; ascending.
    pub volumes: Vec<(usize, Value)>,
    /// The container, and a mount of it as it was.
    pub mounts: Vec<(String, Map<String, Value>)>,
    /// The container, the index of a variable of it, and that variable as it was.
    pub env: Vec<(String, usize, Map<String, Value>)>,
    /// The container, a list of it, and how it was written while it was empty.
    pub lists: Vec<(String, String, Value)>,
    /// Fields of the Pod as they were, by JSON Pointer.
    pub fields: Map<String, Value>,
    /// Fields of the Pod that were not there.
    pub added: Vec<String>,
    /// The rest was too long to be kept.
    pub incomplete: bool,
}

/// Fields of the Pod that a patch may set; entries of labels and annotations come to these.
const FIELDS: [&str; 5] = [
    VOLUMES,
    INIT_CONTAINERS,
    SECURITY_CONTEXT,
    "/spec/runtimeClassName",
    "/spec/hostUsers",
];
/// Those that hold such entries, and what others have added meanwhile.
const MAPS: [&str; 3] = ["/metadata", "/metadata/labels", "/metadata/annotations"];
/// The Pod's volumes.
pub(super) const VOLUMES: &str = "/spec/volumes";
/// The Pod's init containers.
pub(super) const INIT_CONTAINERS: &str = "/spec/initContainers";
/// The Pod's security context.
pub(super) const SECURITY_CONTEXT: &str = "/spec/securityContext";

/// Variables to which a patch may give another value.
pub(super) const VARIABLES: [&str; 4] = [
    names::DOCKER_HOST,
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
];

impl Record {
    /// Reads the value of `variable`.
    pub fn read(variable: &str, text: &str) -> Result<Self, UninjectError> {
        let refuse = |reason: String| UninjectError::Record {
            variable: variable.to_owned(),
            reason,
        };
        let record: Self = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        if record.incomplete {
            return Err(UninjectError::Incomplete);
        }
        let pointers = record.fields.keys().chain(&record.added);
        for pointer in pointers {
            if !is_field(pointer) {
                return Err(refuse(format!("`{pointer}` is never changed")));
            }
        }
        Ok(record)
    }
}

fn is_field(pointer: &str) -> bool {
    let entry = ["/metadata/labels/", "/metadata/annotations/"]
        .iter()
        .find_map(|map| pointer.strip_prefix(map));
    match entry {
        Some(key) => !key.is_empty() && !key.contains('/'),
        None => FIELDS.contains(&pointer) || is_map(pointer),
    }
}

/// Whether others may have added to it, so that it goes only once it is empty.
pub(super) fn is_map(pointer: &str) -> bool {
    MAPS.contains(&pointer)
}
