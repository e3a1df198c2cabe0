//! The volumes of a Compose file whose path of the node another file gives: `${RUN_DIR}:/host`, and `.env`. Pure.

use serde_json::Value;

use crate::manifest::below;

use crate::scan::chars::is_word;
use crate::scan::result::{Gap, Open, Why};
use crate::scan::sources::assembly::items;

/// Those of a document.
pub(super) fn filled_in(document: &Value) -> Vec<Open> {
    let services = document.get("services").and_then(Value::as_object);
    let mut found = Vec::new();
    for (service, body) in services.into_iter().flatten() {
        for (index, volume) in items(body.get("volumes")).enumerate() {
            let path = volume.as_str();
            let path = path.or_else(|| volume.get("source").and_then(Value::as_str));
            let Some((with, name)) = path.and_then(|path| Some((path, variable(path)?))) else {
                continue;
            };
            let at = format!("{}/volumes/{index}", below("/services", service));
            found.push(Open {
                names: vec![name.to_owned()],
                with: with.to_owned(),
                is_rendered: false,
                is_unknown: false,
                gap: Gap {
                    place: at,
                    line: None,
                    why: Why::Placeholder,
                    message: format!("service {service}"),
                    mentions: None,
                },
            });
        }
    }
    found
}

/// The variable that a volume's path is: `$NAME`, `${NAME}`, `${NAME:-/data}`.
fn variable(volume: &str) -> Option<&str> {
    let rest = volume.strip_prefix('$')?;
    let rest = rest.strip_prefix('{').unwrap_or(rest);
    let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
    let after = &rest[name.len()..];
    (!name.is_empty() && (after.is_empty() || after.starts_with(['}', ':']))).then_some(name)
}
