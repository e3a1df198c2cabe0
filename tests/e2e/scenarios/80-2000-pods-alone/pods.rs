//! Creates generated Pods as dry runs on a real API server, with the webhook and without:
//! `pods KUBECONFIG NAMESPACE_WITH NAMESPACE_WITHOUT COUNT`.
//!
//! What is accepted without the webhook must be accepted with it, and must come back as the
//! plan says: the engine's patch on what was stored without, and what the API server makes of
//! that. A seed is a Pod, so that a failure names all that is needed to see it again.
#![allow(missing_docs, clippy::disallowed_macros)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http;
use dind_injector::cluster::ClusterArgs;
use dind_injector::manifest;
use dind_injector::model::sidecar_mode::SidecarMode;
use dind_injector::names::INJECTION_LABEL;
use dind_injector::policy_file::Config;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, apply, evaluate};
use kube::Client;
use regex_lite::Regex;
use serde_json::{Value, json};

#[path = "../../../support/parts.rs"]
#[allow(dead_code, reason = "one is for properties alone")]
mod parts;
#[path = "../../../support/pods.rs"]
#[allow(dead_code, reason = "the others are for fuzzing")]
mod pods;

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// As many as a busy controller manager has under way.
const AT_ONCE: usize = 16;

/// Numbers by SplitMix64: the same Pods on every machine.
struct Seeded(u64);

impl pods::Source for Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default() % bound
    }

    fn text(&mut self) -> String {
        format!("text-{}", self.below(100))
    }
}

/// What became of one Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    Refused,
    Left,
    Denied,
    Changed,
}

struct Sides {
    client: Client,
    with: String,
    without: String,
    config: Config,
    token: Regex,
}

#[tokio::main]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kubeconfig, with, without, count] = arguments.as_slice() else {
        return Err("pods KUBECONFIG NAMESPACE_WITH NAMESPACE_WITHOUT COUNT".into());
    };
    let cluster = ClusterArgs {
        kubeconfig: Some(PathBuf::from(kubeconfig)),
        ..ClusterArgs::default()
    };
    let sides = Arc::new(Sides {
        client: cluster.connect().await?,
        with: with.clone(),
        without: without.clone(),
        config: Config::builtin(),
        // The API server makes up the name of the volume that it adds.
        token: Regex::new("kube-api-access-[a-z0-9]{5}")?,
    });
    let count: usize = count.parse()?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (sides, next) = (Arc::clone(&sides), Arc::clone(&next));
        workers.spawn(async move {
            let mut seen = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= count {
                    return seen;
                }
                let became = sides.compare(seed).await;
                seen.push(became.map_err(|error| format!("seed {seed}: {error}")));
            }
        });
    }
    let mut became: BTreeMap<Became, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    while let Some(seen) = workers.join_next().await {
        for one in seen? {
            match one {
                Ok(one) => *became.entry(one).or_default() += 1,
                Err(fault) => faults.push(fault),
            }
        }
    }
    for fault in faults.iter().take(5) {
        println!("{fault}");
    }
    let of = |what| became.get(&what).copied().unwrap_or_default();
    println!(
        "{} changed as planned, {} left alone, {} denied as planned, {} that no API server takes, {} faults",
        of(Became::Changed),
        of(Became::Left),
        of(Became::Denied),
        of(Became::Refused),
        faults.len()
    );
    // A generator whose Pods say nothing proves nothing.
    let says_enough = of(Became::Changed) >= count / 5 && of(Became::Refused) <= count / 2;
    if !faults.is_empty() || !says_enough {
        return Err("not as planned".into());
    }
    Ok(())
}

impl Sides {
    async fn compare(&self, seed: usize) -> Done<Became> {
        let mut made = pods::sound_pod(&mut Seeded(seed as u64));
        made["apiVersion"] = json!("v1");
        made["kind"] = json!("Pod");
        made["metadata"]["name"] = json!(format!("pod-{seed}"));
        let stored = match self.create(&self.without, &made).await? {
            Ok(stored) => stored,
            Err(_) => return Ok(Became::Refused),
        };
        let outcome = self.create(&self.with, &made).await?;
        let (became, planned) = self.planned(&stored)?;
        let with = match outcome {
            Ok(with) => with,
            Err(message) if became == Became::Denied && message.contains("denied") => {
                return Ok(became);
            }
            Err(message) => return Err(format!("refused with the webhook: {message}").into()),
        };
        let expected = match became {
            Became::Denied => return Err("accepted, though the plan denies it".into()),
            Became::Changed => match self.create(&self.without, &planned).await? {
                Ok(expected) => expected,
                Err(message) => return Err(format!("the plan is refused: {message}").into()),
            },
            Became::Left | Became::Refused => planned,
        };
        match difference(&with, &expected, "") {
            Some(difference) => Err(format!("not as planned: {difference}").into()),
            None => Ok(became),
        }
    }

    /// What the engine makes of a Pod in the namespace with the webhook.
    fn planned(&self, stored: &Value) -> Done<(Became, Value)> {
        let mut planned = stored.clone();
        planned["metadata"]["namespace"] = json!(self.with);
        let policy = self.config.policy_for(SidecarMode::Native);
        let setting = Setting {
            namespace: self.with.clone(),
            namespace_labels: [(INJECTION_LABEL.to_owned(), "enabled".to_owned())].into(),
            ..Setting::default()
        };
        let document = planned.clone();
        let found = manifest::pods(&document);
        let [pod] = found.as_slice() else {
            return Err("no Pod was stored".into());
        };
        let outcome = evaluate(&policy, &setting, pod)?;
        let became = match &outcome.action {
            Action::Left(_) => Became::Left,
            Action::Denied(_) => Became::Denied,
            Action::Changed(_) => Became::Changed,
        };
        apply(&mut planned, "", &outcome)?;
        planned["metadata"]["namespace"] = json!(self.without);
        Ok((became, planned))
    }

    /// A dry run: what would be stored, less what is new for every object, or why not.
    async fn create(&self, namespace: &str, pod: &Value) -> Done<Result<Value, String>> {
        let mut pod = pod.clone();
        pod["metadata"]["namespace"] = json!(namespace);
        if let Some(pod) = pod.as_object_mut() {
            // The API server makes it, and would take a part of it from here.
            pod.shift_remove("status");
        }
        let request =
            http::Request::post(format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"))
                .header("content-type", "application/json")
                .body(pod.to_string().into_bytes())?;
        let answer = match self.client.request_text(request).await {
            Ok(answer) => answer,
            Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => {
                return Ok(Err(status.message.clone()));
            }
            Err(error) => return Err(error.into()),
        };
        let answer = self.token.replace_all(&answer, "kube-api-access-00000");
        let mut stored: Value = serde_json::from_str(&answer)?;
        stored["metadata"]["namespace"] = json!(self.without);
        if let Some(metadata) = stored["metadata"].as_object_mut() {
            for new in [
                "uid",
                "creationTimestamp",
                "managedFields",
                "resourceVersion",
            ] {
                metadata.shift_remove(new);
            }
        }
        Ok(Ok(stored))
    }
}

/// The first place where two values differ, with what stands there.
fn difference(one: &Value, other: &Value, at: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(some), Value::Object(others)) => {
            let mut keys: Vec<&String> = some.keys().chain(others.keys()).collect();
            keys.sort_unstable();
            keys.into_iter()
                .find_map(|key| difference(&one[key], &other[key], &format!("{at}/{key}")))
        }
        (Value::Array(some), Value::Array(others)) if some.len() == others.len() => {
            let mut pairs = some.iter().zip(others).enumerate();
            pairs.find_map(|(index, (one, other))| difference(one, other, &format!("{at}/{index}")))
        }
        _ => (one != other).then(|| format!("{at} is {one}, and not {other}")),
    }
}
