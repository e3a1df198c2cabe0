//! Files and directories through the scan, on every core.
//!
//! Files are read in the order of their names, so that a result does not depend on the machine.
//! Whatever its ending, each text is searched for what it names; what cannot be read is a gap of
//! the result. Memory is bounded by one file a core and by what is found.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scan::charts::Chart;
use crate::scan::contents;
use crate::scan::contents::{Contents, Unread, is_archive, not_text, not_unpacked};
use crate::scan::cores::on_each;
use crate::scan::evaluator::Evaluator;
use crate::scan::kustomizations::Kustomizations;
use crate::scan::mentions::Words;
use crate::scan::rendered::Rendered;
use crate::scan::result::{Gap, Namespaces, Reading, Report};
use crate::scan::text;
use crate::scan::text::Syntax;
use crate::scan::walk::{GlobError, Look, Seen, walk};
use crate::scan::written::is_result;

/// Something to read.
#[derive(Debug)]
pub(super) enum Input {
    /// A file of a directory, by its name; most are only searched.
    File {
        path: PathBuf,
        syntax: Syntax,
    },
    /// A file that was named; one whose name says nothing is read as what its text is.
    Named {
        path: PathBuf,
        syntax: Option<Syntax>,
    },
    Stdin(Contents),
    /// A template of a chart that helm rendered.
    Template {
        path: PathBuf,
        rendered: Arc<(Chart, Rendered)>,
    },
    /// What helm makes of a chart, or kustomize of a kustomization.
    Rendered {
        name: String,
        text: String,
    },
}

/// What is to be scanned, found by [`Inputs::find`].
#[derive(Debug, Default)]
pub struct Inputs {
    pub(super) inputs: Vec<Input>,
    gaps: Vec<Gap>,
    /// Charts that are not rendered, each with the reason.
    pub(super) charts: Vec<(Chart, String)>,
    /// Charts that are, and the files of values that were given for them.
    pub(super) rendered: Vec<Chart>,
    pub(super) values: Vec<PathBuf>,
    kustomizations: Kustomizations,
}

/// Why there is nothing to scan.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// A path that was given and cannot be looked at.
    #[error("cannot read {path}: {source}; PATH is a file, a directory, or - for standard input")]
    Path {
        /// The path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A glob.
    #[error(transparent)]
    Glob(#[from] GlobError),
}

impl Inputs {
    /// The files of `names`: each a file, a directory (with all that is below it), or `-`.
    ///
    /// # Errors
    /// Where a name that was given does not exist, or a glob is none.
    pub fn find(names: &[String], stdin: &mut dyn Read, look: &Look) -> Result<Self, FindError> {
        let mut found = Self::default();
        let seen = Seen::default();
        if let Some(Ok(baseline)) = look.baseline.as_ref().map(fs::metadata) {
            seen.is_new(&baseline);
        }
        for name in names {
            if name == "-" {
                match contents::read(&mut *stdin) {
                    Ok(contents) => found.inputs.push(Input::Stdin(contents)),
                    Err(why) => found.gaps.push(why.gap("stdin".to_owned())),
                }
                continue;
            }
            let path = PathBuf::from(name);
            let metadata = fs::metadata(&path).map_err(|source| FindError::Path {
                path: name.clone(),
                source,
            })?;
            if metadata.is_dir() {
                let inputs = &mut found.inputs;
                let gaps = walk(&path, look, &seen, &mut |path| {
                    let syntax = syntax_of(&path).unwrap_or(Syntax::Other);
                    inputs.push(Input::File { path, syntax });
                })?;
                found.gaps.extend(gaps);
            } else if seen.is_new(&metadata) {
                let syntax = syntax_of(&path);
                found.inputs.push(Input::Named { path, syntax });
            }
        }
        found.render(&look.values);
        found.build();
        Ok(found)
    }

    /// Adds what helm makes of each chart: of its templates, only what that does not have is told.
    fn render(&mut self, values: &[PathBuf]) {
        let paths = self.inputs.iter().filter_map(Input::path);
        let charts = Chart::among(paths);
        let rendered = on_each(&charts, |chart| chart.rendered(values));
        let all = charts.clone();
        for (chart, rendered) in charts.into_iter().zip(rendered) {
            match rendered {
                Ok(Some(text)) => {
                    self.inputs.push(Input::Rendered {
                        name: format!("{} (helm template)", chart.name()),
                        text: text.clone(),
                    });
                    self.rendered.push(chart.clone());
                    let rendered = Arc::new((chart, Rendered::of(text)));
                    for input in &mut self.inputs {
                        let path = input.path().filter(|path| rendered.0.has_template(path));
                        if let Some(path) = path.map(Path::to_owned) {
                            let rendered = Arc::clone(&rendered);
                            *input = Input::Template { path, rendered };
                        }
                    }
                }
                Ok(None) => self.unrendered(chart, "helm is not on PATH".to_owned()),
                Err(said) => self.unrendered(chart, format!("helm template: {said}")),
            }
        }
        // They are rendered with it, or told.
        let packs = |path: &Path| all.iter().any(|chart| chart.packs(path));
        self.inputs.retain(|input| !input.path().is_some_and(packs));
        self.values = values.to_vec();
    }

    /// Tells the archives of a chart, which only helm looks into.
    fn unrendered(&mut self, chart: Chart, why: String) {
        let packed = chart.packed(self.inputs.iter().filter_map(Input::path), &why);
        self.gaps.extend(packed);
        self.charts.push((chart, why));
    }

    /// Adds what kustomize makes of each kustomization.
    fn build(&mut self) {
        let own = |input: &'_ Input| !matches!(input, Input::Template { .. });
        let files = self.inputs.iter();
        let files: Vec<Option<&Path>> = files
            .map(|input| input.path().filter(|_| own(input)))
            .collect();
        let (kustomizations, built) = Kustomizations::among(&files);
        self.kustomizations = kustomizations;
        let built = built.into_iter();
        self.inputs
            .extend(built.map(|(name, text)| Input::Rendered { name, text }));
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
    pub fn scan(&self, evaluator: &Evaluator, done: &AtomicUsize) -> Report {
        let Self {
            inputs,
            gaps,
            kustomizations,
            ..
        } = self;
        let nothing = Namespaces::new();
        let all: Vec<usize> = (0..inputs.len()).collect();
        let mut readings = read_all(evaluator, &nothing, inputs, &all, done);
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
        let second = read_all(evaluator, &namespaces, inputs, &again, &AtomicUsize::new(0));
        for (index, reading) in again.into_iter().zip(second) {
            readings[index] = reading;
        }
        let mut report = Report::default();
        for reading in &mut readings {
            for one in reading.elsewhere.drain(..) {
                let mut paths = inputs.iter().filter_map(Input::path);
                if !paths.any(|path| one.is(path)) {
                    reading.gaps.push(one.gap);
                }
            }
        }
        self.fill(evaluator, &mut readings);
        let chart_gaps = self.chart_gaps(&mut readings);
        let kustomization_gaps = kustomizations.settle(&mut readings);
        for reading in readings {
            report.add(reading);
        }
        report.gaps.extend(chart_gaps);
        report.gaps.extend(kustomization_gaps);
        report.gaps.extend(gaps.iter().cloned());
        report
    }
}

/// The readings of the inputs with these `indices`, in their order.
fn read_all(
    evaluator: &Evaluator,
    namespaces: &Namespaces,
    inputs: &[Input],
    indices: &[usize],
    done: &AtomicUsize,
) -> Vec<Reading> {
    on_each(indices, |index| {
        let reading = inputs
            .get(*index)
            .map_or_else(Reading::default, |input| input.scan(evaluator, namespaces));
        done.fetch_add(1, Ordering::Relaxed);
        reading
    })
}

impl Input {
    /// Its path, where it is a file.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin(_) | Self::Rendered { .. } => None,
            Self::File { path, .. } | Self::Named { path, .. } | Self::Template { path, .. } => {
                Some(path)
            }
        }
    }

    /// Its text, where it is a file and has one.
    pub(super) fn text(&self) -> Option<String> {
        let contents = contents::read(fs::File::open(self.path()?).ok()?).ok()?;
        match contents {
            Contents::Text(text) if self.is_result(&text) => None,
            Contents::Text(text) | Contents::Wide(text) | Contents::Foreign(text) => Some(text),
            Contents::Archive | Contents::Binary => None,
        }
    }

    /// Whether it is a result of a scan, which nobody named.
    fn is_result(&self, text: &str) -> bool {
        matches!(self, Self::File { path, .. } if is_result(path, text))
    }

    fn scan(&self, evaluator: &Evaluator, namespaces: &Namespaces) -> Reading {
        let path = match self {
            Self::Stdin(contents) => {
                let syntax = match contents {
                    Contents::Text(text) | Contents::Wide(text) => text::syntax_of(text),
                    Contents::Foreign(_) | Contents::Archive | Contents::Binary => Syntax::Manifest,
                };
                return scan(evaluator, namespaces, "stdin", contents, syntax);
            }
            Self::Rendered { name, text } => {
                let contents = Contents::Text(text.clone());
                return scan(evaluator, namespaces, name, &contents, Syntax::Manifest);
            }
            Self::Template { path, rendered } => {
                let (chart, rendered) = &**rendered;
                let name = path.to_string_lossy();
                let part = (rendered, chart.inner(path));
                let text = self.text().unwrap_or_default();
                return text::template(evaluator, &name, &text, part);
            }
            Self::File { path, .. } | Self::Named { path, .. } => path,
        };
        let name = path.to_string_lossy();
        let contents = fs::File::open(path)
            .map_err(Unread::Io)
            .and_then(contents::read);
        let contents = match contents {
            Ok(contents) => contents,
            Err(why) => {
                let mut reading = Reading::default();
                reading.seen.files = 1;
                reading.gaps.push(why.gap(name.into_owned()));
                return reading;
            }
        };
        if matches!(&contents, Contents::Text(text) if self.is_result(text)) {
            let mut reading = Reading::default();
            reading.seen.files = 1;
            return reading;
        }
        let syntax = match (self, &contents) {
            (Self::File { syntax, .. }, _) => *syntax,
            (Self::Named { syntax, .. }, Contents::Text(text) | Contents::Wide(text)) => {
                let words = Words::of(&evaluator.policy.sockets);
                syntax.unwrap_or_else(|| text::of_named(path, text, &words))
            }
            (Self::Named { syntax, .. }, _) => syntax.unwrap_or(Syntax::Manifest),
            (Self::Stdin(_) | Self::Template { .. } | Self::Rendered { .. }, _) => Syntax::Manifest,
        };
        let mut reading = scan(evaluator, namespaces, &name, &contents, syntax);
        if matches!(self, Self::Named { .. }) {
            reading.seen.files = 1;
        }
        reading
    }
}

/// Reads `text` as a file called `name` in a directory.
pub fn read_as(evaluator: &Evaluator, namespaces: &Namespaces, name: &str, text: &str) -> Reading {
    let syntax = syntax_of(Path::new(name)).unwrap_or(Syntax::Other);
    let contents = Contents::Text(text.to_owned());
    scan(evaluator, namespaces, name, &contents, syntax)
}

fn scan(
    evaluator: &Evaluator,
    namespaces: &Namespaces,
    name: &str,
    contents: &Contents,
    syntax: Syntax,
) -> Reading {
    let words = Words::of(&evaluator.policy.sockets);
    let mut reading = match (contents, syntax) {
        (Contents::Text(text) | Contents::Wide(text) | Contents::Foreign(text), Syntax::Other) => {
            let syntax = text::guessed(text, &words);
            let reading = text::read(evaluator, namespaces, name, text, syntax);
            if syntax == Syntax::Other && reading.gaps.is_empty() {
                let Reading { open, .. } = reading;
                return Reading {
                    open,
                    ..Reading::default()
                };
            }
            reading
        }
        (Contents::Archive, Syntax::Other) if !is_archive(name) => return Reading::default(),
        (Contents::Archive, _) => Reading {
            gaps: vec![not_unpacked(name.to_owned())],
            ..Reading::default()
        },
        (Contents::Binary, Syntax::Other) => return Reading::default(),
        (Contents::Text(text) | Contents::Wide(text), _) => {
            text::read(evaluator, namespaces, name, text, syntax)
        }
        (Contents::Foreign(text), _) => Reading {
            gaps: vec![not_text(name.to_owned(), text, &words)],
            ..Reading::default()
        },
        (Contents::Binary, _) => Reading {
            gaps: vec![not_text(name.to_owned(), "", &words)],
            ..Reading::default()
        },
    };
    reading.seen.files = 1;
    reading
}

/// Whether a file of this name is read wherever it lies.
pub(super) fn is_read(path: &Path) -> bool {
    syntax_of(path).is_some()
}

/// What a file is read as, by its name; none for one that is only searched.
pub fn syntax_of(path: &Path) -> Option<Syntax> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "yaml" | "yml" | "json" => Some(Syntax::Manifest),
        "groovy" | "jenkinsfile" => Some(Syntax::Groovy),
        "toml" if name.starts_with("config.") => Some(Syntax::Toml),
        "tf" | "tofu" => Some(Syntax::Terraform),
        "sh" | "bash" => Some(Syntax::Shell),
        _ if name.starts_with("jenkinsfile") => Some(Syntax::Groovy),
        _ => None,
    }
}
