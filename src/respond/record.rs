//! What happened in one review, for logs, metrics and Events.

use std::borrow::Cow;
use std::fmt;

use crate::decide::misfit::PassedOver;

/// Borrows from the request and the policy: most reviews are logged once and forgotten.
#[derive(Debug)]
pub struct Record<'r> {
    pub uid: Cow<'r, str>,
    pub namespace: Cow<'r, str>,
    /// The Pod's or workload's name, or the prefix for one.
    pub name: Cow<'r, str>,
    pub user: Cow<'r, str>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// `left`, `denied` or `changed`; for a workload `left` or `warned`.
    pub outcome: &'static str,
    /// A fixed word.
    pub reason: &'static str,
    /// Empty if no rule decided.
    pub rule: Cow<'r, str>,
    /// Empty if there is no sidecar.
    pub profile: Cow<'r, str>,
    /// The rule's profiles that do not fit the Pod.
    pub passed_over: Vec<PassedOver<'r>>,
    /// The containers that use the Pod's own daemon now.
    pub containers: Vec<String>,
    /// What the author sees.
    pub warnings: Vec<String>,
    pub denial: Option<String>,
    pub owner: Option<Owner<'r>>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Owner<'r> {
    pub api_version: Cow<'r, str>,
    pub kind: Cow<'r, str>,
    /// In the Pod's namespace.
    pub name: Cow<'r, str>,
    pub uid: Cow<'r, str>,
}

impl Owner<'_> {
    /// An owned copy that outlives the review.
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
