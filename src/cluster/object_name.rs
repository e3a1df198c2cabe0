//! Whether the API server would accept a name, checked before it is used in a URL or an object of ours.
//!
//! A review comes before the API server validates the Pod, and any client that reaches the port can send one:
//! its namespace may be `../../..`.
//! Source: `k8s.io/apimachinery/pkg/util/validation/validation.go`.

/// In bytes.
const LONGEST_LABEL: usize = 63;
/// In bytes.
const LONGEST_SUBDOMAIN: usize = 253;

/// Whether it is a DNS-1123 label, like names of namespaces and containers.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= LONGEST_LABEL && is_part(text)
}

/// Whether it is a DNS-1123 subdomain, like names of workloads.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= LONGEST_SUBDOMAIN && text.split('.').all(is_part)
}

/// Whether it is the kind of an object: a DNS-1035 label, in upper or lower case.
pub(crate) fn is_kind(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && is_label(&text.to_ascii_lowercase())
}

/// Whether it is `version` or `group/version`.
pub(crate) fn is_api_version(text: &str) -> bool {
    match text.split_once('/') {
        Some((group, version)) => is_subdomain(group) && is_label(version),
        None => is_label(text),
    }
}

/// Whether it consists of lower-case letters, digits and hyphens, without hyphens at the ends.
fn is_part(text: &str) -> bool {
    let is_end = |end: Option<&u8>| end.is_some_and(|byte| *byte != b'-');
    let bytes = text.as_bytes();
    let mut all = bytes.iter();
    is_end(bytes.first())
        && is_end(bytes.last())
        && all.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_the_api_server_takes_them() {
        let long = |count: usize| "a".repeat(count);
        for (text, label, subdomain) in [
            ("ci", true, true),
            ("0-a", true, true),
            ("a.b-c.d", false, true),
            (&long(63), true, true),
            (&long(64), false, true),
            (&long(253), false, true),
            (&long(254), false, false),
            ("", false, false),
            (".", false, false),
            ("..", false, false),
            ("../../../apis", false, false),
            ("a/b", false, false),
            ("a%2fb", false, false),
            ("a?b", false, false),
            ("a b", false, false),
            ("a\nb", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a..b", false, false),
            ("A", false, false),
            ("é", false, false),
        ] {
            assert_eq!(is_label(text), label, "{text:?}");
            assert_eq!(is_subdomain(text), subdomain, "{text:?}");
        }
    }

    #[test]
    fn what_an_owner_is_of_is_checked_too() {
        assert!(["Job", "ReplicaSet", "CRD2"].into_iter().all(is_kind));
        assert!(
            !["", "2Job", "Job\n", "a.b", "J ob"]
                .into_iter()
                .any(is_kind)
        );
        let versions = ["v1", "apps/v1", "argoproj.io/v1alpha1"];
        assert!(versions.into_iter().all(is_api_version));
        let wrong = ["", "/", "apps/", "/v1", "a/b/c", "apps/v1\n", "../v1"];
        assert!(!wrong.into_iter().any(is_api_version));
    }
}
