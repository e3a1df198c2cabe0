//! A further Docker socket of the nodes.
//!
//! A mount of it is swapped for the Pod's own daemon. So a path that is another runtime's, or a directory with
//! other sockets in it, would be swapped where `otherRuntimes` or `ancestors` refuse it.

use serde_json::Value;

use crate::model::path::CleanPath;
use crate::model::sockets::{DEFAULT_SOCKET, Leads, Sockets};

use crate::policy_file::form;
use crate::policy_file::kind::{Kind, Sound};
use crate::policy_file::node::{Node, Report};

/// The path of a socket.
pub(crate) struct Socket;

const PATH: Sound = Sound {
    form: &form::SOCKET,
    refuse,
};

impl Kind for Socket {
    type Value = String;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<String> {
        PATH.read(node, report)
    }

    fn schema(&self) -> Value {
        PATH.schema()
    }

    fn expected(&self) -> String {
        PATH.expected()
    }

    fn show(&self, value: &String) -> Option<Value> {
        PATH.show(value)
    }

    /// `/run` and `/var/run` are one directory.
    fn identity(&self, value: &Value) -> String {
        let path = value.as_str().unwrap_or_default();
        CleanPath::on_node(path).as_str().to_owned()
    }
}

fn refuse(text: &str) -> Option<&'static str> {
    let path = CleanPath::on_node(text);
    if path == CleanPath::on_node(DEFAULT_SOCKET) {
        return Some("which is always watched; remove it");
    }
    let name = path.file_name();
    match Sockets::default().leads(&path) {
        Some(Leads::Directory | Leads::Ancestor) => Some(
            "which is a directory that leads to Docker's socket and to others; write the path of a \
             socket, such as /opt/ci/docker.sock",
        ),
        Some(Leads::Client) => Some("which is a Docker client; write the path of a socket"),
        // dockerd may well be told to have its socket beside its containerd's, or in its own data.
        Some(Leads::Runtime(_) | Leads::Data(_)) if name == "docker.sock" => None,
        Some(Leads::Runtime(_)) => Some(
            "which is, holds or lies in a directory of another runtime's sockets; otherRuntimes says what is done \
             with it; remove it",
        ),
        Some(Leads::Data(_)) => Some(
            "which is, holds or lies in a directory of a runtime's data; dataDirectories says what is done with \
             it; remove it",
        ),
        // Whether a node has a directory there cannot be known, but sockets have names of their own.
        None if !name.contains('.') && !name.contains("sock") => Some(
            "which is the name of a directory; write the path of the socket in it, such as \
             /opt/ci/docker.sock",
        ),
        Some(Leads::Socket | Leads::Storage | Leads::Pipe(_)) | None => None,
    }
}
