//! Names to which a text gives a directory that leads to a runtime: `RUN=/var/run`, `const run: string = "/run"`,
//! `--arg p /run`, and as what is taken where nothing else is given: `RUN="${RUN:-/run}"`, `env.RUN ?? '/run'`. Where
//! the path of a mount is such a name, it is that directory. No language is read. Pure.

use std::collections::{HashMap, HashSet};

use crate::scan::chars::{is_path_char, is_word};
use crate::text::ending;

/// Bytes before a path in which the name is looked for.
const BEFORE: usize = 128;

/// Beginnings of paths that one name may have.
const MOST_BASES: usize = 4;

/// What a path of the node, a mount, what holds them and what explains them are called everywhere: these names say
/// nothing of a text's own.
const FIELDS: [&str; 18] = [
    "args",
    "command",
    "default",
    "defaultValue",
    "description",
    "example",
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

/// The names of a text, by what they are given.
#[derive(Debug, Default)]
pub struct Names<'t> {
    /// Those with a path that leads to a runtime.
    leading: HashSet<&'t str>,
    /// Those with the beginning of one, `/var`.
    bases: HashMap<&'t str, Vec<&'t str>>,
}

impl<'t> Names<'t> {
    /// Those of `text`. A path `leads` to a runtime, or `begins` one.
    pub fn of(text: &'t str, leads: impl Fn(&str) -> bool, begins: impl Fn(&str) -> bool) -> Self {
        let mut names = Self::default();
        let mut end = 0;
        while let Some(at) = memchr::memchr(b'/', &text.as_bytes()[end..]) {
            let start = end + at;
            let rest = &text[start..];
            let length = rest.find(|c| !is_path_char(c)).unwrap_or(rest.len());
            end = start + length;
            let (path, after) = rest.split_at(length);
            let before = before(text, start);
            // A shell's default has a dash before it: `${DIR:-/run}`.
            let is_default = before.strip_suffix('-').is_some_and(|head| {
                let name = head.strip_suffix(':').unwrap_or(head);
                name.trim_end_matches(is_word).ends_with("${")
            });
            if !is_default && before.ends_with(is_path_char) {
                continue;
            }
            // `/run/${APP}` is another directory.
            let is_whole = !after.starts_with(['$', '{', '%', '#', '<', '@']);
            let is_leading = is_whole && leads(path);
            if is_leading || added(after).is_some_and(|part| leads(&format!("{path}{part}"))) {
                given(before, &mut |name| {
                    names.leading.insert(name);
                });
            } else if is_whole && begins(path) {
                given(before, &mut |name| {
                    let known = names.bases.entry(name).or_default();
                    if known.len() < MOST_BASES && !known.contains(&path) {
                        known.push(path);
                    }
                });
            }
        }
        names.leading.retain(|name| !FIELDS.contains(name));
        names.bases.retain(|name, _| !FIELDS.contains(name));
        names
    }

    /// Whether this is a name with a path that leads to a runtime.
    pub fn has(&self, name: &str) -> bool {
        self.leading.contains(name)
    }

    /// Where `text` binds a variable that is one of these into a container: `-v $RUN:/run`, `-v "${RUN}":$RUN`,
    /// `-v $BASE/run:/run`.
    pub fn bound(&self, text: &str, leads: impl Fn(&str) -> bool) -> Vec<usize> {
        let mut found = Vec::new();
        if self.leading.is_empty() && self.bases.is_empty() {
            return found;
        }
        for at in memchr::memchr2_iter(b'$', b'{', text.as_bytes()) {
            let rest = &text[at + 1..];
            // Of `${NAME}` and `{{ NAME }}`, the first sign counts.
            let is_inner = rest.starts_with('{') || text[..at].ends_with(['$', '{']);
            let rest = match text.as_bytes()[at] {
                b'$' => rest.strip_prefix(['{', '(']).unwrap_or(rest),
                _ if is_inner => continue,
                _ => rest,
            };
            let (name, rest) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
            if self.is_bound(name, rest.trim_start_matches(['}', ')', '"', '\'']), &leads) {
                found.push(at);
            }
        }
        // Ansible's `{{ run_dir }}:/host`.
        for at in memchr::memmem::find_iter(text.as_bytes(), "{{") {
            let rest = text[at + 2..].trim_start_matches([' ', '-']);
            let (name, rest) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
            let rest = rest.trim_start_matches([' ', '-']).strip_prefix("}}");
            let rest = rest.map(|rest| rest.trim_start_matches(['"', '\'']));
            if rest.is_some_and(|rest| self.is_bound(name, rest, &leads)) {
                found.push(at);
            }
        }
        // `"-v " + RUN + ":/run"`.
        for at in memchr::memmem::find_iter(text.as_bytes(), ":/") {
            let before = text[..at].strip_suffix(['"', '\'']).unwrap_or_default();
            let before = before.trim_end_matches(' ').strip_suffix('+');
            let name = before.and_then(|before| last_word(before.trim_end_matches(' ')));
            if name.is_some_and(|name| self.has(name)) {
                found.push(at);
            }
        }
        // `{RUN: {"bind": "/run"}}` of Docker's library for Python.
        for at in memchr::memmem::find_iter(text.as_bytes(), "bind") {
            let inner = text[..at].trim_end_matches(['"', '\'', ' ', '\n']);
            let key = inner.strip_suffix('{').map(|key| key.trim_end_matches(' '));
            let name = key.and_then(|key| last_word(key.strip_suffix(':')?));
            if name.is_some_and(|name| self.has(name)) {
                found.push(at);
            }
        }
        found
    }

    /// Whether a name and what stands behind it are the path of the node of a mount.
    fn is_bound(&self, name: &str, rest: &str, leads: impl Fn(&str) -> bool) -> bool {
        let is_target = |rest: &str| {
            let target = rest.strip_prefix(':');
            target.is_some_and(|target| target.starts_with(['/', '$', '"', '\'', '{']))
        };
        let bare = |rest: &'_ str| rest.trim_start_matches(['/', '"', '\'']).len();
        if self.has(name) && is_target(&rest[rest.len() - bare(rest)..]) {
            return true;
        }
        let Some(bases) = self.bases.get(name) else {
            return false;
        };
        let length = rest.find(|c| !is_path_char(c)).unwrap_or(rest.len());
        let (below, rest) = rest.split_at(length);
        below.starts_with('/')
            && is_target(rest.trim_start_matches(['"', '\'']))
            && bases.iter().any(|base| leads(&format!("{base}{below}")))
    }
}

/// The text that is put behind a path: `'/var/' + 'run'`.
fn added(after: &str) -> Option<&str> {
    let rest = after.strip_prefix(['"', '\'', '`'])?;
    let rest = rest.trim_start_matches(' ').strip_prefix('+')?;
    let rest = rest
        .trim_start_matches(' ')
        .strip_prefix(['"', '\'', '`'])?;
    Some(&rest[..rest.find(|c| !is_path_char(c)).unwrap_or(rest.len())])
}

/// The line up to a byte of `text`, or as much of it as matters.
fn before(text: &str, byte: usize) -> &str {
    let line = ending(&text[..byte], BEFORE);
    &line[line.rfind('\n').map_or(0, |end| end + 1)..]
}

/// What the statement that ends before a path gives it to.
fn given<'t>(before: &'t str, found: &mut impl FnMut(&'t str)) {
    beside(before, found);
    let (statement, call) = statement(before);
    match assignment(statement) {
        Some(left) => {
            last_word(left).into_iter().for_each(&mut *found);
            typed(left).into_iter().for_each(&mut *found);
        }
        None => key(statement).into_iter().for_each(&mut *found),
    }
    let Some(call) = call else { return };
    // `flag.StringVar(&runDir, "run-dir", "/run", …)`.
    if let Some(first) = call.trim_start().strip_prefix('&') {
        let first = first.split(',').next().unwrap_or_default();
        last_word(first.trim_end())
            .into_iter()
            .for_each(&mut *found);
    }
    // `string(name: 'RUN_DIR', defaultValue: '/run')`.
    let last = call.trim_end_matches([' ', '"', '\'', '`', ':', '=']);
    if last_word(last).is_some_and(|last| last.starts_with("default")) {
        let quoted = call.split(['"', '\'']).skip(1).step_by(2);
        quoted
            .filter(|name| !name.is_empty() && name.chars().all(is_word))
            .for_each(found);
    }
}

/// The name that stands beside a path.
fn beside<'t>(before: &'t str, found: &mut impl FnMut(&'t str)) {
    let before = before.trim_end_matches([' ', '\t', '"', '\'', '`']);
    let left = before.trim_end_matches([' ', '\t', '"', '\'', '=', ':', '?']);
    let name = last_word(left);
    if left.len() < before.len() {
        name.into_iter().for_each(&mut *found);
        typed(left).into_iter().for_each(found);
    } else if let Some(name) = name {
        let option = left[..left.len() - name.len()].trim_end();
        if option.ends_with("--arg") {
            found(name);
        }
    }
}

/// The name in `const run: string` of `const run: string = "/run"`.
fn typed(left: &str) -> Option<&str> {
    let start = left.rfind([';', '{', '(', ',', '[']).map_or(0, |at| at + 1);
    let (name, _) = left[start..].split_once(':')?;
    last_word(name.trim_end())
}

/// The statement that ends before a path, and what stands in the innermost of its brackets that are open.
fn statement(before: &str) -> (&str, Option<&str>) {
    let bytes = before.as_bytes();
    let (mut depth, mut comma, mut call) = (0_usize, None, None);
    let mut start = 0;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b')' | b']' => depth += 1,
            b'(' | b'[' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            // What a comma parts in brackets is one value beside a name.
            b'(' => {
                call = call.or(before.get(at + 1..));
                comma = None;
            }
            b'{' if at > 0 && bytes[at - 1] == b'$' => comma = None,
            b',' => comma = comma.or(Some(at + 1)),
            b';' | b'{' | b'[' => {
                start = at + 1;
                break;
            }
            _ => {}
        }
    }
    let start = comma.unwrap_or(start);
    (before.get(start..).unwrap_or_default(), call)
}

/// What stands before the first sign that assigns in a statement, as `=`, `:=` and `?=` do, and a comparison does not.
fn assignment(statement: &str) -> Option<&str> {
    let bytes = statement.as_bytes();
    let mut all = memchr::memchr_iter(b'=', bytes);
    let at = all.find(|at| {
        let next = bytes.get(at + 1);
        let last = at.checked_sub(1).and_then(|last| bytes.get(last));
        !matches!(next, Some(b'=' | b'>' | b'~'))
            && !matches!(last, Some(b'=' | b'!' | b'<' | b'>'))
    })?;
    Some(statement[..at].trim_end_matches([':', '?', '+', ' ', '\t']))
}

/// The key of a statement whose value is one of several: `dir: string | *"/run"`, `dir: env.DIR || '/run'`.
fn key(statement: &str) -> Option<&str> {
    const CHOICES: [&str; 4] = ["|", "?", "default", "("];
    let statement = statement.trim_start_matches([' ', '\t', '-', '"', '\'', '#']);
    let name = &statement[..statement.find(|c| !is_word(c)).unwrap_or(statement.len())];
    let rest = statement[name.len()..].trim_start_matches(['"', '\'', ' ']);
    let value = rest.strip_prefix(':')?;
    let is_chosen = CHOICES.iter().any(|sign| value.contains(sign));
    let is_quoted = value.ends_with(['"', '\'', '`']);
    (is_chosen && is_quoted && !name.is_empty()).then_some(name)
}

fn last_word(text: &str) -> Option<&str> {
    let name = &text[text.trim_end_matches(is_word).len()..];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_run(path: &str) -> bool {
        ["/run", "/var/run"].contains(&path.trim_end_matches('/'))
    }

    fn names(text: &str) -> Names<'_> {
        Names::of(text, is_run, |path| path.trim_end_matches('/') == "/var")
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
            // Where nothing else is given.
            ("RUN_DIR ::= /var/run", "RUN_DIR"),
            ("RUN_DIR ?= $(or $(X),/run)", "RUN_DIR"),
            ("DIR=\"${RUN_DIR:-/var/run}\"", "DIR"),
            ("RUN_DIR=${1:-/run}", "RUN_DIR"),
            ("RUN_DIR=${1-/run}", "RUN_DIR"),
            ("RUN_DIR=$(realpath /var/run)", "RUN_DIR"),
            ("def d = cfg.runDir ?: '/var/run'", "d"),
            ("def d = x ? '/data' : '/var/run'", "d"),
            ("def d = '/var/' + 'run'", "d"),
            ("def d = config.get('runDir', '/var/run')", "d"),
            (
                "string(name: 'RUN_DIR', defaultValue: '/var/run')",
                "RUN_DIR",
            ),
            ("const d = process.env.RUN_DIR ?? '/var/run'", "d"),
            ("const c = { d: process.env.D || '/run' }", "d"),
            ("const d: string = x === 'a' ? '/run' : '/data'", "d"),
            (
                "flag.StringVar(&o.runDir, \"run-dir\", \"/var/run\", \"x\")",
                "runDir",
            ),
            ("#dir: string | *\"/var/run\"", "dir"),
            ("local d = std.get(cfg, 'd', '/run');", "d"),
            ("RUN_DIR = os.getenv(\"RUN_DIR\",\"/var/run\")", "RUN_DIR"),
        ] {
            assert!(names(text).has(name), "{text}");
        }
        for text in [
            "mkdir -p /run",
            "RUN=/var/run/app",
            "RUN=/var/run/${APP}",
            "x=/data/var/run",
            "{path: /var/run}",
            "cat /run",
            "description: a default (as /run is)",
            "x => f(a, '/run')",
            "default: \"/run\"",
        ] {
            assert!(names(text).leading.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_variable_is_bound_before_a_colon() {
        let names = names("RUN=/run\nBASE=/var\n");
        for text in [
            "- \"{{ RUN }}:/host\"",
            "{{RUN}}:{{ RUN }}",
            "-v $RUN:$RUN x",
            "-v \"${RUN}\":/run",
            "-v ${RUN}/:/run",
            "-v $(RUN):/run",
            "f\"docker run -v {RUN}:/x img\"",
            "\"-v \" + RUN + \":/x\"",
            "volumes={RUN: {\"bind\": \"/x\"}}",
            "-v $BASE/run:/x",
            "-v \"${BASE}/run\":/x",
        ] {
            assert!(!names.bound(text, is_run).is_empty(), "{text}");
        }
        for text in [
            "{{ RUN }}: x",
            "{{ RUNS }}:/run",
            "-v $RUNS:/run",
            "echo $RUN: done",
            "-v $RUN/app:/run",
            "-v $BASE:/x",
            "-v $BASE/lib:/x",
            "{RUN: 1}",
            "volumes={DATA: {\"bind\": \"/x\"}}",
        ] {
            assert!(names.bound(text, is_run).is_empty(), "{text}");
        }
    }
}
