//! Runs the one Pod of `check --run`, and takes it away again whatever happens.
//!
//! Before it is created for good, a dry run shows that it would not get the node's socket; were it stored with it
//! all the same, it is deleted at once, and what it runs looks for itself first.

use std::time::{Duration, Instant};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::check::installed::api_server;
use crate::check::objects::{Deployment, Named, Pod};
use crate::check::policy;
use crate::check::run;
use crate::check::run::{CONTAINER, End, Ran, Wanted, may_take_all};
use crate::check::selector::Labels;
use crate::check::trial;
use crate::check::trial::{Answer, Trial};
use crate::check::{Outcome, Read, Report, Unread};
use crate::decide::rule::Rule;
use crate::inspect::api::Api;
use crate::inspect::installed::{attempt, home, made_of, named, policy};
use crate::model::profile::{DEFAULT_NAME, Profile};
use crate::model::sidecar_mode::SidecarMode;
use crate::names;
use crate::policy_file::Config;

/// Between two looks at the Pod.
const LOOK: Duration = Duration::from_millis(500);
/// The longest wait for a Pod to be gone: its daemon ends in order first.
const DELETION: Duration = Duration::from_secs(60);
/// So much longer than the Pod's own deadline, which counts from when the kubelet sees it.
const BEYOND: Duration = Duration::from_secs(5);

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name of the installation.
    pub name: String,
    /// The namespace of the Pod; the current one where it is none.
    pub namespace: Option<String>,
    /// The image of its container; the profile's where it is none.
    pub image: Option<String>,
    /// The node; any where it is none.
    pub node: Option<String>,
    /// The profile; the rule's default where it is none.
    pub profile: Option<String>,
    /// The longest that it may take.
    pub timeout: Duration,
}

/// Runs it, until it ends or `interrupted` does.
pub async fn run(api: &Api, task: &Task, interrupted: impl Future<Output = ()>) -> Report {
    let version = api.version().await;
    let check = api_server(&version);
    if check.outcome == Outcome::CouldNotAsk {
        return Report {
            checks: vec![check],
            ..Report::default()
        };
    }
    let namespace = task.namespace.as_deref().unwrap_or(api.default_namespace());
    let mutating = api
        .list("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations")
        .await;
    let home = &home(&task.name, &mutating);
    let deployment: Read<Deployment> = api
        .get(&format!(
            "/apis/apps/v1/namespaces/{home}/deployments/{}",
            task.name
        ))
        .await;
    let file = policy(api, home, &deployment).await;
    let profiles = profiles(api, namespace, policy::config(&file).as_ref()).await;
    let chosen = chosen(&profiles, task.profile.as_deref());
    let image = task
        .image
        .clone()
        .or_else(|| chosen.map(|profile| profile.image.clone()));
    let mut wanted = Wanted {
        image: image.unwrap_or_else(|| Profile::privileged().image),
        node: task.node.clone(),
        profile: task.profile.clone(),
        limited: true,
        hog: false,
        deadline: task.timeout.as_secs(),
    };
    let mut ran = Ran {
        pod: String::new(),
        namespace: namespace.to_owned(),
        end: End::Interrupted,
        last: None,
        log: String::new(),
        daemon: None,
        profiles: tried(api, namespace, &wanted, &profiles).await,
        deleted: Ok(()),
    };
    ran.end = match fitted(api, namespace, &mut wanted).await {
        Err(end) => end,
        Ok(()) => match created(api, namespace, &wanted).await {
            Err(end) => end,
            Ok(pod) => {
                ran.pod = pod.metadata.name.clone();
                let is_swapped = trial::is_swapped(&pod);
                ran.last = Some(pod);
                let end = match is_swapped {
                    false => not_swapped(),
                    true => tokio::select! {
                        end = watched(api, &mut ran, task.timeout) => end,
                        () = interrupted => End::Interrupted,
                    },
                };
                ran.deleted = deleted(api, &ran, is_swapped).await;
                end
            }
        },
    };
    let mut report = Report {
        checks: vec![check],
        docs: deployment
            .as_ref()
            .map(Deployment::docs)
            .unwrap_or_default(),
    };
    report.checks.extend(ran.checks().checks);
    report
}

fn not_swapped() -> End {
    End::NotCreated(
        "such a Pod is not swapped there: it would get the node's Docker daemon".to_owned(),
        "label the namespace dind-injector.io/injection=enabled, or name another: -n NAMESPACE; check -n says more",
    )
}

/// The profiles of the rule that decides there, the default first.
async fn profiles(api: &Api, namespace: &str, config: Option<&Config>) -> Vec<Profile> {
    let Some(config) = config else {
        return Vec::new();
    };
    let labels: Read<Named> = named(api, namespace).await;
    let labels: Labels = labels
        .map(|namespace| namespace.metadata.labels)
        .unwrap_or_default();
    let decides = trial::expected(config, SidecarMode::Native, (namespace, &labels), ("", &[]));
    let Ok((_, name)) = decides else {
        return Vec::new();
    };
    let policy = config.policy();
    let mut rules = policy.rules.iter().chain([&policy.otherwise]);
    let rule: Option<&Rule> = rules.find(|rule| rule.name == name);
    rule.into_iter()
        .flat_map(|rule| rule.profiles.iter().cloned())
        .collect()
}

fn chosen<'p>(profiles: &'p [Profile], name: Option<&str>) -> Option<&'p Profile> {
    match name {
        None => profiles.first(),
        Some(name) => profiles.iter().find(|profile| profile.name == name),
    }
}

/// Which of them are admitted, by dry runs.
async fn tried(
    api: &Api,
    namespace: &str,
    wanted: &Wanted,
    profiles: &[Profile],
) -> Vec<(String, Result<(), String>)> {
    let mut tried = Vec::new();
    for profile in profiles {
        let wanted = Wanted {
            // Where nothing may be chosen by annotation, the default need not be.
            profile: (profiles.len() > 1).then(|| profile.name.clone()),
            limited: false,
            ..wanted.clone()
        };
        let admitted = match attempt(api, namespace, &run::pod(&wanted)).await {
            Ok(Trial {
                answer: Answer::Refused(message),
                ..
            }) => Err(message),
            Ok(Trial {
                answer: Answer::Stored(pod),
                ..
            }) if !trial::is_swapped(&pod) => Err("the Pod is not swapped".to_owned()),
            Ok(_) => Ok(()),
            Err(unread) => Err(unread.to_string()),
        };
        let name = if profile.name.is_empty() {
            DEFAULT_NAME
        } else {
            &profile.name
        };
        tried.push((name.to_owned(), admitted));
    }
    tried
}

/// Makes the Pod one that is admitted and swapped: without a size of its own where that is refused.
async fn fitted(api: &Api, namespace: &str, wanted: &mut Wanted) -> Result<(), End> {
    loop {
        let answer = match attempt(api, namespace, &run::pod(wanted)).await {
            Ok(trial) => trial.answer,
            Err(Unread::Missing) => {
                return Err(End::NotCreated(
                    format!("there is no namespace {namespace}"),
                    "name one in which Pods are swapped: -n NAMESPACE",
                ));
            }
            Err(unread) => return Err(End::Unread(unread.to_string())),
        };
        match answer {
            Answer::Stored(pod) if trial::is_swapped(&pod) => {
                wanted.hog = may_take_all(limit(&pod));
                return Ok(());
            }
            Answer::Stored(_) => return Err(not_swapped()),
            Answer::Refused(_) if wanted.limited => wanted.limited = false,
            Answer::Refused(message) => {
                return Err(End::NotCreated(
                    format!("the Pod is refused: {message}"),
                    "do as the message says, or name another namespace: -n NAMESPACE",
                ));
            }
        }
    }
}

/// The memory limit of its sidecar.
fn limit(pod: &Pod) -> Option<&str> {
    let spec = &pod.spec;
    let mut containers = spec.init_containers.iter().chain(&spec.containers);
    let sidecar = containers.find(|container| container.name == names::SIDECAR)?;
    sidecar.resources.limits.get("memory").map(String::as_str)
}

async fn created(api: &Api, namespace: &str, wanted: &Wanted) -> Result<Box<Pod>, End> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let answer = api.post(&path, &run::pod(wanted)).await.and_then(made_of);
    match answer {
        Ok(Answer::Stored(pod)) => Ok(pod),
        Ok(Answer::Refused(message)) => Err(End::NotCreated(
            format!("the Pod is refused: {message}"),
            "do as the message says, or name another namespace: -n NAMESPACE",
        )),
        Err(unread) => Err(End::Unread(unread.to_string())),
    }
}

/// Looks at the Pod until its container has ended, and reads what it wrote.
async fn watched(api: &Api, ran: &mut Ran, timeout: Duration) -> End {
    let path = format!("/api/v1/namespaces/{}/pods/{}", ran.namespace, ran.pod);
    let until = Instant::now() + timeout + BEYOND;
    loop {
        match api.get::<Pod>(&path).await {
            Ok(pod) => {
                ran.daemon = daemon(&pod);
                let code = ended(&pod);
                let is_over = pod.status.phase == "Failed";
                ran.last = Some(Box::new(pod));
                if let Some(code) = code {
                    let log = api.text(&format!("{path}/log?container={CONTAINER}")).await;
                    return match log {
                        Ok(log) => {
                            ran.log = log;
                            End::Exited(code)
                        }
                        Err(unread) => End::Unread(format!("its log cannot be read: {unread}")),
                    };
                }
                if is_over {
                    return End::Deadline;
                }
            }
            Err(Unread::Missing) => return End::Unread("somebody else deleted the Pod".to_owned()),
            Err(Unread::Forbidden(message)) => return End::Unread(message),
            // The API server may be away for a moment.
            Err(Unread::Failed(_)) => {}
        }
        if Instant::now() > until {
            return End::Deadline;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The status that its container ended with.
fn ended(pod: &Pod) -> Option<i32> {
    let mut statuses = pod.status.container_statuses.iter();
    let status = statuses.find(|status| status.name == CONTAINER)?;
    // The kubelet writes so where it stopped the container itself, at the deadline.
    let terminated = status.state.terminated.as_ref()?;
    (pod.status.reason != "DeadlineExceeded").then_some(terminated.exit_code)
}

/// From the start of the sidecar to that of the container that waits for it.
fn daemon(pod: &Pod) -> Option<u64> {
    let status = &pod.status;
    let statuses = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let statuses: Vec<_> = statuses.collect();
    let started = |name: &str| {
        let status = statuses.iter().find(|status| status.name == name)?;
        let state = &status.state;
        let running = state
            .running
            .as_ref()
            .map(|running| running.started_at.as_str());
        let ended = state
            .terminated
            .as_ref()
            .map(|ended| ended.started_at.as_str());
        OffsetDateTime::parse(running.or(ended)?, &Rfc3339).ok()
    };
    let took = started(CONTAINER)? - started(names::SIDECAR)?;
    u64::try_from(took.whole_seconds()).ok()
}

/// Deletes the Pod and waits until it is gone; at once where it must not run.
async fn deleted(api: &Api, ran: &Ran, in_order: bool) -> Read<()> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", ran.namespace, ran.pod);
    let at_once = if in_order {
        ""
    } else {
        "?gracePeriodSeconds=0"
    };
    let until = Instant::now() + DELETION;
    loop {
        match api.delete(&format!("{path}{at_once}")).await {
            Ok(()) | Err(Unread::Failed(_)) => {}
            Err(Unread::Missing) => return Ok(()),
            Err(unread) => return Err(unread),
        }
        match api.get::<Value>(&path).await {
            Err(Unread::Missing) => return Ok(()),
            _ if Instant::now() > until => {
                return Err(Unread::Failed(format!("it did not go within {DELETION:?}")));
            }
            Ok(_) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
