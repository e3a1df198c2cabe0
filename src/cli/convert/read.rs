//! The files to rewrite: those that are named, and those of directories that a scan would look into.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::decide::Policy;
use crate::scan::contents;
use crate::scan::contents::{Contents, Unread};
use crate::scan::files::{FindError, syntax_of};
use crate::scan::mentions::Words;
use crate::scan::result::{Gap, Why};
use crate::scan::text::{Syntax, first_mention, guessed, of_named};
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
                match read(&path, &words, false) {
                    Ok(file) => found.files.extend(file),
                    Err(gap) => found.gaps.push(gap),
                }
            }
            continue;
        }
        if name == "-" {
            let (name, text) = input::text(name)?;
            let syntax = named(&text, &words);
            found.files.push(File { name, text, syntax });
            continue;
        }
        let metadata = fs::metadata(&path);
        if metadata.is_ok_and(|metadata| !seen.is_new(&metadata)) {
            continue;
        }
        match read(&path, &words, true) {
            Ok(Some(mut file)) => {
                if syntax_of(&path).is_none() {
                    file.syntax = of_named(&path, &file.text, &words);
                }
                found.files.push(file);
            }
            Ok(None) => {}
            // What was asked for by name has to be there.
            Err(gap) if gap.why == Why::Unreadable => {
                let (name, text) = input::text(name)?;
                let syntax = of_named(&path, &text, &words);
                found.files.push(File { name, text, syntax });
            }
            Err(gap) => return Err(ConvertError::NotText(gap).into()),
        }
    }
    Ok(found)
}

/// What a text that was named to be read is read as.
fn named(text: &str, words: &Words) -> Syntax {
    match guessed(text, words) {
        Syntax::Other => Syntax::Manifest,
        known => known,
    }
}

/// A file; none where it is no text, or one in another encoding that names no socket. Such a text is not rewritten:
/// it would come out in UTF-8.
fn read(path: &Path, words: &Words, is_named: bool) -> Result<Option<File>, Gap> {
    let name = path.to_string_lossy().into_owned();
    let known = syntax_of(path);
    let contents = fs::File::open(path)
        .map_err(Unread::Io)
        .and_then(contents::read)
        .map_err(|why| why.gap(name.clone()))?;
    let (text, encoding) = match contents {
        Contents::Text(text) => {
            return Ok(Some(File {
                name,
                syntax: known.unwrap_or_else(|| guessed(&text, words)),
                text,
            }));
        }
        Contents::Wide(text) => (text, "in UTF-16"),
        Contents::Foreign(text) => (text, "not in UTF-8"),
        Contents::Archive | Contents::Binary if known.is_some() || is_named => {
            (String::new(), "no text")
        }
        Contents::Archive | Contents::Binary => return Ok(None),
    };
    let line = first_mention(words, &text);
    let is_text = encoding == "in UTF-16";
    let is_told = line.is_some() || !is_text && (known.is_some() || is_named);
    let gap = Gap {
        place: name,
        line,
        why: Why::NotText,
        message: format!("it is {encoding}, and is not rewritten; make it UTF-8, with iconv"),
        mentions: None,
    };
    if is_told { Err(gap) } else { Ok(None) }
}
