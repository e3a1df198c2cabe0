//! Storage of the node: where the daemons of a key find the images that the ones before them left.
//!
//! The folder is built from the policy's path and from names that are checked here, so that a Pod's
//! author neither chooses it nor leaves it. Each kind of key has a folder of its own: a namespace that is
//! called as a profile is has another one.

use crate::model::path::CleanPath;
use crate::model::quantity::Quantity;

/// The path where a profile names none.
pub const DEFAULT_PATH: &str = "/var/lib/dind-injector";

/// Storage of the node, as a profile has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStorage {
    /// The folder of the node that holds all of it.
    pub path: CleanPath<'static>,
    /// How many daemons of one key use it at once, on one node.
    pub slots: u8,
    /// What a slot keeps.
    pub keep: Keep,
    /// Which Pods share slots.
    pub key: StorageKey,
    /// The size limit of the `emptyDir` that is used where every slot is taken.
    pub size_limit: Option<Quantity>,
}

/// What a slot keeps from one Pod to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Images and build cache together, at most.
    pub size: Quantity,
    /// What has not been used for longer goes.
    pub age: Age,
}

/// A time in whole hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The hours.
    pub hours: u32,
}

/// Which Pods share slots, and so trust each other's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageKey {
    /// Those of one namespace.
    Namespace,
    /// Those of one service account of one namespace.
    ServiceAccount,
    /// All that have the profile, in every namespace.
    Profile,
}

/// Whose slots a Pod gets.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'t> {
    /// The Pod's namespace.
    pub namespace: &'t str,
    /// The Pod's service account.
    pub service_account: &'t str,
    /// The profile of its sidecar.
    pub profile: &'t str,
}

impl Age {
    /// Parses `12h` or `7d`; none for another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = match text.strip_suffix('d') {
            Some(days) => (days, 24),
            None => (text.strip_suffix('h')?, 1),
        };
        let hours = number.parse::<u32>().ok()?.checked_mul(unit)?;
        (hours > 0).then_some(Self { hours })
    }

    /// As [`Self::parse`] takes it.
    pub fn text(self) -> String {
        format!("{}h", self.hours)
    }
}

impl NodeStorage {
    /// The folder of the node that holds the slots of `tenant`; none where a name is not one that
    /// Kubernetes gives, which the API server refuses later.
    pub fn folder(&self, tenant: Tenant<'_>) -> Option<String> {
        let Self { path, key, .. } = self;
        let Tenant {
            namespace,
            service_account,
            profile,
        } = tenant;
        match key {
            StorageKey::Namespace => {
                is_label(namespace).then(|| format!("{path}/namespace/{namespace}"))
            }
            StorageKey::ServiceAccount => (is_label(namespace) && is_subdomain(service_account))
                .then(|| format!("{path}/service-account/{namespace}/{service_account}")),
            StorageKey::Profile => is_label(profile).then(|| format!("{path}/profile/{profile}")),
        }
    }
}

/// Whether `name` is a DNS label, as a namespace's name is.
/// Source: `k8s.io/apimachinery/pkg/util/validation/validation.go`, `IsDNS1123Label`.
fn is_label(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Whether `name` is a DNS subdomain, as a service account's name is; labels in it may be long.
/// Source: the same, `IsDNS1123Subdomain`.
fn is_subdomain(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(is_inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn storage(key: StorageKey) -> NodeStorage {
        NodeStorage {
            path: CleanPath::literal(DEFAULT_PATH),
            slots: 4,
            keep: Keep {
                size: "20Gi".parse().unwrap(),
                age: Age { hours: 168 },
            },
            key,
            size_limit: None,
        }
    }

    #[test]
    fn each_kind_of_key_has_folders_of_its_own() {
        let tenant = Tenant {
            namespace: "profile",
            service_account: "build.er",
            profile: "warm",
        };
        let folder = |key| storage(key).folder(tenant).unwrap();
        assert_eq!(
            folder(StorageKey::Namespace),
            "/var/lib/dind-injector/namespace/profile"
        );
        assert_eq!(
            folder(StorageKey::ServiceAccount),
            "/var/lib/dind-injector/service-account/profile/build.er"
        );
        assert_eq!(
            folder(StorageKey::Profile),
            "/var/lib/dind-injector/profile/warm"
        );
    }

    #[test]
    fn no_name_leaves_the_folder_of_its_key() {
        for name in [
            "", ".", "..", "../x", "a/b", "a/../b", "A", "a..b", "-a", "a-", ".a", "a.", "a b",
            "a\n", "a\0",
        ] {
            let tenant = Tenant {
                namespace: "ci",
                service_account: name,
                profile: "warm",
            };
            let folder = storage(StorageKey::ServiceAccount).folder(tenant);
            assert_eq!(folder, None, "{name:?}");
            let tenant = Tenant {
                namespace: name,
                service_account: "default",
                profile: name,
            };
            assert_eq!(storage(StorageKey::Namespace).folder(tenant), None);
            assert_eq!(storage(StorageKey::Profile).folder(tenant), None);
        }
    }

    #[test]
    fn an_age_is_of_hours_or_days() {
        assert_eq!(Age::parse("7d"), Some(Age { hours: 168 }));
        assert_eq!(Age::parse("12h"), Some(Age { hours: 12 }));
        for text in ["", "h", "0h", "7", "7w", "-1h", "1.5h", "99999999999d"] {
            assert_eq!(Age::parse(text), None, "{text:?}");
        }
    }
}
