//! Manifests named on the command line: files, or standard input as `-`.

use std::fs;
use std::io::{self, Read};

use serde_json::Value;

use crate::manifest;
use crate::manifest::{Document, ReadError};

/// A text, and what messages call it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name, or `stdin`.
    pub name: String,
    /// The text itself.
    pub text: String,
    /// Its documents.
    pub documents: Vec<Document>,
}

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file.
    #[error("cannot read {name}: {source}; -f takes a file, or - for standard input")]
    Read {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Its text.
    #[error("{name}:{error}")]
    Parse {
        /// The file.
        name: String,
        /// What is wrong, where.
        error: ReadError,
    },
    /// A text that YAML takes for one long string: HCL, a script.
    #[error(
        "{name}:{line}: this is no manifest, but a text; dind-injector scan and convert read other files too"
    )]
    Text {
        /// The file.
        name: String,
        line: u32,
    },
}

/// Reads a file, or standard input for `-`.
///
/// # Errors
/// Where there is no such file, or it is no manifest.
pub fn read(file: &str) -> Result<Source, InputError> {
    let (name, text) = text(file)?;
    parse(name, &text)
}

/// Reads a manifest from memory.
///
/// # Errors
/// Where it is no manifest.
pub fn parse(name: String, text: &str) -> Result<Source, InputError> {
    let documents = match manifest::read(text) {
        Ok(documents) => documents,
        Err(error) => return Err(InputError::Parse { name, error }),
    };
    if let Some(text) = documents.iter().find(|one| is_text(&one.value)) {
        let line = text.line;
        return Err(InputError::Text { name, line });
    }
    Ok(Source {
        name,
        text: text.to_owned(),
        documents,
    })
}

/// A file's name for messages, and its text; standard input for `-`.
///
/// # Errors
/// Where there is no such file.
pub fn text(file: &str) -> Result<(String, String), InputError> {
    let (name, read) = if file == "-" {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text).map(|_| text);
        ("stdin", read)
    } else {
        (file, fs::read_to_string(file))
    };
    let name = name.to_owned();
    match read {
        Ok(text) => Ok((name, text)),
        Err(source) => Err(InputError::Read { name, source }),
    }
}

fn is_text(document: &Value) -> bool {
    match document {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Object(_) | Value::Array(_) => false,
    }
}
