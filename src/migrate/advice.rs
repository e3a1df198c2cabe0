//! What a person does in place of this program.
//!
//! An annotation that names a container which the Pod does not have gets the Pod refused. A chart's values and a
//! patch often do not say what the container is called, so that the advice names only what the text names.

use serde_json::{Value, json};

use crate::names;

use crate::migrate::pod::Migration;

/// In place of a name that is not known; the name of a container has no capitals.
pub(super) const CONTAINER: &str = "CONTAINER";

/// The parts to remove, and the annotations to write at `place`.
pub(super) fn by_hand(migration: &Migration, place: &str) -> String {
    format!("by hand: {}", parts(migration, place))
}

/// The same, with the reason.
pub(super) fn by_hand_since(why: &str, migration: &Migration, place: &str) -> String {
    format!("by hand, since {why}: {}", parts(migration, place))
}

fn parts(migration: &Migration, place: &str) -> String {
    format!(
        "remove the mounts and the volume of the node's daemon, and write these annotations ({place}): {}",
        annotations(&migration.annotations)
    )
}

/// Annotations, each as it is written; the one that names containers only where all of them are known.
pub(super) fn annotations(all: &[(&'static str, String)]) -> String {
    let is_unknown = |(key, value): &&(&str, String)| {
        *key == names::CONTAINERS && value.split(',').any(|name| name == CONTAINER)
    };
    let written = all.iter().filter(|one| !is_unknown(one));
    let written: Vec<String> = written
        .map(|(key, value)| format!("{key}: {}", json!(value)))
        .collect();
    let mut text = written.join(", ");
    if all.iter().any(|one| is_unknown(&one)) {
        text.push_str(&format!(
            "; name the containers with these mounts in {} as their Pod names them",
            names::CONTAINERS
        ));
    }
    text
}

/// Whether the document calls the container whose parts stand at `at` by this name.
pub(super) fn is_named(document: &Value, at: &str, name: &str) -> bool {
    let has_name = |value: &Value| value.get("name").and_then(Value::as_str) == Some(name);
    match document.pointer(at) {
        // A list of mounts is one of a container's fields, where an item of a list holds it.
        Some(Value::Array(_)) => {
            let holder = at.rsplit_once('/').map_or("", |(holder, _)| holder);
            let is_item = holder
                .rsplit('/')
                .next()
                .is_some_and(|last| last.parse::<usize>().is_ok());
            is_item && document.pointer(holder).is_some_and(has_name)
        }
        Some(value) => has_name(value),
        None => false,
    }
}

/// Whether a text of any syntax has `name: NAME`, `name = "NAME"` or the like.
pub(super) fn has_name(text: &str, name: &str) -> bool {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '\\' | ' ' | '\t');
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].trim_end_matches(is_quote);
        let before = before.strip_suffix([':', '=']).unwrap_or_default();
        let after = text[at + name.len()..].chars().next();
        let is_end = after.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.'));
        is_end && before.trim_end_matches(is_quote).ends_with("name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_where_the_text_has_it() {
        for (text, is_known) in [
            ("name: main", true),
            ("- {name: main, image: x}", true),
            ("name = \"main\"\n", true),
            (r#"{\"name\":\"main\"}"#, true),
            ("main:\n  name: other", false),
            ("name: main-2", false),
            ("image: main", false),
        ] {
            assert_eq!(has_name(text, "main"), is_known, "{text}");
        }
    }

    #[test]
    fn a_name_is_that_of_the_container_and_of_nothing_around_it() {
        let document = json!({
            "main": {"name": "main", "mounts": [{"name": "s"}]},
            "list": [{"name": "main", "volumeMounts": [{"name": "s"}]}],
        });
        for (at, is_known) in [
            ("/list/0", true),
            ("/list/0/volumeMounts", true),
            ("/main/mounts", false),
            ("/main/mounts/0", false),
            ("/none", false),
        ] {
            assert_eq!(is_named(&document, at, "main"), is_known, "{at}");
        }
    }
}
