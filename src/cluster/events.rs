//! Kubernetes Events about Pods that are denied or changed.
//!
//! A denied Pod does not exist, and a new one has no uid yet, so Events are attached to the Pod's owner. A
//! review must not wait for them: it puts an Event into a queue, and if that is full, the Event is dropped
//! and counted. There are no Events for dry runs, nor for a namespace that the cluster does not have: any
//! client that reaches the port can send something like a review.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tokio::sync::mpsc::Receiver;

use crate::cluster::client::describe;
use crate::cluster::limit::Limit;
use crate::cluster::namespaces::KnownNamespaces;
use crate::cluster::object_name::{is_api_version, is_kind, is_label, is_subdomain};
use crate::model::namespaces::Namespaces as _;
use crate::names::event;
use crate::respond::record::{Owner, Record};
use crate::telemetry::metrics::{EventResult, Metrics};
use crate::telemetry::queue;
use crate::telemetry::queue::Offers;
use crate::text::beginning;

/// Events that wait to be written.
const QUEUE: usize = 256;
/// The longest message of an Event, in bytes. The API server accepts no longer one.
/// Source: `kubernetes/pkg/apis/core/validation/events.go`, `NoteLengthLimit`.
const LONGEST: usize = 1024;
/// The most containers that an Event names.
const MOST_NAMED: usize = 8;
/// The longest wait for the API server.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether Events are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::Args)]
pub struct EventArgs {
    /// Whether to write Kubernetes Events on the owners of Pods that are changed or denied
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        env = "DIND_INJECTOR_EVENTS"
    )]
    pub events: bool,
}

#[derive(Clone, Debug)]
pub struct EventQueue {
    notes: Offers<Note>,
    namespaces: KnownNamespaces,
}

/// Writes queued Events. Runs beside the server.
pub struct EventWriter {
    notes: Receiver<Note>,
    client: Client,
    metrics: Arc<Metrics>,
    reporter: String,
    limit: Limit<Note>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Note {
    namespace: String,
    owner: Owner<'static>,
    kind: &'static str,
    reason: &'static str,
    action: &'static str,
    message: String,
}

/// A queue and its writer. `reporter` is this process's name, such as its Pod's. Events are only written in
/// `namespaces`.
#[must_use]
pub fn open_events(
    client: Client,
    reporter: String,
    namespaces: KnownNamespaces,
    metrics: Arc<Metrics>,
) -> (EventQueue, EventWriter) {
    let (offers, notes) = queue::bounded(QUEUE, Arc::clone(&metrics), |gauges| {
        gauges.event(EventResult::Dropped);
    });
    let writer = EventWriter {
        notes,
        client,
        metrics,
        reporter,
        limit: Limit::new(Instant::now()),
    };
    let queue = EventQueue {
        notes: offers,
        namespaces,
    };
    (queue, writer)
}

impl fmt::Debug for EventWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWriter")
            .field("reporter", &self.reporter)
            .finish_non_exhaustive()
    }
}

impl EventQueue {
    /// Queues the Event of a review, if it causes one. Never waits.
    pub fn offer(&self, record: &Record<'_>) {
        if let Some(note) = note(record)
            // A review of a namespace that does not exist is not from this cluster's API server.
            && self.namespaces.labels(&note.namespace).is_some()
        {
            self.notes.offer(note);
        }
    }
}

fn note(record: &Record<'_>) -> Option<Note> {
    if record.dry_run {
        return None;
    }
    let owner = record.owner.as_ref()?;
    if !could_be_stored(owner, &record.namespace) {
        return None;
    }
    let (kind, reason, action, message) = match &record.denial {
        Some(denial) => (
            "Warning",
            event::DENIED,
            "Deny",
            format!("a Pod was refused: {denial}"),
        ),
        None if record.outcome == "changed" => {
            let containers = named(&record.containers);
            let profile = &record.profile;
            let message = if record.containers.is_empty() {
                format!("a Pod's Docker sidecar was repaired (profile {profile})")
            } else {
                format!("a Pod got its own Docker daemon (profile {profile}) for: {containers}")
            };
            ("Normal", event::INJECTED, "Inject", message)
        }
        None => return None,
    };
    Some(Note {
        namespace: record.namespace.to_string(),
        owner: owner.kept(),
        kind,
        reason,
        action,
        message: cut(message),
    })
}

/// Whether the API server could store an object with these names. A review comes before validation: a Pod's
/// names may have megabytes, or lead a URL elsewhere.
fn could_be_stored(owner: &Owner<'_>, namespace: &str) -> bool {
    let Owner {
        api_version,
        kind,
        name,
        uid,
    } = owner;
    is_label(namespace)
        && is_api_version(api_version)
        && is_kind(kind)
        && is_subdomain(name)
        && is_label(uid)
}

/// The containers, as far as the names are valid, and only the first few.
fn named(containers: &[String]) -> String {
    let names = containers.iter().take(MOST_NAMED);
    let names: Vec<&str> = names
        .map(String::as_str)
        .filter(|name| is_label(name))
        .collect();
    match (names.len() == containers.len(), names.is_empty()) {
        (true, _) => names.join(", "),
        (false, true) => "some of its containers".to_owned(),
        (false, false) => format!("{} and others", names.join(", ")),
    }
}

/// At most [`LONGEST`] bytes.
fn cut(text: String) -> String {
    match text.len() {
        0..=LONGEST => text,
        _ => format!("{}…", beginning(&text, LONGEST - '…'.len_utf8())),
    }
}

impl EventWriter {
    /// Writes until every queue is dropped.
    pub async fn run(mut self) {
        let mut failing = false;
        while let Some(note) = self.notes.recv().await {
            if !self.limit.lets_pass(&note, Instant::now()) {
                self.metrics.gauges().event(EventResult::Suppressed);
                continue;
            }
            let namespace = note.namespace.clone();
            let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
            let event = event_of(note, &self.reporter);
            let params = PostParams::default();
            let written = tokio::time::timeout(PATIENCE, api.create(&params, &event)).await;
            let problem = match written {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(describe(&error)),
                Err(_) => Some(format!("no answer in {PATIENCE:?}")),
            };
            match problem {
                None => {
                    failing = false;
                    self.metrics.gauges().event(EventResult::Sent);
                }
                Some(error) => {
                    self.metrics.gauges().event(EventResult::Failed);
                    if failing {
                        tracing::debug!(namespace, error, "cannot write an Event");
                    } else {
                        tracing::warn!(namespace, error, "cannot write an Event");
                    }
                    failing = true;
                }
            }
        }
    }
}

fn event_of(note: Note, reporter: &str) -> Event {
    let Note {
        namespace,
        owner,
        kind,
        reason,
        action,
        message,
    } = note;
    let Owner {
        api_version,
        kind: owner_kind,
        name,
        uid,
    } = owner;
    let now = Some(Time(Timestamp::now()));
    Event {
        metadata: ObjectMeta {
            generate_name: Some(event::NAME_PREFIX.to_owned()),
            namespace: Some(namespace.clone()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(api_version.into_owned()),
            kind: Some(owner_kind.into_owned()),
            namespace: Some(namespace),
            name: Some(name.into_owned()),
            uid: Some(uid.into_owned()),
            ..ObjectReference::default()
        },
        type_: Some(kind.to_owned()),
        reason: Some(reason.to_owned()),
        action: Some(action.to_owned()),
        message: Some(message),
        source: Some(EventSource {
            component: Some(event::COMPONENT.to_owned()),
            host: None,
        }),
        reporting_component: Some(event::COMPONENT.to_owned()),
        reporting_instance: Some(reporter.to_owned()),
        first_timestamp: now.clone(),
        last_timestamp: now,
        count: Some(1),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let text = cut("é".repeat(600));
        assert!(text.len() <= LONGEST && text.ends_with('…'));
        assert_eq!(cut("short".to_owned()), "short");
    }
}
