//! A mount of the daemon that a Pod's author asks for by annotation, as a mount of the node's would be.
//!
//! It says of which path of the node the daemon's takes the place, so that a Pod that was migrated gets
//! the same as when it mounted that path.

use super::path::CleanPath;
use super::place::Place;

/// A mount that a container gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedMount {
    /// The container.
    pub place: Place,
    /// The path of the node, as the node resolves it, of which the daemon's takes the place.
    pub node_path: CleanPath<'static>,
    /// What is mounted.
    pub part: DaemonPart,
    /// The file names of the Docker sockets that it is, or that it holds.
    pub sockets: Vec<String>,
    /// Where the container sees it, as it was written.
    pub mount_path: String,
    /// How it is mounted.
    pub option: Option<MountOption>,
}

/// A part of what the daemon shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonPart {
    /// Its socket, by the file name that the node's has.
    Socket,
    /// The directory of its socket.
    Directory,
    /// The `docker` client.
    Client,
}

/// How a mount differs from one that may be written to, by the words of `docker run -v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountOption {
    /// `readOnly: true`.
    ReadOnly,
    /// `mountPropagation: HostToContainer`.
    HostToContainer,
    /// `mountPropagation: Bidirectional`.
    Bidirectional,
}

impl MountOption {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::HostToContainer, Self::Bidirectional];

    /// How the annotation writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::HostToContainer => "rslave",
            Self::Bidirectional => "rshared",
        }
    }
}

impl AskedMount {
    /// Whether a container that has it uses the daemon: a client alone asks for none.
    pub fn is_of_a_user(&self) -> bool {
        match self.part {
            DaemonPart::Socket | DaemonPart::Directory => true,
            DaemonPart::Client => false,
        }
    }
}
