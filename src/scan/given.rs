//! What fills in the hostPath of a Pod that is written in another file: values of a `sed`, an `.env` file, Flux'
//! `postBuild.substitute`, a call of Terraform's `templatefile`.
//!
//! A line, or two, that has the placeholder's name and a path that leads to a runtime gives it that. Which of the
//! files is applied to which is not known here, so it is a gap.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::scan::joined::is_word;
use crate::scan::mentions::{Words, unescaped};
use crate::scan::result::{Gap, Open};
use crate::scan::ways;

/// Words in placeholders that name no value: what a template's functions and the fields of a volume are called.
const COMMON: [&str; 37] = [
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
];

/// The names of the values that `path` is filled in with: `DIR` of `${DIR}`, `socketDir` of `{{ .Values.socketDir }}`.
pub fn names(path: &str) -> Vec<String> {
    let quoted = path.split('"').enumerate();
    // What is said where a value is missing has words of its own.
    let parts = quoted.filter(|(at, part)| at % 2 == 0 || !part.contains(' '));
    let words = parts.flat_map(|(_, part)| part.split(|c: char| !is_word(c)));
    let words = words.filter(|word| word.len() > 1 && !COMMON.contains(word));
    let starts = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    words.filter(starts).map(str::to_owned).collect()
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
            let above = match before.contains('/') || line.contains("mountPath") {
                true => Vec::new(),
                false => words_of(before, &names),
            };
            if !(own.is_empty() && above.is_empty()) && is_given(&own) {
                for name in own.into_iter().chain(above) {
                    for index in names.remove(name).unwrap_or_default() {
                        found.entry(index).or_insert(number);
                    }
                }
            }
        }
        before = line;
    }
    found.into_iter().collect()
}

/// The words of a line that are `names`; more than a few are no assignment.
fn words_of<'l>(line: &'l str, names: &HashMap<&str, Vec<usize>>) -> Vec<&'l str> {
    const MOST: usize = 16;
    let words = line.split(|c| !is_word(c));
    let mut own: Vec<&str> = words
        .filter(|word| names.contains_key(word))
        .take(MOST)
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
        ] {
            assert_eq!(given(text, &[&open(path)], &words).len(), 1, "{text}");
        }
        for (path, text) in [
            ("${DIR}", "DIR: /data"),
            ("${DIR}", "OTHER_DIR: /var/run"),
            ("${DIR}", "mkdir /var/run\n\necho $DIR"),
            ("${DIR}", "DIR: /data\nrun: /run"),
            ("${DIR}", "DIR:\n  mountPath: /run"),
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
