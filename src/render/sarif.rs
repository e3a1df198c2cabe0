//! A scan's result as SARIF 2.1.0, for code scanning in a forge and in editors.
//!
//! One result for each way to a node's runtime, and one for each hint that matters. What
//! could not be looked at is a notification of the run. Source: OASIS, "Static Analysis
//! Results Interchange Format (SARIF) Version 2.1.0".

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use crate::names;
use crate::scan::baseline;
use crate::scan::finding::{Finding, How, Spot, Verdict, Workload};
use crate::scan::percent;
use crate::scan::result::{Gap, Report};
use crate::scan::risk::{RULES, Risk, Weight};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A way to a runtime as a rule: fixed word, title, help.
const WAYS: [(&str, &str, &str); 13] = [
    (
        "socket",
        "The node's Docker socket is mounted",
        "Whoever can use this socket is root on the node and sees every container there. The webhook \
         swaps it for a Docker daemon of the Pod's own.",
    ),
    (
        "directory",
        "The directory of the node's Docker socket is mounted",
        "A mount of /var/run or /run holds docker.sock. The webhook swaps it for a Docker daemon of the \
         Pod's own; node agents are left to a person.",
    ),
    (
        "ancestor",
        "A directory above the node's Docker socket is mounted",
        "A mount of / or /var reaches docker.sock, and everything else. Mount only the directories that \
         are needed.",
    ),
    (
        "client",
        "The node's docker client is mounted",
        "The client goes with a mounted socket, and is swapped with it.",
    ),
    (
        "other-runtime",
        "Another container runtime's socket is mounted",
        "A Docker daemon does not replace it. Remove the mount, or exempt it by a rule.",
    ),
    (
        "data-directory",
        "A container runtime's images and containers may be written",
        "Whoever writes there owns every container of the node. Mount it with readOnly: true, for Docker and CRI-O \
         with recursiveReadOnly: Enabled as well, or remove the mount.",
    ),
    (
        "link",
        "A path below a directory that the Pod may write is mounted",
        "The Pod can put a link there that leads to the node's Docker socket. Mount the upper directory \
         with readOnly: true, or only one of the two.",
    ),
    (
        "unknown-socket",
        "What may be a Docker socket is mounted",
        "It is called docker.sock, or mounted in its place, and no known one. Where nodes have a Docker \
         socket there, add its path to sockets of the policy.",
    ),
    (
        "host-path",
        "A path of the node is mounted that the policy does not allow",
        "Use a volume of the Pod's own, or have an admin add the path to allowedHostPaths.",
    ),
    (
        "named-pipe",
        "A Windows node's runtime is reached by a named pipe",
        "The webhook leaves Windows alone. Remove the mount.",
    ),
    (
        "sub-path-expr",
        "A subPathExpr may lead to the node's Docker socket",
        "Where it leads is known only on the node. Use subPath with a fixed path.",
    ),
    (
        "tcp-docker-host",
        "DOCKER_HOST leads to the node's Docker daemon",
        "The node's daemon listens on TCP, for every Pod. Remove DOCKER_HOST, or let a rule replace it \
         (tcpDockerHost: Replace), and close the port.",
    ),
    (
        "persistent-volume",
        "A PersistentVolume holds a container runtime's socket",
        "A claim hides what it mounts, so the webhook does not see who uses it. Delete the volume.",
    ),
];

/// The result as a SARIF log.
pub fn sarif(report: &Report) -> Value {
    let mut results = Vec::new();
    for workload in &report.workloads {
        for finding in &workload.findings {
            results.push(way(workload, finding, report.cluster.is_some()));
        }
        for risk in &workload.risks {
            results.extend(hint(workload, risk));
        }
    }
    let mut invocation = json!({
        "executionSuccessful": report.is_complete(),
        "toolExecutionNotifications": report.gaps.iter().map(notification).collect::<Vec<_>>(),
    });
    if let Some(basis) = &report.basis {
        invocation["endTimeUtc"] = basis.made.as_str().into();
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": names::PROGRAM,
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            }},
            "columnKind": "unicodeCodePoints",
            "properties": properties(report),
            "invocations": [invocation],
            "results": results,
        }],
    })
}

/// By what the results were judged.
fn properties(report: &Report) -> Value {
    match &report.basis {
        Some(basis) => json!({"policy": basis.policy(), "scanned": basis.source}),
        None => json!({}),
    }
}

fn rules() -> Vec<Value> {
    let ways = WAYS.iter().map(|(id, title, help)| {
        json!({
            "id": format!("docker/{id}"),
            "name": pascal(id),
            "shortDescription": {"text": title},
            "fullDescription": {"text": help},
            "help": {"text": help},
            "defaultConfiguration": {"level": "warning"},
            "helpUri": help_uri(id),
            "properties": {
                "tags": ["security", "kubernetes"],
                "security-severity": severity(id),
            },
        })
    });
    let hints = RULES.iter().map(|rule| {
        json!({
            "id": format!("migration/{}", rule.id),
            "name": pascal(rule.id),
            "shortDescription": {"text": sentence(rule.title)},
            "fullDescription": {"text": rule.help},
            "help": {"text": rule.help},
            "defaultConfiguration": {"level": level_of(rule.weight)},
            "properties": {"tags": ["migration", "kubernetes"]},
        })
    });
    ways.chain(hints).collect()
}

/// The page of Kubernetes' or Docker's own documentation on what a rule is about.
fn help_uri(id: &str) -> &'static str {
    match id {
        "persistent-volume" => "https://kubernetes.io/docs/concepts/storage/persistent-volumes/",
        "sub-path-expr" => {
            "https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath-expanded-environment"
        }
        "tcp-docker-host" => "https://docs.docker.com/engine/security/protect-access/",
        _ => "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
    }
}

/// From 0 to 10, as code scanning sorts by it: root on the node is 9 and more.
fn severity(id: &str) -> &'static str {
    match id {
        "tcp-docker-host" => "9.8",
        "socket" | "directory" | "ancestor" | "other-runtime" | "persistent-volume" => "9.3",
        "data-directory" | "link" => "8.8",
        "named-pipe" => "8.0",
        "unknown-socket" | "sub-path-expr" => "7.0",
        "host-path" => "5.0",
        _ => "3.0",
    }
}

/// The rule's index in [`rules`].
fn index_of_way(how: &How) -> Option<usize> {
    WAYS.iter().position(|(id, ..)| *id == how.name())
}

fn way(workload: &Workload, finding: &Finding, is_live: bool) -> Value {
    let level = match finding.verdict {
        Verdict::Denied | Verdict::Unseen => "error",
        Verdict::Swapped | Verdict::Warned => "warning",
        Verdict::Allowed => "note",
    };
    let named = match &finding.container {
        Some(container) => format!("container {container} of {}", title(workload)),
        None => title(workload),
    };
    let reason = match finding.verdict {
        Verdict::Denied => &workload.message,
        verdict => verdict.sentence(),
    };
    let mut text = format!(
        "{named} reaches the node's container runtime by {}. Under the policy it {} {}: {reason}.",
        finding.target,
        if is_live { "is" } else { "would be" },
        match finding.verdict {
            Verdict::Swapped => "swapped",
            Verdict::Allowed => "allowed",
            Verdict::Warned => "warned about",
            Verdict::Unseen => "unseen",
            Verdict::Denied => "denied",
        }
    );
    if let Some(manual_work) = &finding.manual_work {
        text.push(' ');
        text.push_str(manual_work.advice());
    }
    let mut result = json!({
        "ruleId": format!("docker/{}", finding.how.name()),
        "level": level,
        "message": {"text": text},
        "locations": [location(workload, finding.container.as_deref(), finding.spot.as_ref())],
        "partialFingerprints": {baseline::WAY: baseline::way(workload, finding)},
        "properties": {
            "verdict": finding.verdict.name(),
            "pointer": finding.pointer,
        },
    });
    if let Some(index) = index_of_way(&finding.how) {
        result["ruleIndex"] = index.into();
    }
    if let Some(manual_work) = &finding.manual_work {
        result["properties"]["needsHand"] = manual_work.name().into();
    }
    result
}

/// A hint, where its container reaches the runtime; none for a container that does not.
fn hint(workload: &Workload, risk: &Risk) -> Option<Value> {
    let index = RULES.iter().position(|rule| *rule == risk.rule)?;
    let of_container = |finding: &&Finding| finding.container.as_deref() == Some(&risk.container);
    let finding = workload.findings.iter().find(of_container)?;
    Some(json!({
        "ruleId": format!("migration/{}", risk.rule.id),
        "ruleIndex": WAYS.len() + index,
        "level": level_of(risk.rule.weight),
        "message": {"text": format!(
            "container {} of {}: {} ({}). {}",
            risk.container,
            title(workload),
            risk.rule.title,
            risk.seen,
            risk.rule.help
        )},
        "locations": [location(workload, Some(&risk.container), finding.spot.as_ref())],
        "partialFingerprints": {
            "migrationHint/v1": fingerprint(workload, &[&risk.container, risk.rule.id]),
        },
    }))
}

fn level_of(weight: Weight) -> &'static str {
    match weight {
        Weight::Note => "note",
        Weight::Caution | Weight::Useless => "warning",
    }
}

fn location(workload: &Workload, container: Option<&str>, spot: Option<&Spot>) -> Value {
    let mut path = vec![workload.namespace.as_str(), &workload.kind, &workload.name];
    path.retain(|part| !part.is_empty());
    path.extend(container);
    let mut location = json!({
        "logicalLocations": [{"fullyQualifiedName": path.join("/"), "kind": "resource"}],
    });
    if let Some(spot) = spot {
        location["physicalLocation"] = json!({
            "artifactLocation": {"uri": uri(&spot.file)},
            "region": {"startLine": spot.line, "startColumn": spot.column},
        });
    }
    location
}

fn notification(gap: &Gap) -> Value {
    let mut text = format!("not looked at ({}): {}", gap.why.name(), gap.message);
    if let Some(line) = gap.mentions.filter(|line| gap.line != Some(*line)) {
        text.push_str(&format!("; line {line} names a container runtime's socket"));
    }
    let mut physical = json!({"artifactLocation": {"uri": uri(&gap.place)}});
    if let Some(line) = gap.line {
        physical["region"] = json!({"startLine": line});
    }
    json!({
        "level": "error",
        "message": {"text": text},
        "descriptor": {"id": gap.why.name()},
        "properties": {baseline::GAP: baseline::of_gap(gap)},
        "locations": [{"physicalLocation": physical}],
    })
}

fn title(workload: &Workload) -> String {
    format!("{} {}", workload.kind, workload.name)
}

/// What stays the same when lines move.
fn fingerprint(workload: &Workload, parts: &[&str]) -> String {
    let mut text = [workload.namespace.as_str(), &workload.kind, &workload.name].join("/");
    for part in parts {
        text.push('|');
        text.push_str(part);
    }
    text
}

/// A path as a relative reference, or as a `file` URI.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    format!("{scheme}{}", utf8_percent_encode(path, percent::PATH))
}

fn pascal(id: &str) -> String {
    let words = id.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn sentence(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri_reference() {
        assert_eq!(uri("./k8s/a b.yaml"), "k8s/a%20b.yaml");
        assert_eq!(uri("/x/ü.yaml"), "file:///x/%C3%BC.yaml");
        assert_eq!(uri("a:b#c"), "a%3Ab%23c");
    }

    #[test]
    fn every_way_to_a_runtime_has_its_rule() {
        for how in [
            How::Socket,
            How::Directory,
            How::Ancestor,
            How::Client,
            How::OtherRuntime("containerd"),
            How::DataDirectory("Docker"),
            How::Link,
            How::UnknownSocket,
            How::HostPath,
            How::NamedPipe("Docker"),
            How::SubPathExpr,
            How::TcpDockerHost,
            How::PersistentVolume,
        ] {
            assert!(index_of_way(&how).is_some(), "{}", how.name());
        }
    }
}
