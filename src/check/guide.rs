//! Where a check's reader reads on.

use crate::model::docs_url::DocsUrl;

/// The folder of the documentation, which an admin's base of links stands for.
const FOLDER: &str = "docs/";

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

    /// A link below the base that an admin gave the installation (`--docs-url`); without one, a link of this version
    /// where it is known where the project lives (`scripts/release/repository` sets it); else the path.
    pub fn link(self, docs: &DocsUrl) -> String {
        let path = self.path();
        let page = path.strip_prefix(FOLDER).unwrap_or(path);
        let repository = env!("CARGO_PKG_REPOSITORY");
        docs.page(page).unwrap_or_else(|| {
            if repository.is_empty() || repository.contains("/OWNER/") {
                path.to_owned()
            } else {
                format!("{repository}/blob/v{}/{path}", env!("CARGO_PKG_VERSION"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_link_is_below_the_base_of_the_installation() {
        let docs: DocsUrl = "https://go.example.com/dind/".parse().unwrap();
        assert_eq!(
            Guide::Rights.link(&docs),
            "https://go.example.com/dind/operations.md#what-it-may-do"
        );
        let none = Guide::Rights.link(&DocsUrl::default());
        assert!(none.ends_with(Guide::Rights.path()), "{none}");
    }
}
