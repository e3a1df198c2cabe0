//! A Jenkins pipeline: the Pods in its strings, and those that the plugin's steps describe. Pure.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::names::NO_NAME;

use crate::scan::account;
use crate::scan::candidate::{Candidate, Pointers};
use crate::scan::mentions::LineIndex;
use crate::scan::parts::merge;
use crate::scan::places::{Lines, spot};
use crate::scan::result::{Elsewhere, Gap, Reading, Why};
use crate::scan::sources::jenkins::{HostPath, JENKINS_AGENT};
use crate::scan::sources::{NodeVolume, groovy, jenkins};
use crate::scan::text::documents::paths;
use crate::scan::text::{Around, Reader};
use crate::scan::words::docker_lines;

impl Reader<'_> {
    pub(super) fn pipeline(&self, text: &str, around: &Around<'_>) -> Reading {
        let mut reading = Reading::default();
        reading.seen.documents = 1;
        let pipeline = groovy::read(text);
        let lines = LineIndex::of(text);
        // Every Pod of it is judged with these.
        let scripts = docker_lines(text);
        let mut known = Vec::new();
        for (block, bytes) in pipeline.blocks.into_iter().zip(pipeline.known) {
            let inside = Around {
                owner: None,
                name: Some(around.name.clone().unwrap_or_else(|| "agent".to_owned())),
                namespace: around.namespace.clone(),
                kind: Some(JENKINS_AGENT),
                scripts: &scripts,
                depth: around.depth + 1,
            };
            let mut part = self.manifest(&block.text, &inside);
            // A string that only looks like a Pod, and is none, is a text like any other.
            let is_pod = block.is_yaml || !part.workloads.is_empty();
            part.gaps
                .retain(|gap| block.is_yaml || (is_pod && gap.is_named()));
            if is_pod {
                known.push(bytes);
            }
            part.seen.documents = 0;
            merge(&mut reading, part, Lines::Plus(block.line - 1));
        }
        known.extend(pipeline.seen);
        for (path, line) in pipeline.files {
            reading.elsewhere.push(Elsewhere {
                gap: Gap {
                    place: String::new(),
                    line: Some(line),
                    why: Why::Elsewhere,
                    message: format!("its Pod is in {path}, which was not scanned; scan it too"),
                    mentions: None,
                },
                path,
            });
        }
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
                    scripts: &scripts,
                },
                around,
                &mut reading,
            ));
        }
        known.extend(known_lines.iter().map(|one| lines.bytes(one)));
        // So is the variable that holds its path.
        let found = paths(&reading.workloads);
        let assigned = pipeline.assigned.into_iter();
        let assigned = assigned.filter(|(value, _)| found.contains(value.as_str()));
        known.extend(assigned.map(|(_, bytes)| bytes));
        // What runs in a Pod that was found is told with it, but no Pod that it makes.
        let mut scripts = pipeline.scripts;
        scripts.retain(|bytes| {
            let script = text.get(bytes.clone()).unwrap_or_default();
            !reading.workloads.is_empty()
                && !["hostPath", "containers:"]
                    .iter()
                    .any(|word| script.contains(word))
        });
        let gaps = account::of_text(self.words, text, &known, &scripts);
        reading.gaps.extend(gaps);
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
            others: Vec::new(),
            annotations: None,
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
        let candidate = around.placed(candidate);
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
