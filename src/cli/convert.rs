//! `dind-injector convert`: manifest files, rewritten in place.
//!
//! Without `--write` it only shows what it would do. Where one Pod is refused or one text
//! cannot be edited, no file is written, so that no half of a release is migrated.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use clap::Args;

use crate::cli::terminal::line;
use crate::convert;
use crate::decide::Policy;
use crate::manifest::{Operation, pods, read_with_positions};
use crate::render::diff::unified;
use crate::review::Action;
use crate::review::offline::{Setting, changes, evaluate};

use crate::cli::policy::PolicyArgs;
use crate::cli::replace::{ReplaceError, replace};
use crate::cli::{CliError, Exit, beyond, input, output};

/// The flags of `convert`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector convert -f agent.yaml
  dind-injector convert -f k8s/*.yaml --write
  dind-injector convert -f agent.yaml --write --diff

Exit status: 0 done, 1 a Pod is refused or a text cannot be edited in place (no file is written), or
something else reaches the node's runtime (told on standard error), 2 a file cannot be read or written.")]
pub struct ConvertArgs {
    /// Manifests to rewrite, YAML or JSON, any number of documents; - shows what standard input
    /// would become
    #[arg(short, long = "filename", value_name = "FILE", required = true, num_args = 1..)]
    filename: Vec<String>,
    /// Rewrite the files
    #[arg(long)]
    write: bool,
    /// Show what changes, also with --write
    #[arg(long)]
    diff: bool,
    /// Namespace of Pods that name none
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Why a file is not rewritten.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Standard input is no file.
    #[error("--write rewrites files; leave it out to see what standard input would become")]
    Stdin,
    /// The file.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// A file whose text changes.
struct Rewritten {
    name: String,
    before: String,
    after: String,
    pods: usize,
}

/// Runs the command.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn run(args: ConvertArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let ConvertArgs {
        mut filename,
        write,
        diff,
        namespace,
        policy,
    } = args;
    if write && filename.iter().any(|file| file == "-") {
        return Err(ConvertError::Stdin.into());
    }
    let policy = policy.offline()?;
    let setting = Setting {
        namespace,
        ..Setting::default()
    };
    let mut seen = HashSet::new();
    filename.retain(|file| seen.insert(file.clone()));
    let mut rewritten = Vec::new();
    let (mut refused, mut partial) = (false, false);
    for file in &filename {
        match rewrite(&policy, &setting, file, &mut partial, err)? {
            Verdict::Same => {}
            Verdict::Changes(changes) => rewritten.push(changes),
            Verdict::Refused => refused = true,
        }
    }
    if refused {
        output::withheld(err, "no file", "")?;
        return Ok(Exit::Findings);
    }
    if diff || !write {
        let paint = output::paint();
        for Rewritten {
            name,
            before,
            after,
            pods: _,
        } in &rewritten
        {
            let converted = format!("{name} (converted)");
            let text = unified(before, after, (name, &converted), paint);
            out.write_all(text.as_bytes())?;
        }
    }
    if write {
        for Rewritten {
            name,
            before,
            after,
            pods,
        } in &rewritten
        {
            replace(Path::new(name), before, after).map_err(ConvertError::from)?;
            let noun = if *pods == 1 { "Pod" } else { "Pods" };
            line(err, format_args!("{name}: {pods} {noun} converted"))?;
        }
    }
    Ok(if partial { Exit::Findings } else { Exit::Done })
}

enum Verdict {
    Same,
    Changes(Rewritten),
    Refused,
}

fn rewrite(
    policy: &Policy,
    setting: &Setting,
    file: &str,
    partial: &mut bool,
    err: &mut dyn Write,
) -> Result<Verdict, CliError> {
    let (source, before) = input::text(file)?;
    let documents = read_with_positions(&before).map_err(|error| input::InputError::Parse {
        name: source.clone(),
        error,
    })?;
    *partial |= beyond::tell(policy, setting, (&source, &before), &documents, err)?;
    let mut planned = Vec::new();
    let mut refused = false;
    let mut count = 0;
    for document in documents {
        let mut operations: Vec<Operation> = Vec::new();
        for pod in pods(&document.value) {
            let at = format!("{source}:{}: {pod}", document.line);
            let judged = evaluate(policy, setting, &pod).and_then(|outcome| {
                let own = changes(&pod.pointer, &outcome)?;
                Ok((outcome, own))
            });
            match judged {
                Ok((outcome, own)) => {
                    for notice in outcome.notices.texts() {
                        line(err, format_args!("warning: {at}: {notice}"))?;
                    }
                    if let Action::Denied(denial) = &outcome.action {
                        line(err, format_args!("error: {at}: denied: {denial}"))?;
                        refused = true;
                    }
                    count += usize::from(!own.is_empty());
                    operations.extend(own);
                }
                Err(error) => {
                    line(err, format_args!("error: {at}: {error}"))?;
                    refused = true;
                }
            }
        }
        planned.push((document, operations));
    }
    if refused {
        return Ok(Verdict::Refused);
    }
    if count == 0 {
        return Ok(Verdict::Same);
    }
    match convert::convert(&before, &planned) {
        Ok(after) => Ok(Verdict::Changes(Rewritten {
            name: source,
            before,
            after,
            pods: count,
        })),
        Err(error) => {
            line(err, format_args!("error: {source}:{error}"))?;
            Ok(Verdict::Refused)
        }
    }
}
