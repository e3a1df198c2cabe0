//! A flag of dockerd.
//!
//! The profile's flags come after the sidecar's own, so that they win. A few end dockerd before it serves, or take
//! from its clients what the sidecar has set up for them.

use crate::policy_file::form;
use crate::policy_file::kind::Sound;

pub(crate) const DAEMON_FLAG: Sound = Sound {
    form: &form::FLAG,
    refuse,
};

/// Flags that no profile may have, and why.
const REFUSED: &[(&str, &str)] = &[
    (
        "--host",
        "but the sockets are those that the Pod's containers mount, and on TCP whoever reaches the Pod's address \
         would be root in the sidecar; remove it",
    ),
    (
        "--data-root",
        "but the storage volume is at the default path; remove it",
    ),
    ("--help", ENDS),
    ("--version", ENDS),
    ("--validate", ENDS),
    (
        "--group",
        "but the sidecar gives its sockets to a group that the Pod's containers have; remove it",
    ),
    (
        "--cgroup-parent",
        "but the sidecar puts containers where its own limits hold them; remove it",
    ),
    (
        "--containerd",
        "but dockerd starts a containerd of its own, and the sidecar has no other; remove it",
    ),
    (
        "--pidfile",
        "but the sidecar removes that of an earlier run at the default path only, and would not start again; \
         remove it",
    ),
];

const ENDS: &str = "with which dockerd ends before it serves; remove it";

fn refuse(flag: &str) -> Option<&'static str> {
    let (name, _) = flag.split_once('=').unwrap_or((flag, ""));
    // dockerd's configuration file has `hosts`.
    let name = if name == "--hosts" { "--host" } else { name };
    let mut refused = REFUSED.iter();
    refused
        .find(|(known, _)| *known == name)
        .map(|(_, why)| *why)
}
