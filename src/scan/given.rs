//! What fills in the hostPath of a Pod that is written in another file: values of a `sed`, an `.env` file, Flux'
//! `postBuild.substitute`, a call of Terraform's `templatefile`.
//!
//! A line, or two, that has the placeholder's name and a path that leads to a runtime gives it that. Which of the
//! files is applied to which is not known here, so it is a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::scan::joined::is_word;
use crate::scan::mentions::{Words, unescaped};
use crate::scan::result::{Gap, Open};

/// Words in placeholders that name no value.
const COMMON: [&str; 14] = [
    "Values", "Release", "global", "var", "local", "params", "inputs", "env", "quote", "default",
    "include", "tpl", "toString", "each",
];

/// The names of the values that `path` is filled in with: `DIR` of `${DIR}`, `socketDir` of `{{ .Values.socketDir }}`.
pub fn names(path: &str) -> Vec<String> {
    let words = path.split(|c: char| !is_word(c));
    let words = words.filter(|word| word.len() > 1 && !COMMON.contains(word));
    let starts = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    words.filter(starts).map(str::to_owned).collect()
}

/// The placeholder of `open`, by its index, and the line of each that `text` gives a path which leads to a runtime.
pub fn given(text: &str, open: &[&Open], words: &Words) -> Vec<(usize, u32)> {
    // Many Pods are filled in by one name.
    let names: BTreeSet<&str> = open
        .iter()
        .flat_map(|one| &one.names)
        .map(String::as_str)
        .collect();
    let names: Vec<&str> = names
        .into_iter()
        .filter(|name| text.contains(name))
        .collect();
    let mut found = Vec::new();
    if names.is_empty() {
        return found;
    }
    let mut before = "";
    for (number, line) in (1_u32..).zip(text.lines()) {
        if line.contains('/') {
            for name in &names {
                let is_given = match has_word(line, name) {
                    // `s/__DIR__/\/run/` has both in one word.
                    true => words.has_path(&unescaped(line).replace(name, " ")),
                    false => has_word(before, name) && words.has_path(&unescaped(line)),
                };
                if is_given {
                    let all = open.iter().enumerate();
                    let of_name = all.filter(|(_, one)| one.names.iter().any(|own| own == name));
                    found.extend(of_name.map(|(index, _)| (index, number)));
                }
            }
        }
        before = line;
    }
    found
}

fn has_word(line: &str, word: &str) -> bool {
    let mut places = line.match_indices(word);
    places.any(|(at, _)| {
        !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word)
    })
}

/// The gap of each placeholder of `open` that one of the files `given` fills in, by its index: the first one counts.
pub fn gaps<'p>(
    open: &[&Open],
    given: impl Iterator<Item = (&'p Path, Vec<(usize, u32)>)>,
) -> Vec<(usize, Gap)> {
    let mut found: BTreeMap<usize, Gap> = BTreeMap::new();
    for (place, given) in given {
        for (index, line) in given {
            let Some(one) = open.get(index) else { continue };
            found.entry(index).or_insert_with(|| gap(one, place, line));
        }
    }
    found.into_iter().collect()
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
        ] {
            assert_eq!(given(text, &[&open(path)], &words).len(), 1, "{text}");
        }
        for (path, text) in [
            ("${DIR}", "DIR: /data"),
            ("${DIR}", "OTHER_DIR: /var/run"),
            ("${DIR}", "mkdir /var/run\n\necho $DIR"),
        ] {
            assert!(given(text, &[&open(path)], &words).is_empty(), "{text}");
        }
    }
}
