//! Files to the sidecar itself: each Pod as the webhook would make it.

use std::io::Write;

use crate::cli::terminal::line;
use crate::convert;
use crate::decide::Policy;
use crate::manifest::{Operation, pods, read_with_positions};
use crate::review::Action;
use crate::review::offline::{Setting, changes, evaluate};
use crate::scan::evaluator::Evaluator;
use crate::scan::files::read_as;
use crate::scan::result::Namespaces;
use crate::scan::text::Syntax;

use crate::cli::convert::{File, Outcome, Rewritten, tell_gap};
use crate::cli::{CliError, beyond, input};

pub(super) fn rewrite(
    policy: &Policy,
    setting: &Setting,
    files: &[File],
    err: &mut dyn Write,
) -> Result<Outcome, CliError> {
    let mut outcome = Outcome::default();
    for file in files {
        match file.syntax {
            Syntax::Manifest => one(policy, setting, file, &mut outcome, err)?,
            // No whole Pod stands in it.
            Syntax::Groovy | Syntax::Toml | Syntax::Terraform | Syntax::Shell | Syntax::Other => {
                other(policy, setting, file, &mut outcome, err)?;
            }
        }
    }
    Ok(outcome)
}

fn other(
    policy: &Policy,
    setting: &Setting,
    file: &File,
    outcome: &mut Outcome,
    err: &mut dyn Write,
) -> Result<(), CliError> {
    let court = Evaluator {
        policy: policy.clone(),
        setting: setting.clone(),
        changes: false,
    };
    let reading = read_as(&court, &Namespaces::new(), &file.name, &file.text);
    for workload in &reading.workloads {
        outcome.is_partial = true;
        let at = workload.spot.as_ref().map_or(1, |spot| spot.line);
        line(
            err,
            format_args!(
                "warning: {}:{at}: {}/{} reaches the node's container runtime, and is not changed: no whole Pod \
                 stands there. --to annotation may change it",
                file.name, workload.kind, workload.name
            ),
        )?;
    }
    for gap in &reading.gaps {
        outcome.is_partial = true;
        tell_gap(gap, err)?;
    }
    Ok(())
}

fn one(
    policy: &Policy,
    setting: &Setting,
    file: &File,
    outcome: &mut Outcome,
    err: &mut dyn Write,
) -> Result<(), CliError> {
    let (source, before) = (&file.name, &file.text);
    let documents = read_with_positions(before).map_err(|error| input::InputError::Parse {
        name: source.clone(),
        error,
    })?;
    outcome.is_partial |= beyond::tell(policy, setting, (source, before), &documents, err)?;
    let mut planned = Vec::new();
    let mut is_refused = false;
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
                        is_refused = true;
                    }
                    count += usize::from(!own.is_empty());
                    operations.extend(own);
                }
                Err(error) => {
                    line(err, format_args!("error: {at}: {error}"))?;
                    is_refused = true;
                }
            }
        }
        planned.push((document, operations));
    }
    outcome.is_refused |= is_refused;
    if is_refused || count == 0 {
        return Ok(());
    }
    match convert::convert(before, &planned) {
        Ok(after) => outcome.rewritten.push(Rewritten {
            name: source.clone(),
            before: before.clone(),
            after,
            pods: count,
        }),
        Err(error) => {
            line(err, format_args!("error: {source}:{error}"))?;
            outcome.is_refused = true;
        }
    }
    Ok(())
}
