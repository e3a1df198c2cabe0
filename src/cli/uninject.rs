//! `dind-injector uninject`: injected manifests back to what their authors wrote.

use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::cli::terminal::line;
use crate::convert::{ConvertError, convert};
use crate::manifest::{Document, Operation, PodRef, ShapeError, pods, read_with_positions};
use crate::render::patch::patch;
use crate::uninject::{UninjectError, uninject};

use crate::cli::replace::{ReplaceError, replace};
use crate::cli::rewrite::Manifests;
use crate::cli::{CliError, Exit, input, output};

/// The flags of `uninject`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector uninject -f injected.yaml
  dind-injector uninject -f injected.yaml --write
  kubectl get pod ci-7 -o yaml | dind-injector uninject -f -

With --write each file is edited where it must be: its comments and layout stay.

Exit status: 0 done, 1 a Pod cannot be taken back (nothing is written), 2 the input cannot be read
or written.")]
pub struct UninjectArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Yaml)]
    output: Format,
    /// Rewrite the files, and write nothing to standard output but, with --diff, what changes
    #[arg(long, conflicts_with = "output")]
    write: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One YAML stream
    Yaml,
    /// One JSON object, or a List of several
    Json,
}

/// Why a file is not rewritten.
#[derive(Debug, thiserror::Error)]
pub enum UninjectFileError {
    /// Standard input is no file.
    #[error("--write rewrites files; leave it out to see what standard input would become")]
    Stdin,
    /// The file.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
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
    let UninjectArgs {
        manifests,
        output,
        write,
    } = args;
    if write {
        return rewrite(&manifests, out, err);
    }
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

/// A file whose text is taken back.
struct Rewritten {
    name: String,
    before: String,
    after: String,
    pods: usize,
}

/// Takes the files themselves back, each edited in place.
fn rewrite(
    manifests: &Manifests,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, CliError> {
    if manifests.filename.iter().any(|file| file == "-") {
        return Err(UninjectFileError::Stdin.into());
    }
    let mut rewritten = Vec::new();
    let mut is_refused = false;
    for file in &manifests.filename {
        let (name, before) = input::text(file)?;
        match taken_back(&name, before, err)? {
            Some(file) => rewritten.push(file),
            None => is_refused = true,
        }
    }
    if is_refused && !manifests.keep_going {
        output::withheld(err, "no file", ", or use --keep-going to have the rest")?;
        return Ok(Exit::Findings);
    }
    for Rewritten {
        name,
        before,
        after,
        pods,
    } in rewritten.iter().filter(|file| file.pods > 0)
    {
        if manifests.diff {
            out.write_all(patch(before, after, name).as_bytes())?;
        }
        replace(Path::new(name), before, after).map_err(UninjectFileError::from)?;
        let noun = if *pods == 1 { "Pod" } else { "Pods" };
        line(err, format_args!("{name}: {pods} {noun} taken back"))?;
    }
    Ok(if is_refused {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// The text of one file without what was injected; none where a Pod cannot be taken back.
fn taken_back(
    name: &str,
    before: String,
    err: &mut dyn Write,
) -> Result<Option<Rewritten>, CliError> {
    let documents = read_with_positions(&before).map_err(|error| input::InputError::Parse {
        name: name.to_owned(),
        error,
    })?;
    let mut planned = Vec::new();
    let (mut count, mut is_refused) = (0, false);
    for document in documents {
        let mut operations = Vec::new();
        for pod in pods(&document.value) {
            match operations_of(&document.value, &pod) {
                Ok(own) => {
                    count += usize::from(!own.is_empty());
                    operations.extend(own);
                }
                Err(error) => {
                    is_refused = true;
                    line(
                        err,
                        format_args!("error: {name}:{}: {pod}: {error}", document.line),
                    )?;
                }
            }
        }
        planned.push((document, operations));
    }
    if is_refused {
        return Ok(None);
    }
    match convert(&before, &planned) {
        Ok(after) => Ok(Some(Rewritten {
            name: name.to_owned(),
            before,
            after,
            pods: count,
        })),
        Err(error) => {
            line(err, format_args!("error: {name}:{error}"))?;
            Ok(None)
        }
    }
}

/// The line at which a text shares what would be taken back from one Pod of it alone, if there is one.
pub(super) fn shared(text: &str) -> Option<u32> {
    let planned: Vec<(Document, Vec<Operation>)> = read_with_positions(text)
        .ok()?
        .into_iter()
        .map(|document| {
            let own = pods(&document.value).into_iter();
            let own = own.filter_map(|pod| operations_of(&document.value, &pod).ok());
            let operations = own.flatten().collect();
            (document, operations)
        })
        .collect();
    match convert(text, &planned) {
        Err(ConvertError::Shared { line } | ConvertError::Anchored { line }) => Some(line),
        Ok(_) | Err(ConvertError::Unfit(_) | ConvertError::Operation(_)) => None,
    }
}

/// The operations that take a Pod of a document back.
fn operations_of(document: &Value, pod: &PodRef<'_>) -> Result<Vec<Operation>, NotTakenBack> {
    pod.pod.as_ref().map_err(Clone::clone)?;
    let Some(object) = document.pointer(&pod.pointer) else {
        return Ok(Vec::new());
    };
    let operations = uninject(object)?.into_iter();
    Ok(operations
        .map(|operation| operation.below(&pod.pointer))
        .collect())
}

/// Takes a Pod of `before` back in `after`.
fn take_back(before: &Value, after: &mut Value, pod: &PodRef<'_>) -> Result<(), NotTakenBack> {
    for operation in operations_of(before, pod)? {
        operation.apply(after).map_err(UninjectError::from)?;
    }
    Ok(())
}
