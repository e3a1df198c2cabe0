//! The API server's version, read once at the start: it decides how sidecars are written.

use std::time::Duration;

use kube::Client;

use crate::cluster::client::{ClusterError, describe};
use crate::model::sidecar_mode::SidecarMode;

/// The first version with native sidecars enabled by default.
/// Source: `kubernetes/pkg/features/kube_features.go`, `SidecarContainers` (beta in 1.29).
pub const NATIVE_SIDECARS: Version = Version {
    major: 1,
    minor: 29,
};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// How a cluster of this version runs sidecars. Kubelets may be older than their API server: during an
    /// upgrade to 1.29, the policy should set the mode.
    #[must_use]
    pub fn sidecar_mode(self) -> SidecarMode {
        if self >= NATIVE_SIDECARS {
            SidecarMode::Native
        } else {
            SidecarMode::Container
        }
    }

    /// Parses the fields of `/version`. Some providers write `29+`.
    fn read(major: &str, minor: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            text[..digits].parse().ok()
        };
        Some(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { major, minor } = self;
        write!(f, "{major}.{minor}")
    }
}

/// # Errors
/// If it cannot be reached, or gives no version.
pub async fn server_version(client: &Client) -> Result<Version, ClusterError> {
    let info = tokio::time::timeout(PATIENCE, client.apiserver_version())
        .await
        .map_err(|_| ClusterError::Version(format!("no answer in {PATIENCE:?}")))?
        .map_err(|error| ClusterError::Version(describe(&error)))?;
    Version::read(&info.major, &info.minor)
        .ok_or_else(|| ClusterError::Version(format!("it says {:?}.{:?}", info.major, info.minor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_suffixes_are_no_part_of_the_version() {
        let read = |minor| Version::read("1", minor);
        assert_eq!(read("29+"), Some(NATIVE_SIDECARS));
        assert_eq!(
            read("36"),
            Some(Version {
                major: 1,
                minor: 36
            })
        );
        assert_eq!(read(""), None);
        assert_eq!(read("latest"), None);
    }

    #[test]
    fn native_sidecars_begin_with_1_29() {
        let mode = |minor| Version { major: 1, minor }.sidecar_mode();
        assert_eq!(mode(28), SidecarMode::Container);
        assert_eq!(mode(29), SidecarMode::Native);
        let next = Version { major: 2, minor: 0 };
        assert_eq!(next.sidecar_mode(), SidecarMode::Native);
    }
}
