//! The forms of texts: one pattern each, for the parser and the schema alike.
//!
//! A pattern only uses what the regular expressions of both Rust and JSON Schema have.

use std::sync::OnceLock;

use regex_lite::Regex;
use serde_json::{Value, json};

pub(crate) struct Form {
    /// Matches the whole text.
    pub pattern: &'static str,
    /// In characters. Kubernetes has a bound for each kind of name.
    pub longest: usize,
    /// What to write, with an example.
    pub expected: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Form {
    const fn new(pattern: &'static str, longest: usize, expected: &'static str) -> Self {
        Self {
            pattern,
            longest,
            expected,
            compiled: OnceLock::new(),
        }
    }

    pub fn fits(&self, text: &str) -> bool {
        // A pattern that does not compile matches nothing; a test compiles all of them.
        let compiled = self.compiled.get_or_init(|| Regex::new(self.pattern).ok());
        text.len() <= self.longest
            && compiled
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(text))
    }

    pub fn schema(&self) -> Value {
        json!({"type": "string", "pattern": self.pattern, "maxLength": self.longest})
    }
}

/// For editors. [`crate::model::quantity`] decides.
pub(crate) const QUANTITY: &str =
    r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$";

/// The name of a rule or profile, which is used in metrics and annotations.
pub(crate) static NAME: Form = Form::new(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    63,
    "a name of lower-case letters, digits and -, such as build-agents",
);

pub(crate) static OBJECT_NAME: Form = Form::new(
    r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
    253,
    "the name of an object: lower-case letters, digits, - and .",
);

pub(crate) static IMAGE: Form = Form::new(
    r"^[A-Za-z0-9][-A-Za-z0-9._/:]*(@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$",
    512,
    "an image, such as registry.example/docker:28.5.2-dind, and with a digest all 64 digits of it",
);

pub(crate) static FLAG: Form = Form::new(
    r"^--[a-z0-9][-a-z0-9]*(=[^\n]*)?$",
    4096,
    "one flag of dockerd with its value, such as --log-level=warn",
);

pub(crate) static VARIABLE: Form = Form::new(
    r"^[A-Za-z_][A-Za-z0-9_]*$",
    255,
    "the name of an environment variable, such as DOCKER_DRIVER",
);

pub(crate) static SOME: Form =
    Form::new(r"^\S([^\n]*\S)?$", 4095, "a name, without spaces around it");

pub(crate) static CAPABILITY: Form = Form::new(
    r"^[A-Z][A-Z0-9_]*$",
    63,
    "a capability without CAP_, such as SYS_ADMIN, or ALL",
);

pub(crate) static ANY: Form = Form::new(r"", 32768, "a string (a number or true needs quotes)");

/// Sockets go into a variable that is separated by spaces.
pub(crate) static SOCKET: Form = Form::new(
    r"^(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)+$",
    107,
    "an absolute path of letters, digits, ., _ and - without // or .., such as \
               /opt/ci/docker.sock",
);

pub(crate) static HOST_PATH: Form = Form::new(
    r"^/([^/\x00-\x1f]+(/[^/\x00-\x1f]+)*)?$",
    255,
    "an absolute path without // and without a slash at its end, such as /var/log",
);

/// A folder of the node for daemons' storage.
pub(crate) static STORAGE_PATH: Form = Form::new(
    r"^(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}$",
    200,
    "an absolute path of letters, digits, ., _ and -, of two folders or more, such as \
               /var/lib/dind-injector",
);

/// A time in hours or days.
pub(crate) static AGE: Form = Form::new(
    r"^[1-9][0-9]{0,4}[hd]$",
    6,
    "a number of hours or days, such as 12h or 7d",
);

pub(crate) static NETWORK: Form = Form::new(
    r"^[0-9a-fA-F.:]+/[0-9]{1,3}$",
    64,
    "a network as address/prefix, such as 10.200.0.0/16",
);

pub(crate) static MIRROR: Form = Form::new(
    r"^https?://(\[[0-9a-fA-F:]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#]*)?$",
    2048,
    "a URL without user, query or fragment, such as https://mirror.example",
);

pub(crate) static REGISTRY: Form = Form::new(
    r"^(([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?|[0-9a-fA-F:]+|[0-9a-fA-F.:]+/[0-9]{1,3})$",
    255,
    "a host, host:port or network without https://, such as registry.example:5000",
);

pub(crate) static KEY: Form = Form::new(
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    317,
    "a key, such as team or example.com/team",
);

pub(crate) static LABEL: Form = Form::new(
    r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
    63,
    "a label's value (a number or true needs quotes)",
);

pub(crate) static LABEL_GLOB: Form = Form::new(
    r"^[-A-Za-z0-9_.*?]*$",
    63,
    "a label's value, in which * matches any text (a number or true needs quotes)",
);

pub(crate) static NAMESPACE_GLOB: Form = Form::new(
    r"^[-a-z0-9*?]+$",
    63,
    "a namespace's name in lower case, in which * matches any text, such as ci-*",
);

pub(crate) static ACCOUNT_GLOB: Form = Form::new(
    r"^([-a-z0-9*?]+/)?[-.a-z0-9*?]+$",
    317,
    "a service account as name or namespace/name, in which * matches any text, such \
               as ci/builder",
);

pub(crate) static USER_GLOB: Form = Form::new(
    r"^[^\s].*$",
    1024,
    "a user's or group's name, in which * matches any text, such as \
               system:serviceaccount:ci:*",
);

pub(crate) static OBJECT_KIND: Form =
    Form::new(r"^[A-Z][A-Za-z0-9]*$", 63, "a kind, such as DaemonSet");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_fits_what_it_is_for_and_not_its_neighbors() {
        for (form, fits, does_not) in [
            (&NAME, "ci-2", "CI"),
            (&OBJECT_NAME, "ca.bundle", "ca/bundle"),
            (
                &IMAGE,
                "registry.example:5000/x/docker:28-dind",
                "docker@sha256:abc",
            ),
            (
                &IMAGE,
                "docker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                "docker dind",
            ),
            (&SOME, "a/b.json", " a"),
            (&CAPABILITY, "SYS_ADMIN", "sys_admin"),
            (&FLAG, "--log-opt=max-size=10m", "-D"),
            (&VARIABLE, "NO_PROXY", "NO-PROXY"),
            (&ANY, "", &"x".repeat(40000)),
            (&SOCKET, "/opt/.ci/docker.sock", "/opt//docker.sock"),
            (&SOCKET, "/var/run/docker.sock", "/var/run/../docker.sock"),
            (&SOCKET, "/a", "/a b"),
            (&HOST_PATH, "/var/log", "/var/log/"),
            (&HOST_PATH, "/", "var"),
            (&STORAGE_PATH, "/mnt/disk.1/dind", "/mnt"),
            (&STORAGE_PATH, "/var/lib/dind-injector", "/var/lib/../x"),
            (&AGE, "7d", "0h"),
            (&NETWORK, "fd00::/64", "10.0.0.0"),
            (&MIRROR, "https://mirror.example/v2", "mirror.example"),
            (
                &MIRROR,
                "http://[fd00::1]:5000",
                "https://u:p@mirror.example",
            ),
            (&MIRROR, "https://m:5000/", "https://mirror.example/?x=1"),
            (&MIRROR, "http://m", "https://mirror.example/#a"),
            (&REGISTRY, "10.0.0.0/8", "https://registry.example"),
            (&REGISTRY, "registry.example:5000", "registry.example:abc"),
            (&REGISTRY, "[fd00::1]:5000", "-registry"),
            (&REGISTRY, "fd00::/8", "registry_example"),
            (&REGISTRY, "fd00::1", "registry.example/path"),
            (&KEY, "example.com/team", "Example.com/team"),
            (&LABEL, "1.2_3", "-x"),
            (&LABEL_GLOB, "team-*", "a b"),
            (&NAMESPACE_GLOB, "ci-*", "CI-*"),
            (&ACCOUNT_GLOB, "ci/*", "system:serviceaccount:ci:x"),
            (&USER_GLOB, "system:node:*", ""),
            (&OBJECT_KIND, "Workflow", "daemonset"),
        ] {
            assert!(Regex::new(form.pattern).is_ok(), "{}", form.pattern);
            assert!(form.fits(fits), "{} {fits}", form.pattern);
            assert!(!form.fits(does_not), "{} {does_not}", form.pattern);
        }
    }

    #[test]
    fn the_pattern_of_a_quantity_is_what_the_parser_takes() {
        let pattern = Regex::new(QUANTITY);
        for text in [
            "1", "+1", "1.5", ".5", "1.", "500m", "4Gi", "1e3", "1E-3", "2E", "2Ei", "", ".",
            "4gb", "1 Gi", "0.1n", "7k", "7K", "7Ki",
        ] {
            let parsed = text.parse::<crate::model::quantity::Quantity>();
            let matched = pattern.as_ref().is_ok_and(|pattern| pattern.is_match(text));
            assert_eq!(parsed.is_ok(), matched, "{text:?}");
        }
    }
}
