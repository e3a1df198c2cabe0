//! A live cluster through the scan: every workload and every bare Pod, page by page.
//!
//! Only lists are asked for, several at a time. What the cluster refuses to show is a gap of
//! the result; where it refuses a list of all namespaces, each one is asked on its own.

mod refused;
mod resource;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Request;
use futures_util::future::BoxFuture;
use kube::Client;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cluster::describe;
use crate::model::subject::NamespaceLabels;

use crate::scan::evaluator::Evaluator;
use crate::scan::finding::Verdict;
use crate::scan::live::refused::{Failure, Refused};
pub use crate::scan::live::resource::reads;
use crate::scan::live::resource::{RESOURCES, Resource};
use crate::scan::owners::{Owned, Owner, Passed, is_over, rows};
use crate::scan::percent;
use crate::scan::result;
use crate::scan::result::{Gap, Namespaces, Report, Seen};
use crate::scan::text;

/// Objects of one page: about 5 MB.
const PAGE: usize = 500;
/// Lists that are read at the same time, for somebody who waits.
pub const AT_ONCE: usize = 8;
/// The same, for nobody: again and again, without the API server noticing.
pub const AT_EASE: usize = 2;
/// A page that takes longer is not to be waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// A list whose continuation expired is read anew, so often.
const ATTEMPTS: usize = 3;

/// Why a cluster cannot be scanned at all.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// It does not answer, or does not know who asks.
    #[error("cannot ask the cluster: {0}")]
    Cluster(String),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Scans the cluster behind `client`: these namespaces, or all, with so many requests at a
/// time. `done` counts objects.
///
/// # Errors
/// Where the cluster does not answer at all.
pub async fn scan(
    client: Client,
    evaluator: Evaluator,
    namespaces: &[String],
    at_once: usize,
    done: Arc<AtomicUsize>,
) -> Result<Report, LiveError> {
    let mut report = Report::default();
    let mut refused = Refused::default();
    let cluster = Cluster {
        client,
        turns: Arc::new(Semaphore::new(at_once)),
        done,
    };
    let known = cluster.namespaces(namespaces, &mut refused).await?;
    let all: Vec<String> = known.keys().cloned().collect();
    let mut live = result::Cluster {
        namespaces: all.iter().cloned().collect(),
        ..result::Cluster::default()
    };
    let work = Arc::new(Work {
        evaluator,
        namespaces: known,
    });
    let mut lists = JoinSet::new();
    let list = |order, resource, scope| -> BoxFuture<'static, Listed> {
        Box::pin(
            cluster
                .clone()
                .list(order, resource, scope, Arc::clone(&work)),
        )
    };
    for (order, resource) in RESOURCES.into_iter().enumerate() {
        let scopes: Vec<Option<String>> = if namespaces.is_empty() || !resource.has_namespace {
            vec![None]
        } else {
            namespaces.iter().cloned().map(Some).collect()
        };
        for scope in scopes {
            lists.spawn(list(order, resource, scope));
        }
    }
    let mut found = Vec::new();
    let mut passed = Passed::new();
    while let Some(listed) = lists.join_next().await {
        let Listed {
            order,
            resource,
            scope,
            read,
        } = listed.map_err(|error| LiveError::Internal(error.to_string()))?;
        match read {
            Ok(page) => {
                report.seen.add(page.seen);
                report.gaps.extend(page.gaps);
                live.count(&page.found);
                passed.extend(page.passed);
                found.push((order, page.found));
            }
            Err(Failure::Missing) if !resource.is_builtin => {}
            Err(Failure::Forbidden(_))
                if scope.is_none() && resource.has_namespace && !all.is_empty() =>
            {
                for namespace in &all {
                    let scope = Some(namespace.clone());
                    lists.spawn(list(order, resource, scope));
                }
            }
            Err(failure) => {
                let is_refused = matches!(failure, Failure::Forbidden(_));
                live.is_broken |= resource.is_builtin && !is_refused;
                match scope.clone() {
                    Some(namespace) => drop(live.unseen.insert(namespace)),
                    None => live.is_unseen = true,
                }
                refused.add(scope, resource.plural, failure);
            }
        }
    }
    found.sort_by_key(|(order, _)| *order);
    let found = found.into_iter().flat_map(|(_, found)| found).collect();
    report.workloads = rows(found, &passed);
    report.gaps.extend(refused.gaps());
    report.gaps.sort_by(|a, b| a.place.cmp(&b.place));
    report.cluster = Some(live);
    Ok(report)
}

impl result::Cluster {
    fn count(&mut self, found: &[Owned]) {
        for Owned { workload, .. } in found {
            if workload.kind == "Pod" {
                *self.pods.entry(workload.namespace.clone()).or_default() += 1;
            }
        }
    }
}

/// The labels of a cluster's namespaces, and what of them it did not show.
///
/// # Errors
/// Where the cluster does not answer at all.
pub async fn namespace_labels(client: Client) -> Result<(Namespaces, Vec<Gap>), LiveError> {
    let mut refused = Refused::default();
    let cluster = Cluster {
        client,
        turns: Arc::new(Semaphore::new(1)),
        done: Arc::new(AtomicUsize::new(0)),
    };
    let known = cluster.namespaces(&[], &mut refused).await?;
    Ok((known, refused.gaps().collect()))
}

struct Work {
    evaluator: Evaluator,
    namespaces: Namespaces,
}

#[derive(Clone)]
struct Cluster {
    client: Client,
    turns: Arc<Semaphore>,
    done: Arc<AtomicUsize>,
}

/// What came of one list.
struct Listed {
    order: usize,
    resource: Resource,
    scope: Option<String>,
    read: Result<Page, Failure>,
}

#[derive(Default)]
struct Page {
    found: Vec<Owned>,
    passed: Passed,
    /// Of whose Pods a diff is kept: they are alike, and a cluster has thousands.
    shown: HashSet<(String, Verdict)>,
    gaps: Vec<Gap>,
    seen: Seen,
}

impl Cluster {
    async fn list(
        self,
        order: usize,
        resource: Resource,
        scope: Option<String>,
        work: Arc<Work>,
    ) -> Listed {
        let path = resource.path(scope.as_deref());
        let mut read = Err(Failure::Expired("it was not asked".to_owned()));
        for _ in 0..ATTEMPTS {
            read = self.pages(&path, &work).await;
            if !matches!(read, Err(Failure::Expired(_))) {
                break;
            }
        }
        Listed {
            order,
            resource,
            scope,
            read,
        }
    }

    async fn pages(&self, path: &str, work: &Work) -> Result<Page, Failure> {
        let mut whole = Page::default();
        let mut next = String::new();
        loop {
            let mut page = self.get(&format!("{path}?limit={PAGE}{next}")).await?;
            let kinds = (text_of(&page, "/kind"), text_of(&page, "/apiVersion"));
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                self.done.fetch_add(items.len(), Ordering::Relaxed);
                for item in items {
                    whole.add(item, &kinds, work);
                }
            }
            let token = text_of(&page, "/metadata/continue");
            if token.is_empty() {
                return Ok(whole);
            }
            next = format!(
                "&continue={}",
                utf8_percent_encode(&token, percent::SEGMENT)
            );
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        let other = |error: &dyn std::fmt::Display| Failure::Other(error.to_string());
        let _turn = self.turns.acquire().await.map_err(|error| other(&error))?;
        let request = Request::get(path)
            .body(Vec::new())
            .map_err(|error| other(&error))?;
        let answer = tokio::time::timeout(PATIENCE, self.client.request::<Value>(request)).await;
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let text = describe(&error);
                Err(match error {
                    kube::Error::Api(status) => match status.code {
                        403 => Failure::Forbidden(status.message.clone()),
                        404 => Failure::Missing,
                        410 => Failure::Expired(text),
                        _ => Failure::Other(text),
                    },
                    _ => Failure::Other(text),
                })
            }
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(Failure::Other(format!("no answer within {seconds} s")))
            }
        }
    }

    /// The labels of the namespaces: of these, or of all that can be seen.
    async fn namespaces(
        &self,
        names: &[String],
        refused: &mut Refused,
    ) -> Result<Namespaces, LiveError> {
        let mut known = Namespaces::new();
        let mut paths: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    "/api/v1/namespaces/{}",
                    utf8_percent_encode(name, percent::SEGMENT)
                )
            })
            .collect();
        if paths.is_empty() {
            paths.push(format!("/api/v1/namespaces?limit={PAGE}"));
        }
        while let Some(path) = paths.pop() {
            let mut page = match self.get(&path).await {
                Ok(page) => page,
                Err(Failure::Other(text) | Failure::Expired(text)) => {
                    return Err(LiveError::Cluster(text));
                }
                Err(Failure::Missing) if !names.is_empty() => {
                    let name = path.rsplit('/').next().unwrap_or_default();
                    return Err(LiveError::Cluster(format!("there is no namespace {name}")));
                }
                Err(failure) => {
                    refused.add(None, "labels of namespaces", failure);
                    continue;
                }
            };
            let token = text_of(&page, "/metadata/continue");
            if !token.is_empty() {
                let token = utf8_percent_encode(&token, percent::SEGMENT);
                paths.push(format!("/api/v1/namespaces?limit={PAGE}&continue={token}"));
            }
            match page.get_mut("items").map(Value::take) {
                Some(Value::Array(items)) => known.extend(items.iter().filter_map(labels)),
                Some(_) | None => known.extend(labels(&page)),
            }
        }
        Ok(known)
    }
}

impl Page {
    fn add(&mut self, mut item: Value, (kind, version): &(String, String), work: &Work) {
        // The items of a typed list say neither.
        if let Value::Object(fields) = &mut item {
            let kind = kind.strip_suffix("List").unwrap_or(kind);
            fields.entry("kind").or_insert_with(|| kind.into());
            fields
                .entry("apiVersion")
                .or_insert_with(|| version.as_str().into());
        }
        let (uid, owner) = (text_of(&item, "/metadata/uid"), Owner::of(&item));
        if is_over(&item) {
            self.passed.extend(owner.map(|owner| (uid, owner)));
            return;
        }
        // What people do not write is not part of a diff.
        for (parent, field) in [("", "status"), ("/metadata", "managedFields")] {
            if let Some(Value::Object(fields)) = item.pointer_mut(parent) {
                fields.shift_remove(field);
            }
        }
        let reading = text::object(&work.evaluator, &work.namespaces, &item);
        self.seen.add(reading.seen);
        self.gaps.extend(reading.gaps);
        for mut workload in reading.workloads {
            if let ("Pod", Some(owner)) = (workload.kind.as_str(), &owner)
                && !self.shown.insert((owner.uid.clone(), workload.verdict))
            {
                workload.change = None;
            }
            self.found.push(Owned {
                uid: uid.clone(),
                owner: owner.clone(),
                workload,
            });
        }
    }
}

fn text_of(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn labels(namespace: &Value) -> Option<(String, NamespaceLabels)> {
    let metadata = namespace.get("metadata")?;
    let name = metadata.get("name")?.as_str()?.to_owned();
    let labels = metadata.get("labels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some((name, labels.collect()))
}
