//! One row for what belongs together: a Deployment, its ReplicaSets and their Pods.
//!
//! Whatever has an owner that is a finding itself is left out. Where the owner is clean (an
//! older ReplicaSet, a Pod that another webhook changed), the owned object stays. Pure.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::scan::finding::Workload;

/// A workload of a cluster with what ties it to others.
#[derive(Clone, Debug)]
pub struct Owned {
    /// Its uid.
    pub uid: String,
    /// What manages it.
    pub owner: Option<Owner>,
    /// The workload.
    pub workload: Workload,
}

/// The owner that manages an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its uid.
    pub uid: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Owner {
    /// The controller among an object's owners.
    pub fn of(object: &Value) -> Option<Self> {
        let owners = object.get("metadata")?.get("ownerReferences")?.as_array()?;
        let is_controller = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
        let owner = owners.iter().find(is_controller)?;
        let text = |key: &str| owner.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            uid: text("uid")?,
            kind: text("kind")?,
            name: text("name")?,
        })
    }
}

/// The owners of objects that have run their course, by these objects' uids: the last Pods of
/// an earlier ReplicaSet are its Deployment's.
pub type Passed = HashMap<String, Owner>;

/// The rows of a report.
pub fn rows(found: Vec<Owned>, passed: &Passed) -> Vec<Workload> {
    let uids: HashSet<String> = found.iter().map(|owned| owned.uid.clone()).collect();
    let mut row_of: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Workload> = Vec::new();
    for Owned {
        uid: _,
        owner,
        mut workload,
    } in found
    {
        let Some(owner) = owner else {
            rows.push(workload);
            continue;
        };
        let above = passed.get(&owner.uid);
        if uids.contains(&owner.uid) || above.is_some_and(|above| uids.contains(&above.uid)) {
            continue;
        }
        if workload.kind != "Pod" {
            rows.push(workload);
            continue;
        }
        // Pods of one owner are alike: a runner set's, a workflow's.
        let Owner { uid, kind, name } = owner;
        if let Some(row) = row_of.get(&uid).map(|index| &mut rows[*index]) {
            if workload.verdict > row.verdict {
                workload.kind.clone_from(&row.kind);
                workload.name.clone_from(&row.name);
                *row = workload;
            }
            continue;
        }
        row_of.insert(uid, rows.len());
        workload.kind = kind;
        workload.name = name;
        rows.push(workload);
    }
    rows.sort_by(|a, b| {
        let key = |w: &Workload| (w.namespace.clone(), w.kind.clone(), w.name.clone());
        key(a).cmp(&key(b))
    });
    rows
}

/// Whether an object has run its course: it reaches nothing any more.
pub fn is_over(object: &Value) -> bool {
    let at = |pointer: &str| object.pointer(pointer);
    let text = |pointer: &str| at(pointer).and_then(Value::as_str);
    match text("/kind") {
        Some("Pod") => matches!(text("/status/phase"), Some("Succeeded" | "Failed")),
        Some("Job") => {
            let conditions = at("/status/conditions").and_then(Value::as_array);
            conditions.into_iter().flatten().any(|condition| {
                let text = |key: &str| condition.get(key).and_then(Value::as_str);
                matches!(text("type"), Some("Complete" | "Failed"))
                    && text("status") == Some("True")
            })
        }
        // An earlier revision, kept for a rollback.
        Some("ReplicaSet") => {
            at("/spec/replicas") == Some(&Value::from(0)) && Owner::of(object).is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scan::finding::Verdict;

    fn owned(kind: &str, name: &str, uid: &str, owner: Option<(&str, &str, &str)>) -> Owned {
        Owned {
            uid: uid.to_owned(),
            owner: owner.map(|(kind, name, uid)| Owner {
                uid: uid.to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
            workload: Workload {
                namespace: "ci".to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
                base: String::new(),
                spot: None,
                verdict: Verdict::Swapped,
                reason: "Swapped",
                message: String::new(),
                rule: None,
                manual_work: None,
                findings: Vec::new(),
                notices: Vec::new(),
                risks: Vec::new(),
                change: None,
            },
        }
    }

    fn names(found: Vec<Owned>) -> Vec<String> {
        let rows = rows(found, &Passed::new()).into_iter();
        rows.map(|row| format!("{}/{}", row.kind, row.name))
            .collect()
    }

    #[test]
    fn a_deployment_its_replica_set_and_their_pods_are_one_row() {
        let mut found = vec![
            owned("Deployment", "web", "d", None),
            owned("ReplicaSet", "web-1", "r", Some(("Deployment", "web", "d"))),
        ];
        for n in 0..50 {
            let uid = format!("p{n}");
            found.push(owned("Pod", &uid, &uid, Some(("ReplicaSet", "web-1", "r"))));
        }
        assert_eq!(names(found), ["Deployment/web"]);
    }

    #[test]
    fn what_a_clean_owner_has_is_not_lost() {
        let found = vec![
            owned(
                "ReplicaSet",
                "web-1",
                "r",
                Some(("Deployment", "web", "clean")),
            ),
            owned("Pod", "web-1-a", "p", Some(("ReplicaSet", "web-1", "r"))),
            owned("Pod", "run-a", "q", Some(("EphemeralRunner", "run", "x"))),
            owned("Pod", "run-b", "s", Some(("EphemeralRunner", "run", "x"))),
            owned("Pod", "bare", "b", None),
        ];
        assert_eq!(
            names(found),
            ["EphemeralRunner/run", "Pod/bare", "ReplicaSet/web-1"]
        );
    }

    #[test]
    fn what_has_run_its_course_is_over() {
        for (object, expected) in [
            (
                json!({"kind": "Pod", "status": {"phase": "Succeeded"}}),
                true,
            ),
            (
                json!({"kind": "Pod", "status": {"phase": "Running"}}),
                false,
            ),
            (
                json!({"kind": "Job", "status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
                true,
            ),
            (
                json!({"kind": "Job", "status": {"conditions": [{"type": "Suspended", "status": "True"}]}}),
                false,
            ),
            (
                json!({"kind": "ReplicaSet", "spec": {"replicas": 0}}),
                false,
            ),
            (
                json!({"kind": "ReplicaSet", "spec": {"replicas": 0}, "metadata": {"ownerReferences":
                    [{"uid": "d", "kind": "Deployment", "name": "web", "controller": true}]}}),
                true,
            ),
        ] {
            assert_eq!(is_over(&object), expected, "{object}");
        }
    }
}
