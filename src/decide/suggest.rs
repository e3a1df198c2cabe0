//! The name that somebody most likely meant.

/// The nearest of `known` to `written`, if one is near enough to be meant.
///
/// Case, `-` and `_` do not count; else one slip in three letters is allowed.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let written = folded(written);
    let most = written.len().div_ceil(3).min(4);
    known
        .into_iter()
        .map(|name| (distance(&written, &folded(name)), name))
        .filter(|(slips, _)| *slips <= most)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// At most as many letters as any field name has, so that a hostile one costs little.
fn folded(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .take(64)
        .collect()
}

/// Letters to insert, remove, change or swap with their neighbor (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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
