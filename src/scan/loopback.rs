//! The strings of a Pod in the node's network that name a Docker daemon at the loopback address: there it is the node's.
//!
//! The engine judges `DOCKER_HOST`; what a command says is a text. A Pod that starts a daemon itself has its own. Pure.

use std::net::IpAddr;

use serde_json::Value;

use crate::manifest::below;

use crate::scan::candidate::Candidate;
use crate::scan::chars::is_host;
use crate::scan::result::{Gap, Why};
use crate::scan::sources::assembly::items;
use crate::scan::ways::PORTS;

/// The gap of the first such string of a candidate.
pub(super) fn gap(candidate: &Candidate<'_>) -> Option<Gap> {
    let spec = candidate.pod.as_ref().ok()?.get("spec")?;
    if spec.get("hostNetwork") != Some(&Value::Bool(true)) {
        return None;
    }
    let lists = ["initContainers", "containers"];
    let all = || lists.iter().flat_map(|list| items(spec.get(*list)));
    let is_daemon = |text: &str| text.contains("dind") || text.contains("dockerd");
    if all().any(|container| first(container, "", &is_daemon).is_some()) {
        return None;
    }
    let found = lists.iter().find_map(|list| {
        let mut containers = items(spec.get(*list)).enumerate();
        containers.find_map(|(index, container)| {
            let at = format!("/spec/{list}/{index}");
            first(container, &at, &names_loopback)
        })
    })?;
    Some(Gap {
        place: candidate.pointers.outer(&found),
        line: None,
        why: Why::NamesDaemon,
        message: format!(
            "{} {}: names a Docker daemon on its own machine, and is in the node's network (hostNetwork): it may be the \
             node's",
            candidate.kind, candidate.name
        ),
        mentions: None,
    })
}

/// The pointer of the first string of a value that is one.
fn first(value: &Value, at: &str, is_one: &dyn Fn(&str) -> bool) -> Option<String> {
    match value {
        Value::String(text) => is_one(text).then(|| at.to_owned()),
        Value::Array(list) => {
            let mut list = list.iter().enumerate();
            list.find_map(|(index, value)| first(value, &format!("{at}/{index}"), is_one))
        }
        Value::Object(map) => {
            let mut map = map.iter();
            map.find_map(|(key, value)| first(value, &below(at, key), is_one))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Whether a text names a Docker daemon on the machine itself, which in the node's network is the node.
fn names_loopback(text: &str) -> bool {
    PORTS.iter().any(|port| {
        let mut all = memchr::memmem::find_iter(text.as_bytes(), port);
        all.any(|at| {
            let before = text[..at].trim_end_matches(']');
            let host = &before[before.trim_end_matches(|c| is_host(c) || c == ':').len()..];
            let host = host.trim_start_matches(':');
            let is_own = host == "localhost"
                || host
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
                || host == "1" && before.ends_with("::1");
            is_own && !text[at + port.len()..].starts_with(|c: char| c.is_ascii_digit())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_on_the_machine_itself_is_one() {
        for text in [
            "tcp://127.0.0.1:2375",
            "docker -H localhost:2375 ps",
            "DOCKER_HOST=tcp://[::1]:2376",
        ] {
            assert!(names_loopback(text), "{text}");
        }
        for text in ["tcp://127.0.0.1:23750", "tcp://docker:2375", "127.0.0.1:80"] {
            assert!(!names_loopback(text), "{text}");
        }
    }
}
