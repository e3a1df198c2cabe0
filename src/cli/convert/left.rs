//! What of a converted text still reaches a node's runtime, whatever reads it: both forms name it, and end with 1.

use crate::migrate::Lines;
use crate::scan::evaluator::Evaluator;
use crate::scan::files::read_as;
use crate::scan::finding::Workload;
use crate::scan::result::{Namespaces, Reading};
use crate::scan::text;
use crate::scan::text::Syntax;

use crate::cli::convert::remark::{At, Level, Remark};
use crate::cli::convert::{File, Outcome};

/// What is left of a file whose text became `text`.
pub(super) fn read(
    evaluator: &Evaluator,
    namespaces: &Namespaces,
    file: &File,
    text: &str,
) -> Reading {
    match file.syntax {
        Syntax::Other => read_as(evaluator, namespaces, &file.name, text),
        Syntax::Manifest | Syntax::Groovy | Syntax::Toml | Syntax::Terraform | Syntax::Shell => {
            text::read(evaluator, namespaces, &file.name, text, file.syntax)
        }
    }
}

/// Takes what is left into the outcome: of each workload what `says` has to say, and every gap.
pub(super) fn note(
    file: &File,
    left: &Reading,
    lines: &Lines,
    outcome: &mut Outcome,
    mut says: impl FnMut(&Workload, &str) -> Option<String>,
) {
    for workload in &left.workloads {
        let what = format!("{}/{}", workload.kind, workload.name);
        let Some(message) = says(workload, &what) else {
            continue;
        };
        let spot = workload
            .main_finding()
            .and_then(|finding| finding.spot.as_ref());
        let at = spot.or(workload.spot.as_ref()).map_or(1, |spot| spot.line);
        outcome.is_partial = true;
        outcome.remarks.push(Remark {
            level: Level::Warning,
            place: file.name.clone(),
            at: Some(At::after(at, lines)),
            message,
        });
    }
    outcome.elsewhere.extend(left.elsewhere.iter().cloned());
    let open = left.open.iter().cloned();
    outcome.open.extend(open.map(|open| (open, lines.clone())));
    for gap in &left.gaps {
        outcome.is_partial = true;
        outcome.remarks.push(Remark::of_gap(gap, lines));
    }
}

/// By what a workload reaches a node's runtime: a path, or an address.
pub(super) fn target(workload: &Workload) -> &str {
    workload
        .main_finding()
        .map_or("", |finding| finding.target.as_str())
}
