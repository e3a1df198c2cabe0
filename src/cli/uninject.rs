//! `dind-injector uninject`: injected manifests back to what their authors wrote.
//!
//! As with `inject`, standard output is whole or empty: where one Pod cannot be taken back,
//! nothing is written.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::manifest::{pods, to_yaml};
use crate::report::diff::{Paint, unified};
use crate::uninject::uninject;

use super::{CliError, Exit, input, output};

/// The flags of `uninject`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector uninject -f injected.yaml
  kubectl get pod ci-7 -o yaml | dind-injector uninject -f -

Exit status: 0 done, 1 a Pod cannot be taken back (nothing is written), 2 the input cannot be read.")]
pub struct UninjectArgs {
    /// Manifest to take back, YAML or JSON, any number of documents; - is standard input
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<String>,
    /// Show what changes in place of the whole manifest
    #[arg(long, conflicts_with = "output")]
    diff: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Yaml)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One YAML stream
    Yaml,
    /// One JSON object, or a List of several
    Json,
}

/// Runs the command.
///
/// # Errors
/// Where an input cannot be read.
pub fn run(args: UninjectArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let UninjectArgs {
        filename,
        diff,
        output: format,
    } = args;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut failed = false;
    for file in &filename {
        let source = input::read(file)?;
        for document in source.documents {
            let mut value = document.value.clone();
            for (name, error) in take_back(&document.value, &mut value) {
                writeln!(err, "error: {}: {name}: {error}", source.name)?;
                failed = true;
            }
            before.push(document.value);
            after.push(value);
        }
    }
    if failed {
        return Ok(Exit::Findings);
    }
    if diff {
        let paint = if output::wants_color() {
            Paint::Color
        } else {
            Paint::Plain
        };
        for (before, after) in before.iter().zip(&after) {
            let labels = ("before", "after");
            let diff = unified(&to_yaml(before), &to_yaml(after), labels, paint);
            out.write_all(diff.as_bytes())?;
        }
        return Ok(Exit::Done);
    }
    match format {
        Format::Yaml => output::yaml(out, &after)?,
        Format::Json => output::json(out, &after)?,
    }
    Ok(Exit::Done)
}

/// Takes every Pod of `before` back in `after`; the Pods for which that failed, and why.
fn take_back(before: &Value, after: &mut Value) -> Vec<(String, String)> {
    let mut failures = Vec::new();
    for pod in pods(before) {
        let name = format!("{}/{}", pod.kind, pod.name.unwrap_or("(no name)"));
        if let Err(error) = &pod.pod {
            failures.push((name, error.to_string()));
            continue;
        }
        let Some(object) = before.pointer(&pod.pointer) else {
            continue;
        };
        let taken = uninject(object).and_then(|operations| {
            for operation in operations {
                operation.below(&pod.pointer).apply(after)?;
            }
            Ok(())
        });
        if let Err(error) = taken {
            failures.push((name, error.to_string()));
        }
    }
    failures
}
