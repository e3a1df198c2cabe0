//! Where a text names a container runtime's socket, whatever the text is written in.
//!
//! The file's name is what is looked for (`docker.sock`), so that a path in parts, behind a
//! variable or behind `unix://` counts too; `\/`, `\u002e` and `%2E` are undone first, names in parts are put
//! together, and base64 is decoded. What only looks alike (`docker.socket`, `docker.sock.bak`) names nothing, unless
//! the whole path is there. Pure.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;

use crate::manifest::{Origin, Position};
use crate::model::path::CleanPath;
use crate::model::sockets::{Leads, Sockets};
use crate::model::sockets_table;

use crate::scan::assigned::Names;
use crate::scan::chars::is_path_char;
use crate::scan::host_paths::HostPaths;
use crate::scan::{asked, encoded, joined, switches, ways};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Words {
    names: Vec<Finder<'static>>,
    pipe: Finder<'static>,
    /// Whether each name has a dot in it.
    is_dotted: bool,
    sockets: Sockets,
    /// Whether the text is for people, and tells of ways without being one.
    is_prose: bool,
}

/// One place of a text that names a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// The byte at which it starts; of a name that was escaped, the line's first.
    pub start: usize,
    /// What is named.
    pub what: Named,
}

/// What a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// A runtime's socket.
    Socket,
    /// A runtime's pipe on a Windows node.
    Pipe,
    /// A directory of the node that leads to a runtime.
    HostPath,
    /// Such a directory, bound into a container that is no Pod's.
    Bind,
    /// A Docker daemon, by its address.
    Daemon,
    /// A tool's own switch for a runtime's socket.
    Switch,
}

impl Named {
    /// For a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Socket => "a container runtime's socket",
            Self::Pipe => "a container runtime's named pipe",
            Self::HostPath => "a hostPath that leads to a container runtime",
            Self::Bind => "a directory that leads to a container runtime",
            Self::Daemon => "a Docker daemon by its address",
            Self::Switch => "a switch that mounts a container runtime's socket",
        }
    }
}

impl Words {
    /// The names of every runtime's socket, and of the nodes' Docker sockets.
    pub fn of(sockets: &Sockets) -> Self {
        let mut names: Vec<String> = sockets_table::words().map(str::to_owned).collect();
        for socket in sockets.docker() {
            let known = names.iter().any(|name| name == socket.file_name());
            // A path of one's own may have any file name: the whole of it is looked for.
            if !known {
                names.push(socket.as_str().to_owned());
            }
        }
        Self {
            names: names
                .iter()
                .map(|name| Finder::new(name).into_owned())
                .collect(),
            is_dotted: names.iter().all(|name| name.contains('.')),
            pipe: Finder::new("pipe").into_owned(),
            sockets: sockets.clone(),
            is_prose: false,
        }
    }

    /// These, in a file of this name.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        const PROSE: [&str; 6] = [".md", ".markdown", ".rst", ".adoc", ".txt", ".html"];
        let name = name.to_ascii_lowercase();
        self.is_prose = PROSE.iter().any(|ending| name.ends_with(ending));
        self
    }

    /// Whether a path of the node leads to a runtime.
    pub fn lead(&self, path: &str) -> bool {
        // No path is none of the node's root.
        if path.is_empty() {
            return false;
        }
        match self.sockets.leads(&CleanPath::on_node(path)) {
            Some(
                Leads::Socket
                | Leads::Directory
                | Leads::Ancestor
                | Leads::Runtime(_)
                | Leads::Pipe(_),
            ) => true,
            Some(Leads::Client | Leads::Data(_) | Leads::Storage) | None => false,
        }
    }

    /// Whether a word of `text` is the path of a socket, of a runtime's, or of a directory that holds one.
    pub fn has_path(&self, text: &str) -> bool {
        let mut paths = paths(text);
        paths.any(|path| {
            matches!(
                self.sockets.leads(&CleanPath::on_node(path)),
                Some(Leads::Socket | Leads::Directory | Leads::Runtime(_))
            )
        })
    }

    /// Whether `text` names a socket.
    pub fn is_in(&self, text: &str) -> bool {
        self.first(text).is_some()
    }

    /// What `text` names first, if anything.
    pub fn first(&self, text: &str) -> Option<Named> {
        // Most strings have none of what a name has.
        if self.is_dotted
            && memchr::memchr3(b'.', b'%', b'\\', text.as_bytes()).is_none()
            && !text.contains("pipe")
        {
            return None;
        }
        self.all(text).first().map(|mention| mention.what)
    }

    /// Every place of `text` that names a socket, in its order; one for each line at most where
    /// names are escaped.
    pub fn all(&self, text: &str) -> Vec<Mention> {
        let mut found = Vec::new();
        self.plain(text, &mut found);
        self.escaped(text, &mut found);
        let socket = |start| Mention {
            start,
            what: Named::Socket,
        };
        let names = self.names.iter().map(Finder::needle);
        let stems = names.filter_map(|name| str::from_utf8(name).ok()?.strip_suffix(".sock"));
        found.extend(joined::names(text, stems).into_iter().map(socket));
        for (run, inner) in encoded::all(text) {
            let own = asked::bytes(&inner);
            let mut all = self.every(&inner).into_iter();
            let first = all.find(|one| !own.iter().any(|bytes| bytes.contains(&one.start)));
            found.extend(first.map(|mention| Mention {
                start: run.start,
                ..mention
            }));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The names to which a text gives a directory that leads to a runtime.
    pub(super) fn assigned<'t>(&self, text: &'t str) -> Names<'t> {
        let leads = |path: &str| self.has_path(path) && self.first(path).is_none();
        Names::of(text, leads, |path| self.lead(path) && !self.has_path(path))
    }

    /// Every place of a text that leads to a runtime without a socket's name: a directory that is bound into a
    /// container, a daemon by its address, a tool's switch.
    pub fn ways(&self, text: &str) -> Vec<Mention> {
        if self.is_prose {
            return Vec::new();
        }
        let leads = |path: &str| self.has_path(path) && self.first(path).is_none();
        let binds = ways::binds(text, leads, |text| self.assigned(text).bound(text, leads));
        let binds = binds.into_iter().map(|start| (start, Named::Bind));
        let daemons = ways::daemons(text).into_iter();
        let switches = ways::uncommented(text, switches::all(text)).into_iter();
        let all = binds.chain(daemons.map(|start| (start, Named::Daemon)));
        let all = all.chain(switches.map(|start| (start, Named::Switch)));
        all.map(|(start, what)| Mention { start, what }).collect()
    }

    /// Every place of a text that is not read which leads to a runtime, in its order.
    pub fn every(&self, text: &str) -> Vec<Mention> {
        let mut all = self.all(text);
        all.extend(self.beyond(text));
        all.sort_unstable();
        all
    }

    /// Those of [`Self::every`] that name no socket, in no order.
    pub fn beyond(&self, text: &str) -> impl Iterator<Item = Mention> {
        self.host_paths(text).chain(self.ways(text))
    }

    /// Whether a `hostPath` in a text that is not read leads to a runtime by its directory.
    pub fn has_host_path(&self, text: &str) -> bool {
        self.host_paths(text).next().is_some()
    }

    /// Every place of a text that is not read where a `hostPath` leads to a runtime by its directory.
    pub fn host_paths(&self, text: &str) -> impl Iterator<Item = Mention> {
        let all = HostPaths::of(text, self).leading.into_iter();
        all.map(|start| Mention {
            start,
            what: Named::HostPath,
        })
    }

    fn plain(&self, text: &str, found: &mut Vec<Mention>) {
        for name in &self.names {
            let length = name.needle().len();
            for start in name.find_iter(text.as_bytes()) {
                // A whole path is one, whatever was run together with it.
                let is_path = is_below_run(&text.as_bytes()[..start]);
                if is_path || ends(text.get(start + length..).unwrap_or_default()) {
                    found.push(Mention {
                        start,
                        what: Named::Socket,
                    });
                }
            }
        }
        for start in self.pipe.find_iter(text.as_bytes()) {
            let rest = text.get(start + "pipe".len()..).unwrap_or_default();
            let name = rest.trim_start_matches(['/', '\\']);
            let is_path = name.len() < rest.len();
            if is_path && sockets_table::pipes().any(|(pipe, _)| starts(name, pipe)) {
                found.push(Mention {
                    start,
                    what: Named::Pipe,
                });
            }
        }
    }

    /// Lines in which a part of a name may be escaped.
    fn escaped(&self, text: &str, found: &mut Vec<Mention>) {
        if memchr::memchr2(b'\\', b'%', text.as_bytes()).is_none() {
            return;
        }
        // A text may have thousands of lines with such names: those of one are found by their place.
        let mut plain = found.clone();
        plain.sort_unstable();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if let Cow::Owned(line) = unescaped(line) {
                let mut own = Vec::new();
                self.plain(&line, &mut own);
                let end = start + line.len();
                let seen = |what| {
                    let from = plain.partition_point(|mention| mention.start < start);
                    let of_line = plain[from..].iter();
                    let of_line = of_line.take_while(|mention| mention.start < end);
                    of_line.filter(|mention| mention.what == what).count()
                };
                if let Some(first) = own.first()
                    && own.len() > seen(first.what)
                {
                    found.push(Mention { start, ..*first });
                }
            }
            start += line.len();
        }
    }
}

/// The absolute paths in a text, whatever is around them.
pub fn paths(text: &str) -> impl Iterator<Item = &str> {
    // A shell's default has a dash before it: `${DIR:-/run}`.
    let parts = text
        .split(move |c| !is_path_char(c))
        .map(|part| part.trim_start_matches('-'));
    parts.filter(|part| part.starts_with('/'))
}

/// Whether a path to below `/run` ends here.
fn is_below_run(before: &[u8]) -> bool {
    let tail = &before[before.len().saturating_sub(48)..];
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let start = tail.iter().rposition(|byte| !is_part(byte));
    let path = &tail[start.map_or(0, |at| at + 1)..];
    path.ends_with(b"/") && path.windows(4).any(|part| part == b"run/")
}

/// Whether a name ends here: `docker.sock:ro`, but not `docker.socket` or `docker.sock.bak`.
fn ends(rest: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut chars = rest.chars();
    let first = chars.next();
    !(is_word(first) || matches!(first, Some('.' | '-')) && is_word(chars.next()))
}

/// Whether `text` starts with this name of a pipe, which no case tells apart.
fn starts(text: &str, name: &str) -> bool {
    let head = text.get(..name.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(name)) && ends(&text[name.len()..])
}

/// `line` without `%2E`, `\u002e`, `\x2e` and `\/`; borrowed where it has none of these.
pub(super) fn unescaped(line: &str) -> Cow<'_, str> {
    let bytes = line.as_bytes();
    let mut out: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        let digits = |from: usize, to: usize| {
            let digits = line.get(at + from..at + to)?;
            let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let value = u8::from_str_radix(digits.trim_start_matches('0'), 16).ok()?;
            (all && value.is_ascii()).then_some((value, to))
        };
        let escape = match bytes[at] {
            b'%' => digits(1, 3),
            b'\\' => match bytes.get(at + 1) {
                Some(b'u') => digits(2, 6),
                Some(b'x') => digits(2, 4),
                Some(b'/') => Some((b'/', 2)),
                _ => None,
            },
            _ => None,
        };
        match escape {
            Some((byte, length)) => {
                out.get_or_insert_with(|| bytes[..at].to_vec()).push(byte);
                at += length;
            }
            None => {
                if let Some(out) = &mut out {
                    out.push(bytes[at]);
                }
                at += 1;
            }
        }
    }
    match out {
        Some(out) => Cow::Owned(String::from_utf8_lossy(&out).into_owned()),
        None => Cow::Borrowed(line),
    }
}

/// The line of a byte of `text`, from 1.
pub fn line_of(text: &str, byte: usize) -> u32 {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let lines = memchr::memchr_iter(b'\n', before).count();
    u32::try_from(lines + 1).unwrap_or(u32::MAX)
}

/// Where the lines of a text start, for many look-ups.
#[derive(Debug)]
pub struct LineIndex<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    /// Of `text`.
    pub fn of(text: &'t str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            text,
            starts: std::iter::once(0).chain(ends.map(|end| end + 1)).collect(),
        }
    }

    /// The line of a byte, and its column in characters, both from 1.
    pub fn place(&self, byte: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).map_or(0, |at| self.starts[at]);
        let before = self.text.get(start..byte).unwrap_or_default();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        (number(line), number(before.chars().count() + 1))
    }

    /// The number of the line that holds a byte, from 1.
    pub fn number(&self, byte: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= byte);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// The bytes of lines, which count from 1.
    pub fn bytes(&self, lines: &Range<u32>) -> Range<usize> {
        let start = |line: u32| {
            let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
            self.starts.get(index).copied().unwrap_or(self.text.len())
        };
        start(lines.start)..start(lines.end)
    }

    /// The line that holds a byte.
    pub fn line(&self, byte: usize) -> &'t str {
        self.text.get(self.bytes_of_line(byte)).unwrap_or_default()
    }

    /// The bytes of the line that holds a byte, without its end.
    pub fn bytes_of_line(&self, byte: usize) -> Range<usize> {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).map_or(0, |at| self.starts[at]);
        start..self.starts.get(line).map_or(self.text.len(), |end| end - 1)
    }

    /// The position of a value whose bytes are `node`, at its key where it has one.
    pub fn position(&self, node: Range<usize>, key: Option<usize>) -> Position {
        let (line, column) = self.place(key.unwrap_or(node.start));
        Position {
            line,
            column,
            key: None,
            node,
            origin: Origin::Flow,
        }
    }
}

/// The line that holds a byte of `text`.
pub fn line_at(text: &str, byte: usize) -> &str {
    let bytes = text.as_bytes();
    let byte = byte.min(bytes.len());
    let start = memchr::memrchr(b'\n', &bytes[..byte]).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', &bytes[byte..]).map_or(bytes.len(), |at| byte + at);
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words::of(&Sockets::new(&["/opt/ci/engine".to_owned()]))
    }

    #[test]
    fn a_socket_is_found_however_it_is_spelled() {
        for text in [
            "/var/run/docker.sock",
            "unix:///run/docker.sock:ro",
            r#""\/var\/run\/docker.sock""#,
            r#""/var/run/docker\u002Esock""#,
            "unix%3A%2F%2F%2Fvar%2Frun%2Fdocker%2esock",
            "mount docker.sock. Then",
            "${DIR}/docker.sock-",
            "/opt/ci/engine",
            "/run/k3s/containerd/containerd.sock",
        ] {
            assert_eq!(words().first(text), Some(Named::Socket), "{text}");
        }
        for text in [
            r"\\.\pipe\docker_engine",
            r"\\\\.\\pipe\\Docker_Engine",
            "npipe:////./pipe/containerd-containerd",
        ] {
            assert_eq!(words().first(text), Some(Named::Pipe), "{text}");
        }
    }

    #[test]
    fn what_looks_alike_names_nothing() {
        for text in [
            "systemctl enable docker.socket",
            "/data/docker.sock.bak",
            "docker_engine",
            "pipe docker_engine",
            "docker-sock",
            "100% sure \\ nothing",
        ] {
            assert_eq!(words().first(text), None, "{text}");
        }
    }

    #[test]
    fn each_place_counts_with_its_line() {
        let text = "a\nb /run/docker.sock:/run/docker.sock\nc docker%2esock\n";
        let lines: Vec<u32> = words()
            .all(text)
            .iter()
            .map(|mention| line_of(text, mention.start))
            .collect();
        assert_eq!(lines, [2, 2, 3]);
        assert_eq!(line_at(text, 3), "b /run/docker.sock:/run/docker.sock");
    }
}
