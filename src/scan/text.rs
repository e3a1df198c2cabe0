//! One text through the scan: a manifest, a Jenkins pipeline, a runner's settings.
//!
//! What a text holds inside of its strings is read too, and every place is a line of the
//! outermost text. A document that cannot be read does not hide the others. Pure.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::manifest;
use crate::manifest::{Document, Problem, ReadError};
use crate::model::subject::NamespaceLabels;
use crate::names::NO_NAME;
use crate::review::offline::Setting;

use crate::scan::account;
use crate::scan::candidate::{Candidate, Object, Pointers, candidates, each_item};
use crate::scan::evaluator::{Evaluator, Judged, evaluate};
use crate::scan::finding::Workload;
use crate::scan::ignored;
use crate::scan::mentions::{Words, line_of};
use crate::scan::parts::{chunks, merge, spots};
use crate::scan::places::{Lines, Places, spot};
use crate::scan::result::{Gap, Namespaces, Reading, Why};
use crate::scan::sources::jenkins;
use crate::scan::sources::jenkins::{HostPath, JENKINS_AGENT};
use crate::scan::sources::{NodeVolume, embedded, gitlab, groovy, volume};

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML or JSON.
    Manifest,
    /// A Jenkins pipeline.
    Groovy,
    /// A GitLab Runner's `config.toml`.
    Toml,
    /// Anything else: only what it names is looked at.
    Other,
}

/// Reads `text`, which is called `file`. `namespaces` are those whose labels are known.
pub fn read(
    court: &Evaluator,
    namespaces: &Namespaces,
    file: &str,
    text: &str,
    syntax: Syntax,
) -> Reading {
    let words = Words::of(&court.policy.sockets);
    let reader = Reader {
        court,
        namespaces,
        words: &words,
    };
    let mut reading = reader.text(text, syntax, &Around::default());
    for workload in &mut reading.workloads {
        for spot in spots(workload) {
            file.clone_into(&mut spot.file);
        }
    }
    ignored::set_aside(text, &mut reading);
    for gap in &mut reading.gaps {
        file.clone_into(&mut gap.place);
    }
    for one in &mut reading.ignored {
        file.clone_into(&mut one.place);
    }
    reading
}

/// What one object of a cluster comes to; nothing in it has a place in a file.
pub fn object(court: &Evaluator, namespaces: &Namespaces, object: &Value) -> Reading {
    let words = Words::of(&court.policy.sockets);
    let reader = Reader {
        court,
        namespaces,
        words: &words,
    };
    let mut reading = Reading::default();
    let around = Around::default();
    reading.seen.documents = 1;
    let mut found = Vec::new();
    for candidate in candidates(object) {
        reading.seen.pods += 1;
        reader.candidate(candidate, &around, &mut found, &mut reading);
    }
    // What the API server shows is what there is: it is judged whole, and a word is no mount.
    reading.gaps.retain(|gap| gap.why == Why::NotAPod);
    found.extend(volume::volumes(object, &court.policy.sockets));
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
    let first = words.all(text).first().copied()?;
    Some(line_of(text, first.start))
}

/// What a text without a file's name is read as.
pub(crate) fn syntax_of(text: &str) -> Syntax {
    if gitlab::looks_like(text) {
        Syntax::Toml
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
        Syntax::Manifest if has_field("apiVersion") && has_field("kind") => Syntax::Manifest,
        Syntax::Manifest => Syntax::Other,
        syntax @ (Syntax::Groovy | Syntax::Toml | Syntax::Other) => syntax,
    }
}

/// What is around a text.
#[derive(Default)]
struct Around<'a> {
    /// The object that holds it.
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

/// Texts in texts end here.
const MAX_TEXTS: usize = 3;

struct Reader<'c> {
    court: &'c Evaluator,
    namespaces: &'c Namespaces,
    words: &'c Words,
}

impl Reader<'_> {
    fn text(&self, text: &str, syntax: Syntax, around: &Around<'_>) -> Reading {
        match syntax {
            Syntax::Manifest => self.manifest(text, around),
            Syntax::Groovy => self.pipeline(text, around),
            Syntax::Toml => self.runners(text, around),
            Syntax::Other => self.other(text),
        }
    }

    fn manifest(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        match manifest::read(text) {
            Ok(documents) => self.documents(text, documents, around, &mut reading),
            Err(_) => {
                // The parser stops at the first error; a stream's other documents are as good.
                for (chunk, before) in chunks(text) {
                    let mut part = Reading::default();
                    match manifest::read(chunk) {
                        Ok(documents) => self.documents(chunk, documents, around, &mut part),
                        Err(error) => part.gaps.extend(self.unread(chunk, &error)),
                    }
                    merge(&mut reading, part, Lines::Plus(before));
                }
            }
        }
        reading
    }

    fn documents(
        &self,
        text: &str,
        documents: Vec<Document>,
        around: &Around<'_>,
        reading: &mut Reading,
    ) {
        let mut places = Places::of(text);
        let names = self.words.is_in(text);
        let look_inside = around.depth < MAX_TEXTS
            && (names || embedded::may_be_in(text) || embedded::may_be_encoded(text));
        let mut known = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            reading.seen.documents += 1;
            each_item(&document.value, &mut |item, _| {
                reading.namespaces.extend(namespace(item));
            });
            let mut found = Vec::new();
            let mut accounted = Vec::new();
            let gaps = reading.gaps.len();
            for candidate in candidates(&document.value) {
                reading.seen.pods += 1;
                accounted.extend(self.candidate(candidate, around, &mut found, reading));
            }
            let policy = &self.court.policy;
            let volumes = volume::volumes(&document.value, &policy.sockets);
            accounted.extend(volumes.iter().map(|volume| volume.base.clone()));
            found.extend(volumes);
            for mut workload in found {
                places.set(index, &mut workload);
                reading.workloads.push(workload);
            }
            for gap in reading.gaps.iter_mut().skip(gaps) {
                // A Pod's own gaps come with a pointer in place of a file.
                let pointer = std::mem::take(&mut gap.place);
                let position = places
                    .positions(index)
                    .and_then(|all| all.nearest(&pointer));
                gap.line = Some(position.map_or(document.line, |position| position.line));
                if gap.why == Why::NotAPod {
                    gap.line = Some(document.line);
                    gap.mentions = first_mention(self.words, text);
                }
            }
            if look_inside {
                each_item(&document.value, &mut |item, pointer| {
                    let inside = self.inside(
                        item,
                        pointer,
                        index,
                        &mut places,
                        &accounted,
                        around,
                        reading,
                    );
                    accounted.extend(inside);
                });
            }
            known.push(accounted);
        }
        let gaps = account::of_documents(self.words, text, &documents, &known, &mut places);
        reading.gaps.extend(gaps);
    }

    /// Judges a candidate. Returns the pointers to what is accounted for by that.
    fn candidate<'a>(
        &self,
        mut candidate: Candidate<'a>,
        around: &'a Around<'_>,
        found: &mut Vec<Workload>,
        reading: &mut Reading,
    ) -> Vec<String> {
        if let Some(kind) = around.kind {
            candidate.kind = kind;
        }
        if candidate.scripts.is_empty() {
            candidate.scripts = Cow::Borrowed(around.scripts);
        }
        if candidate.name == NO_NAME
            && let Some(name) = &around.name
        {
            candidate.name = Cow::Borrowed(name);
        }
        let setting = self.setting(&candidate, around);
        let judged = match evaluate(self.court, &setting, &candidate) {
            Ok(judged) => judged,
            Err(error) => {
                reading.gaps.push(Gap {
                    place: candidate.pointers.base().to_owned(),
                    line: None,
                    why: Why::NotAPod,
                    message: format!("{} {}: {error}", candidate.kind, candidate.name),
                    mentions: None,
                });
                return candidate.extent;
            }
        };
        let Judged {
            workload,
            own,
            placeholders,
        } = judged;
        let is_told = workload.is_some() || !placeholders.is_empty();
        for (pointer, mount_path) in placeholders {
            reading.gaps.push(Gap {
                place: candidate.pointers.outer(&pointer),
                line: None,
                why: Why::Placeholder,
                message: format!(
                    "{} {}: a hostPath that is filled in later is mounted at {mount_path}; scan the filled-in text",
                    candidate.kind, candidate.name
                ),
                mentions: None,
            });
        }
        found.extend(workload);
        if is_told {
            return candidate.extent;
        }
        own.iter()
            .map(|pointer| candidate.pointers.outer(pointer))
            .collect()
    }

    fn setting(&self, candidate: &Candidate<'_>, around: &Around<'_>) -> Cow<'_, Setting> {
        let base = &self.court.setting;
        if self.namespaces.is_empty() && around.namespace.is_none() {
            return Cow::Borrowed(base);
        }
        let own = candidate.namespace.or_else(|| {
            let pod = candidate.pod.as_ref().ok()?;
            pod.get("metadata")?.get("namespace")?.as_str()
        });
        let own = own
            .or(around.namespace.as_deref())
            .unwrap_or(&base.namespace);
        let mut setting = base.clone();
        if let Some(labels) = self.namespaces.get(own) {
            setting.namespace_labels.extend(labels.clone());
        }
        own.clone_into(&mut setting.namespace);
        Cow::Owned(setting)
    }

    /// The texts inside of one object. Returns the pointers to those that were read.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is around a text, and where it is told"
    )]
    fn inside(
        &self,
        item: &Value,
        pointer: &str,
        document: usize,
        places: &mut Places<'_>,
        accounted: &[String],
        around: &Around<'_>,
        reading: &mut Reading,
    ) -> Vec<String> {
        let head = Object::of(item);
        let mut read = Vec::new();
        for inner in embedded::texts(item, pointer, self.words) {
            let outer = (head.name != NO_NAME).then_some(head.name);
            let name = match outer.or(around.name.as_deref()) {
                Some(outer) => format!("{outer}/{}", inner.name),
                None => inner.name.to_owned(),
            };
            let namespace = inner.namespace.or(head.namespace);
            let inside = Around {
                name: Some(name),
                namespace: namespace
                    .map(str::to_owned)
                    .or_else(|| around.namespace.clone()),
                kind: (head.kind.is_empty() && inner.key == "yaml").then_some(JENKINS_AGENT),
                scripts: "",
                depth: around.depth + 1,
            };
            let text = inner.text.as_ref();
            let mut part = self.text(text, syntax_of(text), &inside);
            // A script that is no YAML is nothing that is missing; what it names is.
            if !embedded::is_pod_like(text) && part.gaps.iter().any(Gap::is_unread) {
                part.gaps.retain(|gap| !gap.is_unread());
                if part.workloads.is_empty() {
                    part.gaps = account::of_text(self.words, text, &[]);
                }
            }
            // What a Pod that was found runs is told with it.
            if account::is_known(&inner.pointer, accounted) {
                part.gaps.retain(|gap| !gap.is_named());
            }
            part.seen.documents = 0;
            read.push(inner.pointer.clone());
            if part.workloads.is_empty() && part.gaps.is_empty() {
                continue;
            }
            let lines = places.inside(document, &inner.pointer);
            merge(reading, part, lines);
        }
        read
    }

    fn other(&self, text: &str) -> Reading {
        Reading {
            gaps: account::of_text(self.words, text, &[]),
            ..Reading::default()
        }
    }

    fn unread(&self, text: &str, error: &ReadError) -> Option<Gap> {
        let is_template = matches!(error.problem, Problem::Template)
            || (matches!(error.problem, Problem::Yaml(_) | Problem::Key(_)) && text.contains("{{"));
        let mentions = first_mention(self.words, text);
        // A template without a word of a runtime in it hides none.
        if is_template && mentions.is_none() {
            return None;
        }
        Some(Gap {
            place: String::new(),
            line: Some(error.line),
            why: if is_template {
                Why::Template
            } else {
                Why::NotYaml
            },
            message: if is_template {
                Problem::Template.to_string()
            } else {
                error.problem.to_string()
            },
            mentions,
        })
    }

    fn pipeline(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        reading.seen.documents = 1;
        let pipeline = groovy::read(text);
        for block in pipeline.blocks {
            let inside = Around {
                name: Some(around.name.clone().unwrap_or_else(|| "agent".to_owned())),
                namespace: around.namespace.clone(),
                kind: Some(JENKINS_AGENT),
                scripts: text,
                depth: around.depth + 1,
            };
            let mut part = self.manifest(&block.text, &inside);
            part.gaps.retain(|_| block.is_yaml);
            part.seen.documents = 0;
            merge(&mut reading, part, Lines::Plus(block.line - 1));
        }
        let mut known = pipeline.known;
        let mut known_lines = Vec::new();
        for template in pipeline.templates {
            let containers = template.containers.iter().map(jenkins::container_of);
            known_lines.extend(self.host_paths(
                Template {
                    kind: JENKINS_AGENT,
                    name: template.name.as_deref().or(around.name.as_deref()),
                    namespace: around.namespace.as_deref(),
                    line: template.line.max(1),
                    containers: containers.collect(),
                    volumes: template.volumes,
                    scripts: text,
                },
                around,
                &mut reading,
            ));
        }
        known.extend(
            known_lines
                .iter()
                .map(|lines| account::bytes_of(text, lines)),
        );
        // So is the variable that holds its path.
        for (value, bytes) in pipeline.assigned {
            let findings = reading.workloads.iter().flat_map(|found| &found.findings);
            let mut findings = findings;
            if findings.any(|one| one.target == value || one.mount_path.as_ref() == Some(&value)) {
                known.push(bytes);
            }
        }
        // What runs in a Pod that was found is told with it.
        if !reading.workloads.is_empty() {
            known.extend(pipeline.scripts);
        }
        reading
            .gaps
            .extend(account::of_text(self.words, text, &known));
        reading
    }

    fn runners(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        reading.seen.documents = 1;
        let mut known_lines = Vec::new();
        for runner in gitlab::read(text) {
            let container = |name: &str, image: &str| {
                jenkins::container_of(&[name, image, "", ""].map(str::to_owned))
            };
            let image = runner.image.as_deref().unwrap_or("the job's image");
            let line = runner.volumes.iter().map(|volume| volume.line).min();
            known_lines.extend(self.host_paths(
                Template {
                    kind: "GitLab runner",
                    name: runner.name.as_deref().or(around.name.as_deref()),
                    namespace: runner.namespace.as_deref(),
                    line: line.unwrap_or(1),
                    containers: vec![
                        container("build", image),
                        container("helper", "gitlab/gitlab-runner-helper"),
                    ],
                    volumes: runner.volumes,
                    scripts: "",
                },
                around,
                &mut reading,
            ));
        }
        let known: Vec<_> = known_lines
            .iter()
            .map(|lines| account::bytes_of(text, lines))
            .collect();
        reading
            .gaps
            .extend(account::of_text(self.words, text, &known));
        reading
    }

    /// Pods that are described by their volumes of the node, each of which every container has.
    /// Returns the lines of the volumes that were found.
    fn host_paths(
        &self,
        template: Template<'_>,
        around: &Around<'_>,
        reading: &mut Reading,
    ) -> Vec<Range<u32>> {
        let Template {
            kind,
            name,
            namespace,
            line,
            containers,
            volumes,
            scripts,
        } = template;
        reading.seen.pods += 1;
        let mounts: Vec<HostPath> = volumes
            .iter()
            .map(|volume| HostPath {
                host_path: volume.host_path.clone(),
                mount_path: volume.mount_path.clone(),
            })
            .collect();
        let candidate = Candidate {
            kind,
            maker: "Pod",
            name: Cow::Borrowed(name.unwrap_or(NO_NAME)),
            namespace,
            pod: Ok(Cow::Owned(jenkins::pod_of(containers, &mounts))),
            pointers: Pointers::at(""),
            extent: Vec::new(),
            scripts: Cow::Borrowed(scripts),
        };
        let volume_at = |pointer: &str| {
            let index = pointer
                .rsplit('/')
                .find_map(|part| part.parse::<usize>().ok())?;
            volumes.get(index)
        };
        let mut found = Vec::new();
        let mut known = Vec::new();
        let before = reading.gaps.len();
        self.candidate(candidate, around, &mut found, reading);
        for gap in reading.gaps.iter_mut().skip(before) {
            let volume = volume_at(&std::mem::take(&mut gap.place));
            gap.line = Some(volume.map_or(line, |volume| volume.line));
            known.extend(volume.map(|volume| volume.lines.clone()));
        }
        for mut workload in found {
            workload.spot = Some(spot(line, 1));
            for finding in &mut workload.findings {
                let volume = volume_at(&finding.pointer);
                finding.spot = Some(spot(volume.map_or(line, |volume| volume.line), 1));
                known.extend(volume.map(|volume| volume.lines.clone()));
            }
            reading.workloads.push(workload);
        }
        known
    }
}

/// Pods as a tool's own settings describe them.
struct Template<'t> {
    kind: &'t str,
    name: Option<&'t str>,
    namespace: Option<&'t str>,
    line: u32,
    containers: Vec<Value>,
    volumes: Vec<NodeVolume>,
    scripts: &'t str,
}

/// A Namespace's name and labels.
fn namespace(item: &Value) -> Option<(String, NamespaceLabels)> {
    let head = Object::of(item);
    if head.kind != "Namespace" || !head.is_of("") {
        return None;
    }
    let labels = item.get("metadata")?.get("labels")?.as_object()?;
    let labels = labels
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some((head.name.to_owned(), labels.collect()))
}
