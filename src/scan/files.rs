//! Files and directories through the scan, on every core.
//!
//! A directory is walked in the order of its names, so that a result does not depend on
//! the machine. What cannot be read is a gap of the result. Memory is bounded by one file
//! a core and by what is found.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::scan::judge::Court;
use crate::scan::result::{Gap, Namespaces, Reading, Report, Why};
use crate::scan::text;
use crate::scan::text::Syntax;

/// Larger texts are not read: the API server takes 3 MiB an object, a dump holds many.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Something to read.
#[derive(Clone, Debug)]
enum Input {
    File { path: PathBuf, syntax: Syntax },
    Stdin(String),
}

/// What is to be scanned, found by [`Inputs::find`].
#[derive(Debug, Default)]
pub struct Inputs {
    inputs: Vec<Input>,
    gaps: Vec<Gap>,
}

impl Inputs {
    /// The files of `names`: each a file, a directory (with all that is below it), or `-`.
    ///
    /// # Errors
    /// Where a name that was given does not exist.
    pub fn find(names: &[String], stdin: &mut dyn Read) -> Result<Self, (String, io::Error)> {
        let mut found = Self::default();
        let mut walk = Walk::default();
        for name in names {
            if name == "-" {
                match read_text(&mut *stdin) {
                    Ok(text) => found.inputs.push(Input::Stdin(text)),
                    Err(why) => found.gaps.push(why.gap("stdin".to_owned())),
                }
                continue;
            }
            let path = PathBuf::from(name);
            let metadata = fs::metadata(&path).map_err(|error| (name.clone(), error))?;
            if metadata.is_dir() {
                walk.directory(path, &metadata, &mut found);
            } else if walk.is_new(&metadata) {
                let syntax = syntax_of(&path).unwrap_or(Syntax::Manifest);
                found.inputs.push(Input::File { path, syntax });
            }
        }
        Ok(found)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// Scans them all. `done` counts the files that were read, for whoever watches.
    pub fn scan(self, court: &Court, done: &AtomicUsize) -> Report {
        let Self { inputs, gaps } = self;
        let nothing = Namespaces::new();
        let all: Vec<usize> = (0..inputs.len()).collect();
        let mut readings = read_all(court, &nothing, &inputs, &all, done);
        let mut namespaces = Namespaces::new();
        for reading in &mut readings {
            namespaces.append(&mut reading.namespaces);
        }
        namespaces.retain(|_, labels| !labels.is_empty());
        // A namespace's labels decide too, and may be declared in a later file: what was found in
        // such a namespace is judged again.
        let concerned = |reading: &Reading| {
            let mut workloads = reading.workloads.iter();
            workloads.any(|workload| namespaces.contains_key(&workload.namespace))
        };
        let again: Vec<usize> = (0..inputs.len())
            .filter(|index| concerned(&readings[*index]))
            .collect();
        let second = read_all(court, &namespaces, &inputs, &again, &AtomicUsize::new(0));
        for (index, reading) in again.into_iter().zip(second) {
            readings[index] = reading;
        }
        let mut report = Report::default();
        for reading in readings {
            report.add(reading);
        }
        report.gaps.extend(gaps);
        report
    }
}

/// The readings of the inputs with these `indices`, in their order.
fn read_all(
    court: &Court,
    namespaces: &Namespaces,
    inputs: &[Input],
    indices: &[usize],
    done: &AtomicUsize,
) -> Vec<Reading> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut own = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = indices.get(turn).and_then(|index| inputs.get(*index)) else {
                return own;
            };
            own.push((turn, input.scan(court, namespaces)));
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let workers = cores.min(indices.len().max(1));
    let mut readings: Vec<(usize, Reading)> = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(own) => all.extend(own),
                // A panic is a fault of this program, and is one here too.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    readings.sort_unstable_by_key(|(turn, _)| *turn);
    readings.into_iter().map(|(_, reading)| reading).collect()
}

impl Input {
    fn scan(&self, court: &Court, namespaces: &Namespaces) -> Reading {
        let mut reading = match self {
            Self::Stdin(text) => text::read(court, namespaces, "stdin", text, Syntax::Manifest),
            Self::File { path, syntax } => {
                let name = path.to_string_lossy();
                match fs::File::open(path).map_err(Unread::Io).and_then(read_text) {
                    Ok(text) => text::read(court, namespaces, &name, &text, *syntax),
                    Err(why) => Reading {
                        gaps: vec![why.gap(name.into_owned())],
                        ..Reading::default()
                    },
                }
            }
        };
        reading.seen.files = 1;
        reading
    }
}

enum Unread {
    Io(io::Error),
    TooLarge,
    NotText(Option<u32>),
}

impl Unread {
    fn gap(self, place: String) -> Gap {
        let (why, message, mentions) = match self {
            Self::Io(error) => (Why::Unreadable, error.to_string(), None),
            Self::TooLarge => {
                let message = format!("larger than {} MiB; split it", MAX_BYTES >> 20);
                (Why::TooLarge, message, None)
            }
            Self::NotText(mentions) => {
                let message = "not a text in UTF-8; convert it".to_owned();
                (Why::NotText, message, mentions)
            }
        };
        Gap {
            place,
            line: None,
            why,
            message,
            mentions,
        }
    }
}

fn read_text(from: impl Read) -> Result<String, Unread> {
    let mut bytes = Vec::new();
    let mut limited = from.take(MAX_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unread::TooLarge);
    }
    String::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(error.as_bytes());
        Unread::NotText(text::first_mention(&text))
    })
}

/// What a file is read as, by its name; none for one that is left out of a directory.
fn syntax_of(path: &Path) -> Option<Syntax> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "yaml" | "yml" | "json" => Some(Syntax::Manifest),
        "groovy" | "jenkinsfile" => Some(Syntax::Groovy),
        "toml" if name.starts_with("config.") => Some(Syntax::Toml),
        _ if name.starts_with("jenkinsfile") => Some(Syntax::Groovy),
        _ => None,
    }
}

/// A way through directories that visits each once.
#[derive(Default)]
struct Walk {
    seen: HashSet<Identity>,
    above: Vec<Identity>,
}

/// What a file is, by whatever name: device and inode.
type Identity = (u64, u64);

fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

impl Walk {
    fn is_new(&mut self, metadata: &Metadata) -> bool {
        self.seen.insert(identity(metadata))
    }

    fn directory(&mut self, path: PathBuf, metadata: &Metadata, found: &mut Inputs) {
        let own = identity(metadata);
        if self.above.contains(&own) {
            found.gaps.push(Gap {
                place: path.to_string_lossy().into_owned(),
                line: None,
                why: Why::LinkLoop,
                message: "a link to a directory that it is in; it was not followed".to_owned(),
                mentions: None,
            });
            return;
        }
        if !self.is_new(metadata) {
            return;
        }
        let unreadable = |path: &Path, error: &io::Error| Gap {
            place: path.to_string_lossy().into_owned(),
            line: None,
            why: Why::Unreadable,
            message: error.to_string(),
            mentions: None,
        };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                found.gaps.push(unreadable(&path, &error));
                return;
            }
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            match entry {
                Ok(entry) => drop(names.insert(entry.path())),
                Err(error) => found.gaps.push(unreadable(&path, &error)),
            }
        }
        self.above.push(own);
        for path in names {
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    // What no name asks for may be missing.
                    if syntax_of(&path).is_some() || path.extension().is_none() {
                        found.gaps.push(unreadable(&path, &error));
                    }
                    continue;
                }
            };
            if metadata.is_dir() {
                // git's own files are no manifests.
                if path.file_name().is_some_and(|name| name != ".git") {
                    self.directory(path, &metadata, found);
                }
            } else if metadata.is_file()
                && let Some(syntax) = syntax_of(&path)
                && self.is_new(&metadata)
            {
                found.inputs.push(Input::File { path, syntax });
            }
        }
        self.above.pop();
    }
}
