//! The sidecar's start command: how a container of ours is known, and what it runs.
//!
//! The same in every Pod. Whoever writes the same command gets what it does, and no more, so nothing
//! is gained by forging it.

use std::sync::OnceLock;

use crate::json;
use crate::names;

/// The script that starts the daemon, the same in every Pod.
pub const START_SCRIPT: &str = include_str!("../plan/start.sh");

/// The sidecar's `command`: the script, and nothing that differs from Pod to Pod.
pub fn start_command() -> [&'static str; 4] {
    ["/bin/sh", "-c", START_SCRIPT, names::SCRIPT_NAME]
}

/// [`start_command`] as JSON, made once: it is by far the largest part of a patch.
///
/// # Errors
/// None that memory allows.
pub fn start_command_json() -> Result<&'static str, serde_json::Error> {
    static JSON: OnceLock<String> = OnceLock::new();
    match JSON.get() {
        Some(json) => Ok(json),
        None => {
            let json = json::to_text(&start_command())?;
            Ok(JSON.get_or_init(|| json))
        }
    }
}
