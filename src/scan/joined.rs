//! A socket's name that is put together from parts: `docker${x}.sock`, `"docker" + ".sock"`,
//! `join(".", ["docker", "sock"])`.
//!
//! No language is read: between the two parts of the name nothing may stand but quotes, signs that join texts
//! and what is filled in later, on one line. Where all that stands before `.sock` is filled in, the other part has to
//! be a value of the same text. Pure.

use std::cell::LazyCell;

use crate::scan::chars::is_word;

/// Bytes of what is filled in that are looked at.
const LONGEST: usize = 256;

/// What a name ends with.
const END: &str = "sock";

/// Every place of `text` where a name is put together that `stems` has the first part of (`docker`).
pub fn names<'s>(text: &str, stems: impl Iterator<Item = &'s str> + Clone) -> Vec<usize> {
    let ends = memchr::memmem::find_iter(text.as_bytes(), END);
    // A text may have thousands of names that end so: what is the same for all is looked up once.
    let is_given = LazyCell::new(|| stems.clone().any(|stem| is_value(text, stem)));
    let (mut start, mut seen) = (0, 0);
    let found = ends.filter_map(|at| {
        let (before, rest) = text.split_at_checked(at)?;
        let end = before[seen..].rfind('\n');
        start = end.map_or(start, |end| seen + end + 1);
        seen = at;
        if rest[END.len()..].starts_with(is_word) {
            return None;
        }
        let line = &before[start..];
        let glue = Glue::before(line);
        if !glue.joins {
            return None;
        }
        let head = &line[..glue.start];
        let mut all = stems.clone();
        let is_name = match head.ends_with(is_word) {
            true => all.any(|stem| is_last(head, stem)),
            false => {
                // `/run/{docker,podman}.sock` of a shell.
                let inner = || line[glue.start..].split(|c| !is_word(c));
                let mut is_inner = || all.any(|stem| inner().any(|word| word == stem));
                glue.fills && head.ends_with('/') && (*is_given || is_inner())
            }
        };
        is_name.then_some(at)
    });
    found.collect()
}

fn is_last(head: &str, stem: &str) -> bool {
    let before = head.strip_suffix(stem);
    before.is_some_and(|before| !before.ends_with(is_word))
}

/// Whether `word` is all of a value: in quotes, or behind `=` or `: ` to the end of its line.
fn is_value(text: &str, word: &str) -> bool {
    let mut places = memchr::memmem::find_iter(text.as_bytes(), word);
    places.any(|at| {
        let before = &text[..at];
        let after = text[at + word.len()..].chars().next();
        match before.chars().next_back() {
            Some(quote @ ('"' | '\'')) => after == Some(quote),
            Some('=') => after.is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '&')),
            _ if before.ends_with(": ") => after.is_none_or(|c| matches!(c, '\n' | '\r')),
            _ => false,
        }
    })
}

/// What stands between the parts of a name.
struct Glue {
    start: usize,
    /// Whether something in it puts texts together: a dot alone does not.
    joins: bool,
    /// Whether something in it is filled in later.
    fills: bool,
}

impl Glue {
    /// All of it at the end of `line`.
    fn before(line: &str) -> Self {
        let mut glue = Self {
            start: line.len(),
            joins: false,
            fills: false,
        };
        while let Some(last) = line[..glue.start].chars().next_back() {
            let rest = &line[..glue.start - last.len_utf8()];
            match last {
                '.' | ' ' | ',' | '[' | '(' => glue.start = rest.len(),
                '"' | '\'' | '`' | '+' | '~' => {
                    glue.joins = true;
                    glue.start = rest.len();
                }
                '}' | ')' => match placeholder(rest, last) {
                    Some(start) => glue.fill(start),
                    None => break,
                },
                's' | 'v' if rest.ends_with('%') => glue.fill(rest.len() - 1),
                _ if is_word(last) => {
                    let name = line[..glue.start].trim_end_matches(is_word);
                    match name.strip_suffix('$') {
                        Some(before) => glue.fill(before.len()),
                        None => break,
                    }
                }
                _ => break,
            }
        }
        glue
    }

    fn fill(&mut self, start: usize) {
        self.start = start;
        self.joins = true;
        self.fills = true;
    }
}

/// Where `${…}`, `$(…)`, `{{…}}` or `{}` starts whose last sign was taken off `before`.
fn placeholder(before: &str, last: char) -> Option<usize> {
    let first = if last == '}' { '{' } else { '(' };
    let mut open = 1_usize;
    for (at, c) in before.char_indices().rev().take(LONGEST) {
        if c == last {
            open += 1;
        } else if c == first {
            open -= 1;
        }
        if open == 0 {
            let head = &before[..at];
            return match head.strip_suffix('$') {
                Some(head) => Some(head.len()),
                // `+ join(…)` and the like have no text that is filled in.
                None => (first == '{').then_some(at),
            };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(text: &str) -> bool {
        !names(text, ["docker", "containerd"].into_iter()).is_empty()
    }

    #[test]
    fn a_name_in_parts_is_found() {
        for text in [
            "-v /var/run/docker${x}.sock:/s",
            "-v /var/run/docker$x.sock:/s",
            "'/var/run/docker' + '.sock'",
            "\"/run/docker\" ~ \".sock\"",
            "join(\".\", [\"docker\", \"sock\"])",
            "format(\"/run/%s.%s\", \"docker\", \"sock\")",
            "/run/containerd{{ suffix }}.sock",
            "NAME=docker\ncurl --unix-socket /var/run/${NAME}.sock x",
            "format(\"/run/%s.sock\", \"docker\")",
            "name: docker\npath: /run/{{ .name }}.sock",
            "ls /var/run/{docker,}.sock",
        ] {
            assert!(is_found(text), "{text}");
        }
    }

    #[test]
    fn what_a_text_gives_is_looked_up_once() {
        let looks = std::cell::Cell::new(0);
        let stems = ["docker"].into_iter();
        let stems = stems.inspect(|_| looks.set(looks.get() + 1));
        let found = names(&"/${x}.sock docker ".repeat(100), stems);
        assert!(found.is_empty());
        // And the parts of each name once.
        assert_eq!(looks.get(), 1 + 100);
    }

    #[test]
    fn what_is_filled_in_has_a_start_nearby() {
        let within = |length| "${".to_owned() + &"x".repeat(length);
        assert_eq!(placeholder(&within(10), '}'), Some(0));
        assert_eq!(placeholder(&within(LONGEST), '}'), None);
    }

    #[test]
    fn words_beside_each_other_are_no_name() {
        for text in [
            "the docker sock is not mounted",
            "docker, sock",
            "\"docker\" + \".socket\"",
            "mydocker${x}.sock",
            "unix:///run/${APP}.sock",
            "image: docker:28\nlisten: /run/${APP}.sock",
            "DOCKER=1 /run/gunicorn.sock",
            "docker_${x}.sock",
        ] {
            assert!(!is_found(text), "{text}");
        }
    }
}
