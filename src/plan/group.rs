//! Which group owns the daemon's socket, so that non-root containers can use it.
//!
//! A group that the Pod already has is preferred to a new one. An image may set a user that is unknown at
//! admission, so only `runAsUser: 0` counts as root.

use crate::model::place::Place;
use crate::model::view::Pod;

/// The group that is added to a Pod without a usable one. It grants nothing else.
pub const NEW_GROUP: i64 = 2375;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketGroup {
    /// Every user of the socket is root.
    Root,
    /// A group that every user of the socket already has.
    Present(i64),
    /// A group that the patch adds to `supplementalGroups`.
    Added(i64),
}

impl SocketGroup {
    pub fn gid(self) -> Option<i64> {
        match self {
            Self::Root => None,
            Self::Present(gid) | Self::Added(gid) => Some(gid),
        }
    }
}

/// The group of a rootless daemon's socket: that of the image's user, who can set no other.
/// Source: docker-library/docker, `dind-rootless/Dockerfile`.
pub const ROOTLESS_GROUP: i64 = 1000;

pub fn choose(pod: &Pod<'_>, users: &[Place], rootless: bool) -> SocketGroup {
    let whole = pod.security();
    let contexts = || {
        users
            .iter()
            .map(|place| &pod.container(*place).security_context)
    };
    if contexts().all(|own| own.run_as_user.or(whole.run_as_user) == Some(0)) {
        return SocketGroup::Root;
    }
    if rootless {
        let mut present = whole.supplemental_groups.iter().chain(&whole.fs_group);
        return match present.any(|gid| *gid == ROOTLESS_GROUP) {
            true => SocketGroup::Present(ROOTLESS_GROUP),
            false => SocketGroup::Added(ROOTLESS_GROUP),
        };
    }
    let shared = whole
        .supplemental_groups
        .first()
        .copied()
        .or(whole.fs_group);
    if let Some(gid) = shared {
        return SocketGroup::Present(gid);
    }
    let mut primary = contexts().map(|own| own.run_as_group.or(whole.run_as_group));
    match primary.next().flatten() {
        Some(gid) if primary.all(|other| other == Some(gid)) => SocketGroup::Present(gid),
        _ => SocketGroup::Added(NEW_GROUP),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::place::List;

    fn group(spec: &str) -> SocketGroup {
        let pod = format!(r#"{{"spec":{spec}}}"#);
        let pod: Pod<'_> = crate::json::from_str(&pod).unwrap();
        let users: Vec<Place> = (0..pod.spec.containers.len())
            .map(|index| Place {
                list: List::Main,
                index,
            })
            .collect();
        choose(&pod, &users, false)
    }

    #[test]
    fn takes_a_group_that_the_pod_has_before_a_new_one() {
        for (spec, expected) in [
            (r#"{"containers":[{}]}"#, SocketGroup::Added(NEW_GROUP)),
            (
                r#"{"securityContext":{"supplementalGroups":[998],"fsGroup":7},"containers":[{}]}"#,
                SocketGroup::Present(998),
            ),
            (
                r#"{"securityContext":{"fsGroup":7,"runAsGroup":8},"containers":[{}]}"#,
                SocketGroup::Present(7),
            ),
            (
                r#"{"securityContext":{"runAsGroup":8},"containers":[{}]}"#,
                SocketGroup::Present(8),
            ),
            (
                r#"{"containers":[{"securityContext":{"runAsGroup":8}},{}]}"#,
                SocketGroup::Added(NEW_GROUP),
            ),
            (
                r#"{"securityContext":{"runAsUser":0},"containers":[{}]}"#,
                SocketGroup::Root,
            ),
            (
                r#"{"securityContext":{"runAsUser":0},"containers":[{"securityContext":{"runAsUser":5}}]}"#,
                SocketGroup::Added(NEW_GROUP),
            ),
        ] {
            assert_eq!(group(spec), expected, "{spec}");
        }
    }
}
