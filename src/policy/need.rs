//! What a container wants the node's daemon for, where its image says so.
//!
//! A daemon of its own has no containers and no images but those that the Pod makes, so some
//! programs work with it and find nothing. A need only makes a message clearer: the author
//! chooses the image, and so it must never decide anything.

use crate::pod::view::Container;

/// A need that a daemon of one's own does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The node's containers, to watch them.
    Watch,
    /// The node's images, to clean them up.
    Clean,
    /// The node's daemon, to check how it is set up.
    Check,
    /// The node's containers, to manage them.
    Manage,
}

/// Words of an image's repository, and the need of whoever runs it.
const IMAGES: [(&str, Need); 24] = [
    ("cadvisor", Need::Watch),
    ("datadog", Need::Watch),
    ("telegraf", Need::Watch),
    ("filebeat", Need::Watch),
    ("metricbeat", Need::Watch),
    ("fluentd", Need::Watch),
    ("fluent-bit", Need::Watch),
    ("promtail", Need::Watch),
    ("netdata", Need::Watch),
    ("newrelic", Need::Watch),
    ("sysdig", Need::Watch),
    ("falco", Need::Watch),
    ("scalyr", Need::Watch),
    ("logspout", Need::Watch),
    ("docker-gc", Need::Clean),
    ("image-gc", Need::Clean),
    ("docker-cleanup", Need::Clean),
    ("drone-gc", Need::Clean),
    ("docker-bench", Need::Check),
    ("watchtower", Need::Manage),
    ("ouroboros", Need::Manage),
    ("portainer", Need::Manage),
    ("autoheal", Need::Manage),
    ("traefik", Need::Manage),
];

impl Need {
    /// The need of `container`, where its image is known.
    pub fn of(container: &Container<'_>) -> Option<Self> {
        let image = container.image.split('@').next().unwrap_or_default();
        let repository = match image.rsplit_once(':') {
            // What follows a registry's port is no tag.
            Some((before, tag)) if !tag.contains('/') => before,
            _ => image,
        };
        let mut parts = repository.rsplit('/').take(2);
        parts.find_map(|part| {
            let mut images = IMAGES.iter();
            let found = images.find(|(word, _)| is_word(part, word));
            found.map(|(_, need)| *need)
        })
    }

    /// What it does, after the name of who does it.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Watch => "watches the node's containers",
            Self::Clean => "cleans up the node's images",
            Self::Check => "checks the node's own daemon",
            Self::Manage => "manages the node's containers",
        }
    }
}

/// Whether `word` stands in `part` between `-`, `_`, `.` or its ends.
fn is_word(part: &str, word: &str) -> bool {
    part.match_indices(word).any(|(at, _)| {
        let ends = |c: Option<char>| c.is_none_or(|c| matches!(c, '-' | '_' | '.'));
        ends(part[..at].chars().next_back()) && ends(part[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tells_needs_apart_by_the_image() {
        for (image, need) in [
            ("gcr.io/cadvisor/cadvisor:v0.49", Some(Need::Watch)),
            ("registry.example:5000/datadog/agent:7", Some(Need::Watch)),
            ("fluent/fluent-bit@sha256:00", Some(Need::Watch)),
            ("spotify/docker-gc", Some(Need::Clean)),
            ("docker/docker-bench-security:1", Some(Need::Check)),
            ("containrrr/watchtower", Some(Need::Manage)),
            ("registry.example:5000/ci/builder", None),
            ("ci/mytraefiklike", None),
            ("docker:28", None),
            ("", None),
        ] {
            let json = serde_json::json!({"image": image}).to_string();
            let container: Container<'_> = serde_json::from_str(&json).unwrap();
            assert_eq!(Need::of(&container), need, "{image}");
        }
    }
}
