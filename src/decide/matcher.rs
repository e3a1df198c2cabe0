//! The condition of a rule: which Pods it is for.
//!
//! Every field that is set must match; of a field's entries, one must. What is unknown (a namespace's labels
//! before the first sync) never matches, so that a rule is not applied by accident.

use crate::budget::{Budget, Excess};
use crate::detect::mounts::{Finding, Reach};

use crate::model::subject::Subject;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Matcher {
    pub namespaces: Vec<Glob>,
    pub namespace_labels: Vec<LabelIs>,
    pub pod_labels: Vec<LabelIs>,
    /// `name` or `namespace/name`.
    pub service_accounts: Vec<Glob>,
    /// Users that make the request.
    pub users: Vec<Glob>,
    pub groups: Vec<Glob>,
    /// Kinds that created the Pod; `Pod` for one that nothing created.
    pub owners: Vec<String>,
    pub detections: Vec<Detection>,
}

/// How a Pod reaches or asks for a Docker daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detection {
    Socket,
    /// It mounts a directory with a Docker socket.
    Parent,
    /// It mounts the node's `docker` client.
    Client,
    OtherRuntime,
    DataDirectory,
    HostPath,
    TcpDockerHost,
    Annotation,
}

impl Detection {
    pub fn of(finding: &Finding) -> Self {
        match finding.reach {
            Reach::Socket(_) => Self::Socket,
            Reach::Directory | Reach::Ancestor | Reach::Unresolved | Reach::Link => Self::Parent,
            Reach::Client => Self::Client,
            Reach::Runtime(_) => Self::OtherRuntime,
            Reach::Data(_) | Reach::Storage => Self::DataDirectory,
            // A Pod that is not for Windows may mount it as a path.
            Reach::UnknownSocket | Reach::HostPath | Reach::Pipe(_) => Self::HostPath,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelIs {
    pub key: String,
    /// The label must have one of these values.
    pub values: Vec<Glob>,
}

impl Matcher {
    /// The first field that does not match, as a policy file spells it.
    ///
    /// # Errors
    /// If the comparison takes too many steps.
    pub fn mismatch(
        &self,
        subject: &Subject<'_>,
        detection: Detection,
        budget: &Budget,
    ) -> Result<Option<&'static str>, Excess> {
        let of_subject = self.mismatch_of_subject(subject, budget)?;
        Ok(of_subject.or_else(|| (!self.is_for(detection)).then_some("detections")))
    }

    /// The same condition, without fields that every Pod meets, and each list in one order.
    #[must_use]
    pub fn simplified(mut self) -> Self {
        // A namespace's or Pod's label and a user's group need not exist, whatever their values.
        for globs in [
            &mut self.namespaces,
            &mut self.service_accounts,
            &mut self.users,
        ] {
            if globs.iter().any(Glob::is_for_all) {
                globs.clear();
            }
        }
        for labels in [&mut self.namespace_labels, &mut self.pod_labels] {
            for label in labels.iter_mut() {
                label.values.sort();
            }
            labels.sort();
        }
        self.namespaces.sort();
        self.service_accounts.sort();
        self.users.sort();
        self.groups.sort();
        self.owners.sort();
        self.detections.sort();
        self
    }

    /// Whether the rule is for a detection of this kind.
    pub fn is_for(&self, detection: Detection) -> bool {
        self.detections.is_empty() || self.detections.contains(&detection)
    }

    /// As [`Self::mismatch`] without the detections, which differ within a Pod.
    ///
    /// # Errors
    /// As [`Self::mismatch`].
    pub fn mismatch_of_subject(
        &self,
        subject: &Subject<'_>,
        budget: &Budget,
    ) -> Result<Option<&'static str>, Excess> {
        let Self {
            namespaces,
            namespace_labels,
            pod_labels,
            service_accounts,
            users,
            groups,
            owners,
            detections: _,
        } = self;
        let named = |glob: &Glob, text: &str| glob.matches_within(text, budget);
        if !any(namespaces, |glob| named(glob, subject.namespace))? {
            return Ok(Some("namespaces"));
        }
        let of_namespace = |key: &str| subject.namespace_labels?.get(key).map(String::as_str);
        if !all(namespace_labels, of_namespace, budget)? {
            return Ok(Some("namespaceLabels"));
        }
        if !all(pod_labels, |key| subject.pod_labels.get(key), budget)? {
            return Ok(Some("podLabels"));
        }
        if !any(service_accounts, |glob| {
            glob.matches_account(subject, budget)
        })? {
            return Ok(Some("serviceAccounts"));
        }
        if !any(users, |glob| named(glob, subject.user))? {
            return Ok(Some("users"));
        }
        if !any(groups, |glob| {
            find(subject.groups, |group| named(glob, group))
        })? {
            return Ok(Some("groups"));
        }
        let is_owner = |kind: &String| Ok(kind == subject.owner);
        Ok((!any(owners, is_owner)?).then_some("owners"))
    }
}

/// Whether one of `entries` matches, or there are none.
fn any<T>(entries: &[T], holds: impl Fn(&T) -> Result<bool, Excess>) -> Result<bool, Excess> {
    Ok(entries.is_empty() || find(entries, holds)?)
}

/// Whether one of `entries` matches.
fn find<T>(entries: &[T], holds: impl Fn(&T) -> Result<bool, Excess>) -> Result<bool, Excess> {
    for entry in entries {
        if holds(entry)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether each label is there with one of its values.
fn all<'s>(
    labels: &[LabelIs],
    value: impl Fn(&str) -> Option<&'s str>,
    budget: &Budget,
) -> Result<bool, Excess> {
    for LabelIs { key, values } in labels {
        budget.spend(key.len())?;
        let Some(value) = value(key) else {
            return Ok(false);
        };
        if !find(values, |glob| glob.matches_within(value, budget))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A pattern in which `*` matches any characters, and `?` one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob(String);

impl Glob {
    /// Every text is a valid pattern.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The only text that matches, where there is one.
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(&self.0)
    }

    /// Whether every text matches.
    fn is_for_all(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte == b'*')
    }

    /// Whether the subject's service account matches: its name, or namespace and name if the pattern has a
    /// `/`.
    fn matches_account(&self, subject: &Subject<'_>, budget: &Budget) -> Result<bool, Excess> {
        let name = subject.service_account;
        budget.spend(name.len())?;
        if self.0.contains('/') {
            self.matches_within(&format!("{}/{name}", subject.namespace), budget)
        } else {
            self.matches_within(name, budget)
        }
    }

    /// Whether all of `text` matches. The cost is charged first.
    fn matches_within(&self, text: &str, budget: &Budget) -> Result<bool, Excess> {
        let is_exact = !self.0.contains('*');
        let looks = if is_exact { 1 } else { self.0.len() };
        budget.spend(looks.saturating_mul(text.len()))?;
        Ok(self.matches(text))
    }

    /// Whether all of `text` matches. Takes at most the product of both lengths.
    pub fn matches(&self, text: &str) -> bool {
        let (glob, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut g, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            match glob.get(g) {
                Some(b'*') => {
                    star = Some((g, t));
                    g += 1;
                }
                Some(c) if *c == b'?' || *c == text[t] => {
                    g += 1;
                    t += 1;
                }
                _ => match star {
                    Some((at, from)) => {
                        star = Some((at, from + 1));
                        g = at + 1;
                        t = from + 1;
                    }
                    None => return false,
                },
            }
        }
        glob[g..].iter().all(|c| *c == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (glob, text, expected) in [
            ("ci", "ci", true),
            ("ci", "ci-2", false),
            ("ci-*", "ci-2", true),
            ("*", "", true),
            ("*-ci", "team-ci-ci", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("team-?", "team-a", true),
            ("team-?", "team-ab", false),
            ("", "x", false),
        ] {
            assert_eq!(Glob::new(glob).matches(text), expected, "{glob} {text}");
        }
    }
}
