//! `dind-injector scan`: what reaches a node's container runtime, and what the webhook
//! would make of it.
//!
//! A result that is not complete never ends with status 0, unless that was allowed.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use clap::{Args, ValueEnum};
use terminal_size::{Width, terminal_size};
use time::OffsetDateTime;

use crate::manifest::to_yaml;
use crate::render;
use crate::render::csv::csv;
use crate::render::document::document;
use crate::render::html::html;
use crate::render::moment::{moment, rfc3339};
use crate::render::sarif::sarif;
use crate::render::table;
use crate::review::offline::Setting;
use crate::scan::baseline::{Baseline, BaselineError};
use crate::scan::compare::compare;
use crate::scan::evaluator::Evaluator;
use crate::scan::files::{FindError, Inputs};
use crate::scan::finding::Verdict;
use crate::scan::result::{Basis, Report};
use crate::scan::walk::Look;

use crate::cli::live::{ConnectError, LiveArgs};
use crate::cli::nodes::NodesArgs;
use crate::cli::policy::PolicyArgs;
use crate::cli::progress::{Bar, Progress};
use crate::cli::watch::WatchArgs;
use crate::cli::{CliError, Exit, output};

/// The flags of `scan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector scan k8s/
  helm template ci ./chart | dind-injector scan -
  dind-injector scan . --config policy.yaml -o html > report.html
  dind-injector scan . -o sarif --fail-on denied > scan.sarif
  dind-injector scan . --summary
  dind-injector scan --cluster --config now.yaml --compare then.yaml
  dind-injector scan . -o csv > scan.csv
  dind-injector scan --context prod --namespace ci
  dind-injector scan . --exclude 'docs/**' --exclude '*.md'
  dind-injector scan . -o json > known.json; dind-injector scan . --baseline known.json
  dind-injector scan --watch --listen 127.0.0.1:8080

Reads Kubernetes manifests (YAML or JSON, Lists and many documents), workflows and tasks of Argo
and Tekton, runner sets, Drone pipelines, Jenkins pipelines and agent templates, GitLab Runner
settings, Terraform, here-documents of shell scripts, JSON patches and kustomizations, and the
values of charts, also inside of ConfigMaps, Argo CD Applications and HelmReleases. Woodpecker
pipelines and Compose files are searched, but not read.

Every text is searched, whatever its ending: what names a container runtime's socket (in parts or
in base64, too), binds its directory into a container or names a Docker daemon by its address,
and is nothing that could be read, makes the result incomplete, and is told with its line.

The folder of a chart is rendered with its default values where helm is on PATH (--values adds
some); else it is one gap, if a template of it leads to a container runtime. A kustomization is
built likewise, by kustomize or kubectl kustomize. Nothing is fetched: what a kustomization has of
another host is a gap.

What is meant to stay is set aside by a comment beside its line, # dind-injector:ignore REASON,
and told as ignored.

Exit status: 0 nothing found, 1 found (see --fail-on), 2 an error, or a result that is not
complete, whatever else was found (see --allow-incomplete). With --compare: 0 the second policy
changes nothing, 1 it changes something, and 2 likewise.")]
pub struct ScanArgs {
    /// File or directory to scan; - is standard input
    #[arg(value_name = "PATH", required_unless_present_any = ["cluster", "context", "watch"])]
    paths: Vec<String>,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    nodes: NodesArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Another policy file: show what changes for whom, under this one in place of --config
    #[arg(long, value_name = "FILE", conflicts_with_all = ["summary", "baseline", "watch"])]
    compare: Option<PathBuf>,
    /// Write only the summary: how much was looked at, and how much of it reaches a runtime
    #[arg(long, conflicts_with = "output")]
    summary: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Namespace to scan, of a cluster; repeatable. For files, the default namespace for Pods that set none
    #[arg(short, long, value_name = "NAME", value_parser = crate::cli::flag_name::namespace)]
    namespace: Vec<String>,
    /// Findings that cause exit status 1
    #[arg(long, value_enum, value_name = "VERDICT", default_value_t = FailOn::Any)]
    fail_on: FailOn,
    /// End with status 0 or 1 although something could not be looked at
    #[arg(long)]
    allow_incomplete: bool,
    /// What of a directory to leave out, written as in .gitignore; repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// An earlier result (-o json or -o sarif): only what it does not have decides the status
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Values that charts are rendered with beside their own, where helm is on PATH; repeatable
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Look also at what .gitignore leaves out of the repository
    #[arg(long)]
    no_gitignore: bool,
    #[command(flatten)]
    watch: WatchArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// The same in YAML
    Yaml,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// One self-contained page
    Html,
    /// One row for each way to a runtime, for spreadsheets
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Everything that reaches a node's runtime
    Any,
    /// What the webhook would swap or deny
    Swapped,
    /// What the webhook would deny
    Denied,
}

/// Why a scan cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// What was given cannot be looked at.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The baseline's file.
    #[error("cannot read --baseline {path}: {source}")]
    BaselineFile {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The baseline.
    #[error("--baseline {path}: {source}")]
    Baseline {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: BaselineError,
    },
    /// Several namespaces for files.
    #[error(
        "--namespace can be given once for files: it is the default namespace for Pods that set none"
    )]
    Namespaces,
    /// A comparison in a form that it has not.
    #[error("--compare is written with -o table, json or yaml")]
    CompareFormat,
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ConnectError),
}

/// Runs the command.
///
/// # Errors
/// Where a path cannot be looked at, or the result cannot be written.
pub fn run(args: ScanArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    let ScanArgs {
        paths,
        live,
        nodes,
        policy,
        output: format,
        summary,
        compare: other_policy,
        namespace,
        fail_on,
        allow_incomplete,
        exclude,
        baseline,
        no_gitignore,
        values,
        watch,
    } = args;
    if watch.is_asked() {
        return watch.run(&live, &policy, namespace);
    }
    let mut evaluator = Evaluator {
        policy: policy.offline()?,
        setting: Setting {
            placement: nodes.placement(&paths)?,
            ..Setting::default()
        },
        changes: format == Format::Html,
    };
    let baseline_file = baseline;
    let baseline = baseline_file.as_deref().map(earlier).transpose()?;
    let source = match live.source() {
        Some(source) => source,
        None => paths.join(" "),
    };
    let scanned = if live.is_asked() {
        Scanned::Cluster(&live, namespace)
    } else {
        evaluator.setting.namespace = match namespace.as_slice() {
            [] => "default".to_owned(),
            [one] => one.clone(),
            _ => return Err(ScanError::Namespaces.into()),
        };
        let look = Look {
            exclude,
            gitignore: !no_gitignore,
            values,
            baseline: baseline_file,
        };
        let inputs = Inputs::find(&paths, &mut io::stdin().lock(), &look);
        Scanned::Files(inputs.map_err(ScanError::from)?)
    };
    let mut report = scanned.judged(evaluator.clone())?;
    if let Some(path) = other_policy {
        let other = PolicyArgs {
            config: Some(path.clone()),
        };
        evaluator.policy = other.offline()?;
        let after = scanned.judged(evaluator)?;
        let first = policy
            .config
            .as_ref()
            .map(|path| path.display().to_string());
        let names = [
            first.unwrap_or_else(|| "the built-in policy".to_owned()),
            path.display().to_string(),
        ];
        return compared(&report, &after, &names, format, allow_incomplete, out);
    }
    report.basis = Some(Basis {
        policy: policy.file()?,
        source,
        made: rfc3339(OffsetDateTime::now_utc()),
    });
    report.known = baseline.as_ref().map(|baseline| baseline.known(&report));
    if summary {
        out.write_all(table::summary(&report, width(), output::paint()).as_bytes())?;
    } else {
        let rest = baseline.as_ref().map(|baseline| baseline.rest(&report));
        write(&report, rest.as_ref(), format, out)?;
    }
    let baseline = baseline.unwrap_or_default();
    Ok(exit(&report, &baseline, fail_on, allow_incomplete))
}

/// What is scanned, as often as there are policies to judge it by.
enum Scanned<'a> {
    Cluster(&'a LiveArgs, Vec<String>),
    Files(Inputs),
}

impl Scanned<'_> {
    fn judged(&self, evaluator: Evaluator) -> Result<Report, ScanError> {
        match self {
            Self::Cluster(live, namespaces) => Ok(live.scan(evaluator, namespaces)?),
            Self::Files(inputs) => {
                let done = AtomicUsize::new(0);
                let bar = Bar::Files(inputs.len());
                Ok(Progress::show(bar, &done, || {
                    inputs.scan(&evaluator, &done)
                }))
            }
        }
    }
}

/// What the second policy does differently.
fn compared(
    before: &Report,
    after: &Report,
    names: &[String; 2],
    format: Format,
    allow_incomplete: bool,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let shifts = compare(before, after);
    let names = names.each_ref().map(String::as_str);
    match format {
        Format::Table => {
            out.write_all(render::compare::table(&shifts, names, after).as_bytes())?;
        }
        Format::Json => {
            let document = render::compare::document(&shifts, names, after);
            output::json(out, &[document])?;
        }
        Format::Yaml => {
            let document = render::compare::document(&shifts, names, after);
            out.write_all(to_yaml(&document).as_bytes())?;
        }
        Format::Sarif | Format::Html | Format::Csv => {
            return Err(ScanError::CompareFormat.into());
        }
    }
    Ok(if !after.is_complete() && !allow_incomplete {
        Exit::Failed
    } else if shifts.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// Writes the result; for people, `rest` alone where a baseline has what is not in it.
fn write(
    report: &Report,
    rest: Option<&Report>,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Csv => out.write_all(&csv(report)?),
        Format::Table => {
            let rest = rest.unwrap_or(report);
            out.write_all(table::of_listed(report, rest, width(), output::paint()).as_bytes())
        }
        Format::Json => output::json(out, &[document(report)]),
        Format::Yaml => out.write_all(to_yaml(&document(report)).as_bytes()),
        Format::Sarif => output::json(out, &[sarif(report)]),
        Format::Html => {
            out.write_all(html(report, &moment(OffsetDateTime::now_utc()), None).as_bytes())
        }
    }
}

/// `COLUMNS`, or the terminal's; none where the output is for a program.
fn width() -> Option<usize> {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    if columns.is_some_and(|columns: usize| columns > 0) {
        return columns;
    }
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size().map(|(Width(columns), _)| usize::from(columns))
}

/// An earlier result.
fn earlier(path: &Path) -> Result<Baseline, ScanError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| ScanError::BaselineFile {
        path: name.clone(),
        source,
    })?;
    Baseline::read(&text).map_err(|source| ScanError::Baseline { path: name, source })
}

fn exit(report: &Report, baseline: &Baseline, fail_on: FailOn, allow_incomplete: bool) -> Exit {
    let fails = report.workloads.iter().any(|workload| {
        let mut findings = workload.findings.iter();
        let is_new = findings.any(|finding| !baseline.has(workload, finding));
        is_new
            && match fail_on {
                FailOn::Any => true,
                FailOn::Swapped => matches!(workload.verdict, Verdict::Swapped | Verdict::Denied),
                FailOn::Denied => workload.verdict == Verdict::Denied,
            }
    });
    let is_complete = report.gaps.iter().all(|gap| baseline.has_gap(gap));
    // What is not complete may hide something worse than what was found.
    if !is_complete && !allow_incomplete {
        Exit::Failed
    } else if fails {
        Exit::Findings
    } else {
        Exit::Done
    }
}
