//! One Pod: which of its mounts and volumes go, and which annotations come in their place.
//!
//! What an annotation alone would give is left to it; where the Pod has the socket elsewhere, or the
//! directory, or the client, the annotation says so. The result is tried: the webhook must make the same of
//! the Pod as it was and of the Pod as it will be.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::decide::Policy;
use crate::decide::rule::Action as RuleAction;
use crate::decide::rule_match::{Effect, MatchedPart};
use crate::detect::mounts::{Finding, Reach};
use crate::manifest::PodRef;
use crate::model::asked::MountOption;
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::scope::Scope;
use crate::model::sockets::DEFAULT_SOCKET;
use crate::model::view::{Pod, VolumeMount};
use crate::names;
use crate::review;
use crate::review::Action;
use crate::review::offline::{OfflineError, Setting, evaluate, view};
use crate::text::shortened;

use crate::migrate::same::{Difference, injected, same};
use crate::migrate::spot::Naming;

/// What takes the place of a Pod's mounts of a node's daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The mounts that go, in the Pod's order.
    pub mounts: Vec<(Place, usize)>,
    /// The volumes that nothing mounts any more, by index.
    pub volumes: Vec<usize>,
    /// The annotations that come, in their order.
    pub annotations: Vec<(&'static str, String)>,
}

/// Why a Pod is not changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no Pod, or too much of one.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The policy refuses it.
    #[error("denied: {0}")]
    Denied(String),
    /// The policy would ignore the annotation.
    #[error(
        "the policy ignores the annotation here (rule {rule}), and the Pod would start without Docker: label \
         namespace {namespace} so that a rule with annotation: Honor matches it, or give rule {rule} annotation: Honor"
    )]
    Ignored {
        /// The rule.
        rule: String,
        /// The Pod's namespace.
        namespace: String,
    },
    /// The annotated Pod would be refused.
    #[error("the annotated Pod is denied: {0}")]
    AnnotatedDenied(String),
    /// A mount of the Pod has what no annotation says.
    #[error("container {container}: {what}, which no annotation can carry; change the mount")]
    Mount {
        /// The container.
        container: String,
        /// What it has.
        what: String,
    },
    /// The containers are named later, and not all of them use Docker alike.
    #[error(
        "its containers get their names later and do not all mount the same, so that the annotation {} cannot \
         name them; mount it in all of them or in none, or leave it to the swap when the Pod is made",
        names::CONTAINERS
    )]
    Unnamed,
    /// A container that uses Docker has no name.
    #[error(
        "a container that mounts it has no name, and the annotation {} needs one; give it a name",
        names::CONTAINERS
    )]
    NoName,
    /// The webhook would make another Pod of it.
    #[error("the webhook would not make the same Pod of it: {at} would differ; change it by hand")]
    Differs {
        /// The JSON pointer of the difference.
        at: String,
    },
}

impl Refusal {
    /// What to do, where the sidecar itself can be written in place of the annotation.
    pub fn with_sidecar(&self) -> String {
        match self {
            Self::Mount { .. } | Self::Differs { .. } => {
                format!("{self}, or use --to sidecar for this Pod")
            }
            Self::Offline(_)
            | Self::Denied(_)
            | Self::Ignored { .. }
            | Self::AnnotatedDenied(_)
            | Self::Unnamed
            | Self::NoName => self.to_string(),
        }
    }
}

/// What a mount is, as the annotation writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    place: Place,
    text: String,
    /// Where the container sees it, as it is written.
    at: String,
    is_socket: bool,
    /// Whether the annotation alone gives the same.
    is_default: bool,
}

/// What the engine says to a Pod as it is.
struct Looked {
    swaps: Vec<(Place, usize)>,
    items: Vec<Item>,
    volumes: Vec<usize>,
    /// The containers, by place and name.
    containers: Vec<(Place, String)>,
    /// Whether a container that uses Docker mounts something at `/tmp`.
    has_tmp: bool,
    /// Mounts that the policy warns of and does not swap.
    is_warned: bool,
}

/// What is to be changed in a Pod, or nothing.
///
/// `name` gives the name that a container will have.
///
/// # Errors
/// Where it reaches a node's daemon and cannot be changed.
pub fn migration(
    policy: &Policy,
    setting: &Setting,
    pod: &PodRef<'_>,
    naming: Naming,
    name: &dyn Fn(Place, &str) -> Option<String>,
) -> Result<Option<Migration>, Refusal> {
    let object = pod
        .pod
        .as_ref()
        .map_err(|error| OfflineError::from(error.clone()))?;
    let mut looked = look(policy, setting, pod)?;
    // What is only warned of is changed as a rule that swaps would have it.
    let mut judged = std::borrow::Cow::Borrowed(policy);
    if looked.swaps.is_empty() && looked.is_warned {
        let swapping = swapping(policy);
        looked = look(&swapping, setting, pod)?;
        judged = std::borrow::Cow::Owned(swapping);
    }
    if looked.swaps.is_empty() {
        return Ok(None);
    }
    let before = injected(&judged, setting, pod, object)?;
    let mut first = None;
    for whole in [false, true] {
        let here = annotations(
            &looked,
            object,
            naming,
            &|_, name| Some(name.to_owned()),
            whole,
        )?;
        let now = changed(object, &looked, &here);
        let after = injected(&judged, setting, pod, &now)?;
        let (Some(before), Some(after)) = (&before, &after) else {
            return Err(
                ignored(policy, setting, pod, &now)?.unwrap_or(Refusal::Differs {
                    at: "the daemon".to_owned(),
                }),
            );
        };
        match same(before, after) {
            Ok(()) => {
                if let Some(refusal) = ignored(policy, setting, pod, &now)? {
                    return Err(refusal);
                }
                return Ok(Some(Migration {
                    annotations: annotations(&looked, object, naming, name, whole)?,
                    mounts: looked.swaps,
                    volumes: looked.volumes,
                }));
            }
            Err(Difference(at)) => first = first.or(Some(at)),
        }
    }
    let at = first.unwrap_or_default();
    Err(Refusal::Differs { at })
}

/// The policy with every rule that only warns of sockets swapping them.
fn swapping(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    let otherwise = std::iter::once(&mut policy.otherwise);
    for rule in policy.rules.iter_mut().chain(otherwise) {
        if rule.host_sockets == RuleAction::Warn {
            rule.host_sockets = RuleAction::Swap;
        }
    }
    policy
}

/// Why the policy gives no daemon to the Pod as it will be, if it gives none.
fn ignored(
    policy: &Policy,
    setting: &Setting,
    pod: &PodRef<'_>,
    now: &Map<String, Value>,
) -> Result<Option<Refusal>, Refusal> {
    let found = PodRef {
        pod: Ok(now),
        pointer: String::new(),
        ..pod.clone()
    };
    let outcome = evaluate(policy, setting, &found)?;
    Ok(match &outcome.action {
        Action::Changed(_) => None,
        Action::Denied(denial) => Some(Refusal::AnnotatedDenied(denial.to_string())),
        Action::Left(_) => Some(Refusal::Ignored {
            rule: outcome.rule.unwrap_or_default().to_owned(),
            namespace: setting.namespace.clone(),
        }),
    })
}

fn look(policy: &Policy, setting: &Setting, pod: &PodRef<'_>) -> Result<Looked, Refusal> {
    view(setting, pod, |subject, view| {
        let outcome =
            review::pass(policy, subject, view, Scope::Creation).map_err(OfflineError::from)?;
        if let Action::Denied(denial) = &outcome.action {
            return Err(Refusal::Denied(denial.to_string()));
        }
        let with = |effect: Effect| {
            let matches = outcome.rule_matches.iter();
            matches.filter_map(move |rule_match| match rule_match.part {
                MatchedPart::Mount(index) if rule_match.effect == effect => Some(index),
                _ => None,
            })
        };
        let findings = &outcome.findings;
        let is_socket =
            |finding: &Finding| matches!(finding.reach, Reach::Socket(_) | Reach::Directory);
        let is_warned = with(Effect::Warn).any(|index| is_socket(&findings[index]));
        let swaps: Vec<&Finding> = match &outcome.action {
            Action::Changed(_) => with(Effect::Swap).map(|index| &findings[index]).collect(),
            Action::Left(_) | Action::Denied(_) => Vec::new(),
        };
        let items = swaps.iter().map(|finding| item(view, finding));
        Ok(Looked {
            items: without_twins(items.collect::<Result<_, _>>()?),
            volumes: unused(view, &swaps),
            containers: view
                .containers()
                .map(|(place, container)| (place, container.name.to_string()))
                .collect(),
            has_tmp: swaps
                .iter()
                .filter(|finding| is_socket(finding))
                .any(|finding| {
                    let mut mounts = view.container(finding.place).volume_mounts.iter();
                    mounts.any(|mount| CleanPath::new(&mount.mount_path).as_str() == "/tmp")
                }),
            is_warned,
            swaps: swaps
                .iter()
                .map(|finding| (finding.place, finding.mount))
                .collect(),
        })
    })?
}

/// Volumes of which every mount goes.
fn unused(pod: &Pod<'_>, swaps: &[&Finding]) -> Vec<usize> {
    let volumes: BTreeSet<usize> = swaps.iter().map(|finding| finding.volume).collect();
    let gone: BTreeSet<(Place, usize)> = swaps.iter().map(|f| (f.place, f.mount)).collect();
    let is_unused = |volume: &usize| {
        let name = &*pod.spec.volumes[*volume].name;
        pod.containers().all(|(place, container)| {
            let mounts = container.volume_mounts.iter().enumerate();
            let mut left = mounts.filter(|(index, _)| !gone.contains(&(place, *index)));
            left.all(|(_, mount)| *mount.name != *name)
        })
    };
    volumes.into_iter().filter(is_unused).collect()
}

/// A mount that goes, as the annotation writes it.
fn item(pod: &Pod<'_>, finding: &Finding) -> Result<Item, Refusal> {
    let container = pod.container(finding.place);
    let mount = &container.volume_mounts[finding.mount];
    let refused = |what: String| Refusal::Mount {
        container: shortened(&container.name, 63).into_owned(),
        what,
    };
    let option = option(mount).map_err(refused)?;
    let (node, at) = (finding.node_path.as_str(), &*mount.mount_path);
    for path in [node, at] {
        let is_plain = path.starts_with('/') && !path.contains([',', ':', '=', ' ', '\n']);
        if !is_plain {
            let path = shortened(path, 80);
            return Err(refused(format!("its mount of the daemon at {path:?}")));
        }
    }
    let (is_socket, is_file) = match &finding.reach {
        Reach::Socket(file) => (true, file == names::SOCKET_FILE),
        _ => (finding.reach != Reach::Client, false),
    };
    let others = container.volume_mounts.iter().enumerate();
    let mut others = others.filter(|(index, _)| *index != finding.mount);
    let is_alone = others.all(|(_, other)| {
        let at = CleanPath::new(&other.mount_path).unlinked();
        !matches!(at.as_str(), "/run" | "/run/docker.sock")
    });
    let is_default = is_file
        && is_alone
        && option.is_none()
        && at == DEFAULT_SOCKET
        && node == "/run/docker.sock";
    let suffix = option.map_or_else(String::new, |option| format!(":{}", option.word()));
    Ok(Item {
        place: finding.place,
        text: format!("{node}:{at}{suffix}"),
        at: at.to_owned(),
        is_socket,
        is_default,
    })
}

/// Items without those that another one of the container has at the same place: `/run` and `/var/run` are one in images,
/// and the annotation takes each place once.
fn without_twins(items: Vec<Item>) -> Vec<Item> {
    let place = |item: &Item| {
        let at = CleanPath::new(&item.at).unlinked().as_str().to_owned();
        (
            item.place,
            at,
            item.text.replacen(&format!(":{}", item.at), ":", 1),
        )
    };
    let is_twin = |item: &Item, other: &Item| item.at < other.at && place(item) == place(other);
    let is_kept = |item: &&Item| !items.iter().any(|other| is_twin(item, other));
    items.iter().filter(is_kept).cloned().collect()
}

fn option(mount: &VolumeMount<'_>) -> Result<Option<MountOption>, String> {
    let recursive = &*mount.recursive_read_only;
    if !matches!(recursive, "" | "Disabled") {
        return Err(format!("its mount says recursiveReadOnly: {recursive}"));
    }
    let propagation = match &*mount.mount_propagation {
        "" | "None" => None,
        "HostToContainer" => Some(MountOption::HostToContainer),
        "Bidirectional" => Some(MountOption::Bidirectional),
        other => return Err(format!("its mount says mountPropagation: {other}")),
    };
    match (mount.read_only, propagation) {
        (true, Some(_)) => Err("its mount is readOnly and says a mountPropagation".to_owned()),
        (true, None) => Ok(Some(MountOption::ReadOnly)),
        (false, propagation) => Ok(propagation),
    }
}

/// The annotations. `whole` writes out also what they would give without it.
fn annotations(
    looked: &Looked,
    object: &Map<String, Value>,
    naming: Naming,
    name: &dyn Fn(Place, &str) -> Option<String>,
    whole: bool,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let Looked {
        items, containers, ..
    } = looked;
    let written = |key: &str| -> Option<&str> {
        object
            .get("metadata")?
            .get("annotations")?
            .get(key)?
            .as_str()
    };
    let named = |place: Place| -> Result<String, Refusal> {
        let own = containers.iter().find(|(at, _)| *at == place);
        let own = own.map_or("", |(_, name)| name.as_str());
        if own.is_empty() {
            return Err(Refusal::NoName);
        }
        name(place, own).ok_or(Refusal::Unnamed)
    };
    let users: BTreeSet<Place> = items
        .iter()
        .filter(|item| item.is_socket)
        .map(|item| item.place)
        .collect();
    let of = |place: Place| items.iter().filter(move |item| item.place == place);
    let is_default = |place: Place| of(place).all(|item| item.is_default) && of(place).count() == 1;
    let mut found = vec![(names::INJECT, "true".to_owned())];
    let texts = |place: Place| -> Vec<&str> { of(place).map(|item| item.text.as_str()).collect() };
    let places: BTreeSet<Place> = items.iter().map(|item| item.place).collect();
    let first = users.first().copied();
    let is_alike = first.is_some_and(|first| {
        places == users && users.iter().all(|place| texts(*place) == texts(first))
    });
    if naming == Naming::Every {
        let all = containers.iter().map(|(place, _)| *place);
        if !is_alike || all.collect::<BTreeSet<Place>>() != users {
            return Err(Refusal::Unnamed);
        }
    } else {
        let mut list: Vec<String> = Vec::new();
        for place in &users {
            let name = named(*place)?;
            if !list.contains(&name) {
                list.push(name);
            }
        }
        // What was asked for before is asked for still.
        if written(names::INJECT) == Some("true") {
            let asked = written(names::CONTAINERS)
                .unwrap_or_default()
                .split(',')
                .map(str::trim);
            for name in asked.filter(|name| !name.is_empty()) {
                if list.iter().all(|known| known != name) {
                    list.push(name.to_owned());
                }
            }
        }
        found.push((names::CONTAINERS, list.join(",")));
    }
    if whole || !places.iter().all(|place| is_default(*place)) {
        let mut mounts: Vec<String> = Vec::new();
        if let Some(before) = written(names::MOUNTS) {
            mounts.push(before.to_owned());
        }
        match first.filter(|_| is_alike && mounts.is_empty()) {
            Some(first) => mounts.extend(texts(first).into_iter().map(str::to_owned)),
            None => {
                for item in items {
                    if whole || !is_default(item.place) {
                        mounts.push(format!("{}={}", named(item.place)?, item.text));
                    }
                }
            }
        }
        found.push((names::MOUNTS, mounts.join(",")));
    }
    if !looked.has_tmp {
        found.push((names::SHARED_TMP, "false".to_owned()));
    }
    Ok(found)
}

/// The Pod as it will be.
fn changed(
    object: &Map<String, Value>,
    looked: &Looked,
    annotations: &[(&'static str, String)],
) -> Map<String, Value> {
    let mut pod = Value::Object(object.clone());
    for (place, mount) in looked.swaps.iter().rev() {
        let list = pod.pointer_mut(&format!("{place}/volumeMounts"));
        if let Some(Value::Array(list)) = list {
            list.remove(*mount);
        }
    }
    for volume in looked.volumes.iter().rev() {
        if let Some(Value::Array(list)) = pod.pointer_mut("/spec/volumes") {
            list.remove(*volume);
        }
    }
    let Value::Object(mut pod) = pod else {
        return Map::new();
    };
    let metadata = pod.entry("metadata").or_insert(Value::Null);
    if metadata.is_null() {
        *metadata = json!({});
    }
    if let Value::Object(metadata) = metadata {
        let all = metadata.entry("annotations").or_insert(Value::Null);
        if all.is_null() {
            *all = json!({});
        }
        if let Value::Object(all) = all {
            for (key, value) in annotations {
                all.insert((*key).to_owned(), Value::String(value.clone()));
            }
        }
    }
    pod
}
