//! Kustomizations of a directory: built by `kustomize` or `kubectl kustomize` where one is on `PATH`;
//! else one gap each.
//!
//! A patch says what it adds, and not to what; the Pod is there only once it is built. A kustomization
//! that another one builds upon is built with it, and one whose files have neither a `hostPath` nor a
//! socket's name is not built, since it makes none. Nothing is fetched, and no plugin runs: what
//! names another host's files is a gap. What a file says already, with its line, is not told twice.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::manifest;
use crate::model::sockets::Sockets;

use crate::scan::cores::on_each;
use crate::scan::finding::{Finding, Workload};
use crate::scan::ignored;
use crate::scan::mentions::Words;
use crate::scan::program::{folder_name, printed};
use crate::scan::result::{Gap, Reading, Unmade, Why};
use crate::scan::sources::kustomization::{FILES, Uses, is_file};

const UNBUILT: Unmade = Unmade {
    why: Why::Kustomization,
    what: "a kustomization that was not built",
    command: "kustomize build",
};

/// The kustomizations of a scan that matter, and what became of each.
#[derive(Debug, Default)]
pub struct Kustomizations(Vec<(Kustomization, Outcome)>);

/// A kustomization upon which no other one of the scan builds.
#[derive(Debug, Default)]
struct Kustomization {
    folder: PathBuf,
    /// The inputs that it takes as they are, by their index.
    resources: BTreeSet<usize>,
    /// The inputs that it lays over others, itself among them.
    patches: BTreeSet<usize>,
    /// What another host has.
    remote: Option<String>,
    /// Whether a text of it may have to do with a runtime.
    is_suspect: bool,
}

#[derive(Debug)]
enum Outcome {
    /// The input with what it was built to, by its index.
    Built(usize),
    /// Why it was not.
    Unbuilt(String),
}

impl Kustomizations {
    /// Those among `files`, which are inputs; and what some of them were built to, each with its name, as
    /// inputs behind these.
    pub fn among(files: &[Option<&Path>]) -> (Self, Vec<(String, String)>) {
        let starts = files.iter().enumerate();
        let starts: Vec<(usize, &Path)> = starts
            .filter_map(|(index, path)| Some((index, (*path)?)))
            .filter(|(_, path)| is_file(path))
            .collect();
        if starts.is_empty() {
            return (Self::default(), Vec::new());
        }
        let mut tree = Tree::of(files);
        let roots = tree.roots(&starts);
        let roots: Vec<Kustomization> = roots
            .into_iter()
            .map(|file| tree.walk(&file))
            .filter(|one| one.is_suspect)
            .collect();
        let outcomes = on_each(&roots, Kustomization::build);
        let mut built = Vec::new();
        let outcomes = outcomes.into_iter().zip(&roots).map(|(outcome, root)| {
            let name = |tool: &str| format!("{} ({tool})", root.name());
            match outcome {
                Ok((tool, text)) => {
                    built.push((name(tool), text));
                    Outcome::Built(files.len() + built.len() - 1)
                }
                Err(why) => Outcome::Unbuilt(why),
            }
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        (Self(roots.into_iter().zip(outcomes).collect()), built)
    }

    /// Takes out of `readings`, of every input, what is settled by a build or told otherwise. Returns the gaps
    /// of those that are not built.
    pub fn settle(&self, readings: &mut [Reading]) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut open = BTreeSet::new();
        for (one, outcome) in &self.0 {
            if let Outcome::Unbuilt(why) = outcome {
                gaps.extend(one.gap(readings, why));
                open.extend(&one.patches);
            }
        }
        for (one, outcome) in &self.0 {
            let Outcome::Built(index) = outcome else {
                continue;
            };
            for patch in one.patches.difference(&open) {
                if let Some(reading) = readings.get_mut(*patch) {
                    reading.workloads.clear();
                    reading.gaps.retain(|gap| !is_settled(gap));
                }
            }
            let mut built = readings.get_mut(*index).map(std::mem::take);
            if let Some(built) = &mut built {
                let resources = one.resources.iter().filter_map(|at| readings.get(*at));
                resources.for_each(|reading| untold(built, reading));
            }
            if let (Some(built), Some(reading)) = (built, readings.get_mut(*index)) {
                *reading = built;
            }
        }
        gaps
    }
}

/// Whether a build tells what a file alone does not.
fn is_settled(gap: &Gap) -> bool {
    gap.is_named()
        || gap.is_unread()
        || matches!(gap.why, Why::NotAPod | Why::Placeholder | Why::NotParsed)
}

/// Takes out of `built` what `file` tells already.
fn untold(built: &mut Reading, file: &Reading) {
    built.seen.files = 0;
    built.workloads.retain_mut(|workload| {
        let Workload {
            kind,
            name,
            findings,
            ..
        } = workload;
        findings.retain(|finding| {
            let is_told = file.workloads.iter().any(|own| {
                let mut all = own.findings.iter();
                own.kind == *kind
                    && name.contains(&own.name)
                    && all.any(|own| is_same(own, finding))
            });
            let mut set_aside = file.ignored.iter();
            !is_told && !set_aside.any(|one| ignored::is_of(one, kind, name, &finding.target))
        });
        let worst = findings.iter().map(|finding| finding.verdict).max();
        workload.verdict = worst.unwrap_or(workload.verdict);
        worst.is_some()
    });
    built.gaps.retain(|gap| {
        let is_gap = |own: &Gap| own.why == gap.why && own.message == gap.message;
        let mut set_aside = file.ignored.iter();
        !file.gaps.iter().any(is_gap) && !set_aside.any(|one| one.what == gap.message)
    });
}

fn is_same(own: &Finding, built: &Finding) -> bool {
    own.container == built.container
        && own.how == built.how
        && own.target == built.target
        && own.mount_path == built.mount_path
        && own.verdict == built.verdict
}

impl Kustomization {
    fn name(&self) -> String {
        folder_name(&self.folder)
    }

    /// What it comes to, and what built it; or why it is not built.
    fn build(&self) -> Result<(&'static str, String), String> {
        if let Some(remote) = &self.remote {
            return Err(format!("it uses {remote}, which is not fetched"));
        }
        let programs = [
            ("kustomize build", "kustomize", "build"),
            ("kubectl kustomize", "kubectl", "kustomize"),
        ];
        for (title, program, verb) in programs {
            let mut command = Command::new(program);
            // Files beside the folder are local ones, too.
            command.args([verb, "--load-restrictor=LoadRestrictionsNone"]);
            let text = printed(command.arg(self.name()));
            if let Some(text) = text.map_err(|said| format!("{title}: {said}"))? {
                return Ok((title, text));
            }
        }
        Err("neither kustomize nor kubectl is on PATH".to_owned())
    }

    /// The one gap of a kustomization that is not built, in place of those of its patches.
    fn gap(&self, readings: &mut [Reading], why: &str) -> Option<Gap> {
        let mut own = Vec::new();
        for patch in &self.patches {
            if let Some(reading) = readings.get_mut(*patch) {
                let all = std::mem::take(&mut reading.gaps);
                let (settled, others): (Vec<Gap>, _) = all.into_iter().partition(is_settled);
                reading.gaps = others;
                own.extend(settled);
            }
        }
        Gap::of_unmade(&UNBUILT, self.name(), &own, why)
    }
}

/// How the files of kustomizations hang together.
struct Tree {
    /// The inputs by their real path.
    inputs: HashMap<PathBuf, usize>,
    /// The kustomizations that were read, by their file's real path.
    read: HashMap<PathBuf, Uses>,
    words: Words,
}

impl Tree {
    fn of(files: &[Option<&Path>]) -> Self {
        let inputs = files.iter().enumerate().filter_map(|(index, path)| {
            let real = fs::canonicalize((*path)?).ok()?;
            Some((real, index))
        });
        Self {
            inputs: inputs.collect(),
            read: HashMap::new(),
            words: Words::of(&Sockets::default()),
        }
    }

    /// The files upon which none of the others builds.
    fn roots(&mut self, starts: &[(usize, &Path)]) -> Vec<PathBuf> {
        let mut used = BTreeSet::new();
        for (_, file) in starts {
            let Ok(real) = fs::canonicalize(file) else {
                continue;
            };
            let Some(folder) = real.parent().map(Path::to_owned) else {
                continue;
            };
            let uses = self.uses(&real).cloned().unwrap_or_default();
            used.extend(uses.bases.iter().filter_map(|one| base(&folder, one)));
        }
        let roots = starts.iter().map(|(_, file)| (*file).to_owned());
        roots
            .filter(|file| {
                let real = fs::canonicalize(file).ok();
                real.is_some_and(|real| {
                    let uses = self.read.get(&real);
                    uses.is_some_and(|uses| !uses.is_component) && !used.contains(&real)
                })
            })
            .collect()
    }

    /// What a kustomization says; none for a file that is none.
    fn uses(&mut self, real: &Path) -> Option<&Uses> {
        if !self.read.contains_key(real) {
            let text = fs::read_to_string(real).ok()?;
            let documents = manifest::read(&text).ok()?;
            let mut uses = Uses::of(&documents.first()?.value)?;
            uses.is_suspect = self.is_suspect(&text);
            self.read.insert(real.to_owned(), uses);
        }
        self.read.get(real)
    }

    /// Whether a text may have to do with a runtime.
    fn is_suspect(&self, text: &str) -> bool {
        text.contains("hostPath") || self.words.is_in(text)
    }

    /// All that the kustomization of this file comes to.
    fn walk(&mut self, file: &Path) -> Kustomization {
        let mut found = Kustomization {
            folder: file.parent().unwrap_or(Path::new("")).to_owned(),
            ..Kustomization::default()
        };
        let mut seen = BTreeSet::new();
        let mut next: Vec<PathBuf> = fs::canonicalize(file).into_iter().collect();
        while let Some(real) = next.pop() {
            let Some(folder) = real.parent().map(Path::to_owned) else {
                continue;
            };
            if !seen.insert(real.clone()) {
                continue;
            }
            let Some(uses) = self.uses(&real).cloned() else {
                continue;
            };
            found.is_suspect |= uses.is_suspect;
            found.patches.extend(self.inputs.get(&real));
            let remote = uses.remote.first();
            found.remote = found
                .remote
                .or_else(|| remote.map(|(entry, _)| entry.clone()));
            for one in &uses.bases {
                match base(&folder, one) {
                    Some(base) => next.push(base),
                    None => {
                        let input = self.look(&folder.join(one), &mut found.is_suspect);
                        found.resources.extend(input);
                    }
                }
            }
            for one in &uses.patches {
                let input = self.look(&folder.join(one), &mut found.is_suspect);
                found.patches.extend(input);
            }
        }
        found
    }

    /// The input that a file is, if it is one; and whether it may have to do with a runtime.
    fn look(&self, file: &Path, is_suspect: &mut bool) -> Option<usize> {
        let real = fs::canonicalize(file).ok()?;
        let text = fs::read(&real).ok()?;
        *is_suspect |= self.is_suspect(&String::from_utf8_lossy(&text));
        self.inputs.get(&real).copied()
    }
}

/// The file of the kustomization in a folder that `one` names.
pub fn base(folder: &Path, one: &str) -> Option<PathBuf> {
    let real = fs::canonicalize(folder.join(one)).ok()?;
    let mut files = FILES.iter().map(|name| real.join(name));
    files.find(|file| file.is_file())
}
