//! The policy: that it can be read, and that every replica has the newest.

use std::collections::BTreeMap;

use crate::check::installed::Installed;
use crate::check::outcome::Check;
use crate::check::questions::POLICY;
use crate::check::replicas::{ADMIN_PORT, every_metrics};
use crate::check::{Read, Unread};
use crate::names::metric;
use crate::policy_file::Config;

/// The policy that the Deployment names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PolicyFile {
    /// None, so that the built-in one holds.
    BuiltIn,
    /// The text of a ConfigMap.
    Text {
        /// The ConfigMap's name.
        config_map: String,
        /// What it holds.
        text: String,
        /// The text's SHA-256, in hexadecimal.
        sha256: String,
    },
}

impl PolicyFile {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with the text, for people.
    pub fn config(&self) -> Result<Config, String> {
        match self {
            Self::BuiltIn => Ok(Config::builtin()),
            Self::Text { text, .. } => Config::from_yaml(text).map_err(|errors| {
                let text = errors.to_string();
                text.lines().next().unwrap_or_default().to_owned()
            }),
        }
    }

    fn hash(&self) -> &str {
        match self {
            Self::BuiltIn => metric::POLICY_BUILTIN,
            Self::Text { sha256, .. } => sha256,
        }
    }
}

/// Judges the policy.
pub fn check(installed: &Installed) -> Check {
    let home = &installed.home;
    let file = match &installed.policy {
        Ok(file) => {
            if let (PolicyFile::Text { config_map, .. }, Err(wrong)) = (file, file.config()) {
                return POLICY.fails(
                    format!("the ConfigMap {config_map} holds no policy: {wrong}"),
                    "dind-injector check-config -f policy.yaml says all that is wrong; a policy of before stays in force",
                );
            }
            Ok(file)
        }
        Err(unread) => Err(unread),
    };
    if installed.replicas.is_empty() {
        return POLICY.could_not_ask_but(
            "no replica runs, so none is in force",
            "see the replicas' line",
        );
    }
    let metrics = match every_metrics(&installed.replicas) {
        Ok(metrics) => metrics,
        Err(unread) => return POLICY.could_not_ask_but(unread.to_string(), ADMIN_PORT),
    };
    let mut pods: BTreeMap<&str, &str> = BTreeMap::new();
    for (pod, samples) in &metrics {
        let refused = samples.by_label(metric::FILE_REFUSED, "file");
        if refused
            .into_iter()
            .any(|(file, value)| file == "policy" && value > 0.0)
        {
            return POLICY.fails(
                format!("{pod} refuses the newest policy, and keeps the one before"),
                format!("kubectl get --raw /api/v1/namespaces/{home}/pods/{pod}:9090/proxy/readyz says why"),
            );
        }
        let hash = samples
            .label(metric::POLICY_INFO, "sha256")
            .unwrap_or(metric::POLICY_BUILTIN);
        pods.entry(hash).or_insert(pod);
    }
    let told: Vec<String> = pods
        .iter()
        .map(|(hash, pod)| format!("{} ({pod})", short(hash)))
        .collect();
    let [(hash, _)] = pods.iter().collect::<Vec<_>>()[..] else {
        return POLICY.fails(
            format!("replicas have different policies: {}", told.join(", ")),
            format!(
                "the kubelet shows a new ConfigMap to each within two minutes; longer: kubectl -n {home} rollout restart deployment {}",
                installed.name
            ),
        );
    };
    match file {
        Ok(file) if file.hash() != *hash => POLICY.warns(
            format!(
                "{} is in force, and the newest is {}",
                short(hash),
                short(file.hash())
            ),
            "the kubelet shows a new ConfigMap to the replicas within two minutes: ask again",
        ),
        Ok(PolicyFile::BuiltIn) => {
            POLICY.ok("the built-in one: it swaps in labeled namespaces, and warns elsewhere")
        }
        Ok(PolicyFile::Text { config_map, .. }) => POLICY.ok(format!(
            "that of the ConfigMap {config_map}, sha256 {}",
            short(hash)
        )),
        Err(unread) => POLICY.could_not_ask_but(
            format!(
                "sha256 {} is in force on all; whether it is the newest: {}",
                short(hash),
                told_unread(unread)
            ),
            "ask as a user who may read ConfigMaps of the installation's namespace",
        ),
    }
}

fn told_unread(unread: &Unread) -> String {
    match unread {
        Unread::Missing => "the Deployment's --config is in no ConfigMap".to_owned(),
        Unread::Forbidden(_) | Unread::Failed(_) => unread.to_string(),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// The policy that holds, where it can be told.
pub fn config(policy: &Read<PolicyFile>) -> Option<Config> {
    policy.as_ref().ok()?.config().ok()
}
