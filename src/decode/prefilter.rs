//! Whether a review can concern this program at all, by a search for a few words.
//!
//! Most Pods have nothing to do with Docker, and still wait for every review. If a review contains none of
//! the words, a pass over its Pod would find nothing, so only what the answer needs is parsed.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::names;

/// In order: a hostPath volume, by far the most frequent; one that may be a disk of the node; a Pod for Windows; the variable that names a
/// daemon; part of every name and annotation of ours and of the sidecar's command; the two other annotations
/// that are read. In JSON, each appears as it is or with escaped characters.
const WORDS: [&str; 7] = [
    "hostPath",
    "\"fc\"",
    "windows",
    names::DOCKER_HOST,
    names::SIDECAR,
    names::APPLATIX,
    "config.mirror",
];

/// Whether a pass over the Pod in `json` may find something to do. It may be wrong only in one direction:
/// `true` for a Pod with nothing to do, never `false` for one with something.
pub fn may_concern(json: &[u8]) -> bool {
    static FINDERS: LazyLock<[Finder<'static>; WORDS.len()]> =
        LazyLock::new(|| WORDS.map(Finder::new));
    FINDERS.iter().any(|word| word.find(json).is_some()) || may_hide_a_letter(json)
}

/// Whether a character that may be part of a word is escaped by its number. Go escapes `<`, `>`, `&` and line
/// separators like that, and shell commands are full of them.
fn may_hide_a_letter(json: &[u8]) -> bool {
    memmem::find_iter(json, b"\\u").any(|at| {
        let number = json.get(at + 2..at + 6).unwrap_or_default();
        !matches!(
            number,
            b"003c" | b"003e" | b"0026" | b"2028" | b"2029" | b"003C" | b"003E"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_has_nothing_of_it_concerns_nobody() {
        for pod in [
            "{}",
            r#"{"spec":null}"#,
            r#"{"spec":{"containers":[{"name":"c","env":[{"name":"HOST","value":"docker"}]}]}}"#,
            r#"{"spec":{"containers":[{"command":["sh","-c","a \u0026\u0026 b \u003e c"]}]}}"#,
        ] {
            assert!(!may_concern(pod.as_bytes()), "{pod}");
        }
    }

    #[test]
    fn a_pod_that_may_have_something_of_it_is_looked_at() {
        for pod in [
            r#"{"spec":{"volumes":[{"hostPath":{"path":"/run"}}]}}"#,
            r#"{"spec":{"volumes":[{"host\u0050ath":{"path":"/run"}}]}}"#,
            r#"{"spec":{"containers":[{"env":[{"name":"DOCKER_HOST"}]}]}}"#,
            r#"{"spec":{"containers":[{"env":[{"name":"DOCKER\u005FHOST"}]}]}}"#,
            r#"{"spec":{"initContainers":[{"name":"dind"}]}}"#,
            r#"{"spec":{"os":{"name":"windows"}}}"#,
            r#"{"metadata":{"annotations":{"kubernetes.io\/config.mirror":"true"}}}"#,
        ] {
            assert!(may_concern(pod.as_bytes()), "{pod}");
        }
    }

    #[test]
    fn every_name_and_annotation_has_a_word_that_is_looked_for() {
        let named = [
            names::SIDECAR,
            names::SCRIPT_NAME,
            names::SOCKET_VOLUME,
            names::STORAGE_VOLUME,
            names::SLOTS_VOLUME,
            names::TMP_VOLUME,
            names::CA_VOLUME,
            names::SHARED_DIR,
            names::PREFIX,
            names::APPLATIX,
            names::MIRROR_POD,
        ];
        for name in named.iter().chain(&names::ANNOTATIONS) {
            assert!(WORDS.iter().any(|word| name.contains(word)), "{name}");
        }
    }

    /// They can be escaped by number alone.
    #[test]
    fn every_word_is_of_letters_that_json_writes_as_they_are() {
        let is_literal = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
        // The quotes of a key are always written as they are.
        let letters = |word: &str| word.trim_matches('"').chars().all(is_literal);
        assert!(WORDS.iter().all(|word| letters(word)));
    }
}
