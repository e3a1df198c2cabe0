//! Switches by which a tool mounts the node's Docker socket into a container, and which do not name it. Pure.

use crate::text::beginning;

/// The names of settings that are true or not.
const NAMES: [&str; 3] = [
    // OpenShift's builds.
    "exposeDockerSocket",
    // Container jobs of Azure Pipelines.
    "mapDockerSocket",
    // Buildkite's plugin for Docker, Renovate's GitHub action.
    "mount-docker-socket",
];

/// The names of features of development containers, which are keys with a version.
const FEATURES: [&str; 2] = ["/docker-outside-of-docker", "/docker-from-docker"];

/// Bytes behind a name that are looked at.
const LONGEST: usize = 64;

/// Every place of `text` that turns one on.
pub(super) fn all(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for name in NAMES {
        for at in memchr::memmem::find_iter(text.as_bytes(), name) {
            let is_whole = !text[..at].ends_with(is_of_name);
            let rest = beginning(&text[at + name.len()..], LONGEST);
            if is_whole && value(rest).is_some_and(is_on) {
                found.push(at);
            }
        }
    }
    for name in FEATURES {
        for at in memchr::memmem::find_iter(text.as_bytes(), name) {
            let rest = beginning(&text[at + name.len()..], LONGEST);
            let version = rest.trim_start_matches(|c| is_of_name(c) || ".:@".contains(c));
            let is_name = version.len() == rest.len() || rest.starts_with([':', '@']);
            if is_name && version.starts_with('"') && value(version).is_some() {
                found.push(at + 1);
            }
        }
    }
    found
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// What a name is given that ends where `rest` starts.
fn value(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    let rest = rest.trim_start_matches(' ');
    let value = rest.strip_prefix([':', '='])?;
    Some(value.trim_start_matches([' ', '"', '\'']))
}

/// Whether a value is true, or filled in later.
fn is_on(value: &str) -> bool {
    let word = value.split(|c: char| !c.is_ascii_alphanumeric()).next();
    let word = word.unwrap_or_default().to_ascii_lowercase();
    matches!(word.as_str(), "true" | "yes" | "on")
        || value.starts_with('$')
        || value.starts_with("{{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_that_is_on_is_found() {
        for text in [
            "mapDockerSocket: true",
            "mount-docker-socket: \"true\"",
            "mount-docker-socket: ${{ inputs.docker }}",
            "{\"exposeDockerSocket\": true}",
            "exposeDockerSocket = true",
            "exposeDockerSocket: {{ .Values.socket }}",
            "\"ghcr.io/devcontainers/features/docker-outside-of-docker:1\": {}",
            "\"./docker-from-docker\" : {\"moby\": true}",
        ] {
            assert_eq!(all(text).len(), 1, "{text}");
        }
        for text in [
            "mapDockerSocket: false",
            "mount-docker-socket: \"false\"",
            "mapDockerSocket?: boolean;",
            "\"mapDockerSocket\": {\"type\": \"boolean\"}",
            "no-mount-docker-socket: true",
            "\"installsAfter\": [\"ghcr.io/devcontainers/features/docker-outside-of-docker\"]",
            "\"ghcr.io/devcontainers/features/docker-outside-of-docker-compose:1\": {}",
            "\"ghcr.io/devcontainers/features/docker-in-docker:2\": {}",
        ] {
            assert!(all(text).is_empty(), "{text}");
        }
    }
}
