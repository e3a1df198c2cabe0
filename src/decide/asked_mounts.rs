//! The annotation `mounts`: where containers see the daemon's socket, its directory or its client.
//!
//! Each item names a path of the node, as a `hostPath` would, and is taken for what a mount of that path is
//! taken for. What the daemon cannot take the place of is an error that says so.

use crate::budget::MOST_FINDINGS;
use crate::model::asked::{AskedMount, DaemonPart, MountOption};
use crate::model::path::CleanPath;
use crate::model::place::Place;
use crate::model::sockets::{Leads, Sockets};
use crate::names;
use crate::text::shortened;

/// Items of one annotation: more than any Pod mounts of one runtime.
const MOST: usize = 64;
/// Bytes of one path: a watched one is shorter.
const LONGEST: usize = 256;

/// Why the annotation cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountsError {
    /// An item of another form.
    #[error(
        "annotation {} has {item:?}; it may be a comma-separated list of \
         [CONTAINER=]NODE_PATH:MOUNT_PATH[:ro|rslave|rshared] with absolute paths, such as \
         build=/var/run/docker.sock:/var/run/docker.sock",
        names::MOUNTS
    )]
    Form {
        /// The item, its first characters.
        item: String,
    },
    /// A path that is no runtime's.
    #[error(
        "annotation {} names {path:?}, which the Pod's own daemon cannot take the place of; it may be a Docker \
         socket of the node, the directory that holds it, or the docker client",
        names::MOUNTS
    )]
    NotOurs {
        /// The path, its first characters.
        path: String,
    },
    #[error("annotation {} has more than {MOST} items", names::MOUNTS)]
    TooMany,
    /// Source: `pkg/apis/core/validation`, `validateMountPropagation`.
    #[error(
        "annotation {} asks for rshared in container {container:?}, and Kubernetes has that in privileged containers \
         alone; ask for rslave there, or for neither",
        names::MOUNTS
    )]
    NotPrivileged {
        /// Its name, the first characters.
        container: String,
    },
    #[error(
        "annotation {} has two mounts at {path:?} of one container; remove one of them",
        names::MOUNTS
    )]
    Twice {
        /// The path, its first characters.
        path: String,
    },
    #[error(
        "annotation {} asks for more than {MOST_FINDINGS} mounts in all containers together. Name the containers \
         that need them, as in build=/var/run/docker.sock:/var/run/docker.sock",
        names::MOUNTS
    )]
    TooManyTogether,
}

/// One item: the container's name, if it has one, and the mount of the container at any place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'t> {
    /// The container; every one that gets the socket, where it is missing.
    pub container: Option<&'t str>,
    part: DaemonPart,
    node_path: CleanPath<'static>,
    sockets: Vec<String>,
    mount_path: &'t str,
    option: Option<MountOption>,
}

impl Item<'_> {
    /// The mount in the container at `place`.
    pub fn at(&self, place: Place) -> AskedMount {
        AskedMount {
            place,
            node_path: self.node_path.clone(),
            part: self.part,
            sockets: self.sockets.clone(),
            mount_path: self.mount_path.to_owned(),
            option: self.option,
        }
    }
}

/// Reads the annotation's value.
///
/// # Errors
/// Where an item is not of the form, or names what the daemon has not.
pub fn items<'t>(value: &'t str, sockets: &Sockets) -> Result<Vec<Item<'t>>, MountsError> {
    let mut found = Vec::new();
    let items = value.split(',').map(str::trim);
    for item in items.filter(|item| !item.is_empty()) {
        if found.len() == MOST {
            return Err(MountsError::TooMany);
        }
        let form = || MountsError::Form {
            item: shortened(item, 80).into_owned(),
        };
        found.push(read(item, sockets).ok_or_else(form)??);
    }
    Ok(found)
}

/// The places at which containers see what the annotation asks for, whatever is mounted there.
pub fn mount_paths(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').filter_map(|item| {
        let paths = item.split_once('=').map_or(item, |(_, paths)| paths);
        paths.split(':').nth(1).map(str::trim)
    })
}

fn read<'t>(item: &'t str, sockets: &Sockets) -> Option<Result<Item<'t>, MountsError>> {
    let (container, paths) = match item.split_once('=') {
        Some((name, paths)) if !name.contains(['/', ':']) => (Some(name.trim()), paths),
        _ => (None, item),
    };
    let mut parts = paths.split(':').map(str::trim);
    let (node, mount_path, option) = (parts.next()?, parts.next()?, parts.next());
    let is_path = |path: &str| path.starts_with('/') && path.len() <= LONGEST;
    if parts.next().is_some() || !is_path(node) || !is_path(mount_path) {
        return None;
    }
    let option = match option {
        None => None,
        Some(word) => Some(MountOption::ALL.into_iter().find(|o| o.word() == word)?),
    };
    let node_path = CleanPath::on_node(node).into_owned();
    let part = match sockets.leads(&node_path) {
        Some(Leads::Socket) => DaemonPart::Socket,
        Some(Leads::Directory) => DaemonPart::Directory,
        Some(Leads::Client) => DaemonPart::Client,
        Some(
            Leads::Ancestor | Leads::Runtime(_) | Leads::Data(_) | Leads::Storage | Leads::Pipe(_),
        )
        | None => {
            let path = shortened(node, 80).into_owned();
            return Some(Err(MountsError::NotOurs { path }));
        }
    };
    let sockets = match part {
        DaemonPart::Socket | DaemonPart::Directory => sockets.names_at(&node_path),
        DaemonPart::Client => Vec::new(),
    };
    Some(Ok(Item {
        container,
        part,
        node_path,
        sockets,
        mount_path,
        option,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_item_is_what_a_mount_of_its_path_is() {
        let sockets = Sockets::default();
        let value = "build=/var/run/docker.sock:/docker.sock:ro, /run:/host/run,a=/usr/bin/docker:/bin/docker,";
        let read = items(value, &sockets).unwrap();
        let told: Vec<_> = read
            .iter()
            .map(|item| (item.container, item.part, item.mount_path, item.option))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Some("build"),
                    DaemonPart::Socket,
                    "/docker.sock",
                    Some(MountOption::ReadOnly)
                ),
                (None, DaemonPart::Directory, "/host/run", None),
                (Some("a"), DaemonPart::Client, "/bin/docker", None),
            ]
        );
    }

    #[test]
    fn what_is_no_such_item_is_an_error() {
        let sockets = Sockets::default();
        for value in [
            "/var/run/docker.sock",
            "a=/run/docker.sock:x",
            "run/docker.sock:/x",
            "/run/docker.sock:/x:rw",
            "/run/docker.sock:/x:ro:ro",
            "a",
        ] {
            let error = items(value, &sockets).unwrap_err();
            assert!(matches!(error, MountsError::Form { .. }), "{value}");
        }
        for value in ["/etc:/etc", "/:/host", "/run/containerd:/run/containerd"] {
            let error = items(value, &sockets).unwrap_err();
            assert!(matches!(error, MountsError::NotOurs { .. }), "{value}");
        }
        let many = "/run:/run,".repeat(MOST + 1);
        assert_eq!(items(&many, &sockets), Err(MountsError::TooMany));
    }
}
