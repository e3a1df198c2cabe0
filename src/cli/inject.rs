//! `dind-injector inject`: the webhook's engine over manifests.
//!
//! Standard output is valid input for `kubectl apply -f -`, or empty: where one Pod is
//! refused, nothing is written, so that no half of a release is applied.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::engine::{Action, Outcome};
use crate::manifest::{PodRef, pods, to_yaml};
use crate::offline::{Setting, apply, judge};
use crate::policy::Policy;
use crate::report::diff::{Paint, unified};

use super::policy::PolicyArgs;
use super::{CliError, Exit, input, output};

/// The flags of `inject`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector inject -f pod.yaml | kubectl apply -f -
  helm template ci ./chart | dind-injector inject -f - --diff
  dind-injector inject -f deployment.yaml -o patch

Exit status: 0 done, 1 a Pod is refused (nothing is written), 2 the input cannot be read.")]
pub struct InjectArgs {
    /// Manifest to rewrite, YAML or JSON, any number of documents; - is standard input
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<String>,
    /// Show what changes in place of the whole manifest
    #[arg(long, conflicts_with = "output")]
    diff: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Yaml)]
    output: Format,
    /// Namespace of Pods that name none
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One YAML stream
    Yaml,
    /// One JSON object, or a List of several
    Json,
    /// A JSON list of RFC 6902 patches, with the object that each one is for
    Patch,
}

/// Runs the command.
///
/// # Errors
/// Where an input cannot be read.
pub fn run(args: InjectArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let InjectArgs {
        filename,
        diff,
        output: format,
        namespace,
        policy,
    } = args;
    let policy = policy.offline()?;
    let setting = Setting {
        namespace,
        ..Setting::default()
    };
    let mut rewritten = Rewritten::default();
    for file in &filename {
        let source = input::read(file)?;
        for document in source.documents {
            rewritten.add(&policy, &setting, &source.name, document.value, err)?;
        }
    }
    if rewritten.refused {
        return Ok(Exit::Findings);
    }
    if diff {
        let paint = if output::wants_color() {
            Paint::Color
        } else {
            Paint::Plain
        };
        for (before, after) in rewritten.before.iter().zip(&rewritten.after) {
            if before != after {
                let diff = unified(
                    &to_yaml(before),
                    &to_yaml(after),
                    ("before", "after"),
                    paint,
                );
                out.write_all(diff.as_bytes())?;
            }
        }
        return Ok(Exit::Done);
    }
    match format {
        Format::Yaml => output::yaml(out, &rewritten.after)?,
        Format::Json => output::json(out, &rewritten.after)?,
        Format::Patch => output::json(out, &[Value::Array(rewritten.patches)])?,
    }
    Ok(Exit::Done)
}

#[derive(Default)]
struct Rewritten {
    before: Vec<Value>,
    after: Vec<Value>,
    patches: Vec<Value>,
    refused: bool,
}

impl Rewritten {
    fn add(
        &mut self,
        policy: &Policy,
        setting: &Setting,
        source: &str,
        document: Value,
        err: &mut dyn Write,
    ) -> Result<(), CliError> {
        let mut after = document.clone();
        for pod in pods(&document) {
            let name = format!("{source}: {}/{}", pod.kind, pod.name.unwrap_or("(no name)"));
            let outcome = match judge(policy, setting, &pod) {
                Ok(outcome) => outcome,
                Err(error) => {
                    writeln!(err, "error: {name}: {error}")?;
                    self.refused = true;
                    continue;
                }
            };
            for notice in &outcome.notices {
                writeln!(err, "warning: {name}: {notice}")?;
            }
            if let Action::Denied(denial) = &outcome.action {
                writeln!(err, "error: {name}: denied: {denial}")?;
                self.refused = true;
                continue;
            }
            if let Err(error) = apply(&mut after, &pod.pointer, &outcome) {
                writeln!(err, "error: {name}: {error}")?;
                self.refused = true;
            }
            self.patches.extend(patch_of(&pod, &outcome));
        }
        self.before.push(document);
        self.after.push(after);
        Ok(())
    }
}

/// The patch with its paths from the document's root, as `kubectl patch --type=json` takes it.
fn patch_of(pod: &PodRef<'_>, outcome: &Outcome<'_>) -> Option<Value> {
    let Action::Changed(change) = &outcome.action else {
        return None;
    };
    let mut operations: Vec<Value> = serde_json::from_slice(change.patch.as_bytes()).ok()?;
    for operation in &mut operations {
        let path = operation
            .get("path")
            .and_then(Value::as_str)
            .unwrap_or_default();
        operation["path"] = json!(format!("{}{path}", pod.pointer));
    }
    Some(json!({
        "kind": pod.kind,
        "name": pod.name,
        "namespace": pod.namespace,
        "patch": operations,
    }))
}
