//! What happened in one review, as logs, metrics and Events tell it.

use std::borrow::Cow;
use std::fmt;

/// What happened in one review, for logs, metrics and events. It borrows from the request and the
/// policy: most reviews are told once, and forgotten.
#[derive(Debug)]
pub struct Record<'r> {
    pub uid: Cow<'r, str>,
    pub namespace: Cow<'r, str>,
    /// The Pod's or workload's name, or the prefix that it will be made from.
    pub name: Cow<'r, str>,
    pub user: Cow<'r, str>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// `left`, `denied` or `changed`; of a workload `left` or `warned`.
    pub outcome: &'static str,
    /// Why, as a fixed word.
    pub reason: &'static str,
    /// The rule that decided; empty where none did.
    pub rule: Cow<'r, str>,
    /// The sidecar's profile; empty where there is none.
    pub profile: Cow<'r, str>,
    /// The containers that were led to the Pod's own daemon.
    pub containers: Vec<String>,
    /// What the author is told.
    pub warnings: Vec<String>,
    /// Why the Pod is refused, where it is.
    pub denial: Option<String>,
    /// What makes the Pod, where something does.
    pub owner: Option<Owner<'r>>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Owner<'r> {
    pub api_version: Cow<'r, str>,
    pub kind: Cow<'r, str>,
    /// Its name, in the Pod's namespace.
    pub name: Cow<'r, str>,
    pub uid: Cow<'r, str>,
}

impl Owner<'_> {
    /// The same, for longer than the review.
    pub fn kept(&self) -> Owner<'static> {
        let Self {
            api_version,
            kind,
            name,
            uid,
        } = self;
        let [api_version, kind, name, uid] =
            [api_version, kind, name, uid].map(|text| Cow::Owned(text.to_string()));
        Owner {
            api_version,
            kind,
            name,
            uid,
        }
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}
