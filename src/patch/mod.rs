//! A plan as an RFC 6902 JSON Patch, written straight to bytes.
//!
//! A patch that replaces a whole list undoes other webhooks' work, and one that does not apply fails the Pod
//! even under `failurePolicy: Ignore`. So operations come from the plan, never from a comparison of two
//! documents; each touches only what must change. An operation never moves a path that a later one uses:
//! edits come first, then volumes, the sidecar last.

use crate::model::pointer::token;
use std::fmt::{self, Display};

use serde::Serialize;
use serde_json::json;

use crate::budget::{Excess, LARGEST_PATCH};
use crate::model::place::{List, Place};
use crate::model::view::Pod;

use crate::model::sidecar_mode::SidecarMode;
use crate::plan::pod::{ContainerEdit, Plan, PlanError};
use crate::plan::volume::Volume;

/// JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch(Vec<u8>);

impl Patch {
    pub fn is_empty(&self) -> bool {
        self.as_json() == b"[]"
    }

    pub fn as_json(&self) -> &[u8] {
        let Self(json) = self;
        json
    }
}

/// # Errors
/// If the patch has more than [`LARGEST_PATCH`] bytes; see [`PlanError`].
pub fn patch(pod: &Pod<'_>, plan: &Plan<'_>) -> Result<Patch, PlanError> {
    let mut writer = Writer::new();
    for edit in &plan.edits {
        write_edit(&mut writer, pod, edit)?;
    }
    write_volumes(&mut writer, pod, plan)?;
    write_pod_fields(&mut writer, pod, plan)?;
    if let Some(sidecar) = &plan.sidecar {
        let list = match plan.mode {
            SidecarMode::Native => List::Init,
            SidecarMode::Container => List::Main,
        };
        let list_of = list.field();
        if pod.list(list).is_empty() {
            writer.add(format_args!("/spec/{list_of}"), &[sidecar])?;
        } else {
            writer.add(format_args!("/spec/{list_of}/0"), sidecar)?;
        }
    }
    Ok(writer.finish())
}

fn write_edit(
    writer: &mut Writer,
    pod: &Pod<'_>,
    edit: &ContainerEdit<'_>,
) -> Result<(), PlanError> {
    let container = pod.container(edit.place);
    let at = edit.place;
    for swap in &edit.swaps {
        let before = &container.volume_mounts[swap.mount];
        let mount = AtMount(at, swap.mount);
        // "add" also replaces. A mount without a name must not make the patch fail.
        writer.add(format_args!("{mount}/name"), &swap.volume)?;
        if let Some(path) = &swap.mount_path {
            writer.add(format_args!("{mount}/mountPath"), path)?;
        }
        match &swap.sub_path {
            Some(file) => writer.add(format_args!("{mount}/subPath"), file)?,
            None if !before.sub_path.is_empty() => {
                writer.remove(format_args!("{mount}/subPath"))?
            }
            None => {}
        }
        if !before.sub_path_expr.is_empty() {
            writer.remove(format_args!("{mount}/subPathExpr"))?;
        }
        if swap.is_base && before.read_only {
            writer.add(format_args!("{mount}/readOnly"), &false)?;
            if !before.recursive_read_only.is_empty() {
                writer.remove(format_args!("{mount}/recursiveReadOnly"))?;
            }
        }
    }
    for (index, value) in &edit.set_env {
        writer.add(format_args!("{at}/env/{index}/value"), value)?;
        if container.env[*index].value_from.is_some() {
            writer.remove(format_args!("{at}/env/{index}/valueFrom"))?;
        }
    }
    let new_mounts = container.volume_mounts.is_empty();
    writer.append(
        format_args!("{at}/volumeMounts"),
        new_mounts,
        &edit.add_mounts,
    )?;
    let new_env = container.env.is_empty();
    writer.append(format_args!("{at}/env"), new_env, &edit.add_env)?;
    if edit.restore_restart_policy {
        writer.add(format_args!("{at}/restartPolicy"), "Always")?;
    }
    Ok(())
}

fn write_volumes(writer: &mut Writer, pod: &Pod<'_>, plan: &Plan<'_>) -> Result<(), PlanError> {
    for index in plan.remove_volumes.iter().rev() {
        writer.remove(format_args!("/spec/volumes/{index}"))?;
    }
    let volumes: Vec<_> = plan.add_volumes.iter().map(Volume::of).collect();
    writer.append("/spec/volumes", pod.spec.volumes.is_empty(), &volumes)
}

fn write_pod_fields(writer: &mut Writer, pod: &Pod<'_>, plan: &Plan<'_>) -> Result<(), PlanError> {
    if let Some(gid) = plan.add_group {
        if pod.has_security() {
            let is_new = pod.security().supplemental_groups.is_empty();
            writer.append("/spec/securityContext/supplementalGroups", is_new, &[gid])?;
        } else {
            let context = json!({"supplementalGroups": [gid]});
            writer.add("/spec/securityContext", &context)?;
        }
    }
    if let Some(class) = plan.runtime_class_name {
        writer.add("/spec/runtimeClassName", class)?;
    }
    if let Some(host_users) = plan.host_users {
        writer.add("/spec/hostUsers", &host_users)?;
    }
    let adds = !plan.labels.is_empty() || !plan.annotations.is_empty();
    if adds && !pod.has_metadata() {
        writer.add("/metadata", &json!({}))?;
    }
    let metadata = pod.metadata();
    for (field, present, entries) in [
        ("labels", metadata.labels.is_present(), plan.labels),
        (
            "annotations",
            metadata.annotations.is_present(),
            plan.annotations,
        ),
    ] {
        if entries.is_empty() {
            continue;
        }
        if !present {
            writer.add(format_args!("/metadata/{field}"), &json!({}))?;
        }
        for (key, value) in entries {
            writer.add(format_args!("/metadata/{field}/{}", token(key)), value)?;
        }
    }
    Ok(())
}

/// The path of a container's mount.
#[derive(Clone, Copy)]
struct AtMount(Place, usize);

impl Display for AtMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(container, index) = self;
        write!(f, "{container}/volumeMounts/{index}")
    }
}

/// Bytes of most patches with a sidecar. The start command takes 6 KiB of them.
const ROOM: usize = 12 * 1024;

/// Writes operations. Paths consist of indexes, field names and escaped keys, and are still written as JSON
/// strings.
struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn new() -> Self {
        Self {
            out: Vec::with_capacity(ROOM),
        }
    }

    fn add<V: Serialize + ?Sized>(
        &mut self,
        path: impl Display,
        value: &V,
    ) -> Result<(), PlanError> {
        self.operation("add", path, Some(value))
    }

    fn remove(&mut self, path: impl Display) -> Result<(), PlanError> {
        self.operation::<()>("remove", path, None)
    }

    /// Adds `values` to the end of the list at `path`, or the whole list if there is none.
    fn append<V: Serialize>(
        &mut self,
        path: impl Display + Copy,
        is_new: bool,
        values: &[V],
    ) -> Result<(), PlanError> {
        if values.is_empty() {
            return Ok(());
        }
        if is_new {
            return self.add(path, values);
        }
        for value in values {
            self.add(format_args!("{path}/-"), value)?;
        }
        Ok(())
    }

    fn operation<V: Serialize + ?Sized>(
        &mut self,
        op: &str,
        path: impl Display,
        value: Option<&V>,
    ) -> Result<(), PlanError> {
        let separator: &[u8] = if self.out.is_empty() { b"[" } else { b"," };
        self.out.extend_from_slice(separator);
        self.out.extend_from_slice(br#"{"op":""#);
        self.out.extend_from_slice(op.as_bytes());
        self.out.extend_from_slice(br#"","path":"#);
        serde_json::to_writer(&mut self.out, &Collected(path))?;
        if let Some(value) = value {
            self.out.extend_from_slice(br#","value":"#);
            serde_json::to_writer(&mut self.out, value)?;
        }
        self.out.push(b'}');
        match self.out.len() {
            0..=LARGEST_PATCH => Ok(()),
            _ => Err(Excess::Patch.into()),
        }
    }

    fn finish(mut self) -> Patch {
        let end: &[u8] = if self.out.is_empty() { b"[]" } else { b"]" };
        self.out.extend_from_slice(end);
        Patch(self.out)
    }
}

/// A path that is written as a JSON string without an intermediate copy.
struct Collected<D>(D);

impl<D: Display> Serialize for Collected<D> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
