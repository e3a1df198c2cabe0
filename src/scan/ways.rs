//! Plain ways to a runtime that name no socket: a directory of the node that holds one, bound into a container
//! (`-v /var/run:/var/run`, `source: /run`), and a Docker daemon by its address (`DOCKER_HOST=ssh://…`,
//! `tcp://172.17.0.1:2375`).
//!
//! A comment is no way, and neither is an address in the Pod itself or the name of a service. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::detect::machine::is_machine;

use crate::scan::bare_hosts;
use crate::scan::chars::{is_host, is_path_char};
use crate::scan::interpolated;
use crate::scan::mentions::LineIndex;
use crate::scan::node_dirs;
use crate::scan::placeholder;
use crate::text::ending;

/// What a text has that makes a pair of paths a mount.
const MOUNTS: [&str; 8] = [
    "binds",
    "docker",
    "podman",
    "nerdctl",
    "runargs",
    "container",
    "volume",
    "mount",
];

/// What stands before the path of the node where it is written alone.
const SOURCES: [&str; 5] = ["source", "Source", "src", "FileSystemBind", "device"];

/// Bytes of an address that are looked at.
const LONGEST: usize = 256;

/// Docker's ports.
pub(super) const PORTS: [&str; 2] = [":2375", ":2376"];

/// Every place of `text` at which a directory that `leads` to a runtime is bound into a container; `variables` are
/// those at which a variable is that has such a path.
pub fn binds(
    text: &str,
    leads: impl Fn(&str) -> bool,
    variables: impl Fn(&str) -> Vec<usize>,
) -> Vec<usize> {
    let mut found = match text.contains(['$', '{', '+']) {
        true => variables(text),
        false => Vec::new(),
    };
    for at in memchr::memmem::find_iter(text.as_bytes(), ":/") {
        // `${DIR:-/run}:/run`, `"/run":"/run"`.
        let before = text[..at].trim_end_matches(['}', '"', '\'']);
        let path = last_path(before);
        let start = before.len() - path.len();
        // In a list of directories, as `PATH` is one, a colon stands before the path, too.
        let is_path = path.starts_with('/') && !before[..start].ends_with(':') && leads(path);
        let target = &text[at + 1..];
        let end = target.find(|c| !is_path_char(c)).unwrap_or(target.len());
        // What is filled in, and mounted where the sockets are.
        let fills = || is_variable_only(&text[..at]) && leads(&target[..end]);
        if is_path || fills() {
            found.push(start.min(at));
        }
    }
    if text.contains("bind") || text.contains("Bind") {
        for word in SOURCES {
            for at in memchr::memmem::find_iter(text.as_bytes(), word) {
                let rest = &text[at + word.len()..];
                let value = rest.trim_start_matches([' ', '=', ':', '"', '\'', '(']);
                let start = at + word.len() + (rest.len() - value.len());
                if !value.starts_with('/') || value.len() == rest.len() {
                    continue;
                }
                let end = value.find(|c| !is_path_char(c)).unwrap_or(value.len());
                if leads(&value[..end]) {
                    found.push(start);
                }
            }
        }
        // `{'/run': {'bind': '/run'}}` of Docker's library for Python.
        for at in memchr::memmem::find_iter(text.as_bytes(), "bind") {
            let before = text[..at].trim_end_matches(['"', '\'', '{', ' ', '\n', ':']);
            let path = last_path(before);
            let is_key = text[before.len()..at].contains(':');
            if is_key && path.starts_with('/') && leads(path) {
                found.push(before.len() - path.len());
            }
        }
    }
    found.extend(node_dirs::all(text));
    found.extend(node_dirs::of_tasks(text, &leads));
    if !found.is_empty() {
        let lower = text.to_ascii_lowercase();
        if !MOUNTS.iter().any(|word| lower.contains(word)) {
            return Vec::new();
        }
    }
    uncommented(text, found)
}

/// Those of `found` that are in no comment.
pub(super) fn uncommented(text: &str, mut found: Vec<usize>) -> Vec<usize> {
    if !found.is_empty() {
        let lines = LineIndex::of(text);
        found.retain(|at| !is_comment(lines.line(*at)));
    }
    found
}

/// Every place of `text` that leads to a Docker daemon on another machine, which may be a node.
pub fn daemons(text: &str) -> Vec<usize> {
    let mut found = uncommented(text, bare_hosts::all(text));
    // Most texts have none.
    if text.contains("://") || PORTS.iter().any(|port| text.contains(port)) {
        found.extend(daemons_of(text, &mut Hosts::of(text)));
    }
    let escaped = bare_hosts::escaped(text, |line| {
        !daemons_of(line, &mut Hosts::of(line)).is_empty()
    });
    found.extend(escaped);
    found
}

fn daemons_of(text: &str, hosts: &mut Hosts<'_>) -> Vec<usize> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(text.as_bytes(), "://") {
        let scheme = &text[..at];
        let start = scheme
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .len();
        let (host, rest) = host_and_rest(&text[at + "://".len()..]);
        let has_port = PORTS.iter().any(|port| {
            let after = rest.strip_prefix(port);
            after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_digit()))
        });
        let sum = interpolated::sum(rest).filter(|_| host.is_empty());
        let has_port = has_port || sum.as_ref().is_some_and(|sum| sum.has_port);
        let is_put_together = || match &sum {
            Some(sum) => !is_own(sum.host),
            None => interpolated::is_host(host, rest),
        };
        let is_way = match scheme[start..].to_ascii_lowercase().as_str() {
            "tcp" => {
                (may_be_a_node(host) || is_name(host) || is_put_together())
                    && (has_port || hosts.is_beside(at, |of| of.is_host))
            }
            "http" | "https" => {
                may_be_a_node(host) && (has_port || hosts.is_beside(at, |of| of.is_variable))
                    || is_name(host) && has_port && hosts.is_beside(at, |of| of.is_variable)
                    || has_port && is_put_together()
            }
            "ssh" => is_another(host) && hosts.is_beside(at, |of| of.is_host),
            _ => false,
        };
        if is_way {
            found.push(start);
        }
    }
    for port in PORTS {
        for at in memchr::memmem::find_iter(text.as_bytes(), port) {
            let before = text[..at].trim_end_matches(is_host);
            let host = &text[before.len()..at];
            let is_whole = !text[at + port.len()..].starts_with(|c: char| c.is_ascii_digit());
            let is_address = is_machine(host) || host.parse::<IpAddr>().is_ok();
            let is_bare = !before.ends_with("://") && !before.ends_with('@');
            if is_whole && is_bare && is_address && may_be_a_node(host) {
                found.push(before.len());
            } else if is_whole && let Some(start) = filled_in(text, at, port, hosts) {
                found.push(start);
            }
        }
    }
    uncommented(text, found)
}

/// Where a host starts that is filled in later, before the `port` at a byte of `text`, in what says where a daemon is. A
/// port of the machine that is mapped to one of Docker's is no host.
fn filled_in(text: &str, at: usize, port: &str, hosts: &mut Hosts<'_>) -> Option<usize> {
    let line = ending(&text[..at], LONGEST);
    let line = &line[line.rfind('\n').map_or(0, |end| end + 1)..];
    let host = &line[start_of_filled(line)?..];
    let start = at - host.len();
    let before = text[..start].trim_end_matches([' ', '\n', '\t', '"', '\'', ',', '-', '=', '[']);
    let is_flag = ["-H", "--host"].iter().any(|flag| before.ends_with(flag));
    let is_mapped = ["-p", "--publish"]
        .iter()
        .any(|flag| before.ends_with(flag))
        || host.to_ascii_lowercase().contains("port")
        || text[at + port.len()..].starts_with(':');
    let is_host = is_filled_in(host) && !line.ends_with(&format!("://{host}"));
    (is_host && !is_mapped && (is_flag || hosts.is_beside(at, |of| of.is_host))).then_some(start)
}

/// Where what is filled in starts that a line ends with: `$NAME`, `${NAME}`, `$(NAME)`, `{{ name }}`.
fn start_of_filled(line: &str) -> Option<usize> {
    const PAIRS: [(&str, &str); 3] = [("{{", "}}"), ("${", "}"), ("$(", ")")];
    if let Some((open, _)) = PAIRS.iter().find(|(_, close)| line.ends_with(close)) {
        return line.rfind(open);
    }
    let name = line.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    name.ends_with('$').then(|| name.len() - 1)
}

/// Whether a line of a text is a comment.
pub fn is_comment(line: &str) -> bool {
    const MARKS: [&str; 7] = ["#", "//", "/*", "* ", "--", ";", "<!--"];
    let line = line.trim_start();
    MARKS.iter().any(|mark| line.starts_with(mark))
}

/// The path that `text` ends with. A shell's default has a dash before it, and a flag may be run together with it.
fn last_path(text: &str) -> &str {
    let start = text.trim_end_matches(is_path_char).len();
    let path = &text[start..];
    path.strip_prefix("-v")
        .unwrap_or(path)
        .trim_start_matches('-')
}

/// Whether `text` ends with a word that is a variable and nothing else.
fn is_variable_only(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_{}:-.".contains(c);
    let before = text.trim_end_matches(is_name);
    let is_start =
        |before: &str| before.is_empty() || before.ends_with([' ', '"', '\'', '=', '\n']);
    before.len() < text.len() && before.strip_suffix('$').is_some_and(is_start)
}

/// The host of what follows a scheme, without a user, and what follows it.
fn host_and_rest(text: &str) -> (&str, &str) {
    let end = end_of_host(text);
    match text[end..].strip_prefix('@') {
        Some(host) => host.split_at(end_of_host(host)),
        None => text.split_at(end),
    }
}

/// Where a host ends that may have parts that are filled in later.
fn end_of_host(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            _ if at > LONGEST => return at,
            '\n' => return at,
            '`' => {
                let mut rest = text[at + 1..].char_indices().take(LONGEST);
                let end = rest.find(|(_, c)| matches!(c, '`' | '\n'));
                let end = end.filter(|(_, c)| *c == '`');
                return end.map_or(at, |(end, _)| at + end + 2);
            }
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth > 0 => depth -= 1,
            '#' if text[at..].starts_with("#{") => {}
            _ if depth > 0 || is_host(c) || matches!(c, '$' | '%') => {}
            _ => return at,
        }
    }
    text.len()
}

/// An address of another machine, or something that is filled in later.
pub(super) fn may_be_a_node(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    is_machine(host)
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
        || is_filled_in(host)
}

/// Whether a host is a name that may be a node's: one that is no Service's, and none without a dot, as Services and a
/// pipeline's containers have them.
pub(super) fn is_name(host: &str) -> bool {
    let lower = host.trim_end_matches('.').to_ascii_lowercase();
    let is_service = lower.ends_with(".svc") || lower.ends_with(".cluster.local");
    let is_service = is_service || lower.contains(".svc.");
    let is_own = lower.starts_with("localhost") || lower.contains("dind");
    let labels = || lower.split('.');
    lower.contains('.')
        && lower.chars().all(is_host)
        && labels().all(|label| !label.is_empty())
        && labels()
            .next_back()
            .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()))
        && !is_service
        && !is_own
}

/// Whether all of a host is filled in later, and not by the Pod's own address or by a Service.
fn is_filled_in(host: &str) -> bool {
    let is_variable = host.strip_prefix('$').is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let is_whole = host.ends_with(['}', ')', ']'])
        && host.starts_with(['$', '{', '%'])
        && host.matches(['{', '(']).count() <= 2;
    let is_command = host.len() > 2 && host.starts_with('`') && host.ends_with('`');
    (is_variable || is_command || is_whole && placeholder::is_in(host)) && !is_own(host)
}

/// Whether a text has a word of the Pod's own address, or of a Service's.
pub(super) fn is_own(text: &str) -> bool {
    const OWN: [&str; 6] = [
        "localhost",
        "127.0.0.1",
        "dind",
        "pod",
        "service_host",
        ":-docker",
    ];
    let lower = text.to_ascii_lowercase();
    OWN.iter().any(|word| lower.contains(word))
}

/// Whether a host of `ssh://` is another machine.
fn is_another(host: &str) -> bool {
    !host.is_empty() && host != "localhost" && !host.starts_with("127.")
}

/// What the lines of a text say of a daemon; each is looked through once, whatever addresses it has.
struct Hosts<'t> {
    lines: LineIndex<'t>,
    known: HashMap<usize, Host>,
}

/// What a line says of a daemon.
#[derive(Clone, Copy)]
struct Host {
    /// Whether it has `DOCKER_HOST`.
    is_variable: bool,
    /// Whether it says where a daemon is.
    is_host: bool,
}

impl<'t> Hosts<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            lines: LineIndex::of(text),
            known: HashMap::new(),
        }
    }

    /// Whether the line of a byte, or the one before it, says so.
    fn is_beside(&mut self, at: usize, says: impl Fn(Host) -> bool) -> bool {
        let bytes = self.lines.bytes_of_line(at);
        let before = bytes.start.checked_sub(1);
        says(self.line(at)) || before.is_some_and(|end| says(self.line(end)))
    }

    fn line(&mut self, at: usize) -> Host {
        let start = self.lines.bytes_of_line(at).start;
        let line = self.lines.line(at);
        *self.known.entry(start).or_insert_with(|| Host {
            is_variable: is_variable(line),
            is_host: is_docker_host(line),
        })
    }
}

fn is_variable(line: &str) -> bool {
    line.contains("DOCKER_HOST")
}

fn is_docker(line: &str) -> bool {
    line.to_ascii_lowercase().contains("docker")
}

/// `DOCKER_HOST`, `docker -H`, `docker context create --docker host=`.
fn is_docker_host(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.contains("docker_host")
        || lower.contains("dockerhost")
        || is_docker(line) && (line.contains("-H") || lower.contains("host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_run(path: &str) -> bool {
        ["/run", "/var/run", "/run/containerd"].contains(&path.trim_end_matches('/'))
    }

    #[test]
    fn a_directory_that_is_bound_is_found() {
        for text in [
            "docker run -v /var/run:/var/run x",
            "volumes:\n  - /run:/run:ro",
            "podman run -v \"${DIR:-/run}:/run\" x",
            "volumes:\n  - type: bind\n    source: /run\n    target: /run",
            "docker run --mount type=bind,source=/var/run,target=/var/run x",
            "container.withFileSystemBind(\"/var/run\", \"/var/run\")",
            "volumes = [\"/run/containerd/:/c\"]",
            "docker run -v/var/run:/x alpine",
            "volumes:\n  run:\n    driver_opts: {type: none, o: bind, device: /run}",
            "volumes:\n  - ${RUN_DIR}:/var/run",
            "volumes={'/var/run': {'bind': '/var/run', 'mode': 'rw'}}",
            "{\"HostConfig\":{\"Binds\":[\"/var/run:/x\"]}}",
            "{\"runArgs\":[\"-v\",\"/var/run:/x\"]}",
            "extra_binds: [\"/run:/x\"]",
            "\"volumes\":[{\"host\":{\"sourcePath\":\"/run\"}}]",
        ] {
            assert_eq!(binds(text, is_run, |_| Vec::new()).len(), 1, "{text}");
        }
        for text in [
            "docker run -v /data:/var/run x",
            "docker run -v cache:/var/run x",
            "DIRS=/run:/var/lib",
            "docker run -e PATH=/bin:/run:/usr/bin x",
            "# docker run -v /var/run:/var/run x",
            "source /run/x; docker bind",
            "mkdir -p /var/run; docker ps",
            "volumes:\n  - $DATA/run:/var/run",
            "volumes:\n  - ${DATA}:/data",
        ] {
            assert!(binds(text, is_run, |_| Vec::new()).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_line_is_looked_through_once_and_an_address_has_an_end() {
        let text = "tcp://$(a)".repeat(1000);
        let mut hosts = Hosts::of(&text);
        assert!(daemons_of(&text, &mut hosts).is_empty());
        assert_eq!(hosts.known.len(), 1);
        // Nothing that names no node has a line looked through.
        let text = "https://example.org/x.html \n".repeat(1000);
        let mut hosts = Hosts::of(&text);
        assert!(daemons_of(&text, &mut hosts).is_empty());
        assert!(hosts.known.is_empty());
        for open in ["$(", "`", "{{", "[a"] {
            assert!(end_of_host(&open.repeat(1000)) <= LONGEST + 2, "{open}");
        }
    }

    #[test]
    fn a_daemon_on_another_machine_is_found() {
        for text in [
            "DOCKER_HOST=tcp://172.17.0.1:2375",
            "- name: DOCKER_HOST\n  value: tcp://$(HOST_IP)",
            "docker -H tcp://host.docker.internal:2375 ps",
            "export DOCKER_HOST=ssh://root@node-1",
            "docker context create x --docker \"host=ssh://ci@10.0.0.5\"",
            "curl http://10.0.0.5:2375/containers/json",
            "DOCKER_HOST: tcp://{{ .Values.host }}:2376",
            "DOCKER_HOST=tcp://$(minikube ip):2376",
            "export DOCKER_HOST=tcp://`hostname -i`:2375",
            "export DOCKER_HOST=tcp://$(ip route | awk '/default/ {print $3}'):2375",
            "docker -H host.docker.internal:2375 ps",
            "DOCKER_HOST=10.0.0.5:2375",
            "docker -H $NODE_IP:2375 ps",
            "command: [docker, -H, \"$(NODE_IP):2375\", ps]",
            "args:\n  - -H\n  - $(NODE_IP):2375",
            "- name: DOCKER_HOST\n  value: ${NODE}:2376",
            "DOCKER_HOST: '{{ .Values.node }}:2375'",
            "client = Docker(base_url='tcp://192.168.1.4:2375')",
            "export DOCKER_HOST=tcp://ip-10-0-0-5.ec2.internal:2375",
            "docker -H tcp://worker-1.example.org:2375 ps",
            "DOCKER_HOST: tcp://node.lan",
            r"docker.host=tcp\://10.0.0.4\:2375",
        ] {
            assert_eq!(daemons(text).len(), 1, "{text}");
        }
        for text in [
            "DOCKER_HOST=tcp://docker:2376",
            "DOCKER_HOST=tcp://localhost:2375",
            "dockerd -H tcp://0.0.0.0:2375 -H unix:///dind/docker.sock",
            "DOCKER_HOST=tcp://[::1]:2375",
            "DOCKER_HOST: tcp://{{ .Release.Name }}-dind:2375",
            "DOCKER_HOST=tcp://${HOST:-localhost}:2375",
            "DOCKER_HOST=tcp://$(POD_IP):2375",
            "DOCKER_HOST=tcp://$DOCKER_SERVICE_HOST:2375",
            "# DOCKER_HOST=tcp://10.0.0.5:2375",
            "docker -H $(POD_IP):2375 ps",
            "docker run --net host -p $PORT:2375 docker:dind",
            "docker run -d --host-x -p $X:2375 docker:dind",
            "DOCKER_HOST_PORTS: ['${IP}:2375:2375']",
            "DOCKER_HOST=tcp://docker:2375",
            "DOCKER_HOST=tcp://docker.ci.svc:2375",
            "DOCKER_HOST=tcp://docker.ci.svc.cluster.local:2375",
            "DOCKER_HOST=tcp://localhost.localdomain:2375",
            "DOCKER_HOST=tcp://dind.ci:2375",
            "https://docker.example.org:2376/",
            "tcp://db.example.org:5432",
            "listen: $NODE:2375",
            "git clone ssh://git@example.com/docker.git",
            "redis: tcp://10.0.0.5:6379",
            "http://10.0.0.5:23750/",
            "docs: https://docs.docker.com/",
        ] {
            assert!(daemons(text).is_empty(), "{text}");
        }
    }
}
