//! What a sidecar with storage of the node is given to take a slot and to tidy it.
//!
//! The script is a variable and not a part of the start script, so that only the Pods that need it carry it.

use std::borrow::Cow;

use serde_json::from_str;

use crate::model::node_storage::NodeStorage;
use crate::model::start::SLOT_SCRIPT;
use crate::names::env;
use crate::plan::container::EnvEntry;

/// The kubelet fills it in. A uid is never given twice, and no author chooses it.
const POD_UID: &str = r#"{"fieldRef":{"fieldPath":"metadata.uid"}}"#;

/// The sidecar's variables for `storage`.
pub fn environment<'e>(storage: &NodeStorage) -> [EnvEntry<'e>; 5] {
    let NodeStorage { slots, keep, .. } = storage;
    // What `docker system df` counts in.
    let megabytes = keep.size.units().div_ceil(1_000_000);
    [
        EnvEntry::new(env::SLOT_SCRIPT, SLOT_SCRIPT),
        EnvEntry::new(env::SLOTS, slots.to_string()),
        EnvEntry::new(env::KEEP_MB, megabytes.to_string()),
        EnvEntry::new(env::KEEP_HOURS, keep.age.hours.to_string()),
        EnvEntry {
            name: Cow::Borrowed(env::POD_UID),
            value: None,
            value_from: from_str(POD_UID).ok(),
        },
    ]
}
