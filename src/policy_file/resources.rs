//! What a sidecar may use: requests, limits, storage.

use serde_json::{Value, json};

use crate::decide::named::Named;
use crate::model::node_storage::{Age, DEFAULT_PATH, Keep, NodeStorage, StorageKey};
use crate::model::path::CleanPath;
use crate::model::profile::{Bounds, Resources, Storage};
use crate::model::quantity::Quantity;

use crate::model::sockets::Sockets;
use crate::policy_file::amount::Amount;
use crate::policy_file::collection::{Record, Shown};
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::kind::{Choice, Sound, Text, Whole};

#[derive(Clone, Default)]
struct Amounts {
    cpu: Option<Quantity>,
    memory: Option<Quantity>,
    ephemeral_storage: Option<Quantity>,
}

fn read_amounts(fields: &mut Fields<'_, '_>, cores: &Amount, bytes: &Amount) -> Amounts {
    Amounts {
        cpu: fields.get("cpu", "CPU.", cores),
        memory: fields.get("memory", "Memory, of 1Mi or more.", bytes),
        ephemeral_storage: fields.get(
            "ephemeral-storage",
            "Disk space of the node, besides the daemon's own volume. Where this has no limit and a container of \
             the Pod has one, the sidecar's is the size of its emptyDir: the kubelet holds the whole Pod, images \
             too, to the sum.",
            bytes,
        ),
    }
}

pub(crate) fn read_resources(fields: &mut Fields<'_, '_>) -> Resources {
    let requests = fields.get(
        "requests",
        "What the scheduler reserves.",
        &Record(|fields: &mut Fields<'_, '_>| {
            read_amounts(fields, &Amount::CORES.or_zero(), &Amount::BYTES.or_zero())
        }),
    );
    let limits = fields.get(
        "limits",
        "What is never exceeded; if omitted, there is no limit.",
        &Record(|fields: &mut Fields<'_, '_>| read_amounts(fields, &Amount::CORES, &Amount::BYTES)),
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
        Storage::Node(node) => json!({"node": show_node(node)}),
    }
}

fn show_node(node: &NodeStorage) -> Value {
    let NodeStorage {
        path,
        slots,
        keep,
        key,
        size_limit,
    } = node;
    let mut shown = json!({
        "path": path.as_str(),
        "slots": slots,
        "keep": show_keep(keep),
        "key": Named::name(*key),
    });
    if let Some(limit) = size_limit {
        shown["sizeLimit"] = json!(limit);
    }
    shown
}

fn show_keep(keep: &Keep) -> Value {
    json!({"size": keep.size, "age": keep.age.text()})
}

/// A slot for each of a few builds at once, and a week of what they use.
fn default_keep() -> Keep {
    Keep {
        size: "20Gi".parse().unwrap_or_else(|_| Quantity::zero()),
        age: Age { hours: 7 * 24 },
    }
}

pub(crate) fn read_storage(fields: &mut Fields<'_, '_>) -> Storage {
    let size = Amount::BYTES;
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
    let node = fields.get(
        "node",
        "A slot of the node's disk, whose images and build cache the next Pod of the same key finds there. \
         Containers, networks and volumes are gone before a client can ask for them.",
        &Record(read_node),
    );
    let named = ["emptyDir", "ephemeral", "node"].map(|kind| fields.has(kind));
    if named.into_iter().filter(|is_there| *is_there).count() != 1 {
        fields.fault_of_all(Problem::Contradiction(
            "needs exactly one of emptyDir, ephemeral and node; write emptyDir: {} for a disk that goes \
             with the Pod"
                .to_owned(),
        ));
    }
    let ephemeral = ephemeral.flatten();
    ephemeral
        .or(node.map(Storage::Node))
        .or(empty_dir)
        .unwrap_or(Storage::EmptyDir { size_limit: None })
}

fn read_node(fields: &mut Fields<'_, '_>) -> NodeStorage {
    let path = fields.or(
        "path",
        "The folder of the node, which is made where it is missing. It must be of the node's own disk: \
         neither a network's, where no lock holds, nor read-only.",
        &Sound {
            form: &form::STORAGE_PATH,
            refuse: refuse_path,
        },
        &DEFAULT_PATH.to_owned(),
    );
    let slots = fields.or(
        "slots",
        "How many daemons of one key use it at once, on one node. One more has an emptyDir, and says so in \
         its log.",
        &Whole { least: 1, most: 64 },
        &4,
    );
    let keep = fields.or(
        "keep",
        "What a slot keeps from one Pod to the next.",
        &Shown {
            kind: Record(read_keep),
            show: show_keep,
        },
        &default_keep(),
    );
    let key = fields.or(
        "key",
        "Which Pods share slots. What one of them tags or builds is what the next one runs: share only among \
         those who trust each other.",
        &Choice::<StorageKey>::new(),
        &StorageKey::Namespace,
    );
    let size_limit = fields.get(
        "sizeLimit",
        "The size limit of the emptyDir that is used while every slot is taken; no limit where it is missing. A \
         slot has none while its daemon runs.",
        &Amount::BYTES,
    );
    NodeStorage {
        path: CleanPath::new(&path).into_owned(),
        slots: u8::try_from(slots).unwrap_or(u8::MAX),
        keep,
        key,
        size_limit,
    }
}

fn read_keep(fields: &mut Fields<'_, '_>) -> Keep {
    let default = default_keep();
    let size = fields.or(
        "size",
        "The most that images and build cache may be when a Pod starts. Over it, what was not used for longest \
         is removed first, for at most half a minute.",
        &Amount::BYTES,
        &default.size,
    );
    let age = fields.or(
        "age",
        "How long what is not used is kept, in hours or days.",
        &Text(&form::AGE),
        &default.age.text(),
    );
    Keep {
        size,
        age: Age::parse(&age).unwrap_or(default.age),
    }
}

fn refuse_path(path: &str) -> Option<&'static str> {
    let leads = Sockets::default().leads(&CleanPath::on_node(path));
    leads.map(|_| {
        "which is, holds or lies in a directory of a container runtime; write a folder of its own, such as \
         /var/lib/dind-injector"
    })
}
