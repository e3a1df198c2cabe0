//! A variable of the sidecar.
//!
//! The sidecar's own are made from the profile and the Pod: one of the same name would have it serve other sockets,
//! or none.

use crate::names;

use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::kind::{Sound, Text};

/// Reads a name and its value.
pub(crate) fn read(fields: &mut Fields<'_, '_>, _above: &[(String, String)]) -> (String, String) {
    let name = fields.required(
        "name",
        "The variable's name.",
        &Sound {
            form: &form::VARIABLE,
            refuse,
        },
    );
    let value = fields.required("value", "Its value.", &Text(&form::ANY));
    (name.unwrap_or_default(), value.unwrap_or_default())
}

fn refuse(name: &str) -> Option<&'static str> {
    // The start script unsets them.
    if ["DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"].contains(&name) {
        return Some(
            "which the sidecar unsets, since dockerd has the sockets that the Pod's containers mount and no \
             other; remove it",
        );
    }
    let is_own = name.starts_with("DIND_") && name != names::env::CGROUP;
    let is_own = is_own || name == names::env::TLS_CERTDIR;
    is_own.then_some("which the sidecar sets itself; remove it")
}
