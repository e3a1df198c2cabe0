//! Where a check's reader reads on.

use std::fmt;

/// A section of the documentation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guide {
    /// What `check` asks.
    Check,
    /// How to install.
    Install,
    /// What can break, its symptoms and remedies.
    Failures,
    /// Where certificates are from.
    Certificates,
    /// The account's rights.
    Rights,
    /// The policies that hold the account to its caBundle.
    Guards,
    /// The way from the API server to the replicas.
    Network,
    /// What a policy says.
    Policy,
    /// Which profile a Pod Security level admits.
    PodSecurity,
    /// The policy that needs no webhook.
    Backstop,
}

impl Guide {
    /// Every section.
    pub const ALL: [Self; 10] = [
        Self::Check,
        Self::Install,
        Self::Failures,
        Self::Certificates,
        Self::Rights,
        Self::Guards,
        Self::Network,
        Self::Policy,
        Self::PodSecurity,
        Self::Backstop,
    ];

    /// The file and the heading in it, from the repository's root.
    pub fn path(self) -> &'static str {
        match self {
            Self::Check => "docs/operations.md#does-it-work",
            Self::Install => "docs/operations.md#install",
            Self::Failures => "docs/operations.md#what-can-break-symptoms-and-remedies",
            Self::Certificates => "docs/operations.md#certificates",
            Self::Rights => "docs/operations.md#what-it-may-do",
            Self::Guards => "docs/operations.md#the-guards",
            Self::Network => "docs/operations.md#who-may-reach-it",
            Self::Policy => "docs/policy.md#the-presets",
            Self::PodSecurity => "docs/policy.md#profiles",
            Self::Backstop => "docs/policy.md#the-backstop",
        }
    }
}

/// A link of this version, where it is known where the project lives (`scripts/release/repository` sets it); the
/// path otherwise.
impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repository = env!("CARGO_PKG_REPOSITORY");
        if !repository.is_empty() && !repository.contains("/OWNER/") {
            write!(f, "{repository}/blob/v{}/", env!("CARGO_PKG_VERSION"))?;
        }
        f.write_str(self.path())
    }
}
