//! One text through the scan: a manifest, a Jenkins pipeline, a runner's settings.
//!
//! What a text holds inside of its strings is read too, and every place is a line of the
//! outermost text. A document that cannot be read does not hide the others. Pure.

mod documents;
mod languages;
mod pipeline;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::Path;

use serde_json::Value;

use crate::manifest;
use crate::names::NO_NAME;

use crate::scan::account;
use crate::scan::candidate::{Candidate, Object, candidates};
use crate::scan::evaluator::Evaluator;
use crate::scan::given;
use crate::scan::helpers::Variables;
use crate::scan::host_paths::{Filled, HostPaths};
use crate::scan::ignored;
use crate::scan::loops::Loops;
use crate::scan::mentions::{LineIndex, Words, line_of};
use crate::scan::parts::spots;
use crate::scan::placeholder;
use crate::scan::rendered::Rendered;
use crate::scan::result::{Gap, Namespaces, Open, Reading, Why};
use crate::scan::sources::tekton::Beside;
use crate::scan::sources::{embedded, fenced, gitlab, groovy, heredoc, terraform, values, volume};

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML or JSON.
    Manifest,
    /// A Jenkins pipeline.
    Groovy,
    /// A GitLab Runner's `config.toml`.
    Toml,
    /// Terraform.
    Terraform,
    /// A shell script, or another text with manifests in blocks.
    Shell,
    /// Anything else: only what it names is looked at.
    Other,
}

/// Reads `text`, which is called `file`. `namespaces` are those whose labels are known.
pub fn read(
    evaluator: &Evaluator,
    namespaces: &Namespaces,
    file: &str,
    text: &str,
    syntax: Syntax,
) -> Reading {
    let words = Words::of(&evaluator.policy.sockets).in_file(file);
    let reader = Reader {
        evaluator,
        namespaces,
        words: &words,
        whole: text,
        has_path: OnceCell::new(),
    };
    let mut reading = reader.text(text, syntax, &Around::default());
    for workload in &mut reading.workloads {
        for spot in spots(workload) {
            file.clone_into(&mut spot.file);
        }
    }
    ignored::set_aside(text, &mut reading);
    place(file, &mut reading);
    reading
}

/// Says of what stands in a reading in which file it stands.
fn place(file: &str, reading: &mut Reading) {
    for gap in &mut reading.gaps {
        file.clone_into(&mut gap.place);
    }
    for one in &mut reading.elsewhere {
        file.clone_into(&mut one.gap.place);
    }
    for one in &mut reading.ignored {
        file.clone_into(&mut one.place);
    }
    for one in &mut reading.open {
        file.clone_into(&mut one.gap.place);
    }
}

/// Reads a template of a chart, of which helm made what is `rendered`; it is called `inner` in that chart.
pub fn template(
    evaluator: &Evaluator,
    file: &str,
    text: &str,
    (rendered, inner): (&Rendered, &Path),
) -> Reading {
    let words = Words::of(&evaluator.policy.sockets).in_file(file);
    let open = open(&words, text, |_| true);
    let mut reading = rendered.reading(&words, inner, text, open);
    ignored::set_aside(text, &mut reading);
    place(file, &mut reading);
    reading
}

/// What one object of a cluster comes to; nothing in it has a place in a file.
pub fn object(evaluator: &Evaluator, namespaces: &Namespaces, object: &Value) -> Reading {
    let words = Words::of(&evaluator.policy.sockets);
    let reader = Reader {
        evaluator,
        namespaces,
        words: &words,
        whole: "",
        has_path: OnceCell::new(),
    };
    let mut reading = Reading::default();
    let around = Around::default();
    reading.seen.documents = 1;
    let mut found = Vec::new();
    for candidate in candidates(object, &Beside::default()) {
        reading.seen.pods += 1;
        reader.candidate(candidate, &around, &mut found, &mut reading);
    }
    // What the API server shows is what there is: it is judged whole, and a word is no mount.
    reading.gaps.retain(|gap| gap.why == Why::NotAPod);
    found.extend(volume::volumes(object, &evaluator.policy.sockets));
    reading.workloads = found;
    let head = Object::of(object);
    for gap in &mut reading.gaps {
        gap.place = match head.namespace {
            Some(namespace) => format!("namespace {namespace}"),
            None => "the cluster".to_owned(),
        };
    }
    reading
}

/// The first line of `text` that names a runtime's socket.
pub fn first_mention(words: &Words, text: &str) -> Option<u32> {
    let sockets = words.all(text).first().copied();
    let first = sockets.or_else(|| words.beyond(text).min())?;
    Some(line_of(text, first.start))
}

/// What a file is read as that was named to be read, and whose ending says nothing: a text that is no YAML is not
/// meant to be, unless it has a Pod's words.
pub fn of_named(path: &Path, text: &str, words: &Words) -> Syntax {
    let is_other = path.extension().is_some() || !embedded::may_be_in(text);
    match syntax_of(text) {
        Syntax::Manifest if is_other && !is_document(text) => guessed(text, words),
        syntax => syntax,
    }
}

/// Whether YAML sees more in a text than words, and than a line of code with a colon in it.
fn is_document(text: &str) -> bool {
    let is_key = |key: &String| !key.contains([' ', '"', '(', '=', '{']);
    let documents = manifest::read(text).unwrap_or_default();
    let mut documents = documents.iter();
    documents.any(|document| match &document.value {
        Value::Object(map) => map.keys().all(is_key),
        Value::Array(_) => true,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    })
}

/// What a text without a file's name is read as.
pub fn syntax_of(text: &str) -> Syntax {
    if gitlab::looks_like(text) {
        Syntax::Toml
    } else if terraform::looks_like(text) {
        Syntax::Terraform
    } else if text.starts_with("#!") {
        Syntax::Shell
    } else if groovy::looks_like(text) {
        Syntax::Groovy
    } else {
        Syntax::Manifest
    }
}

/// What a text is read as whose name says nothing: what it names decides whether that matters.
pub fn guessed(text: &str, words: &Words) -> Syntax {
    if !words.is_in(text) && !embedded::may_be_in(text) {
        return Syntax::Other;
    }
    let has_field = |name: &str| {
        let mut lines = text
            .lines()
            .map(|line| line.trim_start_matches(['-', ' ', '"', '{']));
        lines.any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([':', '"']))
        })
    };
    match syntax_of(text) {
        Syntax::Manifest if has_field("apiVersion") && has_field("kind") => {
            let is_around = !fenced::read(text).is_empty() && manifest::read(text).is_err();
            match is_around {
                true => Syntax::Shell,
                false => Syntax::Manifest,
            }
        }
        Syntax::Manifest if heredoc::looks_like(text) => Syntax::Shell,
        Syntax::Manifest => Syntax::Other,
        syntax @ (Syntax::Groovy
        | Syntax::Toml
        | Syntax::Terraform
        | Syntax::Shell
        | Syntax::Other) => syntax,
    }
}

/// What is around a text.
#[derive(Default)]
struct Around<'a> {
    /// The kind and the name of the object that holds it.
    owner: Option<(String, String)>,
    /// The object that holds it, and the part of it.
    name: Option<String>,
    /// That object's namespace.
    namespace: Option<String>,
    /// What its Pods are shown as.
    kind: Option<&'a str>,
    /// What its Pods' containers run.
    scripts: &'a str,
    /// How many texts it is in.
    depth: usize,
}

impl<'a> Around<'a> {
    /// A candidate of the text, with what it does not say of itself.
    fn placed(&'a self, mut candidate: Candidate<'a>) -> Candidate<'a> {
        if let Some(kind) = self.kind {
            candidate.kind = kind;
        }
        if candidate.scripts.is_empty() {
            candidate.scripts = Cow::Borrowed(self.scripts);
        }
        if candidate.kind == values::KIND
            && let Some((kind, name)) = &self.owner
        {
            candidate.kind = kind;
            candidate.name = Cow::Owned(format!("{name}/{}", candidate.name));
        }
        if candidate.name == NO_NAME
            && let Some(name) = &self.name
        {
            candidate.name = Cow::Borrowed(name);
        }
        candidate
    }
}

/// Texts in texts end here.
const MAX_TEXTS: usize = 3;

struct Reader<'c> {
    evaluator: &'c Evaluator,
    namespaces: &'c Namespaces,
    words: &'c Words,
    /// The outermost text.
    whole: &'c str,
    /// Whether that has the path of a runtime, once it was looked up.
    has_path: OnceCell<bool>,
}

impl Reader<'_> {
    /// Whether the outermost text has the path of a runtime.
    fn whole_has_path(&self) -> bool {
        let look = || self.words.has_path(self.whole);
        *self.has_path.get_or_init(look)
    }

    fn text(&self, text: &str, syntax: Syntax, around: &Around<'_>) -> Reading {
        match syntax {
            Syntax::Manifest => self.manifest(text, around),
            Syntax::Groovy => self.pipeline(text, around),
            Syntax::Toml => self.toml(text, around),
            Syntax::Terraform => self.terraform(text, around),
            Syntax::Shell => self.shell(text, around),
            Syntax::Other => self.other(text),
        }
    }

    fn other(&self, text: &str) -> Reading {
        Reading {
            gaps: account::of_text(self.words, text, &[], &[]),
            open: self.open(text),
            ..Reading::default()
        }
    }

    /// The hostPaths of a text that is not read which are filled in later.
    fn open(&self, text: &str) -> Vec<Open> {
        open(self.words, text, |filled| !filled.is_leading)
    }
}

/// The hostPaths of a text that is not read which are filled in later, one for each line.
fn open(words: &Words, text: &str, is_told: impl Fn(&Filled) -> bool) -> Vec<Open> {
    if !placeholder::is_in(text) {
        return Vec::new();
    }
    let lines = LineIndex::of(text);
    let loops = Loops::of(text);
    let variables = Variables::of(text);
    let mut found: Vec<Open> = Vec::new();
    let all = HostPaths::of(text, words).open.into_iter();
    for filled in all.filter(is_told) {
        let with = match filled.with.contains("{{") {
            true => variables.spelled_out(&filled.with),
            false => filled.with,
        };
        let mut names = given::names(&with);
        names.extend(loops.names(filled.start));
        let line = Some(lines.number(filled.start));
        // `hostPath: {path: {{ .Values.hostPath }}}` has the word twice.
        if let Some(last) = found.last_mut().filter(|last| last.gap.line == line) {
            names.retain(|name| !last.names.contains(name));
            last.names.append(&mut names);
            continue;
        }
        found.push(Open {
            is_unknown: false,
            names,
            with,
            is_rendered: false,
            gap: Gap {
                place: String::new(),
                line,
                why: Why::Placeholder,
                message: "a text that is not read as a Pod".to_owned(),
                mentions: None,
            },
        });
    }
    found
}
