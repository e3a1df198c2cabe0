//! Requests whose every answer is wanted, also the refusals: status, warnings and body.

use std::time::Duration;

use axum::http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::check::guards::Right;
use crate::check::objects::List;
use crate::check::{Read, Unread};
use crate::cluster::{Version, describe, server_version};

/// The longest wait for an answer; a webhook may take 30 seconds of it.
const PATIENCE: Duration = Duration::from_secs(40);
/// Objects of one page.
const PAGE: usize = 500;

/// An API server.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// An answer with its status.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What the API server warns of.
    pub warnings: Vec<String>,
    /// What came with it.
    pub body: Vec<u8>,
}

impl Api {
    /// Of this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The namespace of the current context.
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// The API server's version.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub async fn version(&self) -> Read<(u32, u32)> {
        match server_version(&self.client).await {
            Ok(Version { major, minor }) => Ok((major, minor)),
            Err(error) => Err(Unread::Failed(error.to_string())),
        }
    }

    /// One object.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Read<T> {
        self.send(Method::GET, path, None).await?.read()
    }

    /// A text, as the replicas' admin ports have it.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub async fn text(&self, path: &str) -> Read<String> {
        let answer = self.send(Method::GET, path, None).await?.taken()?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Every object of a collection, page by page.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> Read<Vec<T>> {
        let mut found = Vec::new();
        let mut after = String::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let page: List = self
                .get(&format!("{path}{sign}limit={PAGE}{after}"))
                .await?;
            for item in page.items {
                found.push(serde_json::from_value(item).map_err(|error| no_sense(&error))?);
            }
            match page.metadata.after.filter(|token| !token.is_empty()) {
                Some(token) => {
                    let token = percent_encoding::utf8_percent_encode(
                        &token,
                        percent_encoding::NON_ALPHANUMERIC,
                    );
                    after = format!("&continue={token}");
                }
                None => return Ok(found),
            }
        }
    }

    /// Posts an object; whatever the answer is.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn post(&self, path: &str, object: &Value) -> Read<Answer> {
        self.send(Method::POST, path, Some(object)).await
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub async fn delete(&self, path: &str) -> Read<()> {
        self.send(Method::DELETE, path, None)
            .await?
            .taken()
            .map(drop)
    }

    /// Whether the caller may, or where `account` is given (user and groups), that one.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub async fn may(&self, right: &Right, account: Option<(&str, &[String])>) -> Read<bool> {
        let attributes = json!({
            "group": right.group, "resource": right.resource, "verb": right.verb,
            "name": right.name, "namespace": right.namespace,
        });
        let (kind, mut spec) = match account {
            None => ("SelfSubjectAccessReview", json!({})),
            Some((user, groups)) => (
                "SubjectAccessReview",
                json!({"user": user, "groups": groups}),
            ),
        };
        spec["resourceAttributes"] = attributes;
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
        let path = format!(
            "/apis/authorization.k8s.io/v1/{}s",
            kind.to_ascii_lowercase()
        );
        let answer: Value = self.post(&path, &review).await?.read()?;
        answer
            .pointer("/status/allowed")
            .and_then(Value::as_bool)
            .ok_or_else(|| Unread::Failed(format!("the API server answered no {kind}")))
    }

    async fn send(&self, method: Method, path: &str, object: Option<&Value>) -> Read<Answer> {
        let body = object.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, "application/json, text/plain, */*")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body.into_bytes()))
            .map_err(|error| Unread::Failed(format!("{path} cannot be asked for: {error}")))?;
        let answer = async {
            let response = self.client.send(request).await;
            let response = response.map_err(|error| Unread::Failed(describe(&error)))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await;
            let body = body.map_err(|error| Unread::Failed(describe(&error)))?;
            Ok(Answer {
                status: head.status.as_u16(),
                warnings: warnings(&head.headers),
                body: body.to_bytes().to_vec(),
            })
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Unread::Failed(format!("no answer in {PATIENCE:?}"))),
        }
    }
}

impl Answer {
    /// What is in an answer that is no refusal.
    ///
    /// # Errors
    /// As [`Unread`] says.
    pub fn read<T: DeserializeOwned>(self) -> Read<T> {
        let answer = self.taken()?;
        serde_json::from_slice(&answer.body).map_err(|error| no_sense(&error))
    }

    /// The API server's words: its Status' message, or the body.
    pub fn message(&self) -> String {
        let status: Option<Value> = serde_json::from_slice(&self.body).ok();
        let message = status
            .as_ref()
            .and_then(|status| status["message"].as_str());
        match message {
            Some(message) => message.to_owned(),
            None => {
                let text = String::from_utf8_lossy(&self.body);
                format!(
                    "HTTP status {}: {}",
                    self.status,
                    crate::text::shortened(text.trim(), 200)
                )
            }
        }
    }

    fn taken(self) -> Read<Self> {
        match self.status {
            200..=299 => Ok(self),
            404 => Err(Unread::Missing),
            401 | 403 => Err(Unread::Forbidden(self.message())),
            _ => Err(Unread::Failed(self.message())),
        }
    }
}

fn no_sense(error: &serde_json::Error) -> Unread {
    Unread::Failed(format!("the answer makes no sense: {error}"))
}

/// Source: RFC 9111, and `k8s.io/apimachinery/pkg/util/net/http.go`: `299 - "text"`, quoted.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(WARNING).iter();
    let texts = values.filter_map(|value| {
        let text = std::str::from_utf8(value.as_bytes()).ok()?;
        let (_, quoted) = text.split_once('"')?;
        let quoted = quoted.rsplit_once('"').map_or(quoted, |(inner, _)| inner);
        Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
    });
    texts.collect()
}
