//! A record of what a patch removes, kept in the sidecar so that `uninject` can restore it.
//!
//! The record is a variable of the sidecar, and is removed with it. It contains only what cannot be told from
//! the result: a Pod from which nothing was removed has none. It never decides an admission, since an author
//! can forge it: `uninject` then restores what the forger wrote. Its size is bounded.

use serde::Serialize;
use serde_json::to_string;
use serde_json::value::RawValue;

use crate::model::place::List;
use crate::model::view::{Container, EnvVar, Pod};
use crate::model::written::Given;
use crate::names;

use crate::model::pointer::token;
use crate::model::sidecar_mode::SidecarMode;
use crate::plan::container::EnvEntry;
use crate::plan::group::{NEW_GROUP, ROOTLESS_GROUP, SocketGroup};
use crate::plan::pod::Plan;

/// The longest record, in bytes. The kernel accepts arguments of at most 128 KiB (`MAX_ARG_STRLEN`), and a
/// Pod should not carry much that it does not need to run.
pub const LARGEST: usize = 8 * 1024;

#[derive(Debug, Default, Serialize)]
struct Taken<'p> {
    /// Removed volumes, with their former index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<(usize, &'p RawValue)>,
    /// Swapped mounts: the container, and the mount as it was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<(&'p str, &'p RawValue)>,
    /// Replaced variables: the container, the index, and the variable as it was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<(&'p str, usize, Variable<'p>)>,
    /// Lists of a container that were empty or `null`: container, field, list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lists: Vec<(&'p str, &'static str, Empty)>,
    /// Former fields of the Pod, by JSON Pointer.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    fields: Fields<'p>,
    /// Added fields of the Pod that cannot be recognized as ours in the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<String>,
    /// The rest would be longer than [`LARGEST`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
}

#[derive(Debug, Default)]
struct Fields<'p>(Vec<(String, Was<'p>)>);

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Was<'p> {
    Text(&'p str),
    Bool(bool),
    Written(&'p RawValue),
    Empty(Empty),
}

/// `null` or `[]`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
enum Empty {
    Null,
    List([(); 0]),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Variable<'p> {
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_from: Option<&'p RawValue>,
}

impl Fields<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(pointer, was)| (pointer, was)))
    }
}

impl Empty {
    fn of(given: Given) -> Option<Self> {
        match given {
            Given::Absent => None,
            Given::Null => Some(Self::Null),
            Given::Value => Some(Self::List([])),
        }
    }
}

/// The sidecar's variable with what `plan` removes from `pod`; `None` if it removes nothing. `earlier` is the
/// sidecar of an earlier pass, whose records stay.
///
/// # Errors
/// Only for a fault of this program: a record that cannot be written as JSON.
pub fn record<'p>(
    pod: &'p Pod<'_>,
    plan: &Plan<'_>,
    group: Option<SocketGroup>,
    earlier: Option<&Container<'_>>,
) -> Result<Option<EnvEntry<'p>>, serde_json::Error> {
    let taken = Taken::of(pod, plan, group);
    if taken.is_empty() {
        return Ok(None);
    }
    // If its texts alone are too long, it is not even written: a name appears once per mount.
    let mut text = match taken.is_too_long() {
        true => String::new(),
        false => to_string(&taken)?,
    };
    if taken.is_too_long() || text.len() > LARGEST {
        text = to_string(&Taken {
            incomplete: true,
            ..Taken::default()
        })?;
    }
    let passes = earlier.map_or(0, |sidecar| {
        let names = sidecar.env.iter().map(|var| &*var.name);
        names.filter(|name| is_record(name)).count()
    });
    Ok(Some(match passes {
        0 => EnvEntry::new(names::env::ORIGINAL, text),
        more => EnvEntry::new(format!("{}_{}", names::env::ORIGINAL, more + 1), text),
    }))
}

pub fn is_record(name: &str) -> bool {
    let rest = name.strip_prefix(names::env::ORIGINAL);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

impl<'p> Taken<'p> {
    fn of(pod: &'p Pod<'_>, plan: &Plan<'_>, group: Option<SocketGroup>) -> Self {
        let mut taken = Self {
            volumes: plan
                .remove_volumes
                .iter()
                .map(|&index| (index, pod.spec.volumes[index].json))
                .collect(),
            ..Self::default()
        };
        for edit in &plan.edits {
            let container = pod.container(edit.place);
            let name = &*container.name;
            let swaps = edit.swaps.iter();
            taken
                .mounts
                .extend(swaps.map(|swap| (name, container.volume_mounts[swap.mount].json)));
            if !edit.add_mounts.is_empty() && container.volume_mounts.is_empty() {
                taken.empty_list(name, "volumeMounts", container.volume_mounts.given());
            }
            for (index, _) in &edit.set_env {
                let var = &container.env[*index];
                // The sidecar's own variables are removed with it.
                if ![names::env::SOCKETS, names::env::CERT_DIR].contains(&&*var.name) {
                    taken.env.push((name, *index, Variable::of(var)));
                }
            }
            if !edit.add_env.is_empty() && container.env.is_empty() {
                taken.empty_list(name, "env", container.env.given());
            }
        }
        if !plan.add_volumes.is_empty() && pod.spec.volumes.is_empty() {
            taken.empty_field("/spec/volumes", pod.spec.volumes.given());
        }
        let native = plan.sidecar.is_some() && plan.mode == SidecarMode::Native;
        if native && pod.spec.init_containers.is_empty() {
            let field = format!("/spec/{}", List::Init.field());
            taken.empty_field(&field, pod.spec.init_containers.given());
        }
        let rootless = plan.sidecar.as_ref().is_some_and(|sidecar| {
            let mut env = sidecar.env.iter();
            env.any(|entry| entry.name == names::env::ROOTLESS)
        });
        taken.security(pod, group, rootless);
        taken.profile_fields(pod, plan);
        taken
    }

    fn is_empty(&self) -> bool {
        let Self {
            volumes,
            mounts,
            env,
            lists,
            fields,
            added,
            incomplete,
        } = self;
        volumes.is_empty()
            && mounts.is_empty()
            && env.is_empty()
            && lists.is_empty()
            && fields.is_empty()
            && added.is_empty()
            && !incomplete
    }

    /// Whether the texts in it have more than [`LARGEST`] bytes, however they are escaped.
    fn is_too_long(&self) -> bool {
        let volumes = self.volumes.iter().map(|(_, json)| json.get().len());
        let mounts = self.mounts.iter();
        let mounts = mounts.map(|(name, json)| name.len() + json.get().len());
        let env = self.env.iter().map(|(name, _, var)| {
            let source = var.value_from.map_or(0, |source| source.get().len());
            name.len() + var.name.len() + var.value.map_or(0, str::len) + source
        });
        let lists = self.lists.iter().map(|(name, _, _)| name.len());
        let mut all = volumes.chain(mounts).chain(env).chain(lists);
        all.try_fold(0_usize, |sum, length| {
            Some(sum + length).filter(|sum| *sum <= LARGEST)
        })
        .is_none()
    }

    fn empty_list(&mut self, container: &'p str, field: &'static str, given: Given) {
        let empty = Empty::of(given);
        self.lists
            .extend(empty.map(|empty| (container, field, empty)));
    }

    fn empty_field(&mut self, pointer: &str, given: Given) {
        let empty = Empty::of(given).map(Was::Empty);
        self.fields
            .0
            .extend(empty.map(|was| (pointer.to_owned(), was)));
    }

    /// Records the Pod's security context if removing our group would not restore it: it was empty, its list
    /// was, or it has a group that looks like ours.
    fn security(&mut self, pod: &'p Pod<'_>, group: Option<SocketGroup>, rootless: bool) {
        let Some(written) = pod.written_security() else {
            return;
        };
        let groups = &pod.security().supplemental_groups;
        let keep = match group {
            Some(SocketGroup::Added(_)) => {
                let is_bare = written.get().bytes().all(|b| b"{} \t\r\n".contains(&b));
                let was_empty = groups.is_empty() && groups.given() != Given::Absent;
                is_bare || was_empty || !pod.has_security()
            }
            Some(SocketGroup::Present(gid)) => {
                groups.last() == Some(&gid) && is_addable(gid, rootless)
            }
            Some(SocketGroup::Root) | None => false,
        };
        if keep {
            let was = Was::Written(written);
            self.fields
                .0
                .push(("/spec/securityContext".to_owned(), was));
        }
    }

    /// Records the fields that the profile sets, which cannot be told from the author's. Annotations of
    /// others are not read at admission, so one that the profile overwrites is not recorded.
    fn profile_fields(&mut self, pod: &'p Pod<'_>, plan: &Plan<'_>) {
        let metadata = pod.metadata();
        if plan.runtime_class_name.is_some() {
            let was = &*pod.spec.runtime_class_name;
            let was = (!was.is_empty()).then_some(Was::Text(was));
            self.field("/spec/runtimeClassName".to_owned(), was);
        }
        if plan.host_users.is_some() {
            let was = pod.spec.host_users.map(Was::Bool);
            self.field("/spec/hostUsers".to_owned(), was);
        }
        // Entry by entry, since others may add more of them to the Pod later.
        for (key, _) in plan.labels {
            let was = metadata.labels.get(key).map(Was::Text);
            self.field(format!("/metadata/labels/{}", token(key)), was);
        }
        for (key, _) in plan.annotations {
            let was = metadata.annotations.get(key).map(Was::Text);
            self.field(format!("/metadata/annotations/{}", token(key)), was);
        }
        for (map, given, entries) in [
            ("/metadata/labels", metadata.labels.given(), plan.labels),
            (
                "/metadata/annotations",
                metadata.annotations.given(),
                plan.annotations,
            ),
        ] {
            match given {
                Given::Absent if !entries.is_empty() => self.field(map.to_owned(), None),
                Given::Null if !entries.is_empty() => {
                    self.field(map.to_owned(), Some(Was::Empty(Empty::Null)));
                }
                Given::Absent | Given::Null | Given::Value => {}
            }
        }
        let adds = !plan.labels.is_empty() || !plan.annotations.is_empty();
        if adds && !pod.has_metadata() {
            self.field("/metadata".to_owned(), None);
        }
    }

    fn field(&mut self, pointer: String, was: Option<Was<'p>>) {
        match was {
            Some(was) => self.fields.0.push((pointer, was)),
            None => self.added.push(pointer),
        }
    }
}

impl<'p> Variable<'p> {
    fn of(var: &'p EnvVar<'_>) -> Self {
        Self {
            name: &var.name,
            value: var.value_from.is_none().then_some(&*var.value),
            value_from: var.value_from,
        }
    }
}

/// Whether a sidecar's group is one that a patch adds, for `uninject`.
pub fn is_addable(gid: i64, rootless: bool) -> bool {
    gid == if rootless { ROOTLESS_GROUP } else { NEW_GROUP }
}
