//! Addresses of Docker daemons without a scheme, which Docker takes for TCP: `DOCKER_HOST: 10.0.0.4`,
//! `docker -H node1.example.org:2375 ps`. Pure.

use std::net::IpAddr;

use crate::detect::machine::is_machine;

use crate::scan::chars::is_host;
use crate::scan::ways::{is_name, may_be_a_node};
use crate::text::{beginning, ending};

/// Bytes before a flag in which its command is looked for.
const BEFORE: usize = 128;

/// Bytes of an address that are looked at.
const LONGEST: usize = 256;

/// What stands between the words of a command, in a line, in a list, or one below the other.
const BETWEEN: [char; 9] = [' ', '\t', '\n', '"', '\'', ',', '[', ']', '='];

/// Every place of `text` that names a daemon on another machine so.
pub(super) fn all(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    const VARIABLE: &str = "DOCKER_HOST";
    for at in memchr::memmem::find_iter(text.as_bytes(), VARIABLE) {
        if is_given(&text[..at], &text[at + VARIABLE.len()..]) {
            found.push(at);
        }
    }
    for flag in ["-H", "--host"] {
        for at in memchr::memmem::find_iter(text.as_bytes(), flag) {
            let rest = &text[at + flag.len()..];
            let value = rest.trim_start_matches(BETWEEN);
            // The next item of a list of YAML.
            let value = value.strip_prefix("- ").unwrap_or(value);
            let value = value.trim_start_matches(BETWEEN);
            let is_whole = value.len() < rest.len() && text[..at].ends_with(BETWEEN);
            let is_one = || Address::of(value).is_some_and(|address| address.is_another());
            if is_whole && is_one() && is_of_docker(&text[..at]) {
                found.push(at);
            }
        }
    }
    found
}

/// The lines that are ways once their colons are not escaped, as a `.properties` of Testcontainers has them:
/// `docker.host=tcp\://10.0.0.4\:2375`.
pub(super) fn escaped(text: &str, is_way: impl Fn(&str) -> bool) -> Vec<usize> {
    let mut found = Vec::new();
    if !text.contains("\\:") {
        return found;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.contains("\\:") && is_way(&line.replace("\\:", ":")) {
            found.push(start);
        }
        start += line.len();
    }
    found
}

/// Whether the variable between these is given such an address.
fn is_given(before: &str, rest: &str) -> bool {
    const SIGNS: [char; 11] = [' ', '\t', '\n', '"', '\'', ',', ']', ':', '=', '?', ')'];
    let value = rest.trim_start_matches(SIGNS);
    // `name: DOCKER_HOST` with `value: 10.0.0.4`.
    let given = value.strip_prefix("value");
    let value = given.map_or(value, |given| given.trim_start_matches(SIGNS));
    let sign = &rest[..rest.len() - value.len()];
    let Some(address) = Address::of(value) else {
        return false;
    };
    if sign.is_empty() || given.is_none() && sign.contains('\n') || !address.is_another() {
        return false;
    }
    // A name that is no text may be a value of a program.
    let is_text = sign.ends_with(['"', '\'']);
    let is_field = before.ends_with('.') || sign.starts_with("\"]") || sign.starts_with("']");
    let is_line = address.rest.trim_start_matches([' ', '\r']);
    let is_line = is_line.is_empty() || is_line.starts_with(['\n', '#']);
    let is_set = sign.ends_with('=') || is_line && sign.contains(':');
    is_text || !is_field && (address.is_certain() || is_set)
}

/// Whether the words that end here are a `docker` and its own options.
fn is_of_docker(before: &str) -> bool {
    let words = ending(before, BEFORE)
        .split(BETWEEN)
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| *word != "-").collect();
    let is_docker =
        |word: &&str| matches!(word.rsplit('/').next(), Some("docker" | "docker-compose"));
    let Some(at) = words.iter().rposition(is_docker) else {
        return false;
    };
    let next = words.get(at + 1);
    next.is_none_or(|next| next.starts_with('-'))
}

/// An address without a scheme.
struct Address<'t> {
    host: &'t str,
    port: Option<&'t str>,
    /// What stands behind it.
    rest: &'t str,
}

impl<'t> Address<'t> {
    /// The one that `text` begins with, if nothing but a quote or a blank ends it.
    fn of(text: &'t str) -> Option<Self> {
        let text = beginning(text, LONGEST);
        let (host, rest) = text.split_at(text.find(|c| !is_host(c)).unwrap_or(text.len()));
        let port = rest.strip_prefix(':');
        let digits = |port: &'t str| {
            port.split_at(
                port.find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(port.len()),
            )
        };
        let (port, rest) = match port.map(digits) {
            Some((port, rest)) if !port.is_empty() => (Some(port), rest),
            Some(_) => return None,
            None => (None, rest),
        };
        let is_ended = rest.is_empty()
            || rest.starts_with(|c: char| c.is_whitespace() || "\"',;)]}\\".contains(c));
        (is_ended && !host.is_empty()).then_some(Self { host, port, rest })
    }

    /// Whether it is one of another machine, which may be a node.
    fn is_another(&self) -> bool {
        let is_plain = !self
            .host
            .contains(|c: char| c.is_ascii_uppercase() || c == '_');
        let is_one = may_be_a_node(self.host) || is_plain && is_name(self.host);
        is_one && !self.is_by_port()
    }

    /// Whether it is told by its port, wherever it stands.
    fn is_by_port(&self) -> bool {
        let is_of_docker = self
            .port
            .is_some_and(|port| matches!(port, "2375" | "2376"));
        is_of_docker && (is_machine(self.host) || self.host.parse::<IpAddr>().is_ok())
    }

    /// Whether nothing else is written so.
    fn is_certain(&self) -> bool {
        self.port.is_some() || self.host.parse::<IpAddr>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_one_of_tcp() {
        for text in [
            "DOCKER_HOST: node1.corp.example:2375",
            "DOCKER_HOST: node1.corp.example",
            "DOCKER_HOST: \"10.0.0.4\"",
            "export DOCKER_HOST=10.0.0.4; docker ps",
            "DOCKER_HOST := 10.0.0.4",
            "ENV DOCKER_HOST 10.0.0.4:4243",
            "os.environ[\"DOCKER_HOST\"] = \"node1.example.org\"",
            "- name: DOCKER_HOST\n  value: 10.0.0.4",
            "{\"name\": \"DOCKER_HOST\", \"value\": \"node1.example.org\"}",
            "docker -H node1.corp.example:2375 ps",
            "docker --host 10.0.0.4 ps",
            "docker --tls --host=10.0.0.4 ps",
            "/usr/bin/docker -H 10.0.0.4 ps",
            "command: [docker, -H, \"node1.example.org\", ps]",
            "- docker\n- -H\n- 10.0.0.4",
            "docker -H host.docker.internal ps",
        ] {
            assert_eq!(all(text).len(), 1, "{text}");
        }
        for text in [
            "DOCKER_HOST: docker:2375",
            "DOCKER_HOST=unix:///run/x",
            "DOCKER_HOST=127.0.0.1:2375",
            "DOCKER_HOST: tcp://docker:2375",
            "DOCKER_HOST=$HOST:2375",
            "DOCKER_HOST: docker.ci.svc:2375",
            "const DOCKER_HOST = process.env.DOCKER_HOST;",
            "x = { DOCKER_HOST: config.host, b: 1 }",
            "process.env.DOCKER_HOST = config.docker.host;",
            "os.environ[\"DOCKER_HOST\"]=cfg.docker.host",
            "unset DOCKER_HOST\n10.0.0.4",
            "DOCKER_HOST_IP=10.0.0.4",
            "docker run img uvicorn --host 10.0.0.4",
            "curl -H docker.example.org x",
            "dockerd -H 10.0.0.4:2375",
            "docker -H docker:2375 ps",
            "docker --hostname a.example.org",
        ] {
            assert!(all(text).is_empty(), "{text}");
        }
    }
}
