//! The result of a scan: what was found, what was looked at, and what could not be.
//!
//! A result with gaps is incomplete, and every output says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::model::subject::NamespaceLabels;

use crate::scan::baseline::Known;
use crate::scan::finding::{Verdict, Workload};
use crate::scan::risk::Weight;

/// By what a result was judged, of what it is, and when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The policy's file; none for the policy of the offline commands.
    pub policy: Option<PolicyFile>,
    /// What was looked at: paths, or a cluster's context.
    pub source: String,
    /// When, as RFC 3339 writes it.
    pub made: String,
}

/// A policy's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// As it was named.
    pub path: String,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Basis {
    /// The policy, for people.
    pub fn policy(&self) -> String {
        match &self.policy {
            Some(PolicyFile { path, sha256 }) => {
                format!("{path} (sha256 {})", sha256.get(..12).unwrap_or(sha256))
            }
            None => OFFLINE.to_owned(),
        }
    }
}

/// The policy of the offline commands in a few words; see [`crate::decide::Policy::offline`].
pub const OFFLINE: &str = "built into the offline commands: swaps sockets, denies node agents";

/// What a scan came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By what it was judged; none where the caller does not say.
    pub basis: Option<Basis>,
    /// What reaches a node's runtime, in the order in which it was read.
    pub workloads: Vec<Workload>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// What comments in the files set aside.
    pub ignored: Vec<Ignored>,
    /// How much of it an earlier scan has; none where there was none to compare with.
    pub known: Option<Known>,
    /// How much was looked at.
    pub seen: Seen,
    /// What only a live cluster tells.
    pub cluster: Option<Cluster>,
}

/// What a live cluster tells beside its workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Pods that reach a runtime as they are stored, by namespace. Of a workload that the
    /// webhook swaps, these are the ones that were there before it.
    pub pods: BTreeMap<String, usize>,
    /// The namespaces that there are; empty where they are not to be seen.
    pub namespaces: BTreeSet<String>,
    /// The namespaces of which a list is missing.
    pub unseen: BTreeSet<String>,
    /// A list of all namespaces is missing.
    pub is_unseen: bool,
    /// A list that every cluster has was not refused, and yet not given.
    pub is_broken: bool,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Files read; standard input is one.
    pub files: usize,
    /// Documents in them.
    pub documents: usize,
    /// Pods and Pod templates.
    pub pods: usize,
}

impl Seen {
    /// Adds what was seen elsewhere.
    pub fn add(&mut self, other: Self) {
        let Self {
            files,
            documents,
            pods,
        } = other;
        self.files += files;
        self.documents += documents;
        self.pods += pods;
    }
}

/// A kind of folder whose files become Pods only by another program.
#[derive(Clone, Copy, Debug)]
pub struct Unmade {
    /// The reason of its gap.
    pub why: Why,
    /// What it is, without that program.
    pub what: &'static str,
    /// The program's command.
    pub command: &'static str,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The file, directory or namespace.
    pub place: String,
    /// The line at which it could not be read on.
    pub line: Option<u32>,
    /// Why.
    pub why: Why,
    /// Why, in words.
    pub message: String,
    /// The first line that names a runtime's socket all the same.
    pub mentions: Option<u32>,
}

impl Gap {
    /// The one gap of a folder whose files become Pods only by another program, in place of `files`, those
    /// of its files; none where these have none.
    pub fn of_unmade(
        unmade: &Unmade,
        folder: String,
        files: &[Self],
        reason: &str,
    ) -> Option<Self> {
        let Unmade { why, what, command } = unmade;
        let first = files.first()?;
        let line = first.mentions.or(first.line);
        let at = line.map(|line| format!(":{line}")).unwrap_or_default();
        let more = match files.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(Self {
            place: folder,
            line: None,
            why: *why,
            message: format!(
                "{what}: {reason}; {}{at}{more} leads to a container runtime. Run {command} and pass the result",
                first.place
            ),
            mentions: None,
        })
    }

    /// Whether a text, or a document of it, could not be read at all.
    pub fn is_unread(&self) -> bool {
        matches!(self.why, Why::NotYaml | Why::Template)
    }

    /// Whether it is a word that nothing found accounts for.
    pub fn is_named(&self) -> bool {
        matches!(
            self.why,
            Why::NamesSocket | Why::NamesPipe | Why::NamesDaemon | Why::HostPath
        )
    }
}

/// Why something could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The system refused.
    Unreadable,
    /// A link that leads back to where it is.
    LinkLoop,
    /// It is no text in UTF-8.
    NotText,
    /// It is larger than what is read.
    TooLarge,
    /// It is no YAML or JSON.
    NotYaml,
    /// It is not the TOML or HCL that it should be.
    NotParsed,
    /// It is a template that is still to be rendered.
    Template,
    /// A workload without a Pod that the API server would take.
    NotAPod,
    /// It names a runtime's socket, and nothing was found there.
    NamesSocket,
    /// It names a runtime's pipe on a Windows node, which nothing takes the place of.
    NamesPipe,
    /// It names a Docker daemon by an address that may be a node's.
    NamesDaemon,
    /// It has a directory of the node that leads to a runtime, and nothing was found there.
    HostPath,
    /// A path that is filled in later is mounted where sockets are.
    Placeholder,
    /// A chart that was not rendered.
    Chart,
    /// A kustomization that was not built.
    Kustomization,
    /// A file with a Pod is named that was not scanned.
    Elsewhere,
    /// An ignore comment that says no reason.
    Ignore,
    /// The cluster refused.
    Forbidden,
    /// The cluster failed.
    Cluster,
}

impl Why {
    /// The reason as a fixed word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::LinkLoop => "link-loop",
            Self::NotText => "not-text",
            Self::TooLarge => "too-large",
            Self::NotYaml => "not-yaml",
            Self::NotParsed => "not-parsed",
            Self::Template => "template",
            Self::NotAPod => "not-a-pod",
            Self::NamesSocket => "names-socket",
            Self::NamesPipe => "names-pipe",
            Self::NamesDaemon => "names-daemon",
            Self::HostPath => "host-path",
            Self::Placeholder => "placeholder",
            Self::Chart => "chart",
            Self::Kustomization => "kustomization",
            Self::Elsewhere => "elsewhere",
            Self::Ignore => "ignore-comment",
            Self::Forbidden => "forbidden",
            Self::Cluster => "cluster-error",
        }
    }
}

/// Something that a comment in a file sets aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The file.
    pub place: String,
    /// The line.
    pub line: u32,
    /// Why, in the words of the comment.
    pub reason: String,
    /// What was found there.
    pub what: String,
    /// What makes the Pods that reach it, `Deployment/web`; none where only a text was found.
    pub object: Option<String>,
}

/// What one text came to.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What comments set aside.
    pub ignored: Vec<Ignored>,
    /// What reaches a node's runtime.
    pub workloads: Vec<Workload>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
    /// How much was looked at.
    pub seen: Seen,
    /// The labels of the namespaces that the text declares.
    pub namespaces: Namespaces,
    /// Files with a Pod that the text names.
    pub elsewhere: Vec<Elsewhere>,
    /// HostPaths that are filled in later, of which the text does not say with what.
    pub open: Vec<Open>,
}

/// A hostPath that is filled in later with what another file may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What it is filled in with is called so.
    pub names: Vec<String>,
    /// What it is filled in with, as it is written.
    pub with: String,
    /// Whether a chart was rendered with it, so that the chart's own values are judged.
    pub is_rendered: bool,
    /// Whether it has no name by which a file could be looked through for it.
    pub is_unknown: bool,
    /// The Pod and the place; what is missing is known only with the other file.
    pub gap: Gap,
}

/// A file with a Pod that another one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its path, from wherever the tool that reads it looks.
    pub path: String,
    /// What it is where that file is not scanned.
    pub gap: Gap,
}

impl Elsewhere {
    /// Whether it is the file at `path`, from wherever one looks.
    pub fn is(&self, path: &Path) -> bool {
        let name = self.path.trim_start_matches(['.', '/']);
        path.ends_with(name) || is_filled_in_to(name, path)
    }
}

/// Whether a name with parts that are filled in later, `pods/${kind}.yaml`, may become that of the file at `path`.
fn is_filled_in_to(name: &str, path: &Path) -> bool {
    let (Some((first, rest)), Some(path)) = (name.split_once("${"), path.to_str()) else {
        return false;
    };
    // A library's resources are named from their folder on.
    let first = match first.contains('/') {
        true => first.to_owned(),
        false => format!("resources/{first}"),
    };
    let fixed = rest
        .split("${")
        .map(|part| part.split_once('}').map_or("", |(_, fixed)| fixed));
    let mut fixed: Vec<&str> = fixed.collect();
    let last = fixed.pop().unwrap_or_default();
    let starts = path.match_indices(&first);
    let mut starts = starts.filter(|(at, _)| *at == 0 || path[..*at].ends_with('/'));
    starts.any(|(at, _)| {
        let mut rest = &path[at + first.len()..];
        let is_in_order = fixed.iter().all(|part| {
            let found = rest.split_once(part);
            rest = found.map_or(rest, |(_, rest)| rest);
            found.is_some()
        });
        is_in_order && rest.len() > last.len() && rest.ends_with(last)
    })
}

/// Namespaces whose labels are known.
pub type Namespaces = BTreeMap<String, NamespaceLabels>;

/// The numbers of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Workloads by verdict, in the order of [`Verdict::ALL`].
    pub by_verdict: [usize; Verdict::ALL.len()],
    /// Workloads that a person must change.
    pub by_hand: usize,
    /// Workloads that would be swapped to no use: they want the node's own containers.
    pub useless: usize,
    /// All ways to a runtime.
    pub findings: usize,
}

impl Report {
    /// Adds what one text came to.
    pub fn add(&mut self, reading: Reading) {
        let Reading {
            workloads,
            gaps,
            ignored,
            seen,
            namespaces: _,
            elsewhere: _,
            open: _,
        } = reading;
        self.ignored.extend(ignored);
        self.workloads.extend(workloads);
        self.gaps.extend(gaps);
        self.seen.add(seen);
    }

    /// How many Pods of a live cluster reach a runtime as they are stored.
    pub fn live_pods(&self) -> Option<usize> {
        self.cluster
            .as_ref()
            .map(|cluster| cluster.pods.values().sum())
    }

    /// Whether everything could be looked at.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Its numbers.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for workload in &self.workloads {
            for (count, verdict) in summary.by_verdict.iter_mut().zip(Verdict::ALL) {
                *count += usize::from(workload.verdict == verdict);
            }
            summary.by_hand += usize::from(workload.manual_work.is_some());
            summary.findings += workload.findings.len();
            summary.useless += usize::from(is_to_no_use(workload));
        }
        summary
    }

    /// The worst verdict; none where nothing was found.
    pub fn worst(&self) -> Option<Verdict> {
        self.workloads.iter().map(|workload| workload.verdict).max()
    }
}

/// Whether a workload is swapped although it wants the node's own containers.
pub fn is_to_no_use(workload: &Workload) -> bool {
    let mut risks = workload.risks.iter();
    workload.verdict == Verdict::Swapped && risks.any(|risk| risk.rule.weight == Weight::Useless)
}

impl Summary {
    /// How many workloads have this verdict.
    pub fn of(&self, verdict: Verdict) -> usize {
        let mut counts = Verdict::ALL.into_iter().zip(self.by_verdict);
        counts
            .find(|(v, _)| *v == verdict)
            .map_or(0, |(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_filled_in_is_that_of_a_file() {
        for (name, path, expected) in [
            ("pods/${c.kind}.yaml", "lib/resources/pods/plain.yaml", true),
            ("pods/${c.kind}.yaml", "pods/plain.yaml", true),
            ("ci/${a}/pod-${b}.yaml", "x/ci/one/pod-two.yaml", true),
            ("${kind}.yaml", "lib/resources/plain.yaml", true),
            ("pods/${kind}.yaml", "lib/resources/pods/plain.yml", false),
            (
                "pods/${kind}.yaml",
                "lib/resources/mypods/plain.yaml",
                false,
            ),
            ("pods/${kind}.yaml", "lib/resources/pods/.yaml", false),
            ("${kind}.yaml", "deploy/plain.yaml", false),
            ("pods/plain.yaml", "pods/other.yaml", false),
        ] {
            assert_eq!(
                is_filled_in_to(name, Path::new(path)),
                expected,
                "{name} {path}"
            );
        }
    }
}
