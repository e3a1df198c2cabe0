//! `dind-injector uninject`: injected manifests back to what their authors wrote.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::manifest::{PodRef, ShapeError};
use crate::uninject::{UninjectError, uninject};

use crate::cli::rewrite::Manifests;
use crate::cli::{CliError, Exit, output};

/// The flags of `uninject`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector uninject -f injected.yaml
  kubectl get pod ci-7 -o yaml | dind-injector uninject -f -

Exit status: 0 done, 1 a Pod cannot be taken back (nothing is written), 2 the input cannot be read.")]
pub struct UninjectArgs {
    #[command(flatten)]
    manifests: Manifests,
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

/// A Pod that stays as it is.
#[derive(Debug, thiserror::Error)]
enum NotTakenBack {
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error(transparent)]
    Uninject(#[from] UninjectError),
}

/// Runs the command.
///
/// # Errors
/// Where an input cannot be read.
pub fn run(args: UninjectArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let UninjectArgs { manifests, output } = args;
    let rewritten = manifests.rewrite(None, err, |before, after, pod, _| {
        take_back(before, after, pod)
    })?;
    let Some(rewritten) = rewritten else {
        return Ok(Exit::Findings);
    };
    if manifests.diff {
        rewritten.write_diff(out)?;
        return Ok(rewritten.exit());
    }
    match output {
        Format::Yaml => output::yaml(out, &rewritten.after)?,
        Format::Json => output::json(out, &rewritten.after)?,
    }
    Ok(rewritten.exit())
}

/// Takes a Pod of `before` back in `after`.
fn take_back(before: &Value, after: &mut Value, pod: &PodRef<'_>) -> Result<(), NotTakenBack> {
    pod.pod.as_ref().map_err(Clone::clone)?;
    let Some(object) = before.pointer(&pod.pointer) else {
        return Ok(());
    };
    for operation in uninject(object)? {
        let applied = operation.below(&pod.pointer).apply(after);
        applied.map_err(UninjectError::from)?;
    }
    Ok(())
}
