//! The named templates of a chart (`define "x.dir"`), and the names of the values that they take.
//!
//! `path: {{ include "x.dir" . }}` is filled in with what the named template says, by names that only it has: a value
//! that is given under one of these is the path. The same holds for a variable that the template sets. Pure.

use std::collections::{HashMap, HashSet};

use crate::scan::chars::is_word;
use crate::scan::given;
use crate::scan::loops::tags;

/// The chart's values, as a template calls them.
const VALUES: &str = ".Values.";

/// What a template is filled in with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The names of values.
    pub names: Vec<String>,
    /// Whether it has no others.
    pub is_all: bool,
}

/// The named templates of a chart, each with its tags.
#[derive(Debug, Default)]
pub struct Helpers<'t>(HashMap<&'t str, Vec<&'t str>>);

impl<'t> Helpers<'t> {
    /// Those of `texts`.
    pub fn of(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut found: HashMap<&str, Vec<&str>> = HashMap::new();
        for text in texts {
            let mut open: Option<&str> = None;
            let mut depth = 0_usize;
            for (_, tag) in tags(text) {
                let tag = tag.trim_matches(['-', ' ', '\t', '\n', '\r']);
                let (word, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
                match word {
                    "define" => {
                        open = quoted(rest);
                        depth = 1;
                    }
                    "if" | "range" | "with" | "block" => depth += 1,
                    "end" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                match open {
                    Some(name) if depth > 0 => found.entry(name).or_default().push(tag),
                    Some(_) | None => open = None,
                }
            }
        }
        Self(found)
    }

    /// The values that what is written as `with` is filled in with, those of the named templates that it includes too.
    pub fn names(&self, with: &str) -> Names {
        let mut found = Names {
            names: Vec::new(),
            is_all: false,
        };
        let mut seen: HashSet<&str> = HashSet::new();
        add(with, &mut found);
        // What a loop is in, or another function has, goes by other names.
        found.is_all = is_plain(with);
        let mut left: Vec<&str> = includes(with).collect();
        while let Some(name) = left.pop() {
            match self.0.get_key_value(name) {
                Some((name, tags)) if seen.insert(name) => {
                    for tag in tags {
                        add(tag, &mut found);
                        left.extend(includes(tag));
                    }
                }
                Some(_) => {}
                None => found.is_all = false,
            }
        }
        found
    }
}

/// Adds the values of a tag.
fn add(tag: &str, found: &mut Names) {
    for (at, _) in tag.match_indices(VALUES) {
        let rest = &tag[at + VALUES.len()..];
        let end = rest.find(|c| !is_word(c) && c != '.');
        for name in given::names(&rest[..end.unwrap_or(rest.len())]) {
            if !found.names.contains(&name) {
                found.names.push(name);
            }
        }
    }
}

/// The names of the templates that a tag includes.
fn includes(tag: &str) -> impl Iterator<Item = &str> {
    ["include ", "template "].into_iter().flat_map(move |word| {
        tag.match_indices(word)
            .filter_map(move |(at, _)| quoted(&tag[at + word.len()..]))
    })
}

/// The text that starts with a quote.
fn quoted(text: &str) -> Option<&str> {
    let text = text.trim_start().strip_prefix('"')?;
    text.split_once('"').map(|(name, _)| name)
}

/// Whether all that a tag is filled in with are values by their names, and named templates.
fn is_plain(with: &str) -> bool {
    let is_sign = |c: char| c.is_whitespace() || "{}()|".contains(c);
    let mut words = with.split(is_sign).filter(|word| !word.is_empty());
    let is_plain = |word: &str| match word {
        "." => with.contains("include ") || with.contains("template "),
        "index" | "get" | "dig" | "tpl" | "lookup" | "env" | "range" => false,
        _ if word.starts_with('$') => word == "$" || word.starts_with("$.Values."),
        _ if word.starts_with('.') => word.starts_with(VALUES),
        _ => true,
    };
    with.contains("{{") && words.all(is_plain)
}

/// The variables of a template, each with the tags that set it.
#[derive(Debug, Default)]
pub struct Variables<'t>(HashMap<&'t str, Vec<&'t str>>);

impl<'t> Variables<'t> {
    /// Those of `text`.
    pub fn of(text: &'t str) -> Self {
        const MOST: usize = 8;
        let mut found: HashMap<&str, Vec<&str>> = HashMap::new();
        for (_, tag) in tags(text) {
            let own = tag.trim_start_matches(['-', ' ', '\t', '\n', '\r']);
            let Some(own) = own.strip_prefix('$') else {
                continue;
            };
            let (name, rest) = own.split_at(own.find(|c| !is_word(c)).unwrap_or(own.len()));
            let rest = rest.trim_start();
            if let Some(value) = rest.strip_prefix(":=").or_else(|| rest.strip_prefix('=')) {
                let all = found.entry(name).or_default();
                if all.len() < MOST {
                    all.push(value);
                }
            }
        }
        Self(found)
    }

    /// `with`, and the tags that set the variables in it.
    pub fn spelled_out(&self, with: &str) -> String {
        const LONGEST: usize = 4096;
        let mut whole = with.to_owned();
        let mut seen: HashSet<&str> = HashSet::new();
        let mut left: Vec<&str> = variables(with).collect();
        while let Some(name) = left.pop() {
            let Some((name, values)) = self.0.get_key_value(name) else {
                continue;
            };
            if !seen.insert(name) || whole.len() > LONGEST {
                continue;
            }
            for value in values {
                whole.push_str(&format!(" {{{{ {value} }}}}"));
                left.extend(variables(value));
            }
        }
        whole
    }
}

/// The variables of a tag, but for the root.
fn variables(tag: &str) -> impl Iterator<Item = &str> {
    tag.match_indices('$').filter_map(|(at, _)| {
        let rest = &tag[at + 1..];
        let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        (!name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{{- define \"x.dir\" -}}{{ if .Values.a.on }}{{ .Values.hostDir }}{{ end }}{{- end -}}\n\
        {{ define \"x.outer\" }}{{ include \"x.dir\" . }}{{ end }}\n{{ .Values.other }}\n";

    #[test]
    fn a_named_template_is_filled_in_with_its_values() {
        let helpers = Helpers::of([TEXT].into_iter());
        for (with, names, is_all) in [
            ("{{ include \"x.dir\" . }}", vec!["on", "hostDir"], true),
            (
                "{{ include \"x.outer\" . | quote }}",
                vec!["on", "hostDir"],
                true,
            ),
            ("{{ include \"y\" . }}", vec![], false),
            ("{{ .Values.run.dir }}", vec!["run", "dir"], true),
            ("{{ $dir }}", vec![], false),
            ("{{ . }}", vec![], false),
        ] {
            let found = helpers.names(with);
            assert_eq!(found.names, names, "{with}");
            assert_eq!(found.is_all, is_all, "{with}");
        }
    }

    #[test]
    fn a_variable_is_what_the_template_sets_it_to() {
        let text = "{{- $a := .Values.dir -}}{{ $b = $a }}\n{{ $b }}";
        let whole = Variables::of(text).spelled_out("{{ $b }}");
        assert_eq!(Helpers::default().names(&whole).names, ["dir"]);
    }
}
