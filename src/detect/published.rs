//! Variables that give the node as the address of published ports.
//!
//! With the node's daemon, `docker run -p` opens a port of the node, which is reached at `status.hostIP`.
//! With the Pod's own daemon, the port is in the Pod: at `localhost`, for each of its containers.

use crate::budget::{Budget, Excess};
use crate::model::expand::{Environment, Expanded, Piece, literal};
use crate::model::view::{Container, EnvVar, Pod};
use crate::names;

use super::docker_host::is_node_name;
use super::machine::is_machine_name;
use super::value_from::is_node_address;

/// Variables that mean nothing else. Others with `DOCKER` in their name may.
pub const NAMES: [&str; 6] = [
    // Testcontainers for Java, Node.js, Python, .NET, Go (docs: "Custom configuration").
    "TESTCONTAINERS_HOST_OVERRIDE",
    // Testcontainers for Go before 0.32 (testcontainers-go#2536), and for Python.
    "TC_HOST",
    // Eventuate and the Microservices Patterns examples (ftgo-application, set-env.sh).
    "DOCKER_HOST_IP",
    // LocalStack (docs: "Configuration"), by its present and former names.
    "LOCALSTACK_HOST",
    "LOCALSTACK_HOSTNAME",
    "HOSTNAME_EXTERNAL",
];

/// The address of published ports in a Pod with its own daemon.
const IN_THE_POD: &str = "localhost";

/// A variable whose value contains the node's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub index: usize,
    /// Whether the variable is one of [`NAMES`].
    pub is_sure: bool,
    /// The value with the Pod's address instead, if it can be written and the variable means nothing else.
    pub in_the_pod: Option<String>,
}

/// The variables of `container` that give the node as the address of published ports. One of some bytes may stand for
/// a value of thousands.
///
/// # Errors
/// If the values have more bytes than the budget.
pub fn on_the_node<'c>(
    pod: &'c Pod<'_>,
    container: &'c Container<'_>,
    budget: &'c Budget,
) -> impl Iterator<Item = Result<Published, Excess>> + 'c {
    let mut environment = None;
    let vars = container.env.iter().enumerate();
    vars.filter_map(move |(index, var)| {
        let name = &*var.name;
        let is_sure = NAMES.contains(&name);
        if !is_sure && (!name.contains("DOCKER") || name == names::DOCKER_HOST) {
            return None;
        }
        if is_sure && names_node(pod, &var.value) {
            let in_the_pod = Some(IN_THE_POD.to_owned());
            return Some(Ok(Published {
                index,
                is_sure,
                in_the_pod,
            }));
        }
        let in_the_pod = match moved(container, var, &mut environment, budget) {
            Ok(moved) => moved?,
            Err(excess) => return Some(Err(excess)),
        };
        Some(Ok(Published {
            index,
            is_sure,
            in_the_pod: in_the_pod.filter(|_| is_sure),
        }))
    })
}

/// Whether the value is a name of the node or of its machine. Docker's bridge is in the Pod too, with its ports.
fn names_node(pod: &Pod<'_>, value: &str) -> bool {
    let host = value.trim().trim_end_matches('.').to_ascii_lowercase();
    is_machine_name(&host) || is_node_name(pod, &host)
}

/// `None` if the value does not contain the node's address; `Some(None)` if its replacement cannot be
/// written.
#[expect(
    clippy::option_option,
    reason = "no such value, and one that cannot be said, are two things"
)]
fn moved<'c, 'a>(
    container: &'c Container<'a>,
    var: &EnvVar<'a>,
    environment: &mut Option<Environment<'c, 'a>>,
    budget: &Budget,
) -> Result<Option<Option<String>>, Excess> {
    if let Some(source) = var.value_from {
        return Ok(is_node_address(source).then(|| Some(IN_THE_POD.to_owned())));
    }
    // What is made of DOCKER_HOST leads where that leads, and that is told of DOCKER_HOST.
    if !var.value.contains("$(") || var.value.contains("$(DOCKER_HOST)") {
        return Ok(None);
    }
    let environment = environment.get_or_insert_with(|| Environment::of(container));
    let expanded = environment.expand(&var.value);
    budget.spend(expanded.length())?;
    let Expanded::Pieces(pieces) = expanded else {
        return Ok(None);
    };
    let says_node = |piece: &Piece<'_>| match piece {
        Piece::From(source) => is_node_address(source),
        Piece::Known(_) | Piece::Unset(_) => false,
    };
    if !pieces.iter().any(says_node) {
        return Ok(None);
    }
    let pieces = pieces.iter().map(|piece| match piece {
        Piece::Known(text) => Some(literal(text)),
        piece if says_node(piece) => Some(IN_THE_POD.to_owned()),
        Piece::From(_) | Piece::Unset(_) => None,
    });
    // Joined at once: a text that grows keeps up to twice its bytes, for each of thousands of variables.
    let pieces: Option<Vec<String>> = pieces.collect();
    Ok(Some(pieces.map(|pieces| pieces.concat())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(env: &serde_json::Value) -> Vec<Option<String>> {
        let json = serde_json::json!({ "env": env }).to_string();
        let container: Container<'_> = crate::json::from_str(&json).unwrap();
        let budget = Budget::new();
        let pod = Pod::default();
        let found = on_the_node(&pod, &container, &budget);
        found.map(|found| found.unwrap().in_the_pod).collect()
    }

    #[test]
    fn every_known_variable_that_says_the_node_says_the_pod() {
        let field = |path: &str| serde_json::json!({"fieldRef": {"fieldPath": path}});
        for name in NAMES {
            for path in ["status.hostIP", "spec.nodeName"] {
                let env = serde_json::json!([{"name": name, "valueFrom": field(path)}]);
                assert_eq!(found(&env), [Some("localhost".to_owned())], "{name}");
            }
            let env = serde_json::json!([{"name": name, "valueFrom": field("status.podIP")}]);
            assert_eq!(found(&env), [], "{name}");
            let env = serde_json::json!([{"name": name, "value": "docker.example"}]);
            assert_eq!(found(&env), [], "{name}");
        }
    }

    #[test]
    fn a_name_of_the_node_is_its_address() {
        let with = |value: &str| found(&serde_json::json!([{"name": "TC_HOST", "value": value}]));
        assert_eq!(
            with("Host.docker.internal."),
            [Some("localhost".to_owned())]
        );
        for elsewhere in ["docker.example", "172.17.0.1", "localhost", ""] {
            assert_eq!(with(elsewhere), [], "{elsewhere}");
        }
        let json = r#"{"spec":{"nodeName":"n1","containers":[{"env":[{"name":"TC_HOST","value":"N1"}]}]}}"#;
        let pod: Pod<'_> = crate::json::from_str(json).unwrap();
        let budget = Budget::new();
        assert_eq!(
            on_the_node(&pod, &pod.spec.containers[0], &budget).count(),
            1
        );
    }

    #[test]
    fn an_address_is_moved_inside_of_a_value() {
        let ip = serde_json::json!({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}});
        let with =
            |value: &str| found(&serde_json::json!([ip, {"name": "TC_HOST", "value": value}]));
        assert_eq!(with("$(IP)"), [Some("localhost".to_owned())]);
        assert_eq!(
            with("http://$(IP):80/$$x"),
            [Some("http://localhost:80/$$x".to_owned())]
        );
        assert_eq!(with("$(IP)$(OTHER)"), [None]);
        assert_eq!(with("$$(IP)"), []);
    }

    /// Each of these stands for four thousand bytes.
    #[test]
    fn many_short_variables_of_a_long_value_are_too_much() {
        let field = serde_json::json!({"fieldRef": {"fieldPath": "status.hostIP"}});
        let mut env = vec![
            serde_json::json!({"name": "A", "valueFrom": field}),
            serde_json::json!({"name": "B", "value": "x".repeat(4000)}),
        ];
        let short = serde_json::json!({"name": "TC_HOST", "value": "$(B)$(A)"});
        env.resize(10_000, short);
        let json = serde_json::json!({ "env": env }).to_string();
        let container: Container<'_> = crate::json::from_str(&json).unwrap();
        let budget = Budget::new();
        let pod = Pod::default();
        let mut found = on_the_node(&pod, &container, &budget);
        let kept = found.by_ref().take_while(Result::is_ok).count();
        assert!((1..3000).contains(&kept), "{kept}");
        assert_eq!(found.next(), Some(Err(Excess::Steps)));
    }

    #[test]
    fn other_variables_of_docker_are_told_and_nothing_else_is() {
        let node = serde_json::json!({"fieldRef": {"fieldPath": "status.hostIP"}});
        let of = |name: &str| found(&serde_json::json!([{"name": name, "valueFrom": node}]));
        assert_eq!(of("MY_DOCKER_IP"), [None]);
        for name in ["DOCKER_HOST", "DD_AGENT_HOST", "NODE_IP"] {
            assert_eq!(of(name), [], "{name}");
        }
    }
}
