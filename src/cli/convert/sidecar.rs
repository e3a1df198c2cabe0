//! Files to the sidecar itself: each Pod as the webhook would make it.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::convert::{ConvertError, convert};
use crate::decide::Policy;
use crate::manifest::{Document, Operation, PodRef, pods, read_with_positions};
use crate::migrate::{Context, LONE_RETURNS, Lines, has_lone_returns, kept, left_for, migrate};
use crate::names::NO_NAME;
use crate::review::Action;
use crate::review::offline::{Setting, changes, evaluate};
use crate::scan::evaluator::Evaluator;
use crate::scan::finding::{Verdict, Workload};
use crate::scan::result::Namespaces;
use crate::scan::text::Syntax;

use crate::cli::beyond;
use crate::cli::convert::remark::{At, Level, Remark};
use crate::cli::convert::{File, Outcome, Rewritten, left};
use crate::cli::{CliError, input, uninject};

pub(super) fn rewrite(
    policy: &Policy,
    setting: &Setting,
    files: &[File],
) -> Result<Outcome, CliError> {
    let mut outcome = Outcome::default();
    for file in files {
        let made = match file.syntax {
            Syntax::Manifest => one(policy, setting, file, &mut outcome)?,
            // No whole Pod stands in it.
            Syntax::Groovy | Syntax::Toml | Syntax::Terraform | Syntax::Shell | Syntax::Other => {
                Made::default()
            }
        };
        note_left(policy, setting, file, &made, &mut outcome);
        if let Some(after) = made.text {
            outcome.rewritten.push(Rewritten {
                name: file.name.clone(),
                before: file.text.clone(),
                after,
                pods: made.count,
            });
        }
    }
    Ok(outcome)
}

/// What was made of a file.
#[derive(Default)]
struct Made {
    /// Its text, where it changes.
    text: Option<String>,
    /// How many Pods change.
    count: usize,
    /// The Pods in it, `Pod/web`.
    pods: BTreeSet<String>,
    /// What is said of them, at the lines of the text as it was.
    said: Vec<(Level, u32, String)>,
}

/// Takes what still reaches a node's runtime into the outcome.
fn note_left(policy: &Policy, setting: &Setting, file: &File, made: &Made, outcome: &mut Outcome) {
    let context = Evaluator {
        policy: policy.clone(),
        setting: setting.clone(),
        changes: false,
    };
    let text = made.text.as_deref().unwrap_or(&file.text);
    let namespaces = Namespaces::new();
    let reading = left::read(&context, &namespaces, file, text);
    let annotated = OnceCell::new();
    let is_annotated = |what: &str| {
        let known = annotated.get_or_init(|| {
            let context = Context {
                policy,
                setting,
                namespaces: &namespaces,
                patches: &[],
            };
            let done = migrate(&context, &file.text, file.syntax);
            let changed = done.changed.into_iter().map(|changed| changed.what);
            changed.collect::<BTreeSet<String>>()
        });
        known.contains(what)
    };
    let lines = Lines::between(&file.text, text);
    let said = made.said.iter().map(|(level, line, message)| Remark {
        level: *level,
        place: file.name.clone(),
        at: Some(At::before(*line, &lines)),
        message: message.clone(),
    });
    outcome.remarks.extend(said);
    left::note(file, &reading, &lines, outcome, |workload, what| {
        match made.pods.contains(what) {
            // It is changed, or refused and told.
            true if workload.verdict == Verdict::Swapped => None,
            true => Some(beyond::still_reaches(
                workload,
                workload.main_finding(),
                what,
            )),
            false => Some(not_whole(workload, what, is_annotated(what))),
        }
    });
}

fn not_whole(workload: &Workload, what: &str, is_annotated: bool) -> String {
    let advice = beyond::manual_work(workload, workload.main_finding()).unwrap_or_else(|| {
        let advice = match is_annotated {
            true => "--to annotation changes it",
            false => "The webhook sees its Pods when they are made",
        };
        advice.to_owned()
    });
    format!(
        "{what} reaches the node's container runtime ({}), and is not changed: no whole Pod stands there. {advice}",
        left::target(workload)
    )
}

/// Whether it is only a part of what makes Pods: a strategic merge patch, as a kustomization has them, names
/// containers whose image stands elsewhere.
fn is_part(pod: &PodRef<'_>) -> bool {
    let spec = pod.pod.as_ref().ok().and_then(|pod| pod.get("spec"));
    let containers = spec.and_then(|spec| spec.get("containers"));
    let mut containers = containers.and_then(Value::as_array).into_iter().flatten();
    containers.any(|container| container.get("image").is_none())
}

fn one(
    policy: &Policy,
    setting: &Setting,
    file: &File,
    outcome: &mut Outcome,
) -> Result<Made, CliError> {
    let (source, before) = (&file.name, &file.text);
    let documents = read_with_positions(before).map_err(|error| input::InputError::Parse {
        name: source.clone(),
        error,
    })?;
    let mut made = Made::default();
    let mut planned = Vec::new();
    let mut is_refused = false;
    let context = Context {
        policy,
        setting,
        namespaces: &Namespaces::new(),
        patches: &[],
    };
    let kept = kept(&context, before, file.syntax);
    for document in documents {
        let mut operations: Vec<Operation> = Vec::new();
        let at = document.line;
        for pod in pods(&document.value)
            .into_iter()
            .filter(|pod| !is_part(pod))
        {
            let what = format!("{}/{}", pod.kind, pod.name.unwrap_or(NO_NAME));
            if let Some(reason) = kept.get(&what) {
                let message = format!("{what}: {}", left_for(reason));
                made.said.push((Level::Warning, at, message));
                outcome.is_partial = true;
                continue;
            }
            made.pods.insert(what);
            let judged = evaluate(policy, setting, &pod).and_then(|outcome| {
                let own = changes(&pod.pointer, &outcome)?;
                Ok((outcome, own))
            });
            match judged {
                Ok((outcome, own)) => {
                    for notice in outcome.notices.texts() {
                        made.said
                            .push((Level::Warning, at, format!("{pod}: {notice}")));
                    }
                    if let Action::Denied(denial) = &outcome.action {
                        made.said
                            .push((Level::Error, at, format!("{pod}: denied: {denial}")));
                        is_refused = true;
                    }
                    made.count += usize::from(!own.is_empty());
                    operations.extend(own);
                }
                Err(error) => {
                    made.said
                        .push((Level::Error, at, format!("{pod}: {error}")));
                    is_refused = true;
                }
            }
        }
        planned.push((document, operations));
    }
    if !is_refused && made.count > 0 && has_lone_returns(before) {
        made.said.push((Level::Error, 1, LONE_RETURNS.to_owned()));
        is_refused = true;
    }
    if !is_refused && made.count > 0 {
        match revertible(before, &planned) {
            Ok(after) => made.text = Some(after),
            Err(error) => {
                let (line, message) = error.parts();
                made.said.push((Level::Error, line, message));
                is_refused = true;
            }
        }
    }
    outcome.is_refused |= is_refused;
    Ok(made)
}

/// The text with the sidecars, of which `uninject` can make the text as it was.
fn revertible(
    before: &str,
    planned: &[(Document, Vec<Operation>)],
) -> Result<String, ConvertError> {
    let after = convert(before, planned)?;
    match uninject::shared(&after) {
        Some(line) => Err(ConvertError::Shared {
            line: Lines::between(before, &after).before(line),
        }),
        None => Ok(after),
    }
}
