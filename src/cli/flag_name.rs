//! Names that a flag takes.
//!
//! A name that no cluster or certificate can have is a slip: without a word, it would decide by rules that no
//! namespace meets, or make a certificate that no client accepts.

use std::net::IpAddr;

/// Reads the name of a namespace.
///
/// # Errors
/// Where no namespace can have it.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if !is_label(text, char::is_ascii_lowercase) {
        return Err(
            "a namespace's name is lower-case letters, digits and - (63 at most), such as ci"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Reads the name or address of a server.
///
/// # Errors
/// Where it is neither.
pub(super) fn server(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_name = text.len() <= 253
        && name
            .split('.')
            .all(|part| is_label(part, char::is_ascii_alphabetic));
    if !is_name && text.parse::<IpAddr>().is_err() {
        return Err(
            "a server's name is letters, digits and - between dots, such as dind-injector.dind-injector.svc; an \
             address is written without a port"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// One part of a DNS name (RFC 1123).
fn is_label(text: &str, is_letter: fn(&char) -> bool) -> bool {
    let mut all = text.chars();
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && all.all(|c| is_letter(&c) || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_exist_are_taken_and_no_others() {
        for name in ["ci", "ci-2", "0", &"x".repeat(63)] {
            assert_eq!(namespace(name), Ok(name.to_owned()));
        }
        for name in ["", "Bad NS", "CI", "-ci", "ci-", "a.b", &"x".repeat(64)] {
            assert!(namespace(name).is_err(), "{name}");
        }
        for name in [
            "localhost",
            "a.b.svc",
            "*.example",
            "10.0.0.1",
            "fd00::1",
            "Host",
        ] {
            assert_eq!(server(name), Ok(name.to_owned()));
        }
        for name in [
            "",
            "bad name",
            "a..b",
            "10.0.0.1:443",
            "https://a",
            "*",
            "a.",
        ] {
            assert!(server(name).is_err(), "{name}");
        }
    }
}
