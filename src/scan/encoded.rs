//! Texts in base64 that stand in other texts: a manifest in a ConfigMap, in a script, in a CI variable.
//!
//! Only a run that decodes to UTF-8 is one, so that digests, keys and paths are none. A run goes on over the ends of
//! lines. Pure.

use std::ops::Range;

/// Bytes of a run: `docker.sock` has 16.
const SHORTEST: usize = 16;
/// Bytes of a line of a run that goes on in the next one, as `base64` and RFC 2045 break them.
const LINE: usize = 60;

/// The text that all of `text` encodes.
pub fn decoded(text: &str) -> Option<String> {
    let packed: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = match packed.last() {
        Some(b'=') => base64_simd::STANDARD.decode_to_vec(packed).ok()?,
        _ => base64_simd::STANDARD_NO_PAD.decode_to_vec(packed).ok()?,
    };
    String::from_utf8(bytes).ok()
}

/// Whether a value may be one as a whole.
pub fn may_be(text: &str) -> bool {
    text.len() >= SHORTEST
        && text
            .bytes()
            .all(|byte| is_part(byte) || byte.is_ascii_whitespace())
}

/// Whether one starts at a byte of `text`.
pub fn is_at(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let mut runs = rest.split(|c: char| !u8::try_from(c).is_ok_and(is_part));
    let run = runs.next().unwrap_or_default();
    run.len() >= SHORTEST && decoded(run.get(..run.len() / 4 * 4).unwrap_or_default()).is_some()
}

/// Every text in base64 in `text`, with the bytes that hold it.
pub fn all(text: &str) -> Vec<(Range<usize>, String)> {
    let runs = runs(text.as_bytes()).into_iter();
    let texts = runs.filter_map(|run| {
        let whole = text.get(run.clone())?;
        // The word below a run may be none of it.
        let first = || decoded(whole.lines().next()?);
        let decoded = decoded(whole).or_else(first)?;
        Some((run, decoded))
    });
    texts.collect()
}

fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|byte| is_part(*byte)) {
        let start = at + length;
        let rest = &bytes[start..];
        let end = start
            + rest
                .iter()
                .position(|byte| !is_part(*byte))
                .unwrap_or(rest.len());
        at = end;
        let goes_on = |last: &&mut Range<usize>| {
            let between = &bytes[last.end..start];
            let run = &bytes[last.start..last.end];
            let line = run.rsplit(|byte| !is_part(*byte)).next();
            // A word that begins a line of another kind ends the run, as padding does.
            let ends = bytes.get(end).is_none_or(|byte| b"\r\n\"'".contains(byte));
            ends && !run.ends_with(b"=")
                && between.contains(&b'\n')
                && between.iter().all(u8::is_ascii_whitespace)
                && line.is_some_and(|line| line.len() >= LINE && line.len().is_multiple_of(4))
        };
        match runs.last_mut().filter(goes_on) {
            Some(last) => last.end = end,
            None if end - start >= SHORTEST && is_ascii(bytes[start]) => runs.push(start..end),
            None => {}
        }
    }
    runs
}

/// Whether what starts with this may begin with a character of ASCII, as every manifest and every script does.
fn is_ascii(first: u8) -> bool {
    matches!(first, b'A'..=b'Z' | b'a'..=b'f')
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str =
        "kind: Pod\nspec: {volumes: [{hostPath: {path: /var/run/docker.sock}}]}\n# and more\n";

    fn packed() -> String {
        base64_simd::STANDARD.encode_to_string(POD)
    }

    #[test]
    fn a_text_is_found_on_one_line_and_on_many() {
        let one = packed();
        let (head, tail) = one.split_at(76);
        let many = format!("  {head}\n  {tail}\n");
        let bare = one.trim_end_matches('=');
        for text in [
            format!("echo {one} | base64 -d"),
            format!("x: {bare}"),
            many,
        ] {
            let found = all(&text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].1, POD);
        }
    }

    #[test]
    fn digests_and_paths_are_none() {
        for text in [
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "/usr/share/some/very/long/path/that/has/nothing/but/letters/in/it",
        ] {
            assert!(all(text).is_empty(), "{text}");
        }
    }
}
