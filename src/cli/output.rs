//! How manifests and diffs are written for people and for programs.

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use crate::manifest::to_yaml;
use crate::render::diff::Paint;

/// Writes documents as one YAML stream.
///
/// # Errors
/// Where the writer fails.
pub fn yaml(out: &mut dyn Write, documents: &[Value]) -> io::Result<()> {
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            out.write_all(b"---\n")?;
        }
        out.write_all(to_yaml(document).as_bytes())?;
    }
    Ok(())
}

/// Writes documents as JSON that `kubectl` reads: one object, or a List of several.
///
/// # Errors
/// Where the writer fails.
pub fn json(out: &mut dyn Write, documents: &[Value]) -> io::Result<()> {
    let list;
    let value = match documents {
        [only] => only,
        several => {
            list = json!({"apiVersion": "v1", "kind": "List", "items": several});
            &list
        }
    };
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Says that a command writes nothing, though most of its input may be fine, and what else one can do.
///
/// # Errors
/// Where the writer fails.
pub fn withheld(err: &mut dyn Write, what: &str, instead: &str) -> io::Result<()> {
    writeln!(
        err,
        "error: {what} is written, so that no half of a release goes out: mend or leave out what \
         is named above{instead}"
    )
}

/// In color where standard output is for a person who wants that (<https://no-color.org>).
pub fn paint() -> Paint {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !refused && io::stdout().is_terminal() {
        Paint::Color
    } else {
        Paint::Plain
    }
}
