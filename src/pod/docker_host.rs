//! Where a container's `DOCKER_HOST` leads.
//!
//! A socket is not the only way to the node's daemon: `DOCKER_HOST=tcp://$(NODE_IP):2375`
//! with the node's address from the downward API is Docker-outside-of-Docker over TCP.

use crate::names;

use super::view::{Container, EnvVar};

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

/// Where `container`'s `DOCKER_HOST` leads.
pub fn docker_host(container: &Container<'_>) -> DockerHost {
    let named = |(_, var): &(usize, &EnvVar<'_>)| &*var.name == names::DOCKER_HOST;
    let Some((index, var)) = container.env.iter().enumerate().rev().find(named) else {
        return DockerHost::Unset;
    };
    if is_node_address(var) || names_node_address(container, &var.value) {
        return DockerHost::Node(index);
    }
    DockerHost::Elsewhere
}

/// Whether a `tcp://` address uses a variable that holds the node's address.
fn names_node_address(container: &Container<'_>, value: &str) -> bool {
    let Some(mut rest) = value.strip_prefix("tcp://") else {
        return false;
    };
    while let Some((_, after)) = rest.split_once("$(") {
        let Some((name, tail)) = after.split_once(')') else {
            return false;
        };
        if container.env_var(name).is_some_and(is_node_address) {
            return true;
        }
        rest = tail;
    }
    false
}

fn is_node_address(var: &EnvVar<'_>) -> bool {
    var.value_from.is_some_and(|source| {
        let source = source.get();
        source.contains(r#""status.hostIP""#)
            || source.contains(r#""status.hostIPs""#)
            || source.contains(r#""spec.nodeName""#)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn host(env: &str) -> DockerHost {
        let json = format!(r#"{{"env":{env}}}"#);
        docker_host(&serde_json::from_str(&json).unwrap())
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
