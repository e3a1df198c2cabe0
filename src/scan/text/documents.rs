//! The documents of a text: what of each makes Pods, and what it holds inside of its strings. Pure.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;

use crate::manifest;
use crate::manifest::{Document, Problem, ReadError, rest_below};
use crate::model::subject::NamespaceLabels;
use crate::names::{DOCKER_HOST, MOUNTS, NO_NAME};
use crate::review::offline::Setting;

use crate::scan::account;
use crate::scan::account::Known;
use crate::scan::addresses;
use crate::scan::agent_env;
use crate::scan::asked;
use crate::scan::candidate::{Candidate, Object, candidates, each_item};
use crate::scan::composed;
use crate::scan::copied;
use crate::scan::evaluator::{Judged, evaluate};
use crate::scan::extent::Extent;
use crate::scan::filled::{filled_in, given_here};
use crate::scan::finding::Workload;
use crate::scan::loopback;
use crate::scan::mentions::LineIndex;
use crate::scan::parts::{chunks, merge};
use crate::scan::places::{Lines, Places};
use crate::scan::result::{Gap, Reading, Why};
use crate::scan::sources::assembly::items;
use crate::scan::sources::jenkins::JENKINS_AGENT;
use crate::scan::sources::tekton::Beside;
use crate::scan::sources::{embedded, halves, kustomization, packed, volume};
use crate::scan::text::{Around, MAX_TEXTS, Reader, first_mention, syntax_of};
use crate::scan::told;

impl Reader<'_> {
    pub(super) fn manifest(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        match manifest::read(text) {
            Ok(documents) => {
                let places = Places::of(text);
                self.documents(places, &documents, &[], around, &mut reading);
            }
            Err(_) => {
                // The parser stops at the first error; a stream's other documents are as good.
                for (chunk, before) in chunks(text) {
                    let mut part = Reading::default();
                    match manifest::read(chunk) {
                        Ok(documents) => {
                            let places = Places::of(chunk);
                            self.documents(places, &documents, &[], around, &mut part);
                        }
                        Err(error) => {
                            part.gaps.extend(self.unread(chunk, &error));
                            if part.gaps.is_empty() {
                                part.open = self.open(chunk);
                            }
                        }
                    }
                    merge(&mut reading, part, Lines::Plus(before));
                }
            }
        }
        reading
    }

    /// What `documents`, which have these `places`, come to. `elsewhere` are bytes of the text that are
    /// accounted for beside them, where a finding has what they say.
    pub(super) fn documents(
        &self,
        mut places: Places<'_>,
        documents: &[Document],
        elsewhere: &[(String, Range<usize>)],
        around: &Around<'_>,
        reading: &mut Reading,
    ) {
        let text = places.text();
        let lines = LazyCell::new(|| LineIndex::of(text));
        let before = reading.workloads.len();
        let beside = Beside::of(documents.iter().map(|document| &document.value));
        let names = self.words.is_in(text);
        // Once for all documents: there may be thousands.
        let has_answers = text.contains(MOUNTS);
        let has_addresses = text.contains(DOCKER_HOST);
        let has_copies = copied::may_be_in(text);
        let look_inside = around.depth < MAX_TEXTS
            && (names
                || embedded::may_be_in(text)
                || embedded::has_pipeline(text)
                || embedded::has_encoded(text));
        let mut known = Vec::new();
        let mut others = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            reading.seen.documents += 1;
            each_item(&document.value, &mut |item, _| {
                reading.namespaces.extend(namespace(item));
            });
            let mut found = Vec::new();
            // Where a Pod sees its own daemon.
            let mut accounted = match has_answers {
                true => asked::pointers(&document.value, &self.evaluator.policy.sockets),
                false => Vec::new(),
            };
            if has_addresses {
                accounted.extend(agent_env::pointers(&document.value));
            }
            if has_copies {
                accounted.extend(copied::pointers(&document.value));
            }
            let (gaps, open) = (reading.gaps.len(), reading.open.len());
            let mut here = Known::default();
            for candidate in candidates(&document.value, &beside) {
                let candidate = around.placed(candidate);
                reading.seen.pods += 1;
                let parts = candidate.others.clone();
                let before = (found.len(), reading.gaps.len());
                here.judged.extend(candidate.extent.iter().cloned());
                here.beside
                    .extend(candidate.pointers.besides().iter().cloned());
                here.handed.extend(handed_on(&candidate));
                let name = format!("{} {}", candidate.kind, candidate.name);
                here.pods.push((name, candidate.extent.clone()));
                let filled = filled_in(&candidate, &document.value);
                let of_node = loopback::gaps(&candidate);
                let told = self.candidate(candidate, around, &mut found, reading);
                let new = reading.gaps.get(before.1);
                if new.is_none_or(|gap| gap.why != Why::NotAPod) {
                    here.told.extend(told.iter().cloned());
                }
                accounted.extend(told);
                let addresses = addresses::found(&found[before.0..], &document.value);
                if found.len() > before.0 {
                    others.extend(parts);
                }
                let is_told = (found.len(), reading.gaps.len()) != before;
                let mut of_node = of_node.into_iter();
                let is_found = |gap: &Gap| {
                    addresses
                        .iter()
                        .any(|at| rest_below(&gap.place, at).is_some())
                };
                reading.gaps.extend(of_node.find(|gap| !is_found(gap)));
                here.addresses.extend(addresses);
                if !is_told && !filled.is_empty() {
                    match self.whole_has_path() {
                        true => reading.gaps.extend(filled.into_iter().map(given_here)),
                        false => reading.open.extend(filled),
                    }
                }
            }
            reading.open.extend(composed::filled_in(&document.value));
            let uses = kustomization::Uses::of(&document.value);
            reading
                .gaps
                .extend(uses.unwrap_or_default().remote.into_iter().map(not_fetched));
            each_item(&document.value, &mut |item, pointer| {
                let packed = packed::packed(item, pointer).into_iter();
                reading.gaps.extend(packed.map(not_unpacked));
            });
            let policy = &self.evaluator.policy;
            let volumes = volume::volumes(&document.value, &policy.sockets);
            accounted.extend(volumes.iter().map(|volume| volume.base.clone()));
            found.extend(volumes);
            for mut workload in found {
                places.set(index, &mut workload);
                reading.workloads.push(workload);
            }
            let own = reading.gaps.iter_mut().skip(gaps);
            for gap in own.chain(reading.open.iter_mut().skip(open).map(|one| &mut one.gap)) {
                // A Pod's own gaps come with a pointer in place of a file.
                let pointer = std::mem::take(&mut gap.place);
                let position = places
                    .positions(index)
                    .and_then(|all| all.nearest(&pointer));
                gap.line = Some(position.map_or(document.line, |position| position.line));
                if gap.why == Why::NotAPod {
                    gap.line = Some(document.line);
                    gap.mentions = position.and_then(|position| {
                        let own = text.get(position.node.clone())?;
                        let before = lines.place(position.node.start).0 - 1;
                        Some(first_mention(self.words, own)? + before)
                    });
                }
            }
            here.accounted = accounted;
            if look_inside {
                each_item(&document.value, &mut |item, pointer| {
                    let inside =
                        self.inside(item, pointer, index, &mut places, &here, around, reading);
                    here.accounted.extend(inside);
                });
            }
            known.push(here);
        }
        // A task that a run elsewhere runs is told with the run.
        for index in others {
            if let Some(known) = known.get_mut(index) {
                known.accounted.push("/spec".to_owned());
                known.told.push("/spec".to_owned());
            }
        }
        let found = paths(&reading.workloads[before..]);
        let elsewhere: Vec<_> = elsewhere
            .iter()
            .filter(|(value, _)| found.contains(value.as_str()))
            .map(|(_, bytes)| bytes.clone())
            .collect();
        let known = account::Documents {
            documents,
            known: &known,
            elsewhere: &elsewhere,
        };
        let mut gaps = account::of_documents(self.words, &known, &mut places);
        self.advise(documents, &mut places, &mut gaps);
        reading.gaps.extend(gaps);
    }

    /// Adds to the gaps of Pods whose other half is in another text what to do about both.
    fn advise(&self, documents: &[Document], places: &mut Places<'_>, gaps: &mut [Gap]) {
        if gaps.is_empty() {
            return;
        }
        for (index, document) in documents.iter().enumerate() {
            for (pointer, advice) in halves::halves(&document.value, self.words) {
                let position = places.positions(index).and_then(|all| all.get(&pointer));
                let line = position.map(|position| position.line);
                for gap in gaps.iter_mut().filter(|gap| gap.line == line) {
                    gap.message.push_str(&format!(": {advice}"));
                }
            }
        }
    }

    /// Judges a candidate. Returns the pointers to what is accounted for by that.
    pub(super) fn candidate<'a>(
        &self,
        candidate: Candidate<'a>,
        around: &'a Around<'_>,
        found: &mut Vec<Workload>,
        reading: &mut Reading,
    ) -> Vec<String> {
        let setting = self.setting(&candidate, around);
        let judged = match evaluate(self.evaluator, &setting, &candidate) {
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
        let base = &self.evaluator.setting;
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
        known: &Known,
        around: &Around<'_>,
        reading: &mut Reading,
    ) -> Vec<String> {
        let extent = LazyCell::new(|| Extent::of(&known.accounted, &known.beside));
        let head = Object::of(item);
        let mut read = Vec::new();
        for inner in embedded::texts(item, pointer, self.words) {
            // Laid over a Pod that was found, and told with it.
            if known.accounted.contains(&inner.pointer) {
                continue;
            }
            let outer = (head.name != NO_NAME).then_some(head.name);
            let name = match outer.or(around.name.as_deref()) {
                Some(outer) => format!("{outer}/{}", inner.name),
                None => inner.name.to_owned(),
            };
            let namespace = inner.namespace.or(head.namespace);
            let inside = Around {
                owner: outer.map(|name| (head.kind.to_owned(), name.to_owned())),
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
                    part.gaps = account::of_text(self.words, text, &[], &[]);
                }
            }
            // What a Pod that was found runs is told with it.
            if extent.holds(&inner.pointer) {
                part.gaps
                    .retain(|gap| !gap.is_named() || gap.why == Why::NamesDaemon);
            }
            if let Some(pod) = known.pod(&inner.pointer) {
                part.gaps.iter_mut().for_each(|gap| told::of_pod(gap, pod));
            }
            part.seen.documents = 0;
            read.push(inner.pointer.clone());
            if part.workloads.is_empty() && part.gaps.is_empty() && part.open.is_empty() {
                continue;
            }
            let lines = places.inside(document, &inner.pointer);
            merge(reading, part, lines);
        }
        read
    }

    fn unread(&self, text: &str, error: &ReadError) -> Option<Gap> {
        let is_template = matches!(error.problem, Problem::Template)
            || (matches!(error.problem, Problem::Yaml(_) | Problem::Key(_)) && text.contains("{{"));
        let mentions = first_mention(self.words, text);
        // A template without a word of a runtime in it hides none, and neither do a tool's settings, which are
        // written in JSON with comments.
        let is_settings = text.trim_start().starts_with(['{', '/'])
            && !embedded::may_be_in(text)
            && !text.contains("kind");
        if mentions.is_none() && (is_template || is_settings) {
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
}

/// The paths that findings have.
pub(super) fn paths(found: &[Workload]) -> HashSet<&str> {
    let findings = found.iter().flat_map(|workload| &workload.findings);
    findings
        .flat_map(|one| one.mount_path.as_deref().into_iter().chain([&*one.target]))
        .collect()
}

/// The pointers to variables of a Pod by which it gives volumes to containers that it makes, as Drone's
/// `DRONE_RUNNER_VOLUMES`.
fn handed_on(candidate: &Candidate<'_>) -> Vec<String> {
    const WORDS: [&str; 3] = ["VOLUME", "MOUNT", "BIND"];
    let mut found = Vec::new();
    let spec = candidate.pod.as_ref().ok().and_then(|pod| pod.get("spec"));
    for list in ["containers", "initContainers"] {
        let containers = items(spec.and_then(|spec| spec.get(list)));
        for (index, container) in containers.enumerate() {
            for (at, variable) in items(container.get("env")).enumerate() {
                let name = variable.get("name").and_then(Value::as_str);
                let is_one = |name: &str| {
                    let name = name.to_ascii_uppercase();
                    WORDS.iter().any(|word| name.contains(word))
                };
                if name.is_some_and(is_one) {
                    let at = format!("/spec/{list}/{index}/env/{at}/value");
                    found.push(candidate.pointers.outer(&at));
                }
            }
        }
    }
    found
}

/// A kustomization's entry that another host has, and its pointer, as a gap.
fn not_fetched((entry, pointer): (String, String)) -> Gap {
    Gap {
        place: pointer,
        line: None,
        why: Why::Kustomization,
        message: format!(
            "uses {entry}, which is not fetched; run kustomize build and pass the result"
        ),
        mentions: None,
    }
}

/// What is packed, its pointer and what it is, as a gap.
fn not_unpacked((pointer, message): (String, String)) -> Gap {
    Gap {
        place: pointer,
        line: None,
        why: Why::NotText,
        message,
        mentions: None,
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
