//! A stream of YAML or JSON: what makes Pods in it is changed where its parts are written.
//!
//! A part may be of several Pods (a workflow's volumes, a task's template of steps): it goes only where
//! none of them needs it any more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::convert::convert;
use crate::manifest::kinds;
use crate::manifest::{Document, Operation, PodRef, below, read_with_positions};
use crate::scan::candidate::{Candidate, candidates};
use crate::scan::parts::chunks;
use crate::scan::sources::jenkins::JENKINS_AGENT;
use crate::scan::sources::tekton::Beside;

use crate::migrate::advice::{self, CONTAINER, by_hand};
use crate::migrate::pod::{Migration, migration};
use crate::migrate::spot::{self, Naming, Spot};
use crate::migrate::touched::Touched;
use crate::migrate::{Around, ByHand, Changed, Context, Migrated, Patch, heirs, nested};

pub(super) fn migrate(context: &Context<'_>, text: &str, around: &Around) -> Migrated {
    let Ok(documents) = read_with_positions(text) else {
        return by_chunk(context, text, around);
    };
    let mut done = Migrated::unchanged(text);
    let mut planned = Vec::new();
    let all: Vec<Value> = documents
        .iter()
        .map(|document| document.value.clone())
        .collect();
    let beside = Beside::of(all.iter());
    for document in documents {
        let plan = Plan::of(context, &document, &beside, around);
        done.changed.extend(plan.changed);
        done.refused.extend(plan.refused);
        planned.push((document, plan.operations));
    }
    if planned.iter().any(|(_, operations)| !operations.is_empty()) {
        match convert(text, &planned) {
            Ok(text) => done.text = text,
            Err(error) => {
                let (line, message) = error.parts();
                let changed = done.changed.drain(..);
                done.refused
                    .extend(changed.map(|changed| changed.undone(line, &message)));
            }
        }
    }
    nested::migrate(context, text, done, around)
}

/// A stream of which a document cannot be read: the others are as good.
fn by_chunk(context: &Context<'_>, text: &str, around: &Around) -> Migrated {
    let mut done = Migrated::default();
    for (chunk, before) in chunks(text) {
        let part = match read_with_positions(chunk) {
            Ok(_) => migrate(context, chunk, around),
            Err(_) => Migrated::unchanged(chunk),
        };
        done.text.push_str(&part.text);
        done.changed
            .extend(part.changed.into_iter().map(|mut changed| {
                changed.line += before;
                changed
            }));
        done.refused
            .extend(part.refused.into_iter().map(|mut refused| {
                refused.line += before;
                refused
            }));
    }
    done
}

/// What becomes of one document.
#[derive(Default)]
struct Plan {
    operations: Vec<Operation>,
    changed: Vec<Changed>,
    refused: Vec<ByHand>,
}

/// A candidate that is to be changed.
struct Planned<'d> {
    candidate: Candidate<'d>,
    migration: Migration,
    spot: Spot,
    told: Changed,
}

/// The parts of a document that a Pod still needs, by pointer.
#[derive(Default)]
struct Parts {
    kept: BTreeSet<String>,
}

impl Plan {
    fn of(
        context: &Context<'_>,
        document: &Document,
        beside: &Beside<'_>,
        around: &Around,
    ) -> Self {
        let mut plan = Self::default();
        let mut planned = Vec::new();
        let mut parts = Parts::default();
        // What has parts in other documents is changed where these are.
        let found = candidates(&document.value, beside).into_iter();
        for candidate in found.filter(|candidate| candidate.others.is_empty()) {
            plan.candidate(
                context,
                document,
                around,
                candidate,
                &mut planned,
                &mut parts,
            );
        }
        plan.carry_out(document, planned, parts);
        plan
    }

    fn candidate<'d>(
        &mut self,
        context: &Context<'_>,
        document: &'d Document,
        around: &Around,
        candidate: Candidate<'d>,
        planned: &mut Vec<Planned<'d>>,
        parts: &mut Parts,
    ) {
        let positions = document.positions.as_ref();
        // A workload begins with its object, and a part of one where the part does.
        let at = match candidate.extent.as_slice() {
            [object] => object,
            _ => candidate.pointers.base(),
        };
        let position = positions.and_then(|all| all.nearest(at));
        let line = position.map_or(document.line, |position| position.line);
        let what = format!("{}/{}", candidate.kind, around.name_of(&candidate));
        let spot = spot::of(&candidate, &document.value);
        let naming = spot.as_ref().map_or(Naming::Own, |(_, naming)| *naming);
        let called = naming.called(&candidate);
        let found = match &called {
            Some(pod) => Ok(pod),
            None => candidate
                .pod
                .as_ref()
                .map(|pod| pod.as_ref())
                .map_err(Clone::clone),
        };
        let pod = PodRef {
            kind: candidate.maker,
            name: Some(&candidate.name),
            namespace: candidate.namespace,
            pointer: String::new(),
            pod: found,
        };
        let of_pod = || {
            let pod = candidate.pod.as_ref().ok()?;
            pod.get("metadata")?.get("namespace")?.as_str()
        };
        let namespace = candidate.namespace.or_else(of_pod);
        let setting = context.setting(namespace.or(around.namespace.as_deref()));
        let name = |place, own: &str| {
            let name = naming.name(&candidate, place, own)?;
            // Where no annotation is written, the names are for a person.
            let is_known = spot.is_ok() || {
                let at = candidate.pointers.outer(&place.to_string());
                advice::is_named(&document.value, &at, own)
            };
            Some(match is_known {
                true => name.into_owned(),
                false => CONTAINER.to_owned(),
            })
        };
        let judged = migration(context.policy, &setting, &pod, naming, &name);
        if !matches!(judged, Ok(None))
            && let Some(reason) = around.stays(&candidate)
        {
            parts.of_pod(&candidate, None);
            self.refused.push(ByHand::ignored(line, what, reason));
            return;
        }
        let refused = match judged {
            Ok(None) => None,
            Ok(Some(migration)) => match spot {
                Ok((spot, _)) => {
                    let told = Changed {
                        line,
                        what,
                        namespace: setting.namespace,
                        annotations: advice::annotations(&migration.annotations),
                    };
                    // No patch reaches into a text in a text.
                    let patches = if around.depth == 0 {
                        context.patches
                    } else {
                        &[]
                    };
                    if let Some(why) = clashes(patches, document, &candidate, &migration, &spot) {
                        parts.of_pod(&candidate, None);
                        self.refused.push(told.undone(line, &why));
                        return;
                    }
                    parts.of_pod(&candidate, Some(&migration));
                    planned.push(Planned {
                        told,
                        candidate,
                        migration,
                        spot,
                    });
                    return;
                }
                Err(place) => Some(by_hand(&migration, place)),
            },
            // The sidecar is written into a whole Pod, as these kinds have one.
            Err(refusal) if kinds::kind(None, candidate.kind).is_some() => {
                Some(refusal.with_sidecar())
            }
            Err(refusal) => Some(refusal.to_string()),
        };
        parts.of_pod(&candidate, None);
        if let Some(message) = refused {
            self.refused.push(ByHand {
                line,
                what,
                message,
                is_asked: false,
            });
        }
    }

    fn carry_out(&mut self, document: &Document, planned: Vec<Planned<'_>>, parts: Parts) {
        let mut spots: BTreeMap<String, Vec<(&'static str, String)>> = BTreeMap::new();
        let mut gone = BTreeSet::new();
        let mut annotated = Vec::new();
        for one in planned {
            let Planned {
                candidate,
                migration,
                spot,
                told,
            } = one;
            let mounts = mounts_of(&candidate, &migration);
            let (Spot::Map(at) | Spot::List(at)) = &spot;
            let annotations = spots
                .entry(at.clone())
                .or_insert_with(|| migration.annotations.clone());
            let volumes = volumes_of(&candidate, &migration);
            let clash = if !mounts
                .iter()
                .chain(&volumes)
                .all(|at| is_item(&document.value, at))
            {
                Some("a part of it stands in a string or in another document")
            } else if mounts.iter().any(|mount| parts.kept.contains(mount)) {
                Some("a mount of it is one of another Pod too, which is not changed")
            } else if *annotations != migration.annotations {
                Some("another Pod has its annotations at the same place, and needs others")
            } else {
                None
            };
            let added = match clash {
                Some(clash) => Err(clash),
                None => annotate(&document.value, &spot, &migration.annotations)
                    .ok_or("what holds its annotations is no mapping"),
            };
            match added {
                Ok(added) => {
                    if !annotated.contains(&spot) {
                        annotated.push(spot);
                        self.operations.extend(added);
                    }
                    gone.extend(mounts);
                    gone.extend(volumes);
                    self.changed.push(told);
                }
                Err(clash) => self.refused.push(ByHand {
                    line: told.line,
                    what: told.what,
                    message: by_hand(&migration, clash),
                    is_asked: false,
                }),
            }
        }
        gone.retain(|part| !parts.kept.contains(part));
        self.operations.extend(removals(&document.value, &gone));
    }
}

impl Parts {
    /// Notes what of the document a Pod needs when `migration` is carried out.
    fn of_pod(&mut self, candidate: &Candidate<'_>, migration: Option<&Migration>) {
        let Ok(pod) = &candidate.pod else { return };
        let spec = pod.get("spec");
        let list = |holder: Option<&Value>, key: &str| -> Vec<Value> {
            let list = holder.and_then(|holder| holder.get(key));
            list.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let gone: BTreeSet<String> = migration
            .into_iter()
            .flat_map(|migration| &migration.mounts)
            .map(|(place, mount)| format!("{place}/volumeMounts/{mount}"))
            .collect();
        let mut mounted = BTreeSet::new();
        for key in ["initContainers", "containers"] {
            for (index, container) in list(spec, key).iter().enumerate() {
                for (mount, value) in list(Some(container), "volumeMounts").iter().enumerate() {
                    let at = format!("/spec/{key}/{index}/volumeMounts/{mount}");
                    if !gone.contains(&at) {
                        self.kept.insert(candidate.pointers.outer(&at));
                        let name = value.get("name").and_then(Value::as_str);
                        mounted.extend(name.map(str::to_owned));
                    }
                }
            }
        }
        for (index, volume) in list(spec, "volumes").iter().enumerate() {
            let name = volume
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if mounted.contains(name) {
                let at = format!("/spec/volumes/{index}");
                self.kept.insert(candidate.pointers.outer(&at));
            }
        }
    }
}

/// What else would come out otherwise after the migration: other agents, and what kustomizations lay over it.
fn clashes(
    patches: &[&Patch],
    document: &Document,
    candidate: &Candidate<'_>,
    migration: &Migration,
    spot: &Spot,
) -> Option<String> {
    let mounts = mounts_of(candidate, migration);
    let base = candidate.pointers.base();
    let strangers = match candidate.kind == JENKINS_AGENT {
        true => heirs::strangers(&document.value, base, &mounts),
        false => None,
    };
    if strangers.is_some() || patches.is_empty() {
        return strangers;
    }
    let gone = mounts.into_iter().chain(volumes_of(candidate, migration));
    let (Spot::Map(at) | Spot::List(at)) = spot;
    let keys = migration.annotations.iter().map(|(key, _)| *key).collect();
    let touched = Touched::of(&document.value, gone, at, keys);
    touched.clashes(patches)
}

fn mounts_of(candidate: &Candidate<'_>, migration: &Migration) -> BTreeSet<String> {
    let mounts = migration.mounts.iter();
    let inner = mounts.map(|(place, mount)| format!("{place}/volumeMounts/{mount}"));
    inner
        .map(|inner| candidate.pointers.outer(&inner))
        .collect()
}

/// Whether an item of a list stands at `at`, so that it can be taken away.
fn is_item(document: &Value, at: &str) -> bool {
    let list = at
        .rsplit_once('/')
        .and_then(|(list, _)| document.pointer(list));
    list.is_some_and(Value::is_array) && document.pointer(at).is_some()
}

/// The volumes that go; those that stand with their mount go with it.
fn volumes_of(candidate: &Candidate<'_>, migration: &Migration) -> BTreeSet<String> {
    let volumes = migration.volumes.iter();
    let outer = volumes.map(|index| candidate.pointers.outer(&format!("/spec/volumes/{index}")));
    outer.filter(|at| at != candidate.pointers.base()).collect()
}

/// The operations that take `parts` away; a list of which nothing is left goes with them.
fn removals(document: &Value, parts: &BTreeSet<String>) -> Vec<Operation> {
    let mut lists: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for part in parts {
        if let Some((list, index)) = part.rsplit_once('/')
            && let Ok(index) = index.parse()
        {
            lists.entry(list).or_default().push(index);
        }
    }
    let mut operations = Vec::new();
    for (list, mut indices) in lists {
        let count = document
            .pointer(list)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let above = list.rsplit_once('/').map_or("", |(above, _)| above);
        let holder = document.pointer(above).and_then(Value::as_object);
        if let Some(holder) = holder.filter(|_| indices.len() == count) {
            // A template of which nothing is left says nothing.
            let is_template = above.ends_with("/stepTemplate") || above.ends_with("/podTemplate");
            let path = if is_template && holder.len() == 1 {
                above
            } else {
                list
            };
            operations.push(Operation::Remove {
                path: path.to_owned(),
            });
            continue;
        }
        indices.sort_unstable();
        operations.extend(indices.into_iter().rev().map(|index| Operation::Remove {
            path: format!("{list}/{index}"),
        }));
    }
    operations
}

/// The operations that write annotations; none where the document has something else there.
fn annotate(
    document: &Value,
    spot: &Spot,
    annotations: &[(&'static str, String)],
) -> Option<Vec<Operation>> {
    match spot {
        Spot::Map(at) => {
            let all: Map<String, Value> = annotations
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Value::String(value.clone())))
                .collect();
            match document.pointer(at) {
                Some(Value::Object(known)) if !known.is_empty() => Some(
                    all.into_iter()
                        .map(|(key, value)| Operation::Add {
                            path: below(at, &key),
                            value,
                        })
                        .collect(),
                ),
                Some(Value::Object(_) | Value::Null) | None => {
                    set(document, at, Value::Object(all))
                }
                Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                    None
                }
            }
        }
        Spot::List(at) => {
            let items = annotations
                .iter()
                .map(|(key, value)| json!({"key": key, "value": value}));
            match document.pointer(at) {
                Some(Value::Array(known)) if !known.is_empty() => Some(
                    items
                        .map(|value| Operation::Add {
                            path: format!("{at}/-"),
                            value,
                        })
                        .collect(),
                ),
                Some(Value::Array(_) | Value::Null) | None => {
                    set(document, at, Value::Array(items.collect()))
                }
                Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                    None
                }
            }
        }
    }
}

/// Sets the entry at `at`, and makes the mapping that holds it where there is none.
fn set(document: &Value, at: &str, value: Value) -> Option<Vec<Operation>> {
    let (holder, key) = at.rsplit_once('/')?;
    match document.pointer(holder) {
        Some(Value::Object(_)) => Some(vec![Operation::Add {
            path: at.to_owned(),
            value,
        }]),
        Some(Value::Null) | None => {
            let (above, _) = holder.rsplit_once('/')?;
            document.pointer(above)?.as_object()?;
            Some(vec![Operation::Add {
                path: holder.to_owned(),
                value: json!({ key: value }),
            }])
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => None,
    }
}
