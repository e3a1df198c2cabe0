//! `dind-injector test`: a team's own cases against a policy, as a check in their CI.
//!
//! Each case goes through the webhook's own review, from the bytes of an AdmissionReview to those of the
//! answer, so that what passes here is what the cluster does.

mod case;
mod run;

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::names;

use crate::cli::input::Source;
use crate::cli::policy::PolicyArgs;
use crate::cli::terminal::line;
use crate::cli::test::case::{Case, CaseError, read};
use crate::cli::test::run::{Difference, differences};
use crate::cli::{CliError, Exit, input, output};

/// The flags of `test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector test -f cases.yaml --config policy.yaml
  dind-injector test -f cases.yaml --config policy.yaml -o json
  dind-injector test -f cases.yaml --config policy.yaml --run monitoring

cases.yaml:
  cases:
    - name: a build in ci gets its own daemon
      namespace: ci
      namespaceLabels: {dind-injector.io/injection: enabled}
      user: system:serviceaccount:ci:jenkins
      pod:
        spec:
          containers:
            - name: build
              image: docker:28-cli
              volumeMounts: [{name: docker, mountPath: /var/run/docker.sock}]
          volumes: [{name: docker, hostPath: {path: /var/run/docker.sock}}]
      expect: {outcome: changed, rule: default}

A case has a pod, and may have: policy (builtin, offline, a preset's name (audit, migrate,
enforce), or the fields of a policy file, in place of --config), namespace (ci), namespaceLabels,
user, groups, owner (the kind of the Pod's controller), operation (Create or EphemeralContainers);
labels and annotations, added to the Pod's, and spec, whose fields replace those of the Pod.
expect has an outcome (left, denied or changed), and may have: reason, rule, profile, warnings (a
part of each, in order) and message (parts of the denial). What it does not have is not checked.
Anchors may be kept under policies and pods.

Exit status: 0 every case passed, 1 one did not, 2 the cases or the policy cannot be read.")]
pub struct TestArgs {
    /// File of cases, YAML or JSON; - is standard input; repeatable
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Run only the cases whose name contains this
    #[arg(long, value_name = "WORD")]
    run: Option<String>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line for each case, and one for each difference
    Text,
    /// One JSON object
    Json,
}

/// Why the cases cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// A file that holds no cases, or wrong ones.
    #[error("{file}: {source}")]
    Cases {
        /// The file, or `stdin`.
        file: String,
        /// What is wrong.
        source: CaseError,
    },
    #[error(
        "there is no case: `cases` is empty; see dind-injector test --help for the fields of one"
    )]
    Empty,
    /// No case has the word.
    #[error("--run {0}: no case has this in its name")]
    None(String),
}

/// A case that was run.
struct Ran {
    file: String,
    case: Case,
    differences: Vec<Difference>,
}

/// Runs the command.
///
/// # Errors
/// Where a file or the policy cannot be read.
pub fn run(args: TestArgs, out: &mut dyn Write) -> Result<Exit, CliError> {
    let TestArgs {
        filename,
        policy,
        run,
        output,
    } = args;
    let policy = policy.offline()?;
    let mut all = Vec::new();
    for file in &filename {
        let Source {
            name: source_name,
            documents,
            ..
        } = input::read(file)?;
        let error = |source| TestError::Cases {
            file: source_name.clone(),
            source,
        };
        for case in read(&documents).map_err(error)? {
            let is_wanted = run.as_ref().is_none_or(|word| case.name.contains(word));
            if is_wanted {
                let differences = differences(&case, &policy).map_err(error)?;
                all.push(Ran {
                    file: source_name.clone(),
                    case,
                    differences,
                });
            }
        }
    }
    if all.is_empty() {
        let error = run.map_or(TestError::Empty, TestError::None);
        return Err(error.into());
    }
    match output {
        Format::Text => text(&all, out)?,
        Format::Json => output::json(out, &[document(&all)])?,
    }
    let passed = all.iter().all(|ran| ran.differences.is_empty());
    Ok(if passed { Exit::Done } else { Exit::Findings })
}

fn text(all: &[Ran], out: &mut dyn Write) -> std::io::Result<()> {
    for Ran {
        file,
        case,
        differences,
    } in all
    {
        let word = if differences.is_empty() {
            "ok  "
        } else {
            "FAIL"
        };
        line(out, format_args!("{word}  {}", case.name))?;
        for Difference {
            field,
            expected,
            found,
        } in differences
        {
            line(
                out,
                format_args!("      {file}: {field}: expected {expected}, found {found}"),
            )?;
        }
    }
    let failed = all.iter().filter(|ran| !ran.differences.is_empty()).count();
    let passed = all.len() - failed;
    let cases = if all.len() == 1 { "case" } else { "cases" };
    line(
        out,
        format_args!("{} {cases}: {passed} passed, {failed} failed", all.len()),
    )
}

fn document(all: &[Ran]) -> Value {
    let cases = all.iter().map(|ran| {
        let differences = ran
            .differences
            .iter()
            .map(|one| json!({"field": one.field, "expected": one.expected, "found": one.found}));
        json!({
            "name": ran.case.name,
            "file": ran.file,
            "passed": ran.differences.is_empty(),
            "differences": differences.collect::<Vec<_>>(),
        })
    });
    let failed = all.iter().filter(|ran| !ran.differences.is_empty()).count();
    json!({
        "apiVersion": names::API_VERSION,
        "kind": "TestReport",
        "summary": {"cases": all.len(), "passed": all.len() - failed, "failed": failed},
        "cases": cases.collect::<Vec<_>>(),
    })
}
