//! The rule that lets one kind of Pod of a namespace do what another rule denies.
//!
//! The author who reads a denial is rarely the admin who can lift it. So the message contains YAML that an
//! admin can paste above the rule that denies.

use std::fmt;

use crate::text::beginning;

/// A rule that lets through the Pods that the same user creates for the same kind of owner in this
/// namespace. The whole namespace would be more than was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub namespace: String,
    /// The kind that made the Pod; `Pod` where nothing did.
    pub owner: String,
    /// Empty where it is not known who creates the Pod.
    pub user: String,
    pub above: String,
    /// The fields of the new rule, as YAML.
    pub says: &'static str,
}

impl Exemption {
    pub(super) fn above_name(&self) -> String {
        format!("{:?}", self.above)
    }

    /// YAML for the policy's list of rules.
    pub fn recipe(&self) -> String {
        let Self {
            namespace,
            owner,
            user,
            says,
            above: _,
        } = self;
        // The name of a rule has at most 63 characters, as has that of a namespace.
        let short = beginning(namespace, 50).trim_end_matches('-');
        let mut matches = format!("namespaces: [{namespace}]");
        // Both are as the request has them: what YAML or a glob reads as something else is left out.
        let is_plain = |text: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@/".contains(&byte);
            !text.is_empty() && text.len() <= 128 && text.bytes().all(is_plain)
        };
        for (field, value) in [("owners", owner), ("users", user)] {
            if is_plain(value) {
                matches.push_str(&format!(", {field}: [{value:?}]"));
            }
        }
        format!("{{name: exempt-{short}, match: {{{matches}}}, {says}}}")
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "An admin can exempt it with a rule above {:?}: {}",
            self.above,
            self.recipe()
        )
    }
}
