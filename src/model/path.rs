//! Absolute paths in one spelling, so that paths can be compared as text.
//!
//! A [`CleanPath`] starts with `/` and has no empty, `.` or `..` component and
//! no trailing slash: `//var//run/./docker.sock/` and `/var/run/docker.sock`
//! are one value. Cleaning is lexical; it never looks at a file system.

use std::borrow::Cow;
use std::fmt;

/// An absolute, lexically clean path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CleanPath<'a>(Cow<'a, str>);

impl CleanPath<'static> {
    /// A path that is written clean in this program; [`Self::new`] holds it to that in tests.
    pub const fn literal(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }

    /// Whether cleaning would change it.
    #[cfg(test)]
    pub fn is_clean(&self) -> bool {
        is_clean(&self.0)
    }
}

impl<'a> CleanPath<'a> {
    /// Cleans `path`. A relative path is taken from `/`, as the kubelet does with a
    /// `mountPath` (`kubernetes/pkg/kubelet/kubelet_pods.go`, `makeMounts`).
    pub fn new(path: &'a str) -> Self {
        if is_clean(path) {
            return Self(Cow::Borrowed(path));
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                other => parts.push(other),
            }
        }
        let mut clean = String::with_capacity(path.len() + 1);
        for part in parts {
            clean.push('/');
            clean.push_str(part);
        }
        if clean.is_empty() {
            clean.push('/');
        }
        Self(Cow::Owned(clean))
    }

    /// The path as a node resolves it: `/var/run` is a link to `/run` on every
    /// current distribution, and `/proc/<pid>/root` and its like lead back to `/`.
    pub fn on_node(path: &'a str) -> Self {
        let clean = Self::new(path);
        let mut rest: &str = &clean.0;
        while let Some(behind) = behind_proc_root(rest) {
            rest = if behind.is_empty() { "/" } else { behind };
        }
        if rest.len() == clean.0.len() {
            return clean.unlinked();
        }
        Self(Cow::Owned(rest.to_owned())).unlinked()
    }

    /// This path with the link `/var/run` followed.
    pub fn unlinked(self) -> Self {
        match self.0.strip_prefix("/var/run") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                // "/var/run/x" holds "/run/x": a borrowed path stays borrowed.
                match self.0 {
                    Cow::Borrowed(path) => Self(Cow::Borrowed(&path["/var".len()..])),
                    Cow::Owned(path) => Self(Cow::Owned(path["/var".len()..].to_owned())),
                }
            }
            _ => self,
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with the lifetime of its input let go.
    pub fn into_owned(self) -> CleanPath<'static> {
        CleanPath(Cow::Owned(self.0.into_owned()))
    }

    /// `self/sub`, cleaned; an empty `sub` is `self`.
    pub fn join(&self, sub: &str) -> CleanPath<'static> {
        CleanPath::new(&format!("{}/{sub}", self.0)).into_owned()
    }

    /// Whether `other` is this path or lies below it.
    pub fn holds(&self, other: &CleanPath<'_>) -> bool {
        match other.0.strip_prefix(self.0.as_ref()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.0 == "/",
            None => false,
        }
    }

    /// Whether one of the two is, or lies below, the other.
    pub fn is_on_the_way(&self, other: &CleanPath<'_>) -> bool {
        match self.0.len() <= other.0.len() {
            true => self.holds(other),
            false => other.holds(self),
        }
    }

    /// The directory that holds this path; none for `/`.
    pub fn parent(&self) -> Option<CleanPath<'_>> {
        let cut = self.0.rfind('/')?;
        match (cut, self.0.len()) {
            (0, 1) => None,
            (0, _) => Some(CleanPath(Cow::Borrowed("/"))),
            _ => Some(CleanPath(Cow::Borrowed(&self.0[..cut]))),
        }
    }

    /// The path of the first component; `/` for `/`.
    pub fn first(self) -> Cow<'a, str> {
        let end = self.0.bytes().skip(1).position(|byte| byte == b'/');
        match (end, self.0) {
            (None, path) => path,
            (Some(end), Cow::Borrowed(path)) => Cow::Borrowed(&path[..=end]),
            (Some(end), Cow::Owned(path)) => Cow::Owned(path[..=end].to_owned()),
        }
    }

    /// The last component; empty for `/`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for CleanPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Looks at bytes and not at components: nearly every path of a review is clean.
fn is_clean(path: &str) -> bool {
    let Some(components) = path.strip_prefix('/') else {
        return false;
    };
    let mut rest = components.as_bytes();
    loop {
        match rest {
            [] | [b'/', ..] | [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..] => {
                return path == "/";
            }
            _ => match rest.iter().position(|byte| *byte == b'/') {
                Some(end) => rest = &rest[end + 1..],
                None => return true,
            },
        }
    }
}

/// What follows `/proc/<pid>/root` or `/proc/<pid>/task/<tid>/root`; `cwd` too, since the
/// first process's is `/`.
fn behind_proc_root(path: &str) -> Option<&str> {
    let (_pid, rest) = path.strip_prefix("/proc/")?.split_once('/')?;
    let thread = rest.strip_prefix("task/");
    let rest = thread.map_or(Some(rest), |rest| Some(rest.split_once('/')?.1))?;
    let rest = ["root", "cwd"]
        .iter()
        .find_map(|link| rest.strip_prefix(link))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one_value() {
        for spelled in [
            "/run/docker.sock",
            "//run//docker.sock/",
            "/run/./docker.sock",
            "/x/../run/docker.sock",
            "run/docker.sock",
        ] {
            assert_eq!(CleanPath::new(spelled).as_str(), "/run/docker.sock");
        }
        for root in ["", "/", "//", "/.", "/..", "/../.."] {
            assert_eq!(CleanPath::new(root).as_str(), "/");
        }
    }

    #[test]
    fn a_node_path_follows_the_links_that_every_node_has() {
        for spelled in [
            "/var/run/docker.sock",
            "//var//run/docker.sock/",
            "/proc/1/root/var/run/docker.sock",
            "/proc/1/root/proc/self/root/run/docker.sock",
            "/proc/1/task/1/root/run/docker.sock",
            "/proc/1/cwd/run/docker.sock",
        ] {
            assert_eq!(CleanPath::on_node(spelled).as_str(), "/run/docker.sock");
        }
        assert_eq!(CleanPath::on_node("/var/run").as_str(), "/run");
        assert_eq!(CleanPath::on_node("/var/runner").as_str(), "/var/runner");
        assert_eq!(CleanPath::on_node("/proc/1/root").as_str(), "/");
        assert_eq!(
            CleanPath::on_node("/proc/1/rooted").as_str(),
            "/proc/1/rooted"
        );
    }

    #[test]
    fn a_directory_holds_itself_and_what_is_below_it_only() {
        let run = CleanPath::new("/run");
        assert!(run.holds(&CleanPath::new("/run")));
        assert!(run.holds(&CleanPath::new("/run/docker.sock")));
        assert!(!run.holds(&CleanPath::new("/runner")));
        assert!(CleanPath::new("/").holds(&run));
    }

    #[test]
    fn parents_end_at_the_root() {
        assert_eq!(
            CleanPath::new("/run/x").parent(),
            Some(CleanPath::new("/run"))
        );
        assert_eq!(CleanPath::new("/run").parent(), Some(CleanPath::new("/")));
        assert_eq!(CleanPath::new("/").parent(), None);
    }
}
