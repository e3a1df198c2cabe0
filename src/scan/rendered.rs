//! What helm made of a chart, beside the templates that it was made of.
//!
//! Other values make other Pods: what a template names and helm did not write, as the values are, is a gap. A line of a
//! template is one that was written where what stands around its tags stands in a line of the same template's part of the
//! result, and so does the name. Each line of the result accounts for one. Pure.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

use crate::scan::account::in_no_answer;
use crate::scan::chars::is_path_char;
use crate::scan::mentions::{LineIndex, Mention, Named, Words, paths};
use crate::scan::result::{Open, Reading};
use crate::scan::told::{Told, beside};

/// What helm writes before what it made of a template.
const SOURCE: &str = "# Source: ";

/// Lines that are compared for one template; what is left then counts as not written.
const MOST: usize = 1 << 20;

/// A rendered chart.
#[derive(Debug)]
pub struct Rendered {
    text: String,
    /// The parts of the text that are of one template, by its path in the chart.
    parts: HashMap<String, Vec<Range<usize>>>,
}

impl Rendered {
    /// From what helm printed.
    pub fn of(text: String) -> Self {
        let mut parts: HashMap<String, Vec<Range<usize>>> = HashMap::new();
        let mut start = 0;
        let mut last: Option<(&str, usize)> = None;
        for line in text.split_inclusive('\n') {
            let source = line.strip_prefix(SOURCE).map(str::trim);
            if let Some((_, inner)) = source.and_then(|path| path.split_once('/')) {
                if let Some((name, from)) = last {
                    parts.entry(name.to_owned()).or_default().push(from..start);
                }
                last = Some((inner, start));
            }
            start += line.len();
        }
        if let Some((name, from)) = last {
            parts.entry(name.to_owned()).or_default().push(from..start);
        }
        Self { parts, text }
    }

    /// What was made of the template that is called so in its chart; of a part of templates, everything.
    fn of_template(&self, inner: &Path) -> String {
        let name = inner.file_name().unwrap_or_default().to_string_lossy();
        if self.parts.is_empty() || name.starts_with('_') || name.ends_with(".tpl") {
            return self.text.clone();
        }
        let parts = self.parts.get(&*inner.to_string_lossy());
        let parts = parts.into_iter().flatten();
        let parts = parts.filter_map(|part| self.text.get(part.clone()));
        parts.collect()
    }

    /// What a template has that was not written, and its hostPaths that other values fill in.
    pub fn reading(&self, words: &Words, inner: &Path, text: &str, mut open: Vec<Open>) -> Reading {
        let text = without_comments(text);
        // Helm shows its notes to people, and makes nothing of them.
        if inner.file_name().is_some_and(|name| name == "NOTES.txt") {
            return Reading::default();
        }
        let made = self.of_template(inner);
        let mut written = Written::of(words, &made);
        let lines = LineIndex::of(&text);
        let mut told = Told::default();
        let mut by_line: BTreeMap<u32, Vec<Mention>> = BTreeMap::new();
        for mention in in_no_answer(&text, words.every(&text)) {
            by_line
                .entry(lines.number(mention.start))
                .or_default()
                .push(mention);
        }
        for (line, mentions) in by_line {
            let (paths, named): (Vec<Mention>, Vec<Mention>) = mentions
                .into_iter()
                .partition(|mention| mention.what == Named::HostPath);
            let missing = named.first().filter(|first| {
                let whole = lines.line(first.start);
                !written.has_line(whole, &named, &text)
            });
            let mut paths = paths.iter();
            let missing = missing.or_else(|| {
                paths.find(|mention| !written.has_path(words, near(&text, mention.start)))
            });
            if let Some(mention) = missing {
                told.push(line, mention.what, &beside(&text, *mention));
            }
        }
        for one in &mut open {
            let bytes = one.gap.line.map(|line| lines.bytes(&(line..line + 1)));
            let line = bytes.and_then(|bytes| text.get(bytes)).unwrap_or_default();
            one.is_rendered = written.has_field(line);
        }
        Reading {
            gaps: told.gaps(),
            open,
            ..Reading::default()
        }
    }
}

/// What of one template was written, and not accounted for yet.
struct Written<'m> {
    /// Lines that name a runtime.
    named: Vec<&'m str>,
    /// The other lines.
    others: Vec<&'m str>,
    /// The lines behind each hostPath that leads to a runtime.
    paths: Vec<&'m str>,
    /// The lines with a hostPath.
    fields: Vec<&'m str>,
    left: usize,
}

impl<'m> Written<'m> {
    fn of(words: &Words, made: &'m str) -> Self {
        let lines = LineIndex::of(made);
        let mut all: Vec<u32> = Vec::new();
        let mut paths = Vec::new();
        for mention in words.every(made) {
            match mention.what {
                Named::HostPath => paths.push(near(made, mention.start)),
                _ => all.push(lines.number(mention.start)),
            }
        }
        all.dedup();
        let (mut named, mut others, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for (number, line) in (1_u32..).zip(made.lines()) {
            if all.binary_search(&number).is_ok() {
                named.push(line);
            } else {
                others.push(line);
            }
            if line.contains("hostPath") {
                fields.push(line);
            }
        }
        Self {
            named,
            others,
            paths,
            fields,
            left: MOST,
        }
    }

    /// Whether a line with these mentions was written.
    fn has_line(&mut self, line: &str, mentions: &[Mention], text: &str) -> bool {
        let words: Vec<&str> = mentions.iter().map(|one| word(text, one.start)).collect();
        let around = around(line);
        let is_written =
            |made: &str| has(made, &around) && words.iter().all(|word| made.contains(word));
        // A daemon whose host was filled in, and is a Service's, is none that is named; nor is a switch that is off.
        let is_filled_in = |one: &Mention| matches!(one.what, Named::Daemon | Named::Switch);
        let is_filled = line.contains("{{") && mentions.iter().all(is_filled_in);
        take(&mut self.named, &mut self.left, is_written)
            || is_filled && take(&mut self.others, &mut self.left, |made| has(made, &around))
    }

    /// Whether a hostPath with what is `near` was written: one that is filled in is judged as it was.
    fn has_path(&mut self, words: &Words, near: &str) -> bool {
        match paths(near).find(|path| words.lead(path)) {
            Some(path) => take(&mut self.paths, &mut self.left, |made| {
                paths(made).any(|other| other == path)
            }),
            None => !self.fields.is_empty(),
        }
    }

    /// Whether a line with a hostPath was written.
    fn has_field(&mut self, line: &str) -> bool {
        let around = around(line);
        take(&mut self.fields, &mut self.left, |made| has(made, &around))
    }
}

/// Takes the first line that is one, if there is any.
fn take(lines: &mut Vec<&str>, left: &mut usize, is_one: impl Fn(&str) -> bool) -> bool {
    let most = lines.len().min(*left);
    *left -= most;
    let found = lines[..most].iter().position(|line| is_one(line));
    if let Some(at) = found {
        lines.remove(at);
    }
    found.is_some()
}

/// What stands around the tags of a line.
fn around(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    // The end of a tag that started before.
    if let Some(end) = rest.find("}}").filter(|end| !rest[..*end].contains("{{")) {
        rest = &rest[end + 2..];
    }
    while let Some(start) = rest.find("{{") {
        parts.push(rest[..start].trim());
        rest = rest[start..]
            .find("}}")
            .map_or("", |end| &rest[start + end + 2..]);
    }
    parts.push(rest.trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether `line` has these in their order.
fn has(line: &str, parts: &[&str]) -> bool {
    let mut rest = line;
    parts.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// The word at a byte, as it may stand in a path.
fn word(text: &str, byte: usize) -> &str {
    let rest = text.get(byte..).unwrap_or_default();
    &rest[..rest.find(|c| !is_path_char(c)).unwrap_or(rest.len())]
}

/// What stands behind a byte, to the end of the second line after its own.
fn near(text: &str, byte: usize) -> &str {
    let rest = text.get(byte..).unwrap_or_default();
    let end = memchr::memchr_iter(b'\n', rest.as_bytes()).nth(2);
    &rest[..end.unwrap_or(rest.len())]
}

/// A template without its comments, of which helm writes nothing; each line stays where it is.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = memchr::memmem::find(rest.as_bytes(), b"{{") {
        let tag = &rest[start + 2..];
        let is_comment = tag
            .trim_start_matches(['-', ' ', '\t', '\n', '\r'])
            .starts_with("/*");
        let end = match is_comment {
            true => tag.find("*/").map(|end| start + 2 + end),
            false => Some(start + 2),
        };
        let Some(end) = end else { break };
        match is_comment {
            true => {
                out.push_str(&rest[..start]);
                out.push_str("{{");
                out.extend(rest[start + 2..end].chars().filter(|c| *c == '\n'));
            }
            false => out.push_str(&rest[..end]),
        }
        rest = &rest[end + if is_comment { 2 } else { 0 }..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets::Sockets;

    const ON: &str = "volumes:\n- hostPath: {path: /var/run/docker.sock}\n";

    fn lines(made: &str, text: &str) -> Vec<Option<u32>> {
        let made = made.replace("@\n", "# Source: x/templates/p.yaml\n");
        let words = Words::of(&Sockets::default());
        let rendered = Rendered::of(made);
        let reading = rendered.reading(&words, Path::new("templates/p.yaml"), text, Vec::new());
        reading.gaps.iter().map(|gap| gap.line).collect()
    }

    #[test]
    fn what_was_written_is_told_with_it() {
        for (made, text) in [
            (format!("@\n{ON}"), ON.to_owned()),
            (
                format!("@\n{ON}"),
                format!("{{{{ if .Values.on }}}}\n{ON}{{{{ end }}}}\n"),
            ),
            (
                "@\npath: /var/run/docker.sock\n".to_owned(),
                "path: {{ .Values.path | default \"/var/run/docker.sock\" }}\n".to_owned(),
            ),
            (
                "@\nhostPath:\n  path: /run\n".to_owned(),
                "hostPath:\n  path: {{ .Values.dir | default \"/run\" }}\n".to_owned(),
            ),
            (
                "@\nx: 1\n".to_owned(),
                "{{- /* a\n docker.sock */ -}}\nx: 1\n".to_owned(),
            ),
            (
                "@\nurl: tcp://docker:2375\n".to_owned(),
                "url: tcp://{{ .Values.host }}:2375\n".to_owned(),
            ),
        ] {
            assert_eq!(lines(&made, &text), [], "{text}");
        }
    }

    #[test]
    fn what_other_values_would_write_is_a_gap() {
        for (made, text, line) in [
            ("@\nvolumes: []\n", ON.to_owned(), 2),
            ("", ON.to_owned(), 2),
            // Another template's.
            (
                "# Source: x/templates/q.yaml\n- hostPath: {path: /var/run/docker.sock}\n@\nx: 1\n",
                ON.to_owned(),
                2,
            ),
            // Once of two.
            (
                "@\n- hostPath: {path: /var/run/docker.sock}\n",
                format!("{ON}{ON}"),
                4,
            ),
            (
                "@\npath: /data\n",
                "path: {{ .Values.path | default \"/var/run/docker.sock\" }}\n".to_owned(),
                1,
            ),
            (
                "@\nhostPath:\n  path: /data\n",
                "hostPath:\n  path: {{ .Values.dir | default \"/run\" }}\n".to_owned(),
                1,
            ),
        ] {
            assert_eq!(lines(made, &text), [Some(line)], "{made}{text}");
        }
    }
}
