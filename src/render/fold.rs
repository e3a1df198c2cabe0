//! Each of the sidecar's scripts in one line: people who read a diff know where to find it.

use serde_json::Value;

use crate::model::start::{SLOT_SCRIPT, START_SCRIPT, USERNS_SCRIPT};

/// Puts a line that names the script in place of each copy of one.
pub fn fold_script(value: &mut Value) {
    match value {
        Value::String(text) => {
            let scripts = [
                (START_SCRIPT, "src/plan/start.sh"),
                (SLOT_SCRIPT, "src/plan/slot.sh"),
                (USERNS_SCRIPT, "src/plan/userns.sh"),
            ];
            if let Some((script, file)) = scripts.into_iter().find(|(script, _)| script == text) {
                *text = format!("# ({} lines: {file})", script.lines().count());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(fold_script),
        Value::Object(fields) => fields.values_mut().for_each(fold_script),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
