//! `dind-injector convert`: files, rewritten in place.
//!
//! Without `--write` it only shows what it would do, as a patch. What reaches a node's runtime and is not
//! changed is named, with what to do by hand; where that is a Pod, no file is written unless one asks to keep
//! going, so that no half of a release is migrated.

mod annotation;
mod cluster;
mod left;
mod overlays;
mod read;
mod remark;
mod sidecar;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::cli::flag_name::namespace;
use crate::cli::terminal::line;
use crate::migrate::Lines;
use crate::model::sockets::Sockets;
use crate::model::subject::NamespaceLabels;
use crate::render::diff::Paint;
use crate::render::patch::{colored, patch};
use crate::review::offline::Setting;
use crate::scan::files::FindError;
use crate::scan::given::{gaps, given};
use crate::scan::mentions::Words;
use crate::scan::result::{Elsewhere, Gap, Open};

use crate::cli::convert::remark::Remark;
use crate::cli::live::ConnectError;
use crate::cli::nodes::NodesArgs;
use crate::cli::policy::PolicyArgs;
use crate::cli::replace::{ReplaceError, replace};
use crate::cli::{CliError, Exit, output};

/// The flags of `convert`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector convert -f agent.yaml
  dind-injector convert -f ci/ | patch -p1
  dind-injector convert -f ci/ Jenkinsfile --write --keep-going
  dind-injector convert -f ci/ --namespace-label dind-injector.io/injection=enabled
  dind-injector convert -f agent.yaml --to sidecar --write

Exit status: 0 done, 1 something is named on standard error: a Pod is refused or cannot be changed
(no file is written; with --keep-going, all the rest is), or something else reaches the node's
runtime, 2 a file cannot be read or written.")]
pub struct ConvertArgs {
    /// Files to rewrite: manifests, Jenkinsfiles, a GitLab Runner's config.toml, or directories of them; -
    /// shows what standard input would become
    #[arg(short, long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    filename: Vec<String>,
    /// What takes the place of the node's socket
    #[arg(long, value_enum, default_value_t = Form::Annotation)]
    to: Form,
    /// Rewrite the files
    #[arg(long)]
    write: bool,
    /// Show what changes, also with --write
    #[arg(long)]
    diff: bool,
    /// Change what can be changed, where some Pods are refused
    #[arg(long)]
    keep_going: bool,
    /// Leave out what matches this glob of .gitignore's form, of directories; repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Default namespace for Pods that set none
    #[arg(short, long, value_name = "NAME", default_value = "default", value_parser = namespace)]
    namespace: String,
    /// Label of every namespace; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::cli::explain::label)]
    namespace_label: Vec<(String, String)>,
    #[command(flatten)]
    nodes: NodesArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    cluster: cluster::CheckArgs,
}

/// What takes the place of the node's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The annotation that asks the webhook for a daemon; the mounts of the node go
    Annotation,
    /// The sidecar itself, as the webhook would add it
    Sidecar,
}

/// Why a file is not rewritten.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Standard input is no file.
    #[error("--write rewrites files; leave it out to see what standard input would become")]
    Stdin,
    /// A check of what is not written.
    #[error("--cluster asks whether the annotation is honored; --to sidecar writes none")]
    Unasked,
    /// A file that was named is in another encoding.
    #[error("{}: {}", place(.0), .0.message)]
    NotText(Gap),
    /// The file.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// A path that is none.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// `a.yaml:7`, or the file alone.
fn place(gap: &Gap) -> String {
    match gap.line {
        Some(line) => format!("{}:{line}", gap.place),
        None => gap.place.clone(),
    }
}

/// A file whose text changes.
struct Rewritten {
    name: String,
    before: String,
    after: String,
    pods: usize,
}

/// What became of the files.
#[derive(Default)]
struct Outcome {
    rewritten: Vec<Rewritten>,
    /// What is said of the files.
    remarks: Vec<Remark>,
    /// Whether a Pod is refused, or a text cannot be edited.
    is_refused: bool,
    /// Whether something else reaches a node's runtime.
    is_partial: bool,
    /// Files with a Pod that are named in these.
    elsewhere: Vec<Elsewhere>,
    /// HostPaths that another file may fill in, each with the lines of its file.
    open: Vec<(Open, Lines)>,
    /// The namespaces of Pods that were given an annotation.
    namespaces: BTreeSet<String>,
}

/// What is said of hostPaths that another one of the files fills in.
fn filled_in(outcome: &mut Outcome, files: &[File], sockets: &Sockets) -> Vec<Remark> {
    let open = std::mem::take(&mut outcome.open);
    let all: Vec<&Open> = open.iter().map(|(open, _)| open).collect();
    let words = Words::of(sockets);
    let given = files
        .iter()
        .map(|file| (Path::new(&file.name), given(&file.text, &all, &words)));
    let gaps = gaps(&all, given).into_iter();
    gaps.filter_map(|(index, gap)| Some(Remark::of_gap(&gap, &open.get(index)?.1)))
        .collect()
}

/// Runs the command.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn run(args: ConvertArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let ConvertArgs {
        filename,
        to,
        write,
        diff,
        keep_going,
        exclude,
        namespace,
        namespace_label,
        nodes,
        policy,
        cluster,
    } = args;
    if write && filename.iter().any(|file| file == "-") {
        return Err(ConvertError::Stdin.into());
    }
    let is_configured = policy.config.is_some();
    let policy = policy.offline()?;
    let setting = Setting {
        namespace,
        namespace_labels: NamespaceLabels::from_iter(namespace_label),
        placement: nodes.placement(&filename)?,
        ..Setting::default()
    };
    let (labels, unseen) = match cluster.is_asked() {
        true if to == Form::Sidecar => return Err(ConvertError::Unasked.into()),
        true => cluster.labels().map_err(ConvertError::from)?,
        false => Default::default(),
    };
    let inputs = read::inputs(&filename, exclude)?;
    let sockets = policy.sockets.clone();
    let mut outcome = match to {
        Form::Annotation => annotation::rewrite(&policy, &setting, &inputs.files, labels),
        Form::Sidecar => sidecar::rewrite(&policy, &setting, &inputs.files)?,
    };
    outcome.is_partial |= !inputs.gaps.is_empty();
    let unchanged = Lines::between("", "");
    let is_here = |one: &&Elsewhere| {
        inputs
            .files
            .iter()
            .any(|file| one.is(Path::new(&file.name)))
    };
    let elsewhere = std::mem::take(&mut outcome.elsewhere);
    let missing: Vec<Gap> = elsewhere
        .iter()
        .filter(|one| !is_here(one))
        .map(|one| one.gap.clone())
        .collect();
    outcome.is_partial |= !missing.is_empty();
    let filled = filled_in(&mut outcome, &inputs.files, &sockets);
    outcome.is_partial |= !filled.is_empty();
    outcome.remarks.extend(filled);
    let gaps = inputs.gaps.iter().chain(&unseen).chain(&missing);
    let gaps = gaps.map(|gap| Remark::of_gap(gap, &unchanged));
    outcome.remarks.extend(gaps);
    let Outcome {
        rewritten,
        remarks,
        mut is_refused,
        is_partial,
        elsewhere: _,
        namespaces,
        open: _,
    } = outcome;
    // What the namespaces need is said last, but decides whether a file is written.
    let mut needed = Vec::new();
    let is_asked = to == Form::Annotation && !namespaces.is_empty();
    let asked = is_asked.then(|| needs(&namespaces, is_configured, &cluster, &mut needed));
    let asked = asked.unwrap_or(Ok(false));
    is_refused |= matches!(asked, Ok(true));
    let is_withheld = is_refused && !keep_going;
    let is_written = write && !is_withheld && asked.is_ok();
    for remark in &remarks {
        remark.tell(is_written, err)?;
    }
    asked?;
    err.write_all(&needed)?;
    if is_withheld {
        output::withheld(err, "no file", ", or use --keep-going to have the rest")?;
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
            let text = patch(before, after, name);
            match paint {
                Paint::Plain => out.write_all(text.as_bytes())?,
                Paint::Color => out.write_all(colored(&text).as_bytes())?,
            }
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
    Ok(if is_partial || is_refused {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Says what the namespaces of annotated Pods need, or asks the cluster. Returns whether it refuses one.
fn needs(
    namespaces: &BTreeSet<String>,
    is_configured: bool,
    cluster: &cluster::CheckArgs,
    err: &mut dyn Write,
) -> Result<bool, CliError> {
    if cluster.is_asked() {
        let mut is_refused = false;
        for (namespace, answer) in cluster.check(namespaces).map_err(ConvertError::from)? {
            match answer {
                Ok(()) => line(
                    err,
                    format_args!(
                        "namespace {namespace}: the cluster's webhook honors the annotation"
                    ),
                )?,
                Err(why) => {
                    is_refused = true;
                    line(err, format_args!("error: namespace {namespace}: {why}"))?;
                }
            }
        }
        return Ok(is_refused);
    }
    if !is_configured {
        let all: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        let all = all.join(" ");
        line(
            err,
            format_args!(
                "note: the annotation counts only where the policy honors it: run `kubectl label namespace {all} \
                 {}=enabled` for the built-in policy, or give a rule annotation: Honor. --config FILE or --cluster \
                 checks it",
                crate::names::INJECTION_LABEL
            ),
        )?;
    }
    Ok(false)
}

/// A file, its text and what it is written in.
struct File {
    name: String,
    text: String,
    syntax: crate::scan::text::Syntax,
}
