//! Files to the annotation: what is changed, what is refused, and what still reaches a node's runtime.

use std::collections::HashSet;
use std::io::Write;

use crate::cli::terminal::line;
use crate::decide::Policy;
use crate::migrate::{Court, comments, migrate};
use crate::review::offline::Setting;
use crate::scan::evaluator::Evaluator;
use crate::scan::files::read_as;
use crate::scan::finding::Workload;
use crate::scan::result::Namespaces;
use crate::scan::text;
use crate::scan::text::Syntax;

use crate::cli::CliError;
use crate::cli::convert::{File, Outcome, Rewritten, tell_gap};

pub(super) fn rewrite(
    policy: &Policy,
    setting: &Setting,
    files: &[File],
    err: &mut dyn Write,
) -> Result<Outcome, CliError> {
    let court = Evaluator {
        policy: policy.clone(),
        setting: setting.clone(),
        changes: false,
    };
    // A namespace's labels may be declared in any of the files.
    let mut namespaces = Namespaces::new();
    for file in files.iter().filter(|file| file.syntax == Syntax::Manifest) {
        if file.text.contains("Namespace") {
            let reading = text::read(
                &court,
                &Namespaces::new(),
                &file.name,
                &file.text,
                file.syntax,
            );
            namespaces.extend(reading.namespaces);
        }
    }
    let mut outcome = Outcome::default();
    for file in files {
        one(
            policy,
            setting,
            &court,
            &namespaces,
            file,
            &mut outcome,
            err,
        )?;
    }
    Ok(outcome)
}

fn one(
    policy: &Policy,
    setting: &Setting,
    court: &Evaluator,
    namespaces: &Namespaces,
    file: &File,
    outcome: &mut Outcome,
    err: &mut dyn Write,
) -> Result<(), CliError> {
    let File { name, text, syntax } = file;
    let under = Court {
        policy,
        setting,
        namespaces,
    };
    let done = migrate(&under, text, *syntax);
    let mut told = HashSet::new();
    for refused in &done.refused {
        outcome.is_refused = true;
        told.insert(refused.what.as_str());
        let (at, what, message) = (refused.line, &refused.what, &refused.message);
        line(err, format_args!("error: {name}:{at}: {what}: {message}"))?;
    }
    // What is still there is told, whatever reads it.
    let left = match syntax {
        Syntax::Other => read_as(court, namespaces, name, &done.text),
        Syntax::Manifest | Syntax::Groovy | Syntax::Toml | Syntax::Terraform | Syntax::Shell => {
            text::read(court, namespaces, name, &done.text, *syntax)
        }
    };
    for workload in &left.workloads {
        let what = format!("{}/{}", workload.kind, workload.name);
        if !told.contains(what.as_str()) {
            outcome.is_partial = true;
            still(name, &what, workload, err)?;
        }
    }
    for gap in &left.gaps {
        outcome.is_partial = true;
        tell_gap(gap, err)?;
    }
    if done.changed.is_empty() {
        return Ok(());
    }
    let signs: &[&str] = match syntax {
        Syntax::Manifest | Syntax::Toml | Syntax::Shell | Syntax::Other => &["#"],
        Syntax::Groovy | Syntax::Terraform => &["//", "#"],
    };
    for comment in comments(text, &done.text, signs) {
        let (at, says) = (comment.line, &comment.text);
        let what = match comment.is_kept {
            true => "this comment is kept, and may speak of what is gone",
            false => "this comment went with its line",
        };
        line(err, format_args!("note: {name}:{at}: {what}: {says}"))?;
    }
    let changed = done.changed.iter().map(|changed| changed.namespace.clone());
    outcome.namespaces.extend(changed);
    outcome.rewritten.push(Rewritten {
        name: name.clone(),
        before: text.clone(),
        after: done.text,
        pods: done.changed.len(),
    });
    Ok(())
}

/// Says what of a workload still reaches a node's runtime, and what a person can do about it.
fn still(name: &str, what: &str, workload: &Workload, err: &mut dyn Write) -> std::io::Result<()> {
    let finding = workload.main_finding();
    let spot = finding.and_then(|finding| finding.spot.as_ref());
    let at = spot.or(workload.spot.as_ref()).map_or(1, |spot| spot.line);
    let reaches = finding.map_or("", |finding| finding.target.as_str());
    let manual_work = finding.and_then(|finding| finding.manual_work.as_ref());
    let manual_work = manual_work.or(workload.manual_work.as_ref());
    let advice = match manual_work {
        Some(manual_work) => format!("by hand: {}", manual_work.advice()),
        None => format!("{}: {}", workload.reason, workload.message),
    };
    line(
        err,
        format_args!(
            "warning: {name}:{at}: {what} still reaches the node's runtime ({reaches}). {advice}"
        ),
    )
}
