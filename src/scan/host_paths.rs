//! The `hostPath`s of a text that is not read: the ones that lead to a runtime by their directory, and the ones that
//! are filled in later.
//!
//! What counts is the first absolute path behind the word, on its line or one of the next two, or in the brackets that
//! it opens; before it, a name to which the text gives such a path, and what is filled in. A lone `/` is in many texts:
//! it is the node's root only as all of a path's value. Pure.

use std::cell::LazyCell;

use crate::scan::chars::is_word;
use crate::scan::mentions::{Words, paths};
use crate::scan::placeholder;
use crate::text::beginning;

/// Bytes behind the word that are looked at, of lines without an end.
const LONGEST: usize = 512;

/// Bytes behind the word that are looked at, of brackets without an end.
const LONGEST_BRACKETS: usize = 1024;

/// What is looked for, without its first letter; Jsonnet's libraries have a function for the last.
const WORDS: [&str; 3] = ["ostPath", "ost_path", "ostVolumeMount"];

/// The `hostPath`s of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HostPaths {
    /// Where one leads to a runtime.
    pub leading: Vec<usize>,
    /// The ones that are filled in later.
    pub open: Vec<Filled>,
}

/// One that is filled in later.
#[derive(Debug, PartialEq, Eq)]
pub struct Filled {
    /// Where.
    pub start: usize,
    /// With what, as it is written.
    pub with: String,
    /// Whether it leads to a runtime already, by what else the text has.
    pub is_leading: bool,
}

impl HostPaths {
    /// Those of `text`.
    pub fn of(text: &str, words: &Words) -> Self {
        let mut found = Self::default();
        let has_path = LazyCell::new(|| words.has_path(text));
        let names = LazyCell::new(|| words.assigned(text));
        for word in WORDS {
            for start in memchr::memmem::find_iter(text.as_bytes(), word) {
                if !is_whole(text, start, word) {
                    continue;
                }
                let rest = behind(text, start + word.len());
                // In a JSON patch, the field of that name stands between; a comment of many languages has no path.
                let bare = rest.replace("/*", "").replace("*/", "");
                let (path, head) = first_path(&bare);
                let is_path =
                    path.is_some_and(|path| words.lead(path) && words.first(path).is_none());
                let has_name = || head.split(|c| !is_word(c)).any(|word| names.has(word));
                let filled = filled(head, path.is_none());
                let is_leading = is_path || has_name() || filled.is_some() && *has_path;
                if is_leading {
                    found.leading.push(start);
                }
                if filled.is_some() || !is_leading && placeholder::is_in(head) {
                    found.open.push(Filled {
                        start,
                        with: filled.unwrap_or(head).to_owned(),
                        is_leading,
                    });
                }
            }
        }
        let has_name = |word: &str| names.has(word);
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
        let rest = lines_behind(text, at + "host".len());
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

/// Whether the word whose end was found at a byte is `hostPath` and none that only ends so (`postPath`), nor begins so
/// (`hostPathname`).
fn is_whole(text: &str, at: usize, word: &str) -> bool {
    let before = &text.as_bytes()[..at];
    let is_start = match before {
        [.., b'H'] | [b'h'] => true,
        [.., last, b'h'] => !last.is_ascii_alphanumeric(),
        _ => false,
    };
    let after = text.as_bytes().get(at + word.len());
    is_start && after.is_none_or(|byte| !byte.is_ascii_lowercase() || *byte == b's')
}

/// The first path of what stands behind the word, and what stands before that.
fn first_path(bare: &str) -> (Option<&str>, &str) {
    for path in paths(bare) {
        let is_root = path.trim_matches('/').is_empty();
        if path == "/path" || is_root && path.len() > 1 {
            continue;
        }
        let Some((before, after)) = bare.split_at_checked(offset(bare, path)) else {
            continue;
        };
        if !is_root || self::is_root(before, &after[path.len()..]) {
            return (Some(path), before);
        }
        // A text between quotes is what this word is about, and no path; a sign is neither.
        if before.ends_with(['"', '\'', '`']) {
            return (None, before);
        }
    }
    (None, bare)
}

/// Where `part` starts, which is a part of `text`.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// Whether a `/` between these is all of the value that a path is given.
fn is_root(before: &str, after: &str) -> bool {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let ends = |rest: &str| {
        let rest = rest.trim_start_matches([' ', '\t']);
        let calls = [".into()", ".to_string()", ".to_owned()", ".freeze"];
        calls.iter().any(|call| rest.starts_with(call))
            || rest.is_empty()
            || rest.starts_with(['\n', '\r', ',', ';', ')', '}', ']', '#', '<'])
    };
    let rest = after.trim_start_matches(|c| QUOTES.contains(&c) || c == '\\');
    // `/>` and `</` close an element.
    let is_ended = ends(rest) && !before.ends_with('<');
    let value = before.trim_end_matches(|c| QUOTES.contains(&c) || c == '\\');
    let value = value.trim_end_matches([' ', '\t']);
    let is_path = |rest: &str| {
        let key = rest.trim_end_matches([' ', '\t', '"', '\'', '\\', ':', '=']);
        let key = &key[key.trim_end_matches(is_word).len()..];
        let lower = key.to_ascii_lowercase();
        // What is behind the word that was found starts there.
        let is_found = key.len()
            == rest
                .trim_end_matches([' ', '\t', '"', '\'', '\\', ':', '='])
                .len();
        is_found
            || lower.ends_with("path") && !lower.contains("mount")
            || lower.contains("hostpath")
            || lower == "value" && before.contains("/path")
    };
    let is_value = match value.chars().next_back() {
        Some(':' | '=' | '>') => is_path(&value[..value.len() - 1]),
        Some('(') => {
            let call = &value[..value.len() - 1];
            // `Path: pulumi.String("/")`.
            let outer = call.trim_end_matches(|c| is_word(c) || c == '.').trim_end();
            let given = outer.strip_suffix([':', '=']);
            is_path(call) || rest.starts_with(')') && given.is_some_and(is_path)
        }
        _ => false,
    };
    is_ended && is_value
}

/// What stands behind a byte, to the end of the second line after its own, or of the brackets that it opens.
fn behind(text: &str, byte: usize) -> &str {
    let lines = lines_behind(text, byte);
    let brackets = brackets_behind(text, byte);
    match brackets.len() > lines.len() {
        true => brackets,
        false => lines,
    }
}

/// What stands behind a byte, to the end of the second line after its own.
fn lines_behind(text: &str, byte: usize) -> &str {
    let rest = head(text, byte, LONGEST);
    let end = memchr::memchr_iter(b'\n', rest.as_bytes()).nth(2);
    &rest[..end.unwrap_or(rest.len())]
}

/// What stands behind a byte, to the end of the brackets of its value: `: &v1.Source{ … }`, `=Source( … )`, `({ … })`.
fn brackets_behind(text: &str, byte: usize) -> &str {
    let rest = head(text, byte, LONGEST_BRACKETS);
    let is_name = |c: char| is_word(c) || c == '.';
    let own = rest.trim_start_matches(is_name);
    let mut value = own.trim_start_matches([' ', ':', '=', '&', '"', '\'']);
    // A type that is declared, or a function, is no value.
    if own[..own.len() - value.len()].contains([':', '=']) {
        value = value.strip_prefix("new ").unwrap_or(value);
        value = value.trim_start_matches(is_name).trim_start_matches(' ');
    }
    if !value.starts_with(['(', '{', '[']) {
        return "";
    }
    let from = rest.len() - value.len();
    let mut depth = 0_usize;
    for (at, sign) in value.bytes().enumerate() {
        match sign {
            b'(' | b'{' | b'[' => depth += 1,
            b')' | b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[..from + at];
        }
    }
    rest
}

/// What stands behind a byte, and no more than `longest` bytes of it.
fn head(text: &str, byte: usize, longest: usize) -> &str {
    beginning(text.get(byte..).unwrap_or_default(), longest)
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
    use crate::scan::given;

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
            "HostPath: &corev1.HostPathVolumeSource{\n\tType: t,\n\n\t// of the sockets\n\n\tPath: \"/run\",\n}",
            "host_path=V1HostPathVolumeSource(\n  # the\n  # node's\n  # sockets\n  path=\"/run\",\n)",
            "hostPath: {\n  type: \"\",\n\n\n  path: \"/var/run\",\n}",
            // The node's root.
            "hostPath:\n  path: /\n",
            "new V1HostPathVolumeSource { Path = \"/\" }",
            "HostPath: corev1.HostPathVolumeSourceArgs{Path: pulumi.String(\"/\")}",
            "host_path: Some(HostPathVolumeSource { path: \"/\".into() })",
            "'hostPath' => { 'path' => '/' }",
            "hostPathVolume(hostPath: '/', mountPath: '/host')",
            "<hostPath>/</hostPath>",
            "host_path { path = \"/\" }",
            "\\\"hostPath\\\":{\\\"path\\\":\\\"/\\\"}",
            "/volumes/0/hostPath/path\", \"value\": \"/\"",
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
            "func hostPath(p string) {\n\n\n\nreturn \"/run\"}",
            "type HostPathVolumeSource struct {\n\n\n\n// as /run is\n}",
            // Other words, and a sign.
            "const postPath = \"/\" + slug;\ncreatePage({ path: \"/run\" });",
            "post_path(@post) %><br />",
            "func PostPath() string { return \"/\" }",
            "ghostPath: {path: /run}",
            "const hostPathname = \"/run\";",
            "const hostPath = location.host + \"/\";\nrouter.get(\"/\", h); const hostPathname = \"/run\";",
            "strings.HasPrefix(r.hostPath, \"/\")",
            "function getHostPath(u) { return u.host + '/' + u.path; }",
            "return b.hostPath||\"/\"",
            "getHostPath() { return \"/\" + hostPath; }",
            "<Link hostPath={x} />\n",
            "hostPath = \"/\" + name",
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
            assert_eq!(given::names(&open[0].with), [name], "{text}");
        }
        assert!(of("hostPath:\n  path: /data/{{ x }}").open.is_empty());
    }
}
