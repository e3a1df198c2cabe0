//! The hostPaths of a Pod that are filled in later, and what is said of them where nothing else is known. Pure.

use serde_json::Value;

use crate::scan::candidate::Candidate;
use crate::scan::result::{Gap, Open, Why};
use crate::scan::{given, loops, placeholder};

/// Those of a candidate of `document`.
pub(super) fn filled_in(candidate: &Candidate<'_>, document: &Value) -> Vec<Open> {
    let Ok(pod) = &candidate.pod else {
        return Vec::new();
    };
    let open = |(pointer, path): (String, &str)| {
        let place = candidate.pointers.outer(&pointer);
        let mut names = given::names(path);
        names.extend(loops::of_document(document, &place));
        Open {
            is_unknown: names.is_empty() && path.contains(['$', '{', '<']),
            names,
            with: path.to_owned(),
            is_rendered: false,
            gap: Gap {
                place,
                line: None,
                why: Why::Placeholder,
                message: format!("{} {}", candidate.kind, candidate.name),
                mentions: None,
            },
        }
    };
    placeholder::paths(pod).into_iter().map(open).collect()
}

/// The gap of a hostPath that may be filled in with what the same file has.
pub(super) fn given_here(open: Open) -> Gap {
    let mut gap = open.gap;
    gap.message.push_str(
        ": a hostPath is filled in later, and this file has a path that leads to a container runtime; scan the \
         filled-in text",
    );
    gap
}

/// The gap of a hostPath that is filled in with what has no name, so that no file can be looked through for it.
pub(super) fn unknown(open: &Open) -> Gap {
    let mut gap = open.gap.clone();
    gap.message.push_str(
        ": a hostPath is filled in later, and nothing says by what name; scan the filled-in text",
    );
    gap
}
