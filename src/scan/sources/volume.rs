//! PersistentVolumes that hold a runtime's socket, and volumes of what makes no Pod.
//!
//! A Pod that uses one through a claim shows no `hostPath`, so neither the webhook nor a
//! review of the Pod sees it. Only the volume itself tells.

use serde_json::Value;

use crate::model::path::CleanPath;
use crate::model::sockets::{Leads, Sockets};

use crate::scan::candidate::{Object, each_item};
use crate::scan::finding::{Finding, How, ManualWork, Verdict, Workload};
use crate::scan::sources::{drone, gitlab};

/// The volumes of a document that hold a socket.
pub fn volumes(document: &Value, sockets: &Sockets) -> Vec<Workload> {
    let mut found = Vec::new();
    each_item(document, &mut |item, pointer| {
        let head = Object::of(item);
        if head.kind == "PersistentVolume" && head.is_of("") {
            found.extend(volume(item, head, pointer, sockets));
        }
        found.extend(drone::volumes(item, pointer, sockets));
        found.extend(gitlab::volumes(item, pointer, sockets));
    });
    found
}

fn volume(item: &Value, head: Object<'_>, pointer: &str, sockets: &Sockets) -> Option<Workload> {
    let spec = item.get("spec")?;
    let (key, path) = ["hostPath", "local"].into_iter().find_map(|key| {
        let path = spec.get(key)?.get("path")?.as_str()?;
        Some((key, path))
    })?;
    let clean = CleanPath::on_node(path);
    let holds = match sockets.leads(&clean) {
        Some(Leads::Socket) => "is the node's Docker socket",
        Some(Leads::Directory) => "is the directory of the node's Docker socket",
        Some(Leads::Ancestor) => "holds the node's Docker socket",
        Some(Leads::Runtime(_)) => "leads to the node's container runtime",
        Some(Leads::Data(_)) => "is data of the node's container runtime",
        Some(Leads::Storage) => "is storage of other Pods' daemons",
        Some(Leads::Client | Leads::Pipe(_)) | None => return None,
    };
    let claim = |key: &str| spec.get("claimRef")?.get(key)?.as_str();
    let used = match (claim("namespace"), claim("name")) {
        (Some(namespace), Some(name)) => format!("; it is bound to the claim {namespace}/{name}"),
        _ => String::new(),
    };
    Some(Workload {
        namespace: String::new(),
        kind: head.kind.to_owned(),
        name: head.name.to_owned(),
        base: pointer.to_owned(),
        spot: None,
        verdict: Verdict::Unseen,
        reason: "PersistentVolume",
        message: format!("its path {path} {holds}{used}"),
        rule: None,
        manual_work: Some(ManualWork::PersistentVolume),
        findings: vec![Finding {
            container: None,
            how: How::PersistentVolume,
            target: path.to_owned(),
            mount_path: None,
            pointer: format!("{pointer}/spec/{key}/path"),
            spot: None,
            verdict: Verdict::Unseen,
            manual_work: Some(ManualWork::PersistentVolume),
        }],
        notices: Vec::new(),
        risks: Vec::new(),
        change: None,
    })
}
