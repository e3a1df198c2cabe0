//! Certificates that the node's daemon trusts, for the Pod's own daemon.
//!
//! A job that pushes to a registry with a private certificate mounts that certificate. It is added to what
//! the daemon trusts, and replaces nothing. No other setting of the daemon is taken from a Pod.

use std::borrow::Cow;

use crate::model::path::CleanPath;
use crate::names;

/// What a container's mount says about the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Certificates of registries, at this path of the daemon.
    Registries(CleanPath<'static>),
    Authorities,
    /// Its settings, which only the profile sets.
    Settings,
    /// The directory of its settings with certificates of registries somewhere in it.
    SettingsDirectory,
}

/// Where dockerd searches for registries' certificates. A rootless one searches in its user's home.
/// Source: moby, `registry/config.go`, `CertsDir`.
static REGISTRIES: CleanPath<'static> = CleanPath::literal("/etc/docker/certs.d");
static ROOTLESS_REGISTRIES: CleanPath<'static> =
    CleanPath::literal("/home/rootless/.config/docker/certs.d");

static SETTINGS: [CleanPath<'static>; 2] = [
    CleanPath::literal("/etc/docker/daemon.json"),
    CleanPath::literal("/home/rootless/.config/docker/daemon.json"),
];

/// Where images keep trusted CA certificates and their sources.
/// Sources: Go's `crypto/x509/root_linux.go`; `update-ca-certificates`; `update-ca-trust`.
static AUTHORITIES: [CleanPath<'static>; 10] = [
    CleanPath::literal("/etc/ca-certificates"),
    CleanPath::literal("/etc/pki/ca-trust"),
    CleanPath::literal("/etc/pki/tls/cacert.pem"),
    CleanPath::literal("/etc/pki/tls/certs"),
    CleanPath::literal("/etc/ssl/ca-bundle.pem"),
    CleanPath::literal("/etc/ssl/cert.pem"),
    CleanPath::literal("/etc/ssl/certs"),
    CleanPath::literal("/usr/local/share/ca-certificates"),
    CleanPath::literal("/usr/share/ca-certificates"),
    CleanPath::literal("/usr/share/pki"),
];

/// Directories with those in them, and with other files: mounted themselves they count, what else is in them does not.
static HOLDERS: [CleanPath<'static>; 2] = [
    CleanPath::literal("/etc/pki"),
    CleanPath::literal("/etc/ssl"),
];

/// Subdirectories of those with CA certificates: Go does not descend into directories.
static DEEPER: [CleanPath<'static>; 7] = [
    CleanPath::literal("/etc/ca-certificates/trust-source/anchors"),
    CleanPath::literal("/etc/pki/tls/certs"),
    CleanPath::literal("/etc/ssl/certs"),
    CleanPath::literal("/etc/pki/ca-trust/extracted/pem"),
    CleanPath::literal("/etc/pki/ca-trust/source/anchors"),
    CleanPath::literal("/usr/share/pki/ca-trust-source/anchors"),
    CleanPath::literal("/usr/share/pki/trust/anchors"),
];

/// The image's own CA certificates. Go reads every file here besides the bundle.
pub const OWN_AUTHORITIES: &str = "/etc/ssl/certs";

pub fn told(path: &CleanPath<'_>, rootless: bool) -> Option<Told> {
    if REGISTRIES.holds(path) {
        let below = &path.as_str()[REGISTRIES.as_str().len()..];
        return Some(Told::Registries(match rootless {
            true => ROOTLESS_REGISTRIES.join(below),
            false => path.clone().into_owned(),
        }));
    }
    if rootless && ROOTLESS_REGISTRIES.holds(path) {
        return Some(Told::Registries(path.clone().into_owned()));
    }
    if AUTHORITIES.iter().any(|at| at.holds(path)) || HOLDERS.contains(path) {
        return Some(Told::Authorities);
    }
    let mut settings = SETTINGS.iter();
    if settings.any(|file| file.parent().is_some_and(|directory| directory == *path)) {
        return Some(Told::SettingsDirectory);
    }
    SETTINGS.contains(path).then_some(Told::Settings)
}

/// Where the daemon gets the CA certificates with this number. Whether they are one file or a directory is
/// unknown.
pub fn place(number: usize) -> CleanPath<'static> {
    CleanPath::new(&format!("{}/{number}/certs", names::TRUST_DIR)).into_owned()
}

/// The directories of which one contains the certificates that a container has at `at`.
pub fn directories(place: &CleanPath<'_>, at: &CleanPath<'_>) -> Vec<String> {
    let parent = place.parent().map(|parent| parent.to_string());
    let below = DEEPER.iter().filter_map(|deeper| {
        let rest = deeper.as_str().strip_prefix(at.as_str())?;
        (at.holds(deeper) && !rest.is_empty()).then(|| format!("{place}{rest}"))
    });
    parent
        .into_iter()
        .chain([place.to_string()])
        .chain(below)
        .collect()
}

/// The value of `SSL_CERT_DIR` with `more` directories. Go reads all of them.
pub fn with_directories<'v>(value: Option<Cow<'v, str>>, more: &[String]) -> Cow<'v, str> {
    let value = value.unwrap_or(Cow::Borrowed(OWN_AUTHORITIES));
    let mut value = value.into_owned();
    for directory in more {
        value.push(':');
        value.push_str(directory);
    }
    Cow::Owned(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, rootless: bool) -> String {
        match told(&CleanPath::new(path), rootless) {
            Some(Told::Registries(at)) => at.to_string(),
            Some(Told::Authorities) => "authorities".to_owned(),
            Some(Told::Settings) => "settings".to_owned(),
            Some(Told::SettingsDirectory) => "their directory".to_owned(),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_mount_tells_by_its_path() {
        let registry = "/etc/docker/certs.d/registry.example:5000";
        assert_eq!(of(registry, false), registry);
        assert_eq!(
            of(registry, true),
            "/home/rootless/.config/docker/certs.d/registry.example:5000"
        );
        assert_eq!(of("/etc/docker/certs.d/", false), "/etc/docker/certs.d");
        for path in [
            "/etc/ssl/certs",
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/ssl/cert.pem",
            "/etc/pki/ca-trust/source/anchors/company.pem",
            "/usr/local/share/ca-certificates/company.crt",
            "/etc/pki",
            "/etc/ssl/",
        ] {
            assert_eq!(of(path, false), "authorities", "{path}");
        }
        assert_eq!(of("/etc/docker/daemon.json", false), "settings");
        assert_eq!(of("/etc/docker/", false), "their directory");
        for path in [
            "/etc/ssl/private",
            "/etc/pki/rpm-gpg",
            "/certs",
            "/etc/docker/certs",
        ] {
            assert_eq!(of(path, false), "nothing", "{path}");
        }
    }

    #[test]
    fn directories_are_added_and_none_is_replaced() {
        let at = CleanPath::new("/etc/ssl/certs");
        let more = directories(&place(2), &at);
        assert_eq!(more, ["/dind-trust/2", "/dind-trust/2/certs"]);
        let deeper = directories(&place(0), &CleanPath::new("/etc/pki/ca-trust"));
        assert_eq!(
            deeper[2..],
            [
                "/dind-trust/0/certs/extracted/pem",
                "/dind-trust/0/certs/source/anchors"
            ]
        );
        let holder = directories(&place(1), &CleanPath::new("/etc/pki"));
        assert_eq!(
            holder[2..],
            [
                "/dind-trust/1/certs/tls/certs",
                "/dind-trust/1/certs/ca-trust/extracted/pem",
                "/dind-trust/1/certs/ca-trust/source/anchors"
            ]
        );
        assert_eq!(
            with_directories(None, &more),
            "/etc/ssl/certs:/dind-trust/2:/dind-trust/2/certs"
        );
        assert_eq!(
            with_directories(Some("/ca".into()), &more[..1]),
            "/ca:/dind-trust/2"
        );
    }
}
