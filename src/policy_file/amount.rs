//! An amount of a resource, as Kubernetes writes it.
//!
//! `400m` of memory is no 400 MB but less than a byte, and Kubernetes takes it: the sidecar is killed, or its Pod
//! evicted, as soon as it runs. So what can only be a slip is refused.

use serde_json::{Value, json};

use crate::model::quantity::Quantity;

use crate::policy_file::error::Problem;
use crate::policy_file::form::QUANTITY;
use crate::policy_file::kind::{Kind, wrong_type};
use crate::policy_file::node::{Node, Report, shown};

/// In bytes. No daemon starts with less memory or disk, and no unit but a wrong or missing one makes so little.
const LEAST: u64 = 1 << 20;

fn is_a_slip(amount: &Quantity) -> bool {
    !amount.is_zero() && amount.units() < LEAST
}

/// A Kubernetes quantity. A bare number is one too.
pub(crate) struct Amount {
    of: Resource,
    may_be_zero: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    Cores,
    Bytes,
}

impl Amount {
    pub const CORES: Self = Self {
        of: Resource::Cores,
        may_be_zero: false,
    };
    pub const BYTES: Self = Self {
        of: Resource::Bytes,
        may_be_zero: false,
    };

    /// For a request: as a limit, Kubernetes takes zero for no limit.
    pub const fn or_zero(self) -> Self {
        Self {
            may_be_zero: true,
            ..self
        }
    }
}

impl Kind for Amount {
    type Value = Quantity;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Quantity> {
        let text = match node.value {
            Value::String(text) => text.clone(),
            Value::Number(_) if report.is_octal(node) => return None,
            Value::Number(number) => number.to_string(),
            _ => return wrong_type(self, node, report),
        };
        match text.parse::<Quantity>() {
            Ok(amount) if amount.is_zero() && !self.may_be_zero => {
                report.add(node, Problem::Zero(shown(&text)));
                None
            }
            Ok(amount) if self.of == Resource::Bytes && is_a_slip(&amount) => {
                report.add(node, Problem::Unit(shown(&text)));
                None
            }
            Ok(amount) => Some(amount),
            Err(error) => {
                let value = shown(&text);
                report.add(node, Problem::Quantity { value, error });
                None
            }
        }
    }

    fn schema(&self) -> Value {
        json!({
            "type": ["string", "number"],
            "pattern": QUANTITY,
            "minimum": 0,
        })
    }

    fn expected(&self) -> String {
        match self.of {
            Resource::Cores => "a Kubernetes quantity such as 500m or 2",
            Resource::Bytes => "a Kubernetes quantity such as 512Mi or 4Gi",
        }
        .to_owned()
    }

    fn show(&self, value: &Quantity) -> Option<Value> {
        Some(value.as_str().into())
    }
}
