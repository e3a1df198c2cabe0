//! A profile as dockerd's flags and the start script's environment.
//!
//! A flag or variable can turn the daemon into root on the node, so everything here comes from the admin's
//! profile. The only values of the Pod's author are proxy variables, if the profile allows them.

use std::borrow::Cow;

use crate::model::expand::{Environment, Expanded, Piece};
use crate::model::notice::{Notice, Notices, told_name};
use crate::model::place::Place;
use crate::model::view::{Container, Pod};
use crate::names;
use crate::names::env;

use crate::model::profile::Profile;
use crate::plan::container::EnvEntry;
use crate::plan::sub_path::Copies;
use crate::plan::trust::with_directories;

/// Where a profile's CA bundle is mounted in the sidecar.
pub const CA_DIR: &str = "/dind-ca";
/// Where the storage volume of a rootless daemon is mounted. The volume's own directory belongs to root, and
/// dockerd must be able to change the mode of its data root, which is therefore a directory below.
pub const ROOTLESS_STORAGE_DIR: &str = "/dind-storage";
/// Flags for dockerd of the rootless image. Its group 0 is the image user's group outside; dockerd's default,
/// the image's group `docker`, is mapped to nothing there.
const ROOTLESS_FLAGS: [&str; 2] = ["--data-root=/dind-storage/docker", "--group=0"];

/// The lowest API version that the daemon accepts. By default, Engine 29 refuses clients below 1.44, which
/// old images have.
const MIN_API_VERSION: &str = "1.24";

const PROXY_VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
/// Variables that the kubelet gives every container, whatever else it has.
const OF_EVERY_CONTAINER: &str = "KUBERNETES_";

pub fn storage_dir(profile: &Profile) -> &'static str {
    if profile.rootless {
        ROOTLESS_STORAGE_DIR
    } else {
        names::STORAGE_DIR
    }
}

/// The sidecar's `args`: more flags of dockerd.
pub fn arguments(profile: &Profile) -> Vec<Cow<'_, str>> {
    let mirrors = profile.registry_mirrors.iter().flatten();
    let insecure = profile.insecure_registries.iter();
    let pools = profile.address_pools.iter();
    let rootless: &[&str] = if profile.rootless {
        &ROOTLESS_FLAGS
    } else {
        &[]
    };
    mirrors
        .map(|url| format!("--registry-mirror={url}"))
        .chain(insecure.map(|host| format!("--insecure-registry={host}")))
        .chain(pools.map(|pool| {
            format!(
                "--default-address-pool=base={},size={}",
                pool.base, pool.size
            )
        }))
        .map(Cow::Owned)
        .chain(rootless.iter().copied().map(Cow::Borrowed))
        .chain(
            profile
                .daemon_flags
                .iter()
                .map(|flag| Cow::Borrowed(flag.as_str())),
        )
        .collect()
}

/// The sidecar's environment, apart from variables that depend on the Pod's mounts.
pub fn environment<'p>(
    profile: &'p Profile,
    pod: &'p Pod<'_>,
    inherited: Vec<EnvEntry<'p>>,
) -> Vec<EnvEntry<'p>> {
    let mut entries = vec![
        EnvEntry::new(env::MIN_API, MIN_API_VERSION),
        EnvEntry::new(env::TLS_CERTDIR, ""),
    ];
    if profile.rootless {
        entries.push(EnvEntry::new(env::ROOTLESS, "1"));
    }
    if pod.spec.host_network {
        entries.push(EnvEntry::new(env::HOST_NETWORK, "1"));
    }
    if let Some(mtu) = profile.mtu {
        entries.push(EnvEntry::new(env::MTU, mtu.to_string()));
    }
    if profile.ca_config_map.is_some() {
        // Go's crypto/x509 reads it. The image's own certificates stay trusted.
        let dirs = with_directories(None, &[CA_DIR.to_owned()]);
        entries.push(EnvEntry::new(env::CERT_DIR, dirs));
    }
    entries.extend(inherited);
    for (name, value) in &profile.env {
        entries.retain(|entry| entry.name != name.as_str());
        entries.push(EnvEntry::new(name.as_str(), value.as_str()));
    }
    entries
}

/// The proxy variables of the first container that uses Docker and has any, each after those that it needs. What the
/// sidecar cannot have is told.
pub(super) fn inherited_proxy<'p>(
    pod: &'p Pod<'_>,
    users: &[Place],
    copies: &mut Copies<'p>,
) -> (Vec<EnvEntry<'p>>, Notices) {
    let mut notices = Notices::default();
    for container in users.iter().map(|place| pod.container(*place)) {
        let environment = Environment::of(container);
        let mut known = Vec::new();
        let mut left_out = |variable| {
            notices.push(Notice::ProxyLeftOut {
                container: told_name(&container.name),
                variable,
            });
        };
        for name in PROXY_VARIABLES {
            let Some(value) = environment.value(name) else {
                continue;
            };
            let is_whole = !needs_env_from(container, value);
            match is_whole.then(|| copies.variable(name, value)).flatten() {
                Some(entry) => known.push(entry),
                None => left_out(Some(name)),
            }
        }
        // What `env` has too, `envFrom` does not set.
        let (upper, lower) = PROXY_VARIABLES.split_at(PROXY_VARIABLES.len() / 2);
        let mut pairs = upper.iter().zip(lower);
        if container.env_from.is_some()
            && pairs.any(|(upper, lower)| {
                environment
                    .value(upper)
                    .or(environment.value(lower))
                    .is_none()
            })
        {
            left_out(None);
        }
        if !known.is_empty() {
            let mut entries = std::mem::take(&mut copies.env);
            entries.append(&mut known);
            return (entries, notices);
        }
    }
    (Vec::new(), notices)
}

/// Whether a value names a variable that may come from the container's `envFrom`, which the sidecar does not have.
fn needs_env_from(container: &Container<'_>, value: &Expanded<'_>) -> bool {
    let Expanded::Pieces(pieces) = value else {
        return false;
    };
    container.env_from.is_some()
        && pieces.iter().any(
            |piece| matches!(piece, Piece::Unset(name) if !name.starts_with(OF_EVERY_CONTAINER)),
        )
}
