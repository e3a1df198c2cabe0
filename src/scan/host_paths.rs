//! The `hostPath`s of a text that is not read: the ones that lead to a runtime by their directory, and the ones that
//! are filled in later.
//!
//! What counts is the first absolute path behind the word, on its line or one of the next two; before it, a name to
//! which the text gives such a path, and what is filled in. Pure.

use std::cell::LazyCell;

use crate::scan::assigned;
use crate::scan::given;
use crate::scan::joined::is_word;
use crate::scan::mentions::{Words, paths};
use crate::scan::placeholder;

/// Bytes behind the word that are looked at, of lines without an end.
const LONGEST: usize = 512;

/// The `hostPath`s of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HostPaths {
    /// Where one leads to a runtime.
    pub leading: Vec<usize>,
    /// Where one is filled in later, and the names of what it is filled in with.
    pub open: Vec<(usize, Vec<String>)>,
}

impl HostPaths {
    /// Those of `text`.
    pub fn of(text: &str, words: &Words) -> Self {
        let mut found = Self::default();
        let has_path = LazyCell::new(|| words.has_path(text));
        let names = LazyCell::new(|| {
            assigned::names(text, |path| {
                words.has_path(path) && words.first(path).is_none()
            })
        });
        for word in ["ostPath", "ost_path"] {
            for start in memchr::memmem::find_iter(text.as_bytes(), word) {
                let rest = behind(text, start + word.len());
                // In a JSON patch, the field of that name stands between; a comment of many languages has no path.
                let bare = rest.replace("/*", "").replace("*/", "");
                let is_other = |path: &str| {
                    path == "/path" || path.starts_with("//") && path.trim_matches('/').is_empty()
                };
                let path = paths(&bare).find(|path| !is_other(path));
                let is_path =
                    path.is_some_and(|path| words.lead(path) && words.first(path).is_none());
                let head = path.and_then(|path| bare.split(path).next());
                let head = head.unwrap_or(&bare);
                let has_name = || head.split(|c| !is_word(c)).any(|word| names.contains(word));
                let filled = filled(head, path.is_none());
                if is_path || has_name() || filled.is_some() && *has_path {
                    found.leading.push(start);
                } else if placeholder::is_in(head) {
                    let names = given::names(filled.unwrap_or(head));
                    found.open.push((start, names));
                }
            }
        }
        let has_name = |word: &str| names.contains(word);
        found.leading.extend(of_pipelines(text, words, has_name));
        found
    }
}

/// The volumes of the node of Drone's pipelines, `host: {path: /run}`, in whatever language makes them.
fn of_pipelines(text: &str, words: &Words, has_name: impl Fn(&str) -> bool) -> Vec<usize> {
    let mut found = Vec::new();
    if !(text.contains("pipeline") && text.contains("volumes")) {
        return found;
    }
    let is_between = |c: char| c.is_whitespace() || "\"':={(".contains(c);
    for at in memchr::memmem::find_iter(text.as_bytes(), "host") {
        let rest = behind(text, at + "host".len());
        let key = rest.trim_start_matches(is_between);
        if key.len() == rest.len() || text[..at].ends_with(is_word) {
            continue;
        }
        let Some(rest) = key
            .strip_prefix("path")
            .filter(|rest| rest.starts_with(is_between))
        else {
            continue;
        };
        let value = rest.trim_start_matches(is_between);
        let path = paths(value).next().filter(|path| value.starts_with(path));
        let leads = path.is_some_and(|path| words.lead(path) && words.first(path).is_none());
        let name = value.split(|c| !is_word(c)).next();
        if leads || name.is_some_and(&has_name) {
            found.push(at);
        }
    }
    found
}

/// What stands behind a byte, to the end of the second line after its own.
fn behind(text: &str, byte: usize) -> &str {
    let rest = text.get(byte..).unwrap_or_default();
    let mut end = rest.len().min(LONGEST);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    let rest = &rest[..end];
    let end = memchr::memchr_iter(b'\n', rest.as_bytes()).nth(2);
    &rest[..end.unwrap_or(rest.len())]
}

/// What is filled in, where that ends in `head`: a path behind it is none of it. `is_all` says that there is none.
fn filled(head: &str, is_all: bool) -> Option<&str> {
    const PAIRS: [(&str, &str); 4] = [("{{", "}}"), ("${", "}"), ("$(", ")"), ("<%", "%>")];
    let ends = |(open, close): &(&str, &str)| {
        let start = head.find(open)?;
        let length = head[start..].find(close)?;
        head.get(..start + length + close.len())
    };
    let first = PAIRS.iter().filter_map(ends).min_by_key(|one| one.len());
    first.or_else(|| (is_all && placeholder::is_in(head)).then_some(head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets::Sockets;

    fn of(text: &str) -> HostPaths {
        HostPaths::of(text, &Words::of(&Sockets::default()))
    }

    #[test]
    fn one_that_leads_to_a_runtime_is_found_in_any_language() {
        for text in [
            "hostPath:\n  path: /var/run\n",
            "host_path = V1HostPathVolumeSource(path=\"/run\")",
            "withHostPath(\"/\")",
            "hostPath: {path: ${DIR:-/var/run}}",
            "/volumes/0/hostPath/path\", \"value\": \"/run\"",
            "{% for dir in ['/var/run'] %}\nhostPath:\n  path: {{ dir }}\n",
            // By a name.
            "const run = \"/var/run\"; const v = { name: \"d\", hostPath: { path: run } };",
            "RUN_DIR = \"/var/run\"\nV1HostPathVolumeSource(path=RUN_DIR)",
            "static final String RUN=\"/var/run\";\nnew HostPathVolumeSourceBuilder().withPath(RUN)",
            "local run = '/run';\n{ hostPath: { path: run } }",
            "#Run: \"/var/run\"\nhostPath: path: #Run\n",
            "let run = \"/run\" in { hostPath = Some { path = run } }",
            "yq --arg p /run '.spec.volumes[0].hostPath.path = $p'",
            // Drone's.
            "kind: 'pipeline', volumes: [{ name: 'r', host: { path: '/var/run' } }]",
            "\"kind\": \"pipeline\", \"volumes\": [{\"name\": \"r\", \"host\": {\"path\": \"/run\"}}]",
            "local run = '/run'; { kind: 'pipeline', volumes: [{ host: { path: run } }] }",
        ] {
            assert!(!of(text).leading.is_empty(), "{text}");
        }
        for text in [
            "hostPath:\n  path: /data\n",
            "hostPath:\n  path: /var/run/docker.sock\n",
            "path: /var/run",
            "hostPath: {path: {{ dir }}}\ndir: /data\n",
            "hostPath:\n\n\n\npath: /var/run",
            "hostPath: HostPath\n/// A path\n// of the node",
            "String hostPath,\n/** more */\n",
            "const run = \"/var/run\"; const v = { hostPath: { path: data } };",
            "{{ .Values.dir | default \"/data\" }}",
            "kind: pipeline, volumes: [{host: {path: '/data'}}]",
            "pipeline volumes\nhost: example.org\npath: /run",
            "volumes: [{host: {path: '/run'}}]",
        ] {
            assert!(of(text).leading.is_empty(), "{text}");
        }
    }

    #[test]
    fn one_that_is_filled_in_has_the_names_of_that() {
        for (text, name) in [
            ("hostPath:\n  path: {{ .Values.runDir }}\n", "runDir"),
            ("hostPath: {path: {{ run_dir }}}", "run_dir"),
            ("hostPath:\n  path: {{ env \"RUN\" | quote }}", "RUN"),
            (
                "hostPath:\n  path: {{ .Values.dir | default \"/data\" }}",
                "dir",
            ),
            ("hostPath:\n  path: ${dir}\nmountPath: /data", "dir"),
        ] {
            let open = of(text).open;
            assert_eq!(open.len(), 1, "{text}");
            assert_eq!(open[0].1, [name], "{text}");
        }
        assert!(of("hostPath:\n  path: /data/{{ x }}").open.is_empty());
    }
}
