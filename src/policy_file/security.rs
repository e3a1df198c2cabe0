//! A container's `securityContext`.
//!
//! The API server silently drops fields that it does not know, and refuses the Pod, not the policy, for a wrong
//! value. So all of it is checked here. Source:
//! `k8s.io/api/core/v1/types.go`, `SecurityContext`.

use serde_json::{Map, Value, json};

use crate::decide::suggest::nearest;
use crate::policy_file::collection::{List, Record};
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::kind::{Flag, Kind, Sound, Text, Whole, either};
use crate::policy_file::node::{Node, Report, shown};

const LOCALHOST: &str = "Localhost";
const PROFILE: &str = "localhostProfile";

/// Reads a `securityContext` into the mapping that the sidecar gets.
pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Value {
    let mut context = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            context.insert(name.to_owned(), value);
        }
    };
    for (name, about) in [
        ("privileged", "Whether the sidecar is root on the node."),
        (
            "allowPrivilegeEscalation",
            "Whether a process may get more rights than its parent.",
        ),
        ("readOnlyRootFilesystem", "Whether the image is read-only."),
        (
            "runAsNonRoot",
            "Whether the kubelet refuses to run it as root.",
        ),
    ] {
        put(name, fields.get(name, about, &Flag).map(Value::from));
    }
    for (name, about) in [
        ("runAsUser", "The user."),
        ("runAsGroup", "The primary group."),
    ] {
        let id = Whole {
            least: 0,
            most: 0x7fff_ffff,
        };
        put(name, fields.get(name, about, &id).map(Value::from));
    }
    let capabilities = fields.get(
        "capabilities",
        "Capabilities to add and drop.",
        &Record(read_capabilities),
    );
    put("capabilities", capabilities);
    let seccomp = fields.get(
        "seccompProfile",
        "The seccomp profile.",
        &Record(|fields: &mut Fields<'_, '_>| {
            let about =
                "Its file below the kubelet's directory for them; with type: Localhost alone.";
            read_confinement(fields, about, refuse_file)
        }),
    );
    put("seccompProfile", seccomp);
    let app_armor = fields.get(
        "appArmorProfile",
        "The AppArmor profile.",
        &Record(|fields: &mut Fields<'_, '_>| {
            let about = "Its name on the node; with type: Localhost alone.";
            read_confinement(fields, about, |_| None)
        }),
    );
    put("appArmorProfile", app_armor);
    let labels = fields.get("seLinuxOptions", "SELinux labels.", &Record(read_labels));
    put("seLinuxOptions", labels);
    let mount = fields.get(
        "procMount",
        "Default or Unmasked.",
        &OneOf(&["Default", "Unmasked"]),
    );
    put("procMount", mount);
    Value::Object(context)
}

fn read_capabilities(fields: &mut Fields<'_, '_>) -> Value {
    let names = List::of(Sound {
        form: &form::CAPABILITY,
        refuse: |name| {
            let is_long = name.starts_with("CAP_");
            is_long.then_some("which Kubernetes has without CAP_; remove that part")
        },
    });
    let add = fields.get("add", "Those that it gets.", &names);
    let drop = fields.get("drop", "Those that it loses; ALL for all.", &names);
    mapping([
        ("add", add.map(Value::from)),
        ("drop", drop.map(Value::from)),
    ])
}

/// What keeps a container from system calls or files: by the runtime, by a profile of the node, or by none.
fn read_confinement(
    fields: &mut Fields<'_, '_>,
    about: &'static str,
    refuse: fn(&str) -> Option<&'static str>,
) -> Value {
    let kinds = OneOf(&["RuntimeDefault", "Unconfined", LOCALHOST]);
    let kind = fields.required("type", "Whose profile it is.", &kinds);
    let form = &form::SOME;
    let name = fields.get(PROFILE, about, &Sound { form, refuse });
    if let Some(kind) = &kind {
        match (kind == LOCALHOST, fields.has(PROFILE)) {
            (true, false) => fields.fault(
                "type",
                Problem::Contradiction(
                    "is Localhost; add localhostProfile: with the profile".to_owned(),
                ),
            ),
            (false, true) => fields.fault(
                PROFILE,
                Problem::Contradiction(
                    "is for type: Localhost alone; remove it, or write that type".to_owned(),
                ),
            ),
            (true, true) | (false, false) => {}
        }
    }
    mapping([("type", kind), (PROFILE, name.map(Value::from))])
}

fn refuse_file(path: &str) -> Option<&'static str> {
    let leaves = path.starts_with('/') || path.split('/').any(|part| part == "..");
    leaves.then_some(
        "which leads out of the kubelet's directory of profiles; write a path below it, such as \
         profiles/dind.json",
    )
}

fn read_labels(fields: &mut Fields<'_, '_>) -> Value {
    let text = Text(&form::ANY);
    mapping(
        [
            ("user", "The user."),
            ("role", "The role."),
            ("type", "The type."),
            ("level", "The level."),
        ]
        .map(|(name, about)| (name, fields.get(name, about, &text).map(Value::from))),
    )
}

/// The fields that are set.
fn mapping<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let set = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect())
}

/// One of a few words.
struct OneOf(&'static [&'static str]);

impl Kind for OneOf {
    type Value = Value;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Value> {
        let text = Text(&form::ANY).read(node, report)?;
        if self.0.contains(&text.as_str()) {
            return Some(text.into());
        }
        report.add(
            node,
            Problem::Choice {
                near: nearest(&text, self.0.iter().copied()).map(str::to_owned),
                value: shown(&text),
                allowed: self.expected(),
            },
        );
        None
    }

    fn schema(&self) -> Value {
        json!({"enum": self.0})
    }

    fn expected(&self) -> String {
        either(self.0)
    }

    fn show(&self, value: &Value) -> Option<Value> {
        Some(value.clone())
    }
}
