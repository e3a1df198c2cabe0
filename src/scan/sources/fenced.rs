//! Manifests in blocks of a text that is another one: fences of Markdown, strings in three quotes of a program. Pure.

use std::ops::Range;

/// What opens a block at the end of a line, or with a language behind it, and closes it at the start of one.
const FENCES: [&str; 3] = ["```", "\"\"\"", "'''"];

/// One block that is closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Fenced<'t> {
    /// What it holds.
    pub text: &'t str,
    /// How many lines stand before it.
    pub before: u32,
    /// Its bytes in the text.
    pub bytes: Range<usize>,
}

/// Every block of a text that may be a manifest, if the text has one.
pub fn read(text: &str) -> Vec<Fenced<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, usize, u32)> = None;
    let (mut at, mut before) = (0, 0);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        before += 1;
        match open {
            Some((fence, from, lines)) if line.trim_start().starts_with(fence) => {
                let inner = text.get(from..start).unwrap_or_default();
                if has_field(inner, "kind:") || has_field(inner, "spec:") {
                    found.push(Fenced {
                        text: inner,
                        before: lines,
                        bytes: from..start,
                    });
                }
                open = None;
            }
            Some(_) => {}
            None => open = opened(line).map(|fence| (fence, at, before)),
        }
    }
    found
}

/// The fence of a block that a line opens.
fn opened(line: &str) -> Option<&'static str> {
    let line = line.trim();
    FENCES.into_iter().find(|fence| {
        let language = line.strip_prefix(fence).filter(|_| *fence == FENCES[0]);
        let is_language = |word: &str| {
            word.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_ ".contains(c))
        };
        language.is_some_and(is_language)
            || line.ends_with(fence) && line.matches(fence).count() == 1
    })
}

fn has_field(text: &str, field: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.trim_start_matches([' ', '-']).starts_with(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_at_its_fence() {
        for text in [
            "# x\n```yaml\nkind: Pod\n```\nand `y`\n```sh\ndocker ps\n```\n",
            "\nk8s_yaml(blob(\"\"\"\nkind: Pod\n\"\"\"))\n",
            "\nPOD = '''\nkind: Pod\n'''\n",
        ] {
            let found = read(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].text, found[0].before), ("kind: Pod\n", 2));
            assert_eq!(text.get(found[0].bytes.clone()), Some("kind: Pod\n"));
        }
        for text in [
            "```yaml\nkind: Pod\n",
            "kind: Pod\n",
            "x = \"\"\"one\"\"\"\nkind: Pod\n",
        ] {
            assert!(read(text).is_empty(), "{text}");
        }
    }
}
