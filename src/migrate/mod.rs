//! Files changed from a node's socket to the annotation that asks for a daemon.
//!
//! What `scan` places in a text is changed there: the mounts and volumes of the node's daemon go, and
//! annotations come where the system that makes the Pod takes them. Each Pod is put through the webhook's
//! engine as it was and as it will be, and changed only where both come out the same. What cannot be
//! changed is part of the result, with what to do by hand. Pure.

mod advice;
mod comments;
mod groovy;
mod heirs;
mod left;
mod lines;
mod manifest;
mod nested;
mod patch;
mod pod;
mod same;
mod spot;
mod toml;
mod touched;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::decide::Policy;
use crate::names::NO_NAME;
use crate::review::offline::Setting;
use crate::scan::candidate::Candidate;
use crate::scan::result::Namespaces;
use crate::scan::sources::jenkins::JENKINS_AGENT;
use crate::scan::text::Syntax;

pub use crate::migrate::comments::{Comment, comments};
pub use crate::migrate::left::kept;
pub use crate::migrate::lines::{LONE_RETURNS, Lines, has_lone_returns};
pub use crate::migrate::patch::{Patch, Target};
pub use crate::migrate::pod::{Migration, Refusal, migration};
pub use crate::migrate::same::{Difference, normal, same};
pub use crate::migrate::spot::Naming;

/// Under what texts are changed.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The policy: it decides what is swapped, and whether it honors annotations.
    pub policy: &'c Policy,
    /// What is said about a cluster that is not there.
    pub setting: &'c Setting,
    /// The labels of namespaces that are known.
    pub namespaces: &'c Namespaces,
    /// What kustomizations lay over the text's objects.
    pub patches: &'c [&'c Patch],
}

/// What became of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The text; as it was where nothing changed.
    pub text: String,
    /// What was changed.
    pub changed: Vec<Changed>,
    /// What would have to be changed and is not.
    pub refused: Vec<ByHand>,
}

impl Changed {
    /// What is told where the text that it was changed in cannot be written.
    fn undone(self, line: u32, why: &str) -> ByHand {
        ByHand {
            line,
            what: self.what,
            message: format!(
                "{why}; or remove the mounts and the volume of the node's daemon, and give the Pods these \
                 annotations: {}",
                self.annotations
            ),
            is_asked: false,
        }
    }
}

impl Migrated {
    fn refuse(&mut self, line: u32, what: String, message: String) {
        self.refused.push(ByHand {
            line,
            what,
            message,
            is_asked: false,
        });
    }
}

/// Something that makes Pods, and was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The line of the text as it was on which it starts.
    pub line: u32,
    /// `Deployment/web`.
    pub what: String,
    /// The namespace of its Pods.
    pub namespace: String,
    /// The annotations that were written, for a person to write where that is not possible after all.
    pub annotations: String,
}

/// Something that makes Pods, and is left to its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// The line of the text as it was on which it starts.
    pub line: u32,
    /// `Deployment/web`.
    pub what: String,
    /// Why, and what to do.
    pub message: String,
    /// Whether its author asked for that.
    pub is_asked: bool,
}

impl ByHand {
    /// What a comment says is to stay, for this reason.
    fn ignored(line: u32, what: String, reason: &str) -> Self {
        Self {
            line,
            what,
            message: left_for(reason),
            is_asked: true,
        }
    }
}

/// What is told of a Pod that a comment says is to stay.
pub fn left_for(reason: &str) -> String {
    format!("left: ignored by a comment ({reason})")
}

/// What is around a text.
#[derive(Clone, Debug, Default)]
struct Around {
    /// The object that holds it.
    name: Option<String>,
    /// Its namespace.
    namespace: Option<String>,
    /// How many texts it is in.
    depth: usize,
    /// What comments say is to stay, as it is called (`Deployment/web`), each with the reason.
    kept: Rc<BTreeMap<String, String>>,
}

impl Around {
    /// What a candidate is called; one without a name, as what it is in.
    fn name_of<'n>(&'n self, candidate: &'n Candidate<'_>) -> &'n str {
        match (candidate.name.as_ref(), self.name.as_deref()) {
            (NO_NAME, Some(outer)) => outer,
            (own, _) => own,
        }
    }

    /// Why a comment says that a candidate is to stay, if one does.
    fn stays(&self, candidate: &Candidate<'_>) -> Option<&str> {
        self.stays_as(candidate.kind, self.name_of(candidate))
    }

    /// Why a comment says that what is called so is to stay; the Pods of a pipeline have its kind.
    fn stays_as(&self, kind: &str, name: &str) -> Option<&str> {
        let of = |kind: &str| self.kept.get(&format!("{kind}/{name}"));
        let reason = of(kind).or_else(|| of(JENKINS_AGENT));
        reason.map(String::as_str)
    }
}

/// Texts in texts end here, as in a scan.
const MAX_TEXTS: usize = 3;

/// Changes `text`.
pub fn migrate(context: &Context<'_>, text: &str, syntax: Syntax) -> Migrated {
    if has_lone_returns(text) {
        return unedited(context, text, syntax);
    }
    let kept = Rc::new(kept(context, text, syntax));
    let around = Around {
        kept: Rc::clone(&kept),
        ..Around::default()
    };
    let mut done = within(context, text, syntax, &around);
    // One that is called otherwise where it is changed is not changed either.
    if !kept.is_empty() && left::kept(context, &done.text, syntax) != *kept {
        let reasons: Vec<&str> = kept.values().map(String::as_str).collect();
        let why = reasons.join("; ");
        let undone = done.changed.drain(..);
        let undone = undone.map(|changed| ByHand::ignored(changed.line, changed.what, &why));
        done.refused.extend(undone);
        text.clone_into(&mut done.text);
    }
    let left = left::swapped(context, &done.text, syntax);
    let lines = Lines::between(text, &done.text);
    let is_told = |known: &[ByHand], one: &ByHand| known.iter().any(|known| known.what == one.what);
    for one in left {
        if !is_told(&done.refused, &one) {
            done.refused.push(ByHand {
                line: lines.before(one.line),
                ..one
            });
        }
    }
    done
}

/// A text whose lines end in CR: what would be changed is named.
fn unedited(context: &Context<'_>, text: &str, syntax: Syntax) -> Migrated {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let Migrated {
        changed,
        mut refused,
        ..
    } = migrate(context, &lines, syntax);
    refused.extend(changed.into_iter().map(|changed| {
        let line = changed.line;
        changed.undone(line, LONE_RETURNS)
    }));
    Migrated {
        refused,
        ..Migrated::unchanged(text)
    }
}

fn within(context: &Context<'_>, text: &str, syntax: Syntax, around: &Around) -> Migrated {
    match syntax {
        Syntax::Manifest => manifest::migrate(context, text, around),
        Syntax::Groovy => groovy::migrate(context, text, around),
        Syntax::Toml => toml::migrate(context, text, around),
        // What these hold is told by a scan.
        Syntax::Terraform | Syntax::Shell | Syntax::Other => Migrated::unchanged(text),
    }
}

impl Migrated {
    fn unchanged(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }
}

impl Context<'_> {
    /// The setting of Pods in `namespace`, or in the one of those that name none.
    fn setting(&self, namespace: Option<&str>) -> Setting {
        let mut setting = self.setting.clone();
        let own = namespace.unwrap_or(&setting.namespace).to_owned();
        if let Some(labels) = self.namespaces.get(&own) {
            setting.namespace_labels.extend(labels.clone());
        }
        setting.namespace = own;
        setting
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, byte: usize) -> u32 {
    let breaks = text.get(..byte).unwrap_or(text).matches('\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}
