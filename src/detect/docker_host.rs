//! Where a container's `DOCKER_HOST` leads.
//!
//! A socket is not the only way to the node's daemon: `DOCKER_HOST=tcp://$(NODE_IP):2375`
//! with the node's address from the downward API is Docker-outside-of-Docker over TCP.

use std::sync::LazyLock;

use crate::json::{Raw, Text, Word, fields, from_str};
use crate::names;

use crate::model::expand::{Environment, Expanded, Piece};
use crate::model::place::Place;
use crate::model::view::{Container, EnvVar, Pod};

/// What a container has that sets the variable.
pub(crate) static WORD: LazyLock<[Word<'static>; 1]> =
    LazyLock::new(|| [Word::new(names::DOCKER_HOST)]);

/// What `DOCKER_HOST` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DockerHost {
    /// The variable is not set in `env`.
    Unset,
    /// A socket of the Pod, or an address that is not known to be the node's.
    Elsewhere,
    /// The node's daemon over TCP; the variable's index in `env`.
    Node(usize),
}

/// The containers of `pod` of which [`docker_host`] may tell something.
pub fn may_set<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = (Place, &'p Container<'a>)> {
    pod.containers_with(&*WORD)
}

/// Where `container`'s `DOCKER_HOST` leads.
pub fn docker_host(container: &Container<'_>) -> DockerHost {
    let named = |(_, var): &(usize, &EnvVar<'_>)| &*var.name == names::DOCKER_HOST;
    let Some((index, var)) = container.env.iter().enumerate().rev().find(named) else {
        return DockerHost::Unset;
    };
    let leads_to_node = match var.value_from {
        Some(source) => is_node_address(source),
        None => names_node_address(container, &var.value),
    };
    match leads_to_node {
        true => DockerHost::Node(index),
        false => DockerHost::Elsewhere,
    }
}

/// Whether a network address is made with a variable that holds the node's address, through
/// other variables too. Docker takes an address without a scheme for TCP.
fn names_node_address(container: &Container<'_>, value: &str) -> bool {
    if value.starts_with("unix:") || !value.contains("$(") {
        return false;
    }
    match Environment::of(container).expand(value) {
        Expanded::Pieces(pieces) => pieces.iter().any(|piece| match piece {
            Piece::From(source) => is_node_address(*source),
            Piece::Known(_) | Piece::Unset(_) => false,
        }),
        Expanded::Unknown => false,
    }
}

#[derive(Default)]
struct Source<'a> {
    field_ref: Option<FieldRef<'a>>,
}

fields!(Source<'a> { "fieldRef" => field_ref });

#[derive(Default)]
struct FieldRef<'a> {
    field_path: Text<'a>,
}

fields!(FieldRef<'a> { "fieldPath" => field_path });

pub(super) fn is_node_address(source: Raw<'_>) -> bool {
    let source: Result<Source<'_>, _> = from_str(source.get());
    let field = source.ok().and_then(|source| source.field_ref);
    field.is_some_and(|field| {
        matches!(
            &*field.field_path,
            "status.hostIP" | "status.hostIPs" | "spec.nodeName"
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn host(env: &str) -> DockerHost {
        let json = format!(r#"{{"env":{env}}}"#);
        docker_host(&from_str(&json).unwrap())
    }

    #[test]
    fn tells_the_nodes_address_from_others() {
        let node = r#"{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.hostIP"}}}"#;
        let var = |value: &str| format!(r#"{{"name":"DOCKER_HOST","value":"{value}"}}"#);
        assert_eq!(host("[]"), DockerHost::Unset);
        assert_eq!(
            host(&format!("[{node},{}]", var("tcp://$(IP):2375"))),
            DockerHost::Node(1)
        );
        for value in [
            "tcp://localhost:2375",
            "unix:///var/run/docker.sock",
            "tcp://$(X):1",
            "",
        ] {
            let env = format!("[{node},{}]", var(value));
            assert_eq!(host(&env), DockerHost::Elsewhere, "{value}");
        }
    }
}
