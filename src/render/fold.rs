//! The sidecar's start script in one line: people who read a diff know where to find it.

use serde_json::Value;

use crate::model::start::START_SCRIPT;

/// Puts a line that names the script in place of each copy of it.
pub fn fold_script(value: &mut Value) {
    match value {
        Value::String(text) if text == START_SCRIPT => {
            let lines = START_SCRIPT.lines().count();
            *text = format!("# ({lines} lines: src/plan/start.sh)");
        }
        Value::Array(items) => items.iter_mut().for_each(fold_script),
        Value::Object(fields) => fields.values_mut().for_each(fold_script),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
