//! `dind-injector explain`: what would be done with a Pod, by which rule, and why.

use std::io::Write;

use clap::{Args, ValueEnum};

use crate::cli::flag_name::namespace;
use crate::cli::terminal::line;
use crate::explain::{Explanation, Place, explain, text};
use crate::manifest::{pods, read_with_positions};
use crate::model::subject::NamespaceLabels;
use crate::review::offline::Setting;

use crate::cli::nodes::NodesArgs;
use crate::cli::policy::PolicyArgs;
use crate::cli::{CliError, Exit, beyond, input};

/// The flags of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector explain -f pod.yaml --config policy.yaml --namespace ci
  kubectl get pod build-7 -o yaml | dind-injector explain -f - --config policy.yaml
  dind-injector explain -f agent.yaml --namespace-label dind-injector.io/injection=enabled \\
      --as system:serviceaccount:ci:jenkins -o json
  kubectl get nodes,runtimeclasses -o yaml | dind-injector explain -f pod.yaml --nodes -

Without --config the policy is the one of the offline commands, which swaps everywhere.

Exit status: 0 explained, 1 a document makes no sense as a Pod, 2 an input cannot be read.")]
pub struct ExplainArgs {
    /// Manifest with Pods or workloads, YAML or JSON; - is standard input
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Default namespace for Pods that set none
    #[arg(short, long, value_name = "NAME", default_value = "default", value_parser = namespace)]
    namespace: String,
    /// Label of every namespace; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    namespace_label: Vec<(String, String)>,
    /// User that creates the manifests' Pods; a workload's Pods are created by its controller
    #[arg(long = "as", value_name = "USER", default_value = "")]
    user: String,
    /// Group of that user; repeatable
    #[arg(long = "as-group", value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    nodes: NodesArgs,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Paragraphs
    Text,
    /// A JSON list with one object for each Pod
    Json,
}

/// Reads `KEY=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as dind-injector.io/injection=enabled".to_owned()),
    }
}

/// Runs the command.
///
/// # Errors
/// Where an input cannot be read.
pub fn run(args: ExplainArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let ExplainArgs {
        filename,
        policy,
        namespace,
        namespace_label,
        user,
        groups,
        nodes,
        output,
    } = args;
    let policy = policy.offline()?;
    let setting = Setting {
        namespace,
        namespace_labels: NamespaceLabels::from_iter(namespace_label),
        user,
        groups,
        placement: nodes.placement(&filename)?,
    };
    let mut explanations: Vec<Explanation> = Vec::new();
    let mut exit = Exit::Done;
    for file in &filename {
        let (name, text) = input::text(file)?;
        let documents = read_with_positions(&text).map_err(|error| input::InputError::Parse {
            name: name.clone(),
            error,
        })?;
        if beyond::tell(&policy, &setting, (&name, &text), &documents, false, err)? {
            exit = Exit::Findings;
        }
        for document in &documents {
            let place = Place {
                file: &name,
                positions: document.positions.as_ref(),
            };
            for pod in pods(&document.value) {
                match explain(&policy, &setting, place, &pod) {
                    Ok(explanation) => explanations.push(explanation),
                    Err(error) => {
                        let at = document.line;
                        line(err, format_args!("error: {name}:{at}: {pod}: {error}"))?;
                        exit = Exit::Findings;
                    }
                }
            }
        }
    }
    match output {
        Format::Text => {
            for (index, explanation) in explanations.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                out.write_all(text(explanation).as_bytes())?;
            }
            if explanations.is_empty() && exit == Exit::Done {
                let files = filename.join(", ");
                line(err, format_args!("no Pod and no workload in {files}"))?;
            }
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &explanations).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(exit)
}
