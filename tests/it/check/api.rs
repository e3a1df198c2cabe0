//! An API server of scripted answers: objects and texts by their paths, collections by what is in them, and
//! reviews of rights by what is denied. What is created is remembered, and deleted again.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::{Method, Request, Response};
use dind_injector::decide::Policy;
use dind_injector::manifest::pods;
use dind_injector::review::offline::{Setting, apply, evaluate};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Clones are the same one.
#[derive(Clone, Default)]
pub struct Api(Arc<Mutex<State>>);

#[derive(Clone, Default)]
pub struct State {
    /// Objects by their path.
    pub objects: BTreeMap<String, Value>,
    /// Texts by their path: of admin ports, of logs.
    pub texts: BTreeMap<String, String>,
    /// Collections that are there without an object in them.
    pub empty: Vec<String>,
    /// Paths that are refused, with the status.
    pub refused: BTreeMap<String, u16>,
    /// `VERB RESOURCE` that are not allowed.
    pub denied: Vec<String>,
    /// What becomes of a Pod that is created, by a dry run or for good.
    pub created: Option<(u16, Value)>,
    /// The policy by which a webhook reviews what is created, before that is answered.
    pub policy: Option<Arc<Policy>>,
    /// With these warnings.
    pub warnings: Vec<String>,
    /// The same of a Pod that is created for good.
    pub created_for_good: Option<Value>,
    /// Whether fields that this version does not know are dropped.
    pub is_old: bool,
    /// `METHOD path`.
    pub requests: Vec<String>,
    /// Bodies of Pods that were created for good.
    pub pods: Vec<Value>,
}

impl Api {
    pub fn of(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let api = api.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let answer = api
                    .state()
                    .answer(&head.method, &head.uri.to_string(), &body);
                Ok::<_, Infallible>(answer.map(Full::new))
            }
        });
        kube::Client::new(service, "ci")
    }

    /// Serves it over plain HTTP on a free port of the loopback interface, for processes.
    pub async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let api = api.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let api = api.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        let answer = api
                            .state()
                            .answer(&head.method, &head.uri.to_string(), &body);
                        Ok::<_, hyper::Error>(answer.map(Full::new))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        address
    }
}

impl State {
    /// Puts an object into its collection.
    pub fn put(&mut self, collection: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        self.objects.insert(format!("{collection}/{name}"), object);
    }

    /// An object, to be changed.
    pub fn object(&mut self, path: &str) -> &mut Value {
        let found = self.objects.get_mut(path);
        found.unwrap_or_else(|| panic!("no {path}"))
    }

    fn answer(&mut self, method: &Method, uri: &str, body: &[u8]) -> Response<Bytes> {
        // As a URI with an authority, or without.
        let uri = uri
            .strip_prefix("http://")
            .map_or(uri, |uri| &uri[uri.find('/').unwrap()..]);
        self.requests.push(format!("{method} {uri}"));
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        if let Some(code) = self.refused.get(path) {
            return failed(*code, &format!("{path} is refused"));
        }
        match *method {
            Method::GET => self.get(path, query),
            Method::POST => self.post(path, query, &serde_json::from_slice(body).unwrap()),
            Method::DELETE => match self.objects.remove(path) {
                Some(object) => done(200, &object),
                None => failed(404, "not found"),
            },
            _ => failed(405, "not here"),
        }
    }

    fn get(&self, path: &str, query: &str) -> Response<Bytes> {
        if path == "/version" {
            let version = self
                .objects
                .get(path)
                .cloned()
                .unwrap_or_else(|| json!("36"));
            return done(
                200,
                &json!({
                    "major": "1", "minor": version, "gitVersion": "", "gitCommit": "", "gitTreeState": "",
                    "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
                }),
            );
        }
        if let Some(text) = self.texts.get(path) {
            return Response::new(Bytes::from(text.clone()));
        }
        if let Some(object) = self.objects.get(path) {
            return done(200, object);
        }
        let inside = format!("{path}/");
        let items = self.objects.iter().filter(|(at, _)| {
            at.strip_prefix(&inside)
                .is_some_and(|name| !name.contains('/'))
        });
        let items: Vec<&Value> = items.map(|(_, object)| object).collect();
        if items.is_empty() && !self.empty.iter().any(|empty| empty == path) {
            return failed(404, "not found");
        }
        // Pages of two, so that every list of three shows that pages are followed.
        let after = query
            .split('&')
            .find_map(|field| field.strip_prefix("continue="));
        let from: usize = after.unwrap_or("0").parse().unwrap();
        let page: Vec<_> = items.iter().skip(from).take(2).collect();
        let next = from + page.len();
        let more = if next < items.len() {
            next.to_string()
        } else {
            String::new()
        };
        done(
            200,
            &json!({"kind": "List", "metadata": {"continue": more}, "items": page}),
        )
    }

    /// A Pod as the policy's webhook makes it in its namespace.
    fn reviewed(&self, path: &str, pod: &Value) -> Value {
        let mut reviewed = pod.clone();
        let Some(policy) = &self.policy else {
            return reviewed;
        };
        let namespace = path.strip_suffix("/pods").unwrap();
        let labels = self.objects.get(namespace);
        let labels = labels.map(|namespace| namespace["metadata"]["labels"].clone());
        let setting = Setting {
            namespace: namespace.rsplit('/').next().unwrap().to_owned(),
            namespace_labels: serde_json::from_value(labels.unwrap_or_default())
                .unwrap_or_default(),
            ..Setting::default()
        };
        let outcome = evaluate(policy, &setting, &pods(pod)[0]).unwrap();
        apply(&mut reviewed, "", &outcome).unwrap();
        reviewed
    }

    fn post(&mut self, path: &str, query: &str, object: &Value) -> Response<Bytes> {
        let resource = path.rsplit('/').next().unwrap();
        let is_dry = query.contains("dryRun=All");
        match resource {
            "selfsubjectreviews" => done(
                201,
                &json!({"status": {"userInfo": {"username": "admin", "groups": ["system:masters"]}}}),
            ),
            "subjectaccessreviews" | "selfsubjectaccessreviews" => {
                let asked = &object["spec"]["resourceAttributes"];
                let word = |key: &str| asked[key].as_str().unwrap();
                let right = format!("{} {}", word("verb"), word("resource"));
                let allowed = !self.denied.contains(&right);
                done(201, &json!({"status": {"allowed": allowed}}))
            }
            "pods" => {
                let reviewed = self.reviewed(path, object);
                let (code, mut answer) = self.created.clone().unwrap_or((201, reviewed));
                if !is_dry {
                    self.pods.push(object.clone());
                    answer = self.created_for_good.clone().unwrap_or(answer);
                    if code < 300 {
                        answer["metadata"]["name"] = json!("dind-injector-check-1");
                        self.put(path, answer.clone());
                    }
                }
                let mut response = done(code, &answer);
                for warning in &self.warnings {
                    let value = format!("299 - {}", json!(warning)).parse().unwrap();
                    response.headers_mut().append("warning", value);
                }
                response
            }
            _ if is_dry => {
                let mut kept = object.clone();
                if self.is_old {
                    kept["webhooks"][0]
                        .as_object_mut()
                        .unwrap()
                        .remove("matchConditions");
                }
                done(201, &kept)
            }
            _ => failed(404, "not found"),
        }
    }
}

pub fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
           "reason": "Test", "code": code})
}

fn failed(code: u16, message: &str) -> Response<Bytes> {
    done(code, &status(code, message))
}

fn done(code: u16, body: &Value) -> Response<Bytes> {
    Response::builder()
        .status(code)
        .body(Bytes::from(body.to_string()))
        .unwrap()
}
