//! Manifests in shell scripts: here-documents, as `kubectl apply -f - <<EOF` has them.
//!
//! No shell is run; `$VARIABLE` stays as it is and is a placeholder where it is a path. Source: POSIX,
//! "Shell Command Language", 2.7.4.

use std::ops::Range;

/// One here-document.
#[derive(Debug, PartialEq, Eq)]
pub struct HereDocument {
    /// What it holds; without leading tabs, where they do not count.
    pub text: String,
    /// How many lines stand before it.
    pub before: u32,
    /// Its bytes in the script.
    pub bytes: Range<usize>,
}

/// Whether `text` may have one.
pub fn looks_like(text: &str) -> bool {
    text.lines().any(|line| mark(line).is_some())
}

/// Every here-document of a script that may be a manifest.
pub fn read(text: &str) -> Vec<HereDocument> {
    let mut found = Vec::new();
    let mut lines = Lines {
        text,
        at: 0,
        line: 0,
    };
    while let Some(line) = lines.next() {
        let Some((end, is_indented)) = mark(line) else {
            continue;
        };
        let (start, before) = (lines.at, lines.line);
        let mut inner = String::new();
        let mut stop = start;
        while let Some(line) = lines.next() {
            let line = if is_indented {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if line.trim_end_matches(['\n', '\r']) == end {
                break;
            }
            inner.push_str(line);
            stop = lines.at;
        }
        if inner.contains(':') {
            found.push(HereDocument {
                text: inner,
                before,
                bytes: start..stop,
            });
        }
    }
    found
}

struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        self.at += end;
        self.line += 1;
        rest.get(..end)
    }
}

/// The word that ends the here-document which starts on `line`, and whether leading tabs do not count.
fn mark(line: &str) -> Option<(&str, bool)> {
    let mut rest = line;
    loop {
        let (_, after) = rest.split_once("<<")?;
        // `<<<` is a here-string.
        if let Some(after) = after.strip_prefix('<') {
            rest = after;
            continue;
        }
        let (after, is_indented) = match after.strip_prefix('-') {
            Some(after) => (after, true),
            None => (after, false),
        };
        let word = after.trim_start().trim_start_matches(['\'', '"', '\\']);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = word.find(|c| !is_word(c)).unwrap_or(word.len());
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if is_name {
            return word.get(..length).map(|word| (word, is_indented));
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_here_document_is_found_with_its_line() {
        let text = "cat <<<\"$x\"\nkubectl apply -f - <<EOF && echo done\nkind: Pod\nEOF\n\
                    cat <<-'END'\n\ta: 1\n\tEND\necho $((1 << 2))\n";
        let found = read(text);
        let texts: Vec<_> = found
            .iter()
            .map(|one| (one.text.as_str(), one.before))
            .collect();
        assert_eq!(texts, [("kind: Pod\n", 2), ("a: 1\n", 5)]);
        assert_eq!(&text[found[0].bytes.clone()], "kind: Pod\n");
    }
}
