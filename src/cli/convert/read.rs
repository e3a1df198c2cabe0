//! The files to rewrite: those that are named, and those of directories that a scan would look into.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::decide::Policy;
use crate::scan::files::{FindError, syntax_of};
use crate::scan::mentions::Words;
use crate::scan::result::{Gap, Why};
use crate::scan::text::{Syntax, guessed};
use crate::scan::walk::{Look, Seen, walk};

use crate::cli::convert::{ConvertError, File};
use crate::cli::{CliError, input};

/// What is to be rewritten, and what cannot be read of it.
pub(super) struct Inputs {
    pub files: Vec<File>,
    pub gaps: Vec<Gap>,
}

/// Reads the files of `names`, each once.
pub(super) fn inputs(names: &[String], exclude: Vec<String>) -> Result<Inputs, CliError> {
    let look = Look {
        exclude,
        ..Look::default()
    };
    let words = Words::of(&Policy::offline().sockets);
    let seen = Seen::default();
    let mut is_known = HashSet::new();
    let mut found = Inputs {
        files: Vec::new(),
        gaps: Vec::new(),
    };
    for name in names.iter().filter(|name| is_known.insert(name.as_str())) {
        let path = PathBuf::from(name);
        if name != "-" && path.is_dir() {
            let mut files = Vec::new();
            let gaps = walk(&path, &look, &seen, &mut |path| files.push(path));
            found
                .gaps
                .extend(gaps.map_err(FindError::from).map_err(ConvertError::from)?);
            for path in files {
                match read(&path, &words) {
                    Ok(file) => found.files.extend(file),
                    Err(gap) => found.gaps.push(gap),
                }
            }
            continue;
        }
        if let Ok(metadata) = fs::metadata(&path)
            && !seen.is_new(&metadata)
        {
            continue;
        }
        let (name, text) = input::text(name)?;
        found.files.push(File {
            syntax: syntax_of(&path).unwrap_or_else(|| match guessed(&text, &words) {
                Syntax::Other => Syntax::Manifest,
                known => known,
            }),
            name,
            text,
        });
    }
    Ok(found)
}

/// A file of a directory; none where it is no text.
fn read(path: &Path, words: &Words) -> Result<Option<File>, Gap> {
    let gap = |why, message: String| Gap {
        place: path.to_string_lossy().into_owned(),
        line: None,
        why,
        message,
        mentions: None,
    };
    let bytes = fs::read(path).map_err(|error| gap(Why::Unreadable, error.to_string()))?;
    let known = syntax_of(path);
    let Ok(text) = String::from_utf8(bytes) else {
        return match known {
            Some(_) => Err(gap(Why::NotText, "not text in UTF-8".to_owned())),
            None => Ok(None),
        };
    };
    Ok(Some(File {
        name: path.to_string_lossy().into_owned(),
        syntax: known.unwrap_or_else(|| guessed(&text, words)),
        text,
    }))
}
