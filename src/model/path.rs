//! Absolute paths in one spelling, so that paths can be compared as text.
//!
//! A [`CleanPath`] starts with `/` and has no empty, `.` or `..` component and no trailing slash:
//! `//var//run/./docker.sock/` and `/var/run/docker.sock` are one value. Cleaning is lexical and never looks
//! at a file system.

use std::borrow::Cow;
use std::fmt;
use std::iter;

use crate::model::same_place::{LINKS_TO_VAR, below};

/// An absolute, lexically clean path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CleanPath<'a>(Cow<'a, str>);

/// Links to directories that many nodes have: `/usr` holds what was beside it. `/usr/local`, which some have below `/var`,
/// is none of them: it would no longer count as a part of `/usr`.
const USUAL_LINKS: [(&str, &str); 8] = [
    ("/bin", "/usr/bin"),
    ("/sbin", "/usr/sbin"),
    ("/lib", "/usr/lib"),
    ("/lib32", "/usr/lib32"),
    ("/lib64", "/usr/lib64"),
    ("/libx32", "/usr/libx32"),
    ("/run/shm", "/dev/shm"),
    ("/var/lock", "/run/lock"),
];

impl CleanPath<'static> {
    /// A path that is already clean. Tests hold each use to that.
    pub const fn literal(path: &'static str) -> Self {
        Self(Cow::Borrowed(path))
    }

    #[cfg(test)]
    pub fn is_clean(&self) -> bool {
        is_clean(&self.0)
    }

    /// As [`CleanPath::new`], of a text that nobody else needs.
    pub fn of(path: String) -> Self {
        match is_clean(&path) {
            true => Self(Cow::Owned(path)),
            false => Self(Cow::Owned(cleaned(&path, |_, _| {}))),
        }
    }
}

impl<'a> CleanPath<'a> {
    /// Cleans `path`. A relative path starts at `/`, as the kubelet takes a `mountPath`
    /// (`kubernetes/pkg/kubelet/kubelet_pods.go`, `makeMounts`).
    pub fn new(path: &'a str) -> Self {
        if is_clean(path) {
            return Self(Cow::Borrowed(path));
        }
        Self(Cow::Owned(cleaned(path, |_, _| {})))
    }

    /// The path as a node resolves it: a link that every node has is followed before a `..` after it.
    /// `/var/run` leads to `/run`, `/proc/1/root` to `/`. Links of other processes are not followed: they may
    /// lead anywhere.
    pub fn on_node(path: &'a str) -> Self {
        if is_clean(path) {
            if !may_have_link(path) {
                return Self(Cow::Borrowed(path));
            }
            // "/var/run/x" contains "/run/x", after which there is no other link.
            if below(path, "/var/run").is_some() {
                return Self(Cow::Borrowed(&path["/var".len()..]));
            }
        }
        Self(Cow::Owned(cleaned(path, follow)))
    }

    /// Whether the node's processes are at, below or above it.
    pub fn is_near_processes(&self) -> bool {
        self.as_str() == "/" || self.as_str() == "/proc" || self.is_of_a_process()
    }

    /// Whether it is, or is below, a process of the node: `/proc/1/fd`. Links there may lead anywhere.
    pub fn is_of_a_process(&self) -> bool {
        let Some(below) = self.0.strip_prefix("/proc") else {
            return false;
        };
        let Some(below) = below.strip_prefix('/') else {
            return below.is_empty();
        };
        let pid = below.split('/').next().unwrap_or_default();
        is_own(pid) || pid.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// This path with the link `/var/run` followed.
    pub fn unlinked(self) -> Self {
        if below(&self.0, "/var/run").is_none() {
            return self;
        }
        // "/var/run/x" contains "/run/x": a borrowed path stays borrowed.
        match self.0 {
            Cow::Borrowed(path) => Self(Cow::Borrowed(&path["/var".len()..])),
            Cow::Owned(path) => Self(Cow::Owned(path["/var".len()..].to_owned())),
        }
    }

    /// As [`Self::unlinked`].
    pub fn as_unlinked(&self) -> CleanPath<'_> {
        CleanPath(Cow::Borrowed(&*self.0)).unlinked()
    }

    /// This path as a node resolves it: see [`Self::on_node`].
    #[must_use]
    pub fn resolved(self) -> Self {
        match may_have_link(&self.0) {
            true => Self(Cow::Owned(cleaned(&self.0, follow))),
            false => self,
        }
    }

    /// This path where its first components are links that many nodes have. Only for comparing paths: a node without
    /// them has both.
    pub fn usual(&self) -> CleanPath<'_> {
        CleanPath(Cow::Borrowed(&*self.0)).into_usual()
    }

    /// As [`Self::usual`].
    #[must_use]
    pub fn into_usual(self) -> Self {
        let mut links = USUAL_LINKS.iter().chain(&LINKS_TO_VAR);
        let target = links.find_map(|(link, target)| Some((target, below(&self.0, link)?)));
        match target {
            Some((target, rest)) => Self(Cow::Owned(format!("{target}{rest}"))),
            None => self,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_owned(self) -> CleanPath<'static> {
        CleanPath(Cow::Owned(self.0.into_owned()))
    }

    /// `self/sub`, cleaned; an empty `sub` gives `self`.
    pub fn join(&self, sub: &str) -> CleanPath<'static> {
        CleanPath::of(format!("{}/{sub}", self.0))
    }

    /// Whether `other` is this path or is below it.
    pub fn holds(&self, other: &CleanPath<'_>) -> bool {
        self.0 == "/" || below(&other.0, &self.0).is_some()
    }

    /// Whether one of the two is the other, or is below it.
    pub fn is_on_the_way(&self, other: &CleanPath<'_>) -> bool {
        match self.0.len() <= other.0.len() {
            true => self.holds(other),
            false => other.holds(self),
        }
    }

    /// The parent directory; `None` for `/`.
    pub fn parent(&self) -> Option<CleanPath<'_>> {
        above(&self.0).map(|path| CleanPath(Cow::Borrowed(path)))
    }

    /// This path, then each directory above it, up to `/`.
    pub fn ancestors(&self) -> impl Iterator<Item = CleanPath<'_>> {
        iter::successors(Some(&*self.0), |path| above(path))
            .map(|path| CleanPath(Cow::Borrowed(path)))
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

/// Compares bytes and not components: nearly every path of a review is clean.
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

/// The parent directory of a clean path; `None` for `/`.
fn above(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 if path.len() == 1 => None,
        0 => Some("/"),
        cut => path.get(..cut),
    }
}

/// `path` without empty, `.` and `..` components. `reached` is called with each component and may change the
/// path so far.
///
/// Uses one buffer of the path's length and no list of components: for a component of one byte, that would
/// take sixteen.
fn cleaned(path: &str, reached: impl Fn(&mut String, &str)) -> String {
    let mut clean = String::with_capacity(path.len() + 1);
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => clean.truncate(clean.rfind('/').unwrap_or_default()),
            other => {
                clean.push('/');
                clean.push_str(other);
                reached(&mut clean, other);
            }
        }
    }
    if clean.is_empty() {
        clean.push('/');
    }
    clean
}

/// Whether a clean path may go through a link that [`follow`] knows.
fn may_have_link(path: &str) -> bool {
    ["/var/run", "/var/lock", "/proc/", "/dev/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// Follows the link that `path` is, if every node has it; `last` is its last component.
/// Sources: file-hierarchy(7), proc(5), `udev` for `/dev/fd`.
fn follow(path: &mut String, last: &str) {
    let target = match (path.as_str(), last) {
        ("/var/run", _) => "/run",
        ("/var/lock", _) => "/run/lock",
        ("/dev/fd" | "/dev/stdin" | "/dev/stdout" | "/dev/stderr", _) => "/proc/self/fd",
        // The working directory of the first process, and of the kubelet, is `/` too.
        (link, "root" | "cwd") if leads_to_root(link) => "",
        _ => return,
    };
    path.clear();
    path.push_str(target);
}

/// Whether `link`, which ends in `root` or `cwd`, belongs to a process whose root is the node's.
fn leads_to_root(link: &str) -> bool {
    let mut components = link.split('/').skip(1);
    if components.next() != Some("proc")
        || !components
            .next()
            .is_some_and(|pid| pid == "1" || is_own(pid))
    {
        return false;
    }
    match components.next() {
        Some("task") => components.nth(1).is_some() && components.next().is_none(),
        Some(_) => components.next().is_none(),
        None => false,
    }
}

/// Whether `pid` is the process that resolves the path: the kubelet or the runtime.
fn is_own(pid: &str) -> bool {
    matches!(pid, "self" | "thread-self")
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
    fn two_dots_behind_a_link_lead_where_the_link_leads() {
        for (spelled, resolved) in [
            ("/var/run/../etc", "/etc"),
            ("/var/lock/../docker.sock", "/run/docker.sock"),
            ("/proc/1/root/../run", "/run"),
            ("/proc/1/../2", "/proc/2"),
            ("/dev/fd/../root", "/"),
            ("/../../var/run", "/run"),
        ] {
            assert_eq!(CleanPath::on_node(spelled).as_str(), resolved, "{spelled}");
        }
    }

    #[test]
    fn what_is_of_another_process_is_not_followed() {
        for path in [
            "/proc/77/root/run",
            "/proc/77",
            "/proc/self/fd/3",
            "/proc",
            "/proc/thread-self",
        ] {
            let path = CleanPath::on_node(path);
            assert!(path.is_of_a_process(), "{path}");
        }
        for path in [
            "/proc/sys",
            "/proc/7x",
            "/procs",
            "/proc/1/root/etc",
            "/run",
        ] {
            let path = CleanPath::on_node(path);
            assert!(!path.is_of_a_process(), "{path}");
        }
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
        let path = CleanPath::new("/run/x/y");
        let all: Vec<_> = path.ancestors().map(|path| path.to_string()).collect();
        assert_eq!(all, ["/run/x/y", "/run/x", "/run", "/"]);
    }
}
