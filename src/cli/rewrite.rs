//! Manifests in, the same rewritten out: what `inject` and `uninject` share.
//!
//! Standard output is valid input for `kubectl apply -f -`, or empty: where one Pod cannot be
//! rewritten, nothing is written, so that no half of a release is applied. Who asks to keep going gets
//! every other document whole, and is told which one is left out.

use std::fmt::Display;
use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use crate::cli::terminal::line;
use crate::decide::Policy;
use crate::manifest::{PodRef, pods, to_yaml};
use crate::render::diff::unified;
use crate::review::offline::Setting;

use crate::cli::{CliError, Exit, beyond, input, output};

/// Which manifests, and whether the whole of them is shown.
#[derive(Debug, Args)]
pub struct Manifests {
    /// Manifest to rewrite, YAML or JSON, any number of documents; - is standard input
    #[arg(short, long, value_name = "FILE", required = true)]
    pub filename: Vec<String>,
    /// Show what changes in place of the whole manifest
    #[arg(long, conflicts_with = "output")]
    pub diff: bool,
    /// Write the documents of which no Pod is refused, and leave out the others
    #[arg(long)]
    pub keep_going: bool,
}

/// Every document as it was, and as it is now.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// In the order of the input, but for documents that are left out.
    pub before: Vec<Value>,
    /// In the order of the input.
    pub after: Vec<Value>,
    /// Whether a document is left out, since a Pod in it is refused, or something else reaches a
    /// node's runtime where no Pod can be rewritten.
    pub is_partial: bool,
}

impl Rewritten {
    /// What the command comes to.
    pub fn exit(&self) -> Exit {
        match self.is_partial {
            true => Exit::Findings,
            false => Exit::Done,
        }
    }
}

impl Manifests {
    /// Rewrites Pod after Pod: `one` is given the document, what has become of it so far, the
    /// Pod in it, and a list for warnings. None where nothing is to be written, since a Pod is refused;
    /// `err` has the reasons.
    ///
    /// `judged` is under what everything else of the input is looked at, and told.
    ///
    /// # Errors
    /// Where an input cannot be read.
    pub fn rewrite<E: Display>(
        &self,
        judged: Option<(&Policy, &Setting)>,
        err: &mut dyn Write,
        mut one: impl FnMut(&Value, &mut Value, &PodRef<'_>, &mut Vec<String>) -> Result<(), E>,
    ) -> Result<Option<Rewritten>, CliError> {
        let mut rewritten = Rewritten::default();
        let mut left_out = Vec::new();
        for file in &self.filename {
            let source = input::read(file)?;
            if let Some((policy, setting)) = judged {
                let text = (source.name.as_str(), source.text.as_str());
                rewritten.is_partial |=
                    beyond::tell(policy, setting, text, &source.documents, true, err)?;
            }
            for document in source.documents {
                let before = document.value;
                let mut after = before.clone();
                let place = format!("{}:{}", source.name, document.line);
                let mut is_refused = false;
                for pod in pods(&before) {
                    let at = format!("{place}: {pod}");
                    let mut warnings = Vec::new();
                    let done = one(&before, &mut after, &pod, &mut warnings);
                    for warning in warnings {
                        line(err, format_args!("warning: {at}: {warning}"))?;
                    }
                    if let Err(error) = done {
                        line(err, format_args!("error: {at}: {error}"))?;
                        is_refused = true;
                    }
                }
                if is_refused {
                    left_out.push(place);
                } else {
                    rewritten.before.push(before);
                    rewritten.after.push(after);
                }
            }
        }
        rewritten.is_partial |= !left_out.is_empty();
        if !left_out.is_empty() && !self.keep_going {
            output::withheld(err, "nothing", ", or use --keep-going to have the rest")?;
            return Ok(None);
        }
        for place in left_out {
            line(
                err,
                format_args!("error: {place}: the document is left out"),
            )?;
        }
        Ok(Some(rewritten))
    }
}

impl Rewritten {
    /// Writes what changes.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn write_diff(&self, out: &mut dyn Write) -> io::Result<()> {
        let paint = output::paint();
        for (before, after) in self.before.iter().zip(&self.after) {
            let labels = ("before", "after");
            let diff = unified(&to_yaml(before), &to_yaml(after), labels, paint);
            out.write_all(diff.as_bytes())?;
        }
        Ok(())
    }
}
