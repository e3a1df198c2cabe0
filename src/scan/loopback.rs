//! The strings of a Pod in the node's network that name a Docker daemon at the loopback address: there it is the node's.
//!
//! The engine judges `DOCKER_HOST`; what a command says is a text. A Pod that starts a daemon itself has its own. Pure.

use std::net::IpAddr;

use serde_json::Value;

use crate::scan::candidate::Candidate;
use crate::scan::chars::is_host;
use crate::scan::nodes;
use crate::scan::result::{Gap, Why};
use crate::scan::sources::assembly::items;
use crate::scan::ways::PORTS;

/// A gap for each such string of a candidate, in place of a file its pointer.
pub(super) fn gaps(candidate: &Candidate<'_>) -> Vec<Gap> {
    let spec = candidate.pod.as_ref().ok().and_then(|pod| pod.get("spec"));
    let Some(spec) = spec.filter(|spec| spec.get("hostNetwork") == Some(&Value::Bool(true))) else {
        return Vec::new();
    };
    let lists = ["initContainers", "containers"];
    let all = || lists.iter().flat_map(|list| items(spec.get(*list)));
    let is_daemon = |text: &str| text.contains("dind") || text.contains("dockerd");
    let mut found = Vec::new();
    all().for_each(|container| nodes::strings(container, "", &is_daemon, &mut found));
    if !found.is_empty() {
        return Vec::new();
    }
    for list in lists {
        for (index, container) in items(spec.get(list)).enumerate() {
            let at = format!("/spec/{list}/{index}");
            nodes::strings(container, &at, &names_loopback, &mut found);
        }
    }
    let gaps = found.iter().map(|pointer| Gap {
        place: candidate.pointers.outer(pointer),
        line: None,
        why: Why::NamesDaemon,
        message: format!(
            "{} {}: names a Docker daemon on its own machine, and is in the node's network (hostNetwork): it may be the \
             node's",
            candidate.kind, candidate.name
        ),
        mentions: None,
    });
    gaps.collect()
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
