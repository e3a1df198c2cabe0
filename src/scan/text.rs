//! One text through the scan: a manifest, a Jenkins pipeline, a runner's settings.
//!
//! What a text holds inside of its strings is read too, and every place is a line of the
//! outermost text. A document that cannot be read does not hide the others. Pure.

use std::borrow::Cow;

use serde_json::Value;

use crate::manifest;
use crate::manifest::{Document, Problem, ReadError};
use crate::model::sockets_table;
use crate::model::subject::NamespaceLabels;
use crate::names::NO_NAME;
use crate::review::offline::Setting;

use crate::scan::candidate::{Candidate, Object, Pointers, candidates, each_item};
use crate::scan::finding::Workload;
use crate::scan::jenkins;
use crate::scan::jenkins::{HostPath, JENKINS_AGENT};
use crate::scan::judge::{Court, judge};
use crate::scan::parts::{chunks, merge, spots};
use crate::scan::places::{Lines, Places, spot};
use crate::scan::result::{Gap, Namespaces, Reading, Why};
use crate::scan::{embedded, gitlab, groovy, volume};

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML or JSON.
    Manifest,
    /// A Jenkins pipeline.
    Groovy,
    /// A GitLab Runner's `config.toml`.
    Toml,
}

/// Reads `text`, which is called `file`. `namespaces` are those whose labels are known.
pub fn read(
    court: &Court,
    namespaces: &Namespaces,
    file: &str,
    text: &str,
    syntax: Syntax,
) -> Reading {
    let reader = Reader { court, namespaces };
    let mut reading = reader.text(text, syntax, &Around::default());
    for workload in &mut reading.workloads {
        for spot in spots(workload) {
            file.clone_into(&mut spot.file);
        }
    }
    for gap in &mut reading.gaps {
        file.clone_into(&mut gap.place);
        gap.mentions = gap.mentions.or_else(|| first_mention(text));
    }
    reading
}

/// What one object of a cluster comes to; nothing in it has a place in a file.
pub fn object(court: &Court, namespaces: &Namespaces, object: &Value) -> Reading {
    let reader = Reader { court, namespaces };
    let mut reading = Reading::default();
    let around = Around::default();
    reading.seen.documents = 1;
    let mut found = Vec::new();
    for candidate in candidates(object) {
        reading.seen.pods += 1;
        reader.candidate(candidate, &around, &mut found, &mut reading);
    }
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
pub fn first_mention(text: &str) -> Option<u32> {
    let sockets: Vec<&str> = sockets_table::words().collect();
    let line = text
        .lines()
        .position(|line| sockets.iter().any(|socket| line.contains(socket)))?;
    u32::try_from(line + 1).ok()
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
    court: &'c Court,
    namespaces: &'c Namespaces,
}

impl Reader<'_> {
    fn text(&self, text: &str, syntax: Syntax, around: &Around<'_>) -> Reading {
        match syntax {
            Syntax::Manifest => self.manifest(text, around),
            Syntax::Groovy => self.pipeline(text, around),
            Syntax::Toml => self.runners(text, around),
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
                        Err(error) => part.gaps.push(unread(chunk, &error)),
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
        let look_inside = around.depth < MAX_TEXTS && embedded::may_be_in(text);
        for (index, document) in documents.iter().enumerate() {
            reading.seen.documents += 1;
            each_item(&document.value, &mut |item, _| {
                reading.namespaces.extend(namespace(item));
            });
            let mut found = Vec::new();
            for candidate in candidates(&document.value) {
                reading.seen.pods += 1;
                self.candidate(candidate, around, &mut found, reading);
            }
            let policy = &self.court.policy;
            found.extend(volume::volumes(&document.value, &policy.sockets));
            for mut workload in found {
                places.set(index, &mut workload);
                reading.workloads.push(workload);
            }
            for gap in &mut reading.gaps {
                if gap.line.is_none() {
                    gap.line = Some(document.line);
                }
            }
            if look_inside {
                each_item(&document.value, &mut |item, pointer| {
                    self.inside(item, pointer, index, &mut places, around, reading);
                });
            }
        }
    }

    fn candidate<'a>(
        &self,
        mut candidate: Candidate<'a>,
        around: &'a Around<'_>,
        found: &mut Vec<Workload>,
        reading: &mut Reading,
    ) {
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
        match judge(self.court, &setting, &candidate) {
            Ok(None) => {}
            Ok(Some(workload)) => found.push(workload),
            Err(error) => reading.gaps.push(Gap {
                place: String::new(),
                line: None,
                why: Why::NotAPod,
                message: format!("{} {}: {error}", candidate.kind, candidate.name),
                mentions: None,
            }),
        }
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

    /// The texts inside of one object.
    fn inside(
        &self,
        item: &Value,
        pointer: &str,
        document: usize,
        places: &mut Places<'_>,
        around: &Around<'_>,
        reading: &mut Reading,
    ) {
        let head = Object::of(item);
        for inner in embedded::texts(item, pointer) {
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
            let syntax = if gitlab::looks_like(inner.text) {
                Syntax::Toml
            } else if groovy::looks_like(inner.text) {
                Syntax::Groovy
            } else {
                Syntax::Manifest
            };
            let mut part = self.text(inner.text, syntax, &inside);
            // A script that is no YAML is nothing that is missing.
            part.gaps.retain(|_| embedded::is_pod_like(inner.text));
            part.seen.documents = 0;
            if part.workloads.is_empty() && part.gaps.is_empty() {
                continue;
            }
            let lines = places.inside(document, &inner.pointer);
            merge(reading, part, lines);
        }
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
        for template in pipeline.templates {
            let containers = template.containers.iter().map(jenkins::container_of);
            self.host_paths(
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
            );
        }
        reading
    }

    fn runners(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        reading.seen.documents = 1;
        for runner in gitlab::read(text) {
            let container = |name: &str, image: &str| {
                jenkins::container_of(&[name, image, "", ""].map(str::to_owned))
            };
            let image = runner.image.as_deref().unwrap_or("the job's image");
            let line = runner.volumes.iter().map(|volume| volume.2).min();
            self.host_paths(
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
            );
        }
        reading
    }

    /// Pods that are described by their volumes of the node, each of which every container has.
    fn host_paths(&self, template: Template<'_>, around: &Around<'_>, reading: &mut Reading) {
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
        let (mounts, lines): (Vec<_>, Vec<_>) = volumes
            .into_iter()
            .map(|(host_path, mount_path, line)| {
                let mount = HostPath {
                    host_path,
                    mount_path,
                };
                (mount, line)
            })
            .unzip();
        let candidate = Candidate {
            kind,
            maker: "Pod",
            name: Cow::Borrowed(name.unwrap_or(NO_NAME)),
            namespace,
            pod: Ok(Cow::Owned(jenkins::pod_of(containers, &mounts))),
            pointers: Pointers::at(""),
            scripts: Cow::Borrowed(scripts),
        };
        let mut found = Vec::new();
        self.candidate(candidate, around, &mut found, reading);
        for mut workload in found {
            workload.spot = Some(spot(line, 1));
            for finding in &mut workload.findings {
                let mount = finding.pointer.rsplit('/').next();
                let mount = mount.and_then(|index| index.parse::<usize>().ok());
                let line = mount.and_then(|index| lines.get(index)).unwrap_or(&line);
                finding.spot = Some(spot(*line, 1));
            }
            reading.workloads.push(workload);
        }
    }
}

/// Pods as a tool's own settings describe them.
struct Template<'t> {
    kind: &'t str,
    name: Option<&'t str>,
    namespace: Option<&'t str>,
    line: u32,
    containers: Vec<Value>,
    volumes: Vec<(String, String, u32)>,
    scripts: &'t str,
}

fn unread(text: &str, error: &ReadError) -> Gap {
    let is_template = matches!(error.problem, Problem::Template)
        || (matches!(error.problem, Problem::Yaml(_) | Problem::Key(_)) && text.contains("{{"));
    let why = if is_template {
        Why::Template
    } else {
        Why::NotYaml
    };
    Gap {
        place: String::new(),
        line: Some(error.line),
        why,
        message: if is_template {
            Problem::Template.to_string()
        } else {
            error.problem.to_string()
        },
        mentions: first_mention(text),
    }
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
