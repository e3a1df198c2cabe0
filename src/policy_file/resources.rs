//! What a sidecar may use: requests, limits, storage.

use serde_json::{Value, json};

use crate::model::profile::{Bounds, Resources, Storage};
use crate::model::quantity::Quantity;

use crate::policy_file::collection::Record;
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::kind::{Amount, Text};

#[derive(Clone, Default)]
struct Amounts {
    cpu: Option<Quantity>,
    memory: Option<Quantity>,
    ephemeral_storage: Option<Quantity>,
}

fn read_amounts(fields: &mut Fields<'_, '_>, may_be_zero: bool) -> Amounts {
    let amount = Amount { may_be_zero };
    Amounts {
        cpu: fields.get("cpu", "CPU.", &amount),
        memory: fields.get("memory", "Memory.", &amount),
        ephemeral_storage: fields.get(
            "ephemeral-storage",
            "Disk space of the node, besides the daemon's own volume.",
            &amount,
        ),
    }
}

pub(crate) fn read_resources(fields: &mut Fields<'_, '_>) -> Resources {
    let requests = fields.get(
        "requests",
        "What the scheduler reserves.",
        &Record(|fields: &mut Fields<'_, '_>| read_amounts(fields, true)),
    );
    let limits = fields.get(
        "limits",
        "What is never exceeded; if omitted, there is no limit.",
        &Record(|fields: &mut Fields<'_, '_>| read_amounts(fields, false)),
    );
    let (requests, limits) = (requests.unwrap_or_default(), limits.unwrap_or_default());
    let mut bounds = |request, limit| match Bounds::new(request, limit) {
        Ok(bounds) => bounds,
        Err(error) => {
            fields.fault("requests", Problem::Bounds(error));
            Bounds::default()
        }
    };
    Resources {
        cpu: bounds(requests.cpu, limits.cpu),
        memory: bounds(requests.memory, limits.memory),
        ephemeral_storage: bounds(requests.ephemeral_storage, limits.ephemeral_storage),
    }
}

/// Requests and limits as they would be written.
pub(crate) fn show_resources(resources: &Resources) -> Value {
    let Resources {
        cpu,
        memory,
        ephemeral_storage,
    } = resources;
    let amounts = |of: fn(&Bounds) -> Option<&Quantity>| -> Value {
        let all = [
            ("cpu", cpu),
            ("memory", memory),
            ("ephemeral-storage", ephemeral_storage),
        ];
        let named = all.map(|(name, bounds)| (name, of(bounds)));
        let there = named
            .into_iter()
            .filter_map(|(name, amount)| Some((name.to_owned(), Value::from(amount?.as_str()))));
        Value::Object(there.collect())
    };
    json!({"requests": amounts(Bounds::request), "limits": amounts(Bounds::limit)})
}

/// The storage as it would be written.
pub(crate) fn show_storage(storage: &Storage) -> Value {
    match storage {
        Storage::EmptyDir { size_limit: None } => json!({"emptyDir": {}}),
        Storage::EmptyDir {
            size_limit: Some(limit),
        } => json!({"emptyDir": {"sizeLimit": limit}}),
        Storage::Ephemeral {
            storage_class: None,
            size,
        } => json!({"ephemeral": {"size": size}}),
        Storage::Ephemeral {
            storage_class: Some(class),
            size,
        } => json!({"ephemeral": {"storageClassName": class, "size": size}}),
    }
}

pub(crate) fn read_storage(fields: &mut Fields<'_, '_>) -> Storage {
    let size = Amount { may_be_zero: false };
    let empty_dir = fields.get(
        "emptyDir",
        "A directory of the node that is deleted with the Pod.",
        &Record(|fields: &mut Fields<'_, '_>| Storage::EmptyDir {
            size_limit: fields.get(
                "sizeLimit",
                "Above it, the kubelet evicts the Pod; if omitted, there is no limit.",
                &size,
            ),
        }),
    );
    let ephemeral = fields.get(
        "ephemeral",
        "A volume claim that is created and deleted with the Pod.",
        &Record(|fields: &mut Fields<'_, '_>| {
            let storage_class = fields.get(
                "storageClassName",
                "The claim's storage class; if omitted, the cluster's default.",
                &Text(&form::OBJECT_NAME),
            );
            let size = fields.required("size", "The claim's size.", &size);
            size.map(|size| Storage::Ephemeral {
                storage_class,
                size,
            })
        }),
    );
    if fields.has("emptyDir") == fields.has("ephemeral") {
        fields.fault_of_all(Problem::Contradiction(
            "needs exactly one of emptyDir and ephemeral; write emptyDir: {} for the node's disk"
                .to_owned(),
        ));
    }
    let ephemeral = ephemeral.flatten();
    ephemeral
        .or(empty_dir)
        .unwrap_or(Storage::EmptyDir { size_limit: None })
}
