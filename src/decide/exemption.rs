//! The rule that lets one namespace do what another rule denies.
//!
//! The author who reads a denial is rarely the admin who can lift it. So the message contains YAML that an
//! admin can paste above the rule that denies.

use std::fmt;

use crate::text::beginning;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    pub namespace: String,
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
            namespace, says, ..
        } = self;
        // The name of a rule has at most 63 characters, as has that of a namespace.
        let short = beginning(namespace, 50).trim_end_matches('-');
        format!("{{name: exempt-{short}, match: {{namespaces: [{namespace}]}}, {says}}}")
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
