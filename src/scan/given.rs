//! What fills in the hostPath of a Pod that is written in another file: values of a `sed`, an `.env` file, Flux'
//! `postBuild.substitute`, a call of Terraform's `templatefile`.
//!
//! A line, or two, that has the placeholder's name and a path that leads to a runtime gives it that. Which of the
//! files is applied to which is not known here, so it is a gap.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::scan::chars::is_word;
use crate::scan::mentions::{Words, unescaped};
use crate::scan::result::{Gap, Open};
use crate::scan::ways;

/// Words in placeholders that name no value: what a template's functions and the fields of a volume are called.
const COMMON: [&str; 39] = [
    "Release",
    "Values",
    "default",
    "dig",
    "each",
    "else",
    "end",
    "env",
    "first",
    "for",
    "get",
    "global",
    "hostPath",
    "if",
    "in",
    "include",
    "index",
    "inputs",
    "item",
    "local",
    "mountPath",
    "name",
    "parameters",
    "params",
    "path",
    "printf",
    "quote",
    "range",
    "required",
    "requiredEnv",
    "toString",
    "tpl",
    "trim",
    "trimSuffix",
    "type",
    "value",
    "var",
    "with",
    "workflow",
];

/// The names of the values that `path` is filled in with: `DIR` of `${DIR}`, `socketDir` of `{{ .Values.socketDir }}`.
pub fn names(path: &str) -> Vec<String> {
    let quoted = path.split('"').enumerate();
    // What is said where a value is missing has words of its own.
    let parts = quoted.filter(|(at, part)| at % 2 == 0 || !part.contains(' '));
    let words = parts.flat_map(|(_, part)| part.split(|c: char| !is_word(c)));
    let starts = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let words = words.filter(|word| starts(word) && !COMMON.contains(word));
    let words: Vec<&str> = words.collect();
    // A letter is a name where nothing longer is.
    let has_long = words.iter().any(|word| word.len() > 1);
    let least = if has_long { 2 } else { 1 };
    let words = words.into_iter().filter(|word| word.len() >= least);
    words.map(str::to_owned).collect()
}

/// The placeholder of `open`, by its index, and the first line that gives it a path which leads to a runtime.
pub fn given(text: &str, open: &[&Open], words: &Words) -> Vec<(usize, u32)> {
    // Many Pods are filled in by one name.
    let mut names: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, one) in open.iter().enumerate() {
        for name in &one.names {
            names.entry(name).or_default().push(index);
        }
    }
    let mut found: BTreeMap<usize, u32> = BTreeMap::new();
    let mut before = "";
    let mut blocks = Blocks::default();
    for (number, line) in (1_u32..).zip(text.lines()) {
        if line.contains('/') && !names.is_empty() {
            let own = words_of(line, &names);
            let is_given = |names: &[&str]| {
                let plain = unescaped(line);
                // `s/__DIR__/\/run/` has both in one word.
                let apart = || {
                    names
                        .iter()
                        .fold(plain.to_string(), |text, name| text.replace(name, " "))
                };
                words.has_path(&plain) || !names.is_empty() && words.has_path(&apart())
            };
            // What has a path of its own is given that, and a container sees it elsewhere.
            let above = match before.contains('/') || is_mounted(line) {
                true => Vec::new(),
                false => words_of(before, &names),
            };
            // The list that a loop goes over has its paths further down.
            let around = match is_mounted(line) {
                true => Vec::new(),
                false => blocks.around(line),
            };
            let is_any = !(own.is_empty() && above.is_empty() && around.is_empty());
            if is_any && is_given(&own) {
                for name in own.into_iter().chain(above).chain(around) {
                    for index in names.remove(name).unwrap_or_default() {
                        found.entry(index).or_insert(number);
                    }
                }
            }
        }
        blocks.take(line, &names);
        before = line;
    }
    found.into_iter().collect()
}

/// Whether a line says where a container sees something.
fn is_mounted(line: &str) -> bool {
    ["mountPath", "mount_path", "containerPath", "container_path"]
        .iter()
        .any(|word| line.contains(word))
}

/// The names to which the lines above gave what the lines below say, by how far these are indented.
#[derive(Default)]
struct Blocks<'l>(Vec<(usize, Vec<&'l str>)>);

impl<'l> Blocks<'l> {
    /// The names of the blocks that a line is in.
    fn around(&mut self, line: &str) -> Vec<&'l str> {
        self.leave(line);
        self.0
            .iter()
            .flat_map(|(_, names)| names)
            .copied()
            .collect()
    }

    /// Leaves the blocks that a line is not in. An item of a list, and what closes one, may stand as far left as its key.
    fn leave(&mut self, line: &str) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let is_of_key = text.starts_with(['-', ']', '}', '[', '{', ')']);
        self.0
            .retain(|(key, _)| *key < indent || *key == indent && is_of_key);
    }

    /// Takes a line into account that is a key with one of `names`, and nothing more of its value.
    fn take(&mut self, line: &'l str, names: &HashMap<&str, Vec<usize>>) {
        if line.trim().is_empty() {
            return;
        }
        self.leave(line);
        let end = line.trim_end();
        if !end.ends_with([':', '=', '[', '{', '(', '|']) {
            return;
        }
        let own = words_of(line, names);
        if !own.is_empty() {
            self.0.push((line.len() - line.trim_start().len(), own));
        }
    }
}

/// The words of a line that are `names`; more than a few are no assignment. A letter has to be given something.
fn words_of<'l>(line: &'l str, names: &HashMap<&str, Vec<usize>>) -> Vec<&'l str> {
    const MOST: usize = 16;
    let words = line.split(|c| !is_word(c));
    let is_given = |word: &str| {
        let mut ends = line
            .match_indices(word)
            .map(|(at, _)| &line[at + word.len()..]);
        ends.any(|rest| {
            rest.trim_start_matches(['"', '\'', ' '])
                .starts_with([':', '='])
        })
    };
    let mut own: Vec<&str> = words
        .filter(|word| names.contains_key(word))
        .take(MOST)
        .filter(|word| word.len() > 1 || is_given(word))
        .collect();
    own.dedup();
    own
}

/// The first line of a chart's own `text` that has a path which leads to a runtime, but for where a container sees it.
pub fn in_chart(text: &str, words: &Words) -> Option<u32> {
    let mut lines = (1_u32..).zip(text.lines());
    let has_path = |line: &str| {
        line.contains('/')
            && !ways::is_comment(line)
            && !line.contains("mountPath")
            && words.has_path(line)
    };
    let found = lines.find(|(_, line)| has_path(line));
    found.map(|(number, _)| number)
}

/// The gap of each placeholder of `open` that one of the files `given` fills in, by its index: the first one counts.
pub fn gaps<'p>(
    open: &[&Open],
    given: impl Iterator<Item = (&'p Path, Vec<(usize, u32)>)>,
) -> BTreeMap<usize, Gap> {
    let mut found: BTreeMap<usize, Gap> = BTreeMap::new();
    for (place, given) in given {
        for (index, line) in given {
            let Some(one) = open.get(index) else { continue };
            found.entry(index).or_insert_with(|| gap(one, place, line));
        }
    }
    found
}

fn gap(open: &Open, place: &Path, line: u32) -> Gap {
    let mut gap = open.gap.clone();
    gap.message = format!(
        "{}: a hostPath is filled in later, and {}:{line} gives {} a path that leads to a container runtime; scan \
         the filled-in text",
        gap.message,
        place.display(),
        open.names.join(", "),
    );
    gap
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets::Sockets;
    use crate::scan::result::Why;

    fn open(path: &str) -> Open {
        Open {
            names: names(path),
            with: path.to_owned(),
            is_rendered: false,
            is_unknown: false,
            gap: Gap {
                place: "pod.yaml".to_owned(),
                line: Some(1),
                why: Why::Placeholder,
                message: "Pod a".to_owned(),
                mentions: None,
            },
        }
    }

    #[test]
    fn a_value_of_another_file_is_found_by_its_name() {
        let words = Words::of(&Sockets::default());
        for (path, text) in [
            ("${DIR}", "substitute:\n  DIR: /var/run\n"),
            ("__DIR__", "sed 's#__DIR__#/var/run#' pod.yaml"),
            ("__DIR__", r"sed 's/__DIR__/\/var\/run/' pod.yaml"),
            ("{{ .Values.socketDir }}", "socketDir: \"/run\""),
            (
                "${dir}",
                "templatefile(\"x.tftpl\", { dir = \"/run/containerd\" })",
            ),
            ("$(params.dir)", "- name: dir\n  value: /var/run/\n"),
            ("{{ .Values.run }}", "run: /run\n"),
            ("${var.d}", "  d = \"/var/run\"\n"),
            ("{{ dirs }}", "dirs:\n  - name: r\n    path: /var/run\n"),
            ("{{ dirs }}", "dirs:\n- name: r\n  path: /var/run\n"),
            (
                "${var.dirs}",
                "dirs = [\n  {\n    name = \"r\"\n    path = \"/run\"\n  },\n]\n",
            ),
        ] {
            assert_eq!(given(text, &[&open(path)], &words).len(), 1, "{text}");
        }
        for (path, text) in [
            ("${DIR}", "DIR: /data"),
            ("${DIR}", "OTHER_DIR: /var/run"),
            ("${DIR}", "mkdir /var/run\n\necho $DIR"),
            ("${DIR}", "DIR: /data\nrun: /run"),
            ("${DIR}", "DIR:\n  mountPath: /run"),
            ("${var.d}", "ls -d /var/run\n"),
            (
                "{{ dirs }}",
                "dirs:\n  - path: /data\nother:\n  - path: /run\n",
            ),
            (
                "{{ dirs }}",
                "dirs:\n  - path: /data\n    mountPath: /run\n",
            ),
        ] {
            assert!(given(text, &[&open(path)], &words).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_a_template_calls_names_no_value() {
        for (path, names_of) in [
            (
                "{{ required \"a dir is needed\" .Values.dir | quote }}",
                vec!["dir"],
            ),
            ("{{ index .Values.paths 0 }}", vec!["paths"]),
            ("{{ env \"RUN\" }}", vec!["RUN"]),
            ("{{ $path }}", vec![]),
        ] {
            assert_eq!(names(path), names_of, "{path}");
        }
    }
}
