//! What a text holds for the node's runtime where `inject`, `convert` and `explain` do not reach: told,
//! and with a status that a script sees.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::cli::terminal::line;
use crate::decide::Policy;
use crate::manifest::{Document, pods};
use crate::names::NO_NAME;
use crate::review::offline::Setting;
use crate::scan::evaluator::Evaluator;
use crate::scan::result::Namespaces;
use crate::scan::text::{Syntax, read};

/// Tells what of `text` reaches a node's runtime and is no Pod of `documents`. Returns whether there
/// was anything.
pub fn tell(
    policy: &Policy,
    setting: &Setting,
    (name, text): (&str, &str),
    documents: &[Document],
    err: &mut dyn Write,
) -> io::Result<bool> {
    let evaluator = Evaluator {
        policy: policy.clone(),
        setting: setting.clone(),
        changes: false,
    };
    let known: BTreeSet<(&str, &str)> = documents
        .iter()
        .flat_map(|document| pods(&document.value))
        .map(|pod| (pod.kind, pod.name.unwrap_or(NO_NAME)))
        .collect();
    let reading = read(&evaluator, &Namespaces::new(), name, text, Syntax::Manifest);
    let mut found = false;
    for workload in &reading.workloads {
        let (kind, object) = (workload.kind.as_str(), workload.name.as_str());
        if known.contains(&(kind, object)) {
            continue;
        }
        let at = workload.spot.as_ref().map_or(1, |spot| spot.line);
        line(
            err,
            format_args!(
                "warning: {name}:{at}: {kind}/{object} reaches the node's container runtime, and is \
             not changed: no whole Pod stands there. The webhook sees its Pods when they are made"
            ),
        )?;
        found = true;
    }
    for gap in reading
        .gaps
        .iter()
        .filter(|gap| gap.is_named() && known.is_empty())
    {
        let at = gap.line.unwrap_or(1);
        line(err, format_args!("warning: {name}:{at}: {}", gap.message))?;
        found = true;
    }
    Ok(found)
}
