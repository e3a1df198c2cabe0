//! An explanation for people. Text from manifests cannot steer the terminal.

use std::fmt::Write as _;

use crate::names::NO_NAME;
use crate::text::visible;

use crate::explain::{Detected, Explanation};

/// The explanation as paragraphs: what is done, what was found, what the author is told.
pub fn text(explanation: &Explanation) -> String {
    let Explanation {
        at,
        kind,
        name,
        namespace,
        owner,
        user,
        node_agent,
        outcome,
        reason,
        rule,
        profile,
        profiles_passed_over,
        containers,
        denial,
        warnings,
        detected,
    } = explanation;
    let mut out = String::new();
    let at = at.to_string();
    let at = visible(&at);
    let name = visible(name.as_deref().unwrap_or(NO_NAME));
    let namespace = visible(namespace);
    // Writing to a String cannot fail.
    let _ = write!(out, "{at}: {kind} {name} in namespace {namespace}");
    if owner != kind && owner != "Pod" {
        let _ = write!(out, ", its Pods made by a {}", visible(owner));
    }
    if !user.is_empty() {
        let _ = write!(out, ", created by {}", visible(user));
    }
    out.push('\n');
    let _ = write!(out, "  {outcome}: {reason}");
    if let Some(rule) = rule {
        let _ = write!(out, ", by rule {rule}");
    }
    if let Some(profile) = profile {
        let _ = write!(
            out,
            ", with profile {profile} for {}",
            visible(&containers.join(", "))
        );
    }
    out.push('\n');
    for over in profiles_passed_over {
        let _ = writeln!(out, "  passed over: {}", visible(over));
    }
    if let Some(agent) = node_agent {
        let _ = writeln!(out, "  counts as a node agent: {agent}");
    }
    if let Some(denial) = denial {
        let _ = writeln!(out, "  {}", visible(denial));
    }
    if !detected.is_empty() {
        out.push_str("\n  Detected\n");
    }
    for each in detected {
        one(&mut out, each);
    }
    if !warnings.is_empty() {
        out.push_str("\n  The author is told\n");
    }
    for warning in warnings {
        let _ = writeln!(out, "    {}", visible(warning));
    }
    out
}

fn one(out: &mut String, detected: &Detected) {
    let Detected {
        at,
        pointer,
        container,
        detection,
        what,
        rule,
        effect,
        passed_over,
    } = detected;
    let at = at.to_string();
    let at = visible(&at);
    let who = visible(container.as_deref().unwrap_or("the Pod"));
    let _ = writeln!(out, "    {at}: {who} {}", visible(what));
    let _ = writeln!(out, "      at {}", visible(pointer));
    let _ = writeln!(out, "      {detection}: rule {rule} says {effect}");
    if !passed_over.is_empty() {
        let each = passed_over
            .iter()
            .map(|over| format!("{} ({})", over.rule, over.because));
        let each: Vec<String> = each.collect();
        let _ = writeln!(out, "      rules that do not match: {}", each.join(", "));
    }
}
