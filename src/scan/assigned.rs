//! Names to which a text gives a directory that leads to a runtime: `RUN=/var/run`, `const run: string = "/run"`,
//! `--arg p /run`. Where the path of a mount is such a name, it is that directory. No language is read. Pure.

use std::collections::HashSet;

use crate::scan::joined::is_word;

/// Bytes before a path in which the name is looked for.
const BEFORE: usize = 128;

/// What a path of the node, a mount and what holds them are called everywhere: these names say nothing of a text's own.
const FIELDS: [&str; 12] = [
    "hostPath",
    "host_path",
    "key",
    "mountPath",
    "mount_path",
    "name",
    "path",
    "source",
    "target",
    "type",
    "value",
    "volume",
];

/// The names of `text` that have a path which `leads` to a runtime.
pub fn names(text: &str, leads: impl Fn(&str) -> bool) -> HashSet<&str> {
    let mut found = HashSet::new();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let mut end = 0;
    while let Some(at) = memchr::memchr(b'/', &text.as_bytes()[end..]) {
        let start = end + at;
        let rest = &text[start..];
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        end = start + length;
        let (path, after) = rest.split_at(length);
        // `/run/${APP}` is another directory.
        let is_whole = !after.starts_with(['$', '{', '%', '#', '<', '@']);
        let before = before(text, start);
        if is_whole && !before.ends_with(is_part) && leads(path) {
            of_statement(before, &mut found);
        }
    }
    found.retain(|name| !FIELDS.contains(name));
    found
}

/// The line up to a byte of `text`, or as much of it as matters.
fn before(text: &str, byte: usize) -> &str {
    let mut from = byte.saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let line = &text[from..byte];
    &line[line.rfind('\n').map_or(0, |end| end + 1)..]
}

/// What the statement that ends before a path gives it to.
fn of_statement<'t>(before: &'t str, found: &mut HashSet<&'t str>) {
    let before = before.trim_end_matches([' ', '\t', '"', '\'', '`']);
    let left = before.trim_end_matches([' ', '\t', '"', '\'', '=', ':', '?']);
    let name = last_word(left);
    if left.len() < before.len() {
        found.extend(name);
        // `const run: string = "/run"`.
        let start = left.rfind([';', '{', '(', ',', '[']).map_or(0, |at| at + 1);
        let typed = left[start..].split_once(':');
        found.extend(typed.and_then(|(name, _)| last_word(name.trim_end())));
    } else if let Some(name) = name {
        let option = left[..left.len() - name.len()].trim_end();
        if option.ends_with("--arg") {
            found.insert(name);
        }
    }
}

fn last_word(text: &str) -> Option<&str> {
    let name = &text[text.trim_end_matches(is_word).len()..];
    (!name.is_empty()).then_some(name)
}

/// Where `text` binds a variable that is one of `names` into a container: `-v $RUN:/run`, `-v "${RUN}":$RUN`.
pub fn bound(text: &str, names: &HashSet<&str>) -> Vec<usize> {
    let mut found = Vec::new();
    if names.is_empty() {
        return found;
    }
    for at in memchr::memchr_iter(b'$', text.as_bytes()) {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let rest = rest.trim_start_matches(['}', '"', '\'', '/']);
        let target = rest.strip_prefix(':');
        if names.contains(name)
            && target.is_some_and(|target| target.starts_with(['/', '$', '"', '\'', '{']))
        {
            found.push(at);
        }
    }
    // Ansible's `{{ run_dir }}:/host`.
    for at in memchr::memmem::find_iter(text.as_bytes(), "{{") {
        let rest = text[at + 2..].trim_start_matches([' ', '-']);
        let (name, rest) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        let rest = rest.trim_start_matches([' ', '-']).strip_prefix("}}");
        let rest = rest.map(|rest| rest.trim_start_matches(['"', '\'', '/']));
        let target = rest.and_then(|rest| rest.strip_prefix(':'));
        if names.contains(name) && target.is_some_and(|to| to.starts_with(['/', '{', '"', '\''])) {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_run(path: &str) -> bool {
        ["/run", "/var/run"].contains(&path.trim_end_matches('/'))
    }

    #[test]
    fn a_name_has_the_path_that_it_is_given() {
        for (text, name) in [
            ("RUN=/var/run; x", "RUN"),
            ("export RUN_DIR=\"/var/run\"", "RUN_DIR"),
            ("const runDir = '/var/run';", "runDir"),
            ("const runDir: string = \"/var/run\";", "runDir"),
            ("static final String RUN=\"/var/run\";", "RUN"),
            ("#Run: \"/var/run\"", "Run"),
            ("let runDir : Text = \"/run\"", "runDir"),
            ("yq --arg p /run '.x = $p'", "p"),
            ("dir := \"/run/\"", "dir"),
            ("{\"runDir\": \"/run\"}", "runDir"),
        ] {
            assert!(names(text, is_run).contains(name), "{text}");
        }
        for text in [
            "mkdir -p /run",
            "RUN=/var/run/app",
            "RUN=/var/run/${APP}",
            "x=/data/var/run",
            "{path: /var/run}",
            "cat /run",
        ] {
            assert!(names(text, is_run).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_variable_is_bound_before_a_colon() {
        let names = HashSet::from(["RUN"]);
        for text in [
            "- \"{{ RUN }}:/host\"",
            "{{RUN}}:{{ RUN }}",
            "-v $RUN:$RUN x",
            "-v \"${RUN}\":/run",
            "-v ${RUN}/:/run",
        ] {
            assert_eq!(bound(text, &names).len(), 1, "{text}");
        }
        for text in [
            "{{ RUN }}: x",
            "{{ RUNS }}:/run",
            "-v $RUNS:/run",
            "echo $RUN: done",
            "-v $RUN/app:/run",
        ] {
            assert!(bound(text, &names).is_empty(), "{text}");
        }
    }
}
