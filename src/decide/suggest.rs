//! "Did you mean …?" for a misspelled name.

use strsim::osa_distance;

/// The nearest of `known` to `written`, if it is near enough.
///
/// Case, `-` and `_` do not count; otherwise one letter in three may be missing, added, changed or swapped
/// with its neighbor.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let written = folded(written);
    let most = written.chars().count().div_ceil(3).min(4);
    known
        .into_iter()
        .map(|name| (osa_distance(&written, &folded(name)), name))
        .filter(|(slips, _)| *slips <= most)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// No longer than a field's name, so that a hostile name costs little.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["hostSockets", "nodeAgents", "ancestors", "match"];
        for (written, meant) in [
            ("hostSocket", Some("hostSockets")),
            ("host-sockets", Some("hostSockets")),
            ("hsotSockets", Some("hostSockets")),
            ("HOSTSOCKETS", Some("hostSockets")),
            ("matches", Some("match")),
            ("nodeAgent", Some("nodeAgents")),
            ("image", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
