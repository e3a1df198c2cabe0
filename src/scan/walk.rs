//! The files of a directory, each once, in the order of their names.
//!
//! What `.gitignore` leaves out of a repository is left out here, and so is what was excluded; git's
//! own files are no manifests. Links are followed, and a loop of them is a gap.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::overrides::OverrideBuilder;
use ignore::{DirEntry, WalkBuilder};

use crate::scan::result::{Gap, Why};

/// What of a directory is looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// Globs of what is left out, as in `.gitignore`.
    pub exclude: Vec<String>,
    /// Whether `.gitignore` counts.
    pub gitignore: bool,
    /// Files of values that every chart is rendered with.
    pub values: Vec<PathBuf>,
    /// An earlier result, which says what there was and holds nothing itself.
    pub baseline: Option<PathBuf>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            exclude: Vec::new(),
            gitignore: true,
            values: Vec::new(),
            baseline: None,
        }
    }
}

/// A glob that is none.
#[derive(Debug, thiserror::Error)]
#[error("--exclude {glob}: {source}; a glob is written as in .gitignore, **/testdata/** or *.md")]
pub struct GlobError {
    /// As it was given.
    pub glob: String,
    /// What is wrong.
    pub source: ignore::Error,
}

/// What a file is, by whatever name: device and inode.
type Identity = (u64, u64);

fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

/// What was seen already, by whichever way.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<HashSet<Identity>>>);

impl Seen {
    /// Whether this is the first time.
    pub fn is_new(&self, metadata: &Metadata) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(identity(metadata))
    }
}

/// Calls `found` with each new file of `directory`, and tells what could not be looked at.
///
/// # Errors
/// Where a glob is none.
pub fn walk(
    directory: &Path,
    look: &Look,
    seen: &Seen,
    found: &mut dyn FnMut(PathBuf),
) -> Result<Vec<Gap>, GlobError> {
    let mut overrides = OverrideBuilder::new(directory);
    for glob in &look.exclude {
        let error = |source| GlobError {
            glob: glob.clone(),
            source,
        };
        overrides.add(&format!("!{glob}")).map_err(error)?;
    }
    let overrides = overrides.build().map_err(|source| GlobError {
        glob: look.exclude.join(" "),
        source,
    })?;
    let directories = seen.clone();
    let walk = WalkBuilder::new(directory)
        .standard_filters(false)
        .git_ignore(look.gitignore)
        .git_exclude(look.gitignore)
        .parents(look.gitignore)
        .require_git(false)
        .overrides(overrides)
        .follow_links(true)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(move |entry| is_wanted(entry, &directories))
        .build();
    let mut gaps = Vec::new();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                gaps.extend(gap(&error, None));
                continue;
            }
        };
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_file() && seen.is_new(&metadata) {
            found(entry.into_path());
        }
    }
    Ok(gaps)
}

fn is_wanted(entry: &DirEntry, seen: &Seen) -> bool {
    if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return true;
    }
    // The root was asked for by name.
    entry.depth() == 0
        || entry.file_name() != ".git"
            && fs::metadata(entry.path()).is_ok_and(|metadata| seen.is_new(&metadata))
}

fn gap(error: &ignore::Error, path: Option<&Path>) -> Option<Gap> {
    let told = |path: &Path, why, message: String| Gap {
        place: path.to_string_lossy().into_owned(),
        line: None,
        why,
        message,
        mentions: None,
    };
    match error {
        ignore::Error::WithPath { path, err } => gap(err, Some(path)),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            gap(err, path)
        }
        ignore::Error::Loop { child, .. } => Some(told(
            child,
            Why::LinkLoop,
            "a link to a directory that it is in; it was not followed".to_owned(),
        )),
        ignore::Error::Io(error) => {
            let path = path?;
            // What no name asks for may be missing.
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            let is_asked_for = crate::scan::files::is_read(path) || path.extension().is_none();
            (!is_missing || is_asked_for).then(|| told(path, Why::Unreadable, error.to_string()))
        }
        // A wrong glob in a .gitignore leaves nothing out.
        ignore::Error::Partial(_)
        | ignore::Error::Glob { .. }
        | ignore::Error::UnrecognizedFileType(_)
        | ignore::Error::InvalidDefinition => None,
    }
}
