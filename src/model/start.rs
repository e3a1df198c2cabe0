//! The sidecar's start command, by which this program also recognizes its own sidecar.
//!
//! It is the same in every Pod. An author who copies it gets a container that runs it, and nothing more, so
//! forging it gains nothing.

use std::sync::OnceLock;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::names;

pub const START_SCRIPT: &str = include_str!("../plan/start.sh");

/// The script that takes a slot of the node's storage and readies it. The start script runs it, where the
/// profile has such storage.
pub const SLOT_SCRIPT: &str = include_str!("../plan/slot.sh");

/// The script that readies a daemon in a user namespace. The start script runs it, where the Pod is in one.
pub const USERNS_SCRIPT: &str = include_str!("../plan/userns.sh");

/// The sidecar's `command`: nothing in it differs from Pod to Pod.
pub fn start_command() -> [&'static str; 4] {
    ["/bin/sh", "-c", START_SCRIPT, names::SCRIPT_NAME]
}

/// [`start_command`] in a patch. It is the largest part of a patch, so it is escaped only once.
#[derive(Clone, Copy, Debug)]
pub struct StartCommand;

impl Serialize for StartCommand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        static JSON: OnceLock<Box<RawValue>> = OnceLock::new();
        let json = match JSON.get() {
            Some(json) => json,
            None => {
                let json = to_raw_value(&start_command()).map_err(S::Error::custom)?;
                JSON.get_or_init(|| json)
            }
        };
        json.serialize(serializer)
    }
}
