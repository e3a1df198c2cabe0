//! What a Pod's author asks for by annotation, parsed once.
//!
//! Asking is not deciding: the rule says whether it counts. An annotation that cannot be understood is an
//! error that names it and its possible values, and never a silent default.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Deserialize;
use serde_json::error::Category;

use crate::budget::MOST_FINDINGS;
use crate::model::asked::{AskedMount, MountOption};
use crate::model::map::Annotations;
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::sockets::Sockets;
use crate::model::view::Pod;
use crate::names;
use crate::text::{beginning, shortened};

use crate::decide::asked_mounts::{self, MountsError};
use crate::decide::suggest::nearest;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnotationRequest {
    pub ask: Requested,
    /// The containers to give it to; `None` means all.
    pub containers: Option<Vec<Place>>,
    /// Where containers see the daemon, in the Pod's order; containers without one see it at Docker's own path.
    pub mounts: Vec<AskedMount>,
    /// Whether to share `/tmp`, if the profile does not set it.
    pub shared_tmp: Option<bool>,
    pub profile: Option<String>,
    /// The CPU limit, with the annotation that sets it.
    pub cpu: Option<Size>,
    pub memory: Option<Size>,
    pub storage: Option<Size>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requested {
    #[default]
    Nothing,
    Inject,
    OptOut,
}

/// A size, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The annotation that sets it.
    pub annotation: &'static str,
    pub value: String,
}

/// Why annotations cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// Neither of the two values.
    #[error(
        "annotation {} is {value:?}; it may be \"true\" or \"false\"",
        names::INJECT
    )]
    Inject {
        /// At most 40 bytes of it.
        value: String,
    },
    #[error(
        "annotation {} is {value:?}; it may be \"true\" or \"false\"",
        names::SHARED_TMP
    )]
    SharedTmp {
        /// At most 40 bytes of it.
        value: String,
    },
    #[error(transparent)]
    Mounts(#[from] MountsError),
    #[error("annotation {annotation} names {name:?}; the Pod's containers are: {known}")]
    Container {
        annotation: &'static str,
        name: String,
        known: String,
    },
    #[error(
        "annotation {} names no container; the Pod's containers are: {known}",
        names::CONTAINERS
    )]
    NoContainer { known: String },
    #[error(
        "annotation {} is not understood: {error}; it may be \
         {{\"graph-storage-size\": \"10Gi\", \"cpu_cores\": 1, \"mem_mib\": 1024}}",
        names::APPLATIX
    )]
    Applatix { error: String },
}

/// Applatix's annotation, in its own schema (argo-workflows branch 1.1,
/// `platform/source/lib/ax/platform/annotations.py`).
#[derive(Deserialize)]
struct Applatix {
    #[serde(rename = "graph-storage-size")]
    storage: String,
    cpu_cores: f64,
    mem_mib: f64,
    #[serde(rename = "graph-storage-name")]
    storage_name: Option<String>,
}

impl AnnotationRequest {
    /// # Errors
    /// If an annotation has a value that it may not have.
    pub fn of(pod: &Pod<'_>, sockets: &Sockets) -> Result<Self, AnnotationError> {
        let annotations = &pod.metadata().annotations;
        if annotations.is_empty() {
            return Ok(Self::default());
        }
        let mut request = applatix(annotations)?;
        match annotations.get(names::INJECT) {
            Some("true") => request.ask = Requested::Inject,
            Some("false") => request.ask = Requested::OptOut,
            Some(other) => {
                let value = beginning(other, 40).to_owned();
                return Err(AnnotationError::Inject { value });
            }
            None => {}
        }
        if let Some(list) = annotations.get(names::CONTAINERS) {
            request.containers = Some(containers(pod, list)?);
        }
        if let Some(list) = annotations.get(names::MOUNTS) {
            request.mounts = mounts(pod, list, request.containers.as_deref(), sockets)?;
        }
        request.shared_tmp = match annotations.get(names::SHARED_TMP) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                let value = beginning(other, 40).to_owned();
                return Err(AnnotationError::SharedTmp { value });
            }
            None => None,
        };
        let text = |key: &str| annotations.get(key).map(str::to_owned);
        let size =
            |annotation: &'static str| text(annotation).map(|value| Size { annotation, value });
        request.profile = text(names::PROFILE);
        request.cpu = size(names::CPU).or(request.cpu);
        request.memory = size(names::MEMORY).or(request.memory);
        request.storage = size(names::STORAGE).or(request.storage);
        Ok(request)
    }
}

/// A warning about the first annotation with our prefix that does not exist: its author expects an effect.
pub fn unknown_annotation(pod: &Pod<'_>) -> Option<String> {
    let mut ours = pod.metadata().annotations.ours();
    let (unknown, _) = ours.find(|(key, _)| !names::ANNOTATIONS.contains(key))?;
    let short = |key: &'static str| key.strip_prefix(names::PREFIX).unwrap_or(key);
    let written = unknown.strip_prefix(names::PREFIX).unwrap_or(unknown);
    let meant = match nearest(written, names::ANNOTATIONS.map(short)) {
        Some(near) => format!("did you mean {}{near}?", names::PREFIX),
        None => "it has no effect".to_owned(),
    };
    Some(format!(
        "unknown annotation {}: {meant}",
        shortened(unknown, 50)
    ))
}

fn known(pod: &Pod<'_>) -> String {
    let all = pod.containers().take(8);
    let known: Vec<&str> = all.map(|(_, container)| &*container.name).collect();
    known.join(", ")
}

fn by_name<'p>(pod: &'p Pod<'_>) -> HashMap<&'p str, Place> {
    pod.containers()
        .map(|(place, container)| (&*container.name, place))
        .collect()
}

/// The mounts of the annotation, of each container that it names, or of all that get the socket.
fn mounts(
    pod: &Pod<'_>,
    list: &str,
    containers: Option<&[Place]>,
    sockets: &Sockets,
) -> Result<Vec<AskedMount>, AnnotationError> {
    let by_name = by_name(pod);
    let of_all = containers.map_or_else(|| pod.containers().count(), <[Place]>::len);
    let mut found = Vec::new();
    for item in asked_mounts::items(list, sockets)? {
        let more = if item.container.is_some() { 1 } else { of_all };
        if found.len() + more > MOST_FINDINGS {
            return Err(MountsError::TooManyTogether.into());
        }
        match (item.container, containers) {
            (Some(name), _) => match by_name.get(name) {
                Some(place) => found.push(item.at(*place)),
                None => {
                    return Err(AnnotationError::Container {
                        annotation: names::MOUNTS,
                        name: beginning(name, 63).to_owned(),
                        known: known(pod),
                    });
                }
            },
            (None, Some(places)) => found.extend(places.iter().map(|place| item.at(*place))),
            (None, None) => found.extend(pod.containers().map(|(place, _)| item.at(place))),
        }
    }
    // In the Pod's order; those of one container as its author lists them.
    found.sort_by_key(|mount| mount.place);
    found.dedup();
    let mut paths = HashSet::new();
    let twice = found.iter().find(|mount| {
        let path = CleanPath::new(&mount.mount_path).unlinked().into_owned();
        !paths.insert((mount.place, path))
    });
    let shared = found.iter().find(|mount| {
        let container = pod.container(mount.place);
        mount.option == Some(MountOption::Bidirectional) && !container.security_context.privileged
    });
    if let Some(shared) = shared {
        let container = beginning(&pod.container(shared.place).name, 63).to_owned();
        return Err(MountsError::NotPrivileged { container }.into());
    }
    if let Some(twice) = twice {
        let path = shortened(&twice.mount_path, 80).into_owned();
        return Err(MountsError::Twice { path }.into());
    }
    Ok(found)
}

fn containers(pod: &Pod<'_>, list: &str) -> Result<Vec<Place>, AnnotationError> {
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let by_name = by_name(pod);
    // In the Pod's order and once each, however the author lists them. Not collected, which would make a list of all
    // first: megabytes may name one container.
    let mut places = BTreeSet::new();
    for name in names {
        let place = by_name
            .get(name)
            .ok_or_else(|| AnnotationError::Container {
                annotation: names::CONTAINERS,
                name: beginning(name, 63).to_owned(),
                known: known(pod),
            })?;
        places.insert(*place);
    }
    if places.is_empty() {
        return Err(AnnotationError::NoContainer { known: known(pod) });
    }
    Ok(places.into_iter().collect())
}

fn applatix(annotations: &Annotations<'_>) -> Result<AnnotationRequest, AnnotationError> {
    let Some(json) = annotations.get(names::APPLATIX) else {
        return Ok(AnnotationRequest::default());
    };
    let wrong = |what: &str| AnnotationError::Applatix {
        error: what.to_owned(),
    };
    let asked: Applatix = serde_json::from_str(json).map_err(|error| match error.classify() {
        Category::Data => wrong(
            "graph-storage-size is text, cpu_cores and mem_mib are numbers, all three are needed",
        ),
        Category::Io | Category::Syntax | Category::Eof => wrong("it is no JSON"),
    })?;
    let digits = asked.storage.strip_suffix("Gi").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong("graph-storage-size must be whole Gi"));
    }
    if asked.cpu_cores <= 0.0 {
        return Err(wrong("cpu_cores must be above 0"));
    }
    if asked.mem_mib < 32.0 {
        return Err(wrong("mem_mib must be at least 32"));
    }
    if asked
        .storage_name
        .is_some_and(|name| !(5..=233).contains(&name.len()))
    {
        return Err(wrong("graph-storage-name must have 5 to 233 characters"));
    }
    let size = |value: String| {
        Some(Size {
            annotation: names::APPLATIX,
            value,
        })
    };
    Ok(AnnotationRequest {
        ask: Requested::Inject,
        cpu: size(format!("{}m", (asked.cpu_cores * 1000.0).ceil())),
        memory: size(format!("{}Mi", asked.mem_mib.ceil())),
        storage: size(asked.storage),
        ..AnnotationRequest::default()
    })
}
