//! The sidecar's start command: how a container of ours is known, and what it runs.
//!
//! The same in every Pod. Whoever writes the same command gets what it does, and no more, so nothing
//! is gained by forging it.

use std::sync::OnceLock;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::names;

/// The script that starts the daemon, the same in every Pod.
pub const START_SCRIPT: &str = include_str!("../plan/start.sh");

/// The sidecar's `command`: the script, and nothing that differs from Pod to Pod.
pub fn start_command() -> [&'static str; 4] {
    ["/bin/sh", "-c", START_SCRIPT, names::SCRIPT_NAME]
}

/// [`start_command`] in a patch. It is by far the largest part of one, so its escapes are made once.
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
