//! A container's `securityContext`.
//!
//! The API server silently drops fields that it does not know, so the names are checked here. Source:
//! `k8s.io/api/core/v1/types.go`, `SecurityContext`.

use serde_json::{Map, Value, json};

use crate::decide::suggest::nearest;
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::kind::{Flag, Kind, Text, Whole, either, wrong_type};
use crate::policy_file::node::{Node, Report, shown};

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
    for (name, about) in [
        ("capabilities", "Capabilities to add and drop."),
        ("seccompProfile", "The seccomp profile."),
        ("appArmorProfile", "The AppArmor profile."),
        ("seLinuxOptions", "SELinux labels."),
    ] {
        put(name, fields.get(name, about, &AnyMapping));
    }
    let mount = fields.get("procMount", "Default or Unmasked.", &ProcMount);
    put("procMount", mount);
    Value::Object(context)
}

/// A mapping whose fields the API server checks.
struct AnyMapping;

impl Kind for AnyMapping {
    type Value = Value;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Value> {
        if node.value.is_object() {
            return Some(node.value.clone());
        }
        wrong_type(self, node, report)
    }

    fn schema(&self) -> Value {
        json!({"type": "object"})
    }

    fn expected(&self) -> String {
        "a mapping".to_owned()
    }

    fn show(&self, value: &Value) -> Option<Value> {
        Some(value.clone())
    }
}

struct ProcMount;

impl ProcMount {
    const NAMES: [&str; 2] = ["Default", "Unmasked"];
}

impl Kind for ProcMount {
    type Value = Value;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Value> {
        let text = Text(&form::ANY).read(node, report)?;
        if Self::NAMES.contains(&text.as_str()) {
            return Some(text.into());
        }
        report.add(
            node,
            Problem::Choice {
                near: nearest(&text, Self::NAMES).map(str::to_owned),
                value: shown(&text),
                allowed: self.expected(),
            },
        );
        None
    }

    fn schema(&self) -> Value {
        json!({"enum": Self::NAMES})
    }

    fn expected(&self) -> String {
        either(&Self::NAMES)
    }

    fn show(&self, value: &Value) -> Option<Value> {
        Some(value.clone())
    }
}
