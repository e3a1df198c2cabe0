//! Files to the annotation: what is changed, what is refused, and what still reaches a node's runtime.

use std::collections::HashSet;
use std::path::Path;

use crate::decide::Policy;
use crate::migrate::{Context, Lines, comments, migrate};
use crate::review::offline::Setting;
use crate::scan::evaluator::Evaluator;
use crate::scan::result::Namespaces;
use crate::scan::text;
use crate::scan::text::Syntax;

use crate::cli::beyond;
use crate::cli::convert::overlays::Overlays;
use crate::cli::convert::remark::{At, Level, Remark};
use crate::cli::convert::{File, Outcome, Rewritten, left};

pub(super) fn rewrite(
    policy: &Policy,
    setting: &Setting,
    files: &[File],
    mut namespaces: Namespaces,
) -> Outcome {
    let context = Evaluator {
        policy: policy.clone(),
        setting: setting.clone(),
        changes: false,
    };
    // A namespace's labels may be declared in any of the files.
    for file in files.iter().filter(|file| file.syntax == Syntax::Manifest) {
        if file.text.contains("Namespace") {
            let reading = text::read(
                &context,
                &Namespaces::new(),
                &file.name,
                &file.text,
                file.syntax,
            );
            for (name, labels) in reading.namespaces {
                namespaces.entry(name).or_default().extend(labels);
            }
        }
    }
    let mut outcome = Outcome::default();
    let overlays = Overlays::around(files.iter().map(|file| Path::new(&file.name)));
    for file in files {
        let patches = overlays.patches(Path::new(&file.name));
        let under = Context {
            policy,
            setting,
            namespaces: &namespaces,
            patches: &patches,
        };
        one(&under, &context, file, &mut outcome);
    }
    outcome
}

fn one(under: &Context<'_>, context: &Evaluator, file: &File, outcome: &mut Outcome) {
    let File { name, text, syntax } = file;
    let done = migrate(under, text, *syntax);
    let lines = Lines::between(text, &done.text);
    let mut told = HashSet::new();
    for refused in &done.refused {
        let level = match refused.is_asked {
            true => {
                outcome.is_partial = true;
                Level::Warning
            }
            false => {
                outcome.is_refused = true;
                Level::Error
            }
        };
        told.insert(refused.what.as_str());
        outcome.remarks.push(Remark {
            level,
            place: name.clone(),
            at: Some(At::before(refused.line, &lines)),
            message: format!("{}: {}", refused.what, refused.message),
        });
    }
    let reading = left::read(context, under.namespaces, file, &done.text);
    left::note(file, &reading, &lines, outcome, |workload, what| {
        (!told.contains(what))
            .then(|| beyond::still_reaches(workload, workload.main_finding(), what))
    });
    if done.changed.is_empty() {
        return;
    }
    let signs: &[&str] = match syntax {
        Syntax::Manifest | Syntax::Toml | Syntax::Shell | Syntax::Other => &["#"],
        Syntax::Groovy | Syntax::Terraform => &["//", "#"],
    };
    for comment in comments(text, &done.text, signs) {
        let (at, what) = match comment.is_kept {
            true => (
                At::before(comment.line, &lines),
                "this comment is kept, and may speak of what is gone",
            ),
            false => (At::was(comment.line), "this comment went with its line"),
        };
        outcome.remarks.push(Remark {
            level: Level::Note,
            place: name.clone(),
            at: Some(at),
            message: format!("{what}: {}", comment.text),
        });
    }
    let changed = done.changed.iter().map(|changed| changed.namespace.clone());
    outcome.namespaces.extend(changed);
    outcome.rewritten.push(Rewritten {
        name: name.clone(),
        before: text.clone(),
        after: done.text,
        pods: done.changed.len(),
    });
}
