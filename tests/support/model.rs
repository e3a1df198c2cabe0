//! A second opinion on which mounts of a Pod reach the node's Docker socket: simple, slow,
//! and written without the code under test.

use serde_json::Value;

/// What a mount shows of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The socket.
    Socket,
    /// `/run`, which holds it.
    Directory,
    /// `/` or `/var`, which hold it and much else.
    Ancestor,
}

pub const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Every mount of `pod` that reaches the node's Docker socket: container, mountPath, how.
pub fn ways_to_the_node(pod: &Value) -> Vec<(String, String, Shows)> {
    let mut ways = Vec::new();
    for container in containers(pod) {
        for mount in list(container, "volumeMounts") {
            let Some(volume) = list(&pod["spec"], "volumes").find(|v| name(v) == name(mount))
            else {
                continue;
            };
            let Some(host) = volume["hostPath"]["path"].as_str() else {
                continue;
            };
            let sub = match mount["subPathExpr"].as_str() {
                Some(expr) if !expr.is_empty() => with_literals(container, expr),
                _ => mount["subPath"].as_str().unwrap_or_default().to_owned(),
            };
            if let Some(shows) = shows(&format!("{host}/{sub}")) {
                let at = mount["mountPath"].as_str().unwrap_or_default();
                ways.push((name(container).to_owned(), at.to_owned(), shows));
            }
        }
    }
    ways
}

/// Every container of every list.
pub fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    LISTS.iter().flat_map(|field| list(&pod["spec"], field))
}

/// A list that may be missing or null.
pub fn list<'v>(object: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    object[field].as_array().into_iter().flatten()
}

/// The `name` of a container, volume or mount.
pub fn name(object: &Value) -> &str {
    object["name"].as_str().unwrap_or_default()
}

/// Every mount of a path of the node below one that the Pod may write, where it may have put a
/// link: container, mountPath. Of a `subPathExpr`, nothing is said.
pub fn links_of_its_own(pod: &Value) -> Vec<(String, String)> {
    let mounts = || {
        containers(pod).flat_map(|container| {
            list(container, "volumeMounts").filter_map(move |mount| {
                let volume = list(&pod["spec"], "volumes").find(|v| name(v) == name(mount))?;
                let host = volume["hostPath"]["path"].as_str()?;
                let expr = mount["subPathExpr"].as_str().unwrap_or_default();
                expr.is_empty().then_some((container, mount, host))
            })
        })
    };
    let whole = |host: &str, mount: &Value| {
        format!("{host}/{}", mount["subPath"].as_str().unwrap_or_default())
    };
    let written: Vec<String> = mounts()
        .filter(|(_, mount, _)| mount["readOnly"] != true)
        .map(|(_, mount, host)| whole(host, mount))
        .collect();
    // Whoever writes in /run needs no link.
    let written: Vec<Vec<String>> = written
        .iter()
        .filter(|path| shows(path).is_none())
        .map(|path| resolved(path))
        .collect();
    let mut links = Vec::new();
    for (container, mount, host) in mounts() {
        let path = resolved(host);
        let is_below = |above: &Vec<String>| path.len() > above.len() && path.starts_with(above);
        if written.iter().any(is_below) && shows(&whole(host, mount)).is_none() {
            let at = mount["mountPath"].as_str().unwrap_or_default();
            links.push((name(container).to_owned(), at.to_owned()));
        }
    }
    links
}

/// What a path of the node shows.
pub fn shows(path: &str) -> Option<Shows> {
    let parts = resolved(path);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["run", "docker.sock"] => Some(Shows::Socket),
        ["run"] => Some(Shows::Directory),
        ["var", "snap", "microk8s", "current", "docker.sock"] => Some(Shows::Socket),
        [] | ["var"] | ["proc"] | ["run", "user"] => Some(Shows::Ancestor),
        // What lies in a process of the node may be anything.
        ["proc", pid, ..] if *pid == "self" || pid.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Shows::Ancestor)
        }
        _ => None,
    }
}

/// The components of a path of the node, links followed.
fn resolved(path: &str) -> Vec<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    // The root and the working directory of the first process are the node's root.
    loop {
        match parts.as_slice() {
            ["proc", "1" | "self", "root" | "cwd", ..] => drop(parts.drain(..3)),
            ["proc", "1" | "self", "task", _tid, "root" | "cwd", ..] => drop(parts.drain(..5)),
            _ => break,
        }
    }
    if let ["var", "run", ..] = parts.as_slice() {
        parts.remove(0);
    }
    parts.into_iter().map(str::to_owned).collect()
}

/// `$(NAME)` replaced by literal values; other references stay. A variable sees those before it, and of two of one
/// name the last one counts.
fn with_literals(container: &Value, expr: &str) -> String {
    let mut values: Vec<(&str, Option<String>)> = Vec::new();
    for var in list(container, "env") {
        let value = match (var["valueFrom"].is_null(), var["value"].as_str()) {
            (true, Some(value)) => Some(replaced(&values, value)),
            _ => None,
        };
        values.retain(|(known, _)| *known != name(var));
        values.push((name(var), value));
    }
    replaced(&values, expr)
}

/// Once, from left to right, as the kubelet does.
fn replaced(values: &[(&str, Option<String>)], text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        rest = behind;
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
        } else if let Some((name, behind)) = rest
            .strip_prefix('(')
            .and_then(|reference| reference.split_once(')'))
        {
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, Some(value))) => out.push_str(value),
                _ => out.push_str(&format!("$({name})")),
            }
            rest = behind;
        } else {
            out.push('$');
        }
        if out.len() > 1 << 16 {
            break;
        }
    }
    out.push_str(rest);
    out
}
