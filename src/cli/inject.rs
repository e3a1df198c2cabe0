//! `dind-injector inject`: the webhook's engine over manifests.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::decide::Policy;
use crate::decide::denial::Denial;
use crate::manifest::{Operation, PodRef};
use crate::review::Action;
use crate::review::offline::{OfflineError, Setting, changes, evaluate};

use crate::cli::flag_name::namespace;
use crate::cli::nodes::NodesArgs;
use crate::cli::policy::PolicyArgs;
use crate::cli::rewrite::Manifests;
use crate::cli::{CliError, Exit, output};

/// The flags of `inject`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector inject -f pod.yaml | kubectl apply -f -
  helm template ci ./chart | dind-injector inject -f - --diff
  dind-injector inject -f deployment.yaml -o patch
  dind-injector inject -f release.yaml --keep-going

Exit status: 0 done, 1 something is named on standard error: a Pod is refused (nothing is written;
with --keep-going, all documents but the one with that Pod), or something of a Pod still reaches
the node's runtime (all is written), 2 the input cannot be read.")]
pub struct InjectArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Yaml)]
    output: Format,
    /// Default namespace for Pods that set none
    #[arg(short, long, value_name = "NAME", default_value = "default", value_parser = namespace)]
    namespace: String,
    #[command(flatten)]
    nodes: NodesArgs,
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

/// A Pod that is not injected.
#[derive(Debug, thiserror::Error)]
enum NotInjected {
    #[error(transparent)]
    Offline(#[from] OfflineError),
    #[error("denied: {0}")]
    Denied(Denial),
}

/// Runs the command.
///
/// # Errors
/// Where an input cannot be read.
pub fn run(args: InjectArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let InjectArgs {
        manifests,
        output: format,
        namespace,
        nodes,
        policy,
    } = args;
    let policy = policy.offline()?;
    let setting = Setting {
        namespace,
        placement: nodes.placement(&manifests.filename)?,
        ..Setting::default()
    };
    // With the document each, as it was: of one that is left out, no patch is written.
    let mut patches: Vec<(Value, Value)> = Vec::new();
    let rewritten = manifests.rewrite(
        Some((&policy, &setting)),
        err,
        |before, after, pod, warnings| {
            let operations = inject(&policy, &setting, pod, warnings)?;
            if !operations.is_empty() && format == Format::Patch {
                patches.push((before.clone(), patch(pod, &operations)));
            }
            for operation in operations {
                operation.apply(after).map_err(OfflineError::from)?;
            }
            Ok::<_, NotInjected>(())
        },
    )?;
    let Some(rewritten) = rewritten else {
        return Ok(Exit::Findings);
    };
    if manifests.diff {
        rewritten.write_diff(out)?;
        return Ok(rewritten.exit());
    }
    match format {
        Format::Yaml => output::yaml(out, &rewritten.after)?,
        Format::Json => output::json(out, &rewritten.after)?,
        Format::Patch => {
            patches.retain(|(document, _)| rewritten.before.contains(document));
            let patches = patches.into_iter().map(|(_, patch)| patch).collect();
            output::json(out, &[Value::Array(patches)])?;
        }
    }
    Ok(rewritten.exit())
}

/// The operations that inject a Pod, with their paths from its document's root.
fn inject(
    policy: &Policy,
    setting: &Setting,
    pod: &PodRef<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Operation>, NotInjected> {
    let outcome = evaluate(policy, setting, pod)?;
    warnings.extend(outcome.notices.texts());
    let operations = changes(&pod.pointer, &outcome)?;
    match outcome.action {
        Action::Denied(denial) => Err(NotInjected::Denied(denial)),
        Action::Left(_) | Action::Changed(_) => Ok(operations),
    }
}

/// A patch as `kubectl patch --type=json` takes it, and what it is for.
fn patch(pod: &PodRef<'_>, operations: &[Operation]) -> Value {
    json!({
        "kind": pod.kind,
        "name": pod.name,
        "namespace": pod.namespace,
        "patch": operations,
    })
}
