//! The condition of a rule: who and what it is for.
//!
//! Every part that is named must hold; of a part's entries, one must. What is not known
//! (a namespace's labels before the first sync) never matches a condition on it.

use crate::pod::detect::{Finding, Reach};

use super::subject::Subject;

/// A rule's condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Namespace names.
    pub namespaces: Vec<Glob>,
    /// Labels that the namespace has.
    pub namespace_labels: Vec<LabelIs>,
    /// Labels that the Pod has.
    pub pod_labels: Vec<LabelIs>,
    /// Service accounts, `name` or `namespace/name`.
    pub service_accounts: Vec<Glob>,
    /// Users that make the request.
    pub users: Vec<Glob>,
    /// Groups of that user.
    pub groups: Vec<Glob>,
    /// Kinds that made the Pod; `Pod` for one that nothing made.
    pub owners: Vec<String>,
    /// How the Pod reaches or asks for a daemon.
    pub detections: Vec<Detection>,
}

/// A way in which a Pod reaches or asks for a Docker daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// It mounts a Docker socket.
    Socket,
    /// It mounts a directory that holds one.
    Parent,
    /// It mounts the node's client.
    Client,
    /// It mounts another runtime's socket.
    OtherRuntime,
    /// Its `DOCKER_HOST` leads to the node.
    TcpDockerHost,
    /// It is annotated.
    Annotation,
}

impl Detection {
    /// The detection that `finding` is.
    pub fn of(finding: &Finding) -> Self {
        match finding.reach {
            Reach::Socket(_) => Self::Socket,
            Reach::Directory | Reach::Ancestor | Reach::Unresolved => Self::Parent,
            Reach::Client => Self::Client,
            Reach::Runtime(_) => Self::OtherRuntime,
        }
    }
}

/// One label with the value it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelIs {
    /// The label's key.
    pub key: String,
    /// The values, of which one must be the label's.
    pub values: Vec<Glob>,
}

impl Matcher {
    /// Whether `subject`, with a detection of this kind, is one of the rule's.
    pub fn matches(&self, subject: &Subject<'_>, detection: Detection) -> bool {
        let Self {
            namespaces,
            namespace_labels,
            pod_labels,
            service_accounts,
            users,
            groups,
            owners,
            detections,
        } = self;
        (detections.is_empty() || detections.contains(&detection))
            && any(namespaces, |glob| glob.matches(subject.namespace))
            && (owners.is_empty() || owners.iter().any(|kind| *kind == subject.owner))
            && any(users, |glob| glob.matches(subject.user))
            && any(groups, |glob| {
                subject.groups.iter().any(|group| glob.matches(group))
            })
            && any(service_accounts, |glob| {
                let (namespace, name) = (subject.namespace, subject.service_account);
                glob.matches(name) || glob.matches(&format!("{namespace}/{name}"))
            })
            && namespace_labels.iter().all(|label| {
                let value = subject
                    .namespace_labels
                    .and_then(|labels| labels.get(&label.key));
                value.is_some_and(|value| label.holds(value))
            })
            && pod_labels.iter().all(|label| {
                let value = subject.pod_labels.get(&label.key);
                value.is_some_and(|value| label.holds(value))
            })
    }
}

impl LabelIs {
    fn holds(&self, value: &str) -> bool {
        self.values.iter().any(|glob| glob.matches(value))
    }
}

fn any(globs: &[Glob], test: impl Fn(&Glob) -> bool) -> bool {
    globs.is_empty() || globs.iter().any(test)
}

/// A text in which `*` stands for any run of characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// The glob that `text` spells; every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether all of `text` matches. Linear but for the product of both lengths at worst.
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
