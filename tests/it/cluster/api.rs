//! An API server of a few objects in memory, under a `kube::Client`.
//!
//! It knows lists, watches with bookmarks and versions, optimistic locking and JSON patches, as
//! far as one object of a kind needs them; and it can be told to be away, or to refuse.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, Uri};
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The server. Clones are the same one.
#[derive(Clone, Default)]
pub struct Api(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    version: u64,
    /// Objects by their collection's path and their name.
    objects: BTreeMap<(String, String), Value>,
    watches: Vec<Watch>,
    /// `METHOD path`, of every request that came.
    requests: Vec<String>,
    /// Answers every request so, where it is set.
    refuse: Option<(u16, String)>,
    /// Answers only the next writes so.
    refuse_writes: Vec<u16>,
    /// Requests are not answered at all.
    silent: bool,
    /// Connections are closed, and new ones at once.
    hung_up: watch::Sender<bool>,
}

struct Watch {
    collection: String,
    name: Option<String>,
    events: mpsc::UnboundedSender<Bytes>,
}

impl Api {
    pub fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(api.answer(head, body).await)
            }
        });
        Client::new(service, "dind-injector")
    }

    /// Serves it over plain HTTP on a free port of the loopback interface, for processes.
    pub async fn listen(&self) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let api = api.clone();
                let mut hung_up = api.lock().hung_up.subscribe();
                let service = service_fn(move |request: Request<Incoming>| {
                    let api = api.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await?.to_bytes();
                        Ok::<_, hyper::Error>(api.answer(head, body).await)
                    }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = connection => {}
                        _ = hung_up.wait_for(|hung_up| *hung_up) => {}
                    }
                });
            }
        });
        address
    }

    /// Puts an object there, as somebody else would.
    pub fn put(&self, collection: &str, object: Value) {
        self.lock().put(collection, object);
    }

    pub fn remove(&self, collection: &str, name: &str) {
        self.lock().remove(collection, name);
    }

    pub fn get(&self, collection: &str, name: &str) -> Option<Value> {
        let key = (collection.to_owned(), name.to_owned());
        self.lock().objects.get(&key).cloned()
    }

    pub fn all(&self, collection: &str) -> Vec<Value> {
        let state = self.lock();
        let of = state.objects.iter().filter(|((at, _), _)| at == collection);
        of.map(|(_, object)| object.clone()).collect()
    }

    /// Ends every watch and answers every request with this code.
    pub fn go_away(&self, code: u16, message: &str) {
        let mut state = self.lock();
        state.watches.clear();
        state.refuse = Some((code, message.to_owned()));
    }

    pub fn come_back(&self) {
        let mut state = self.lock();
        state.refuse = None;
        state.silent = false;
        state.hung_up.send_replace(false);
    }

    /// Answers nothing more, and leaves watches open and quiet.
    pub fn fall_silent(&self) {
        let mut state = self.lock();
        state.silent = true;
        state.hung_up.send_replace(false);
    }

    /// Closes every connection, and new ones at once, as where no server is any more.
    pub fn hang_up(&self) {
        let mut state = self.lock();
        state.watches.clear();
        state.hung_up.send_replace(true);
    }

    /// Ends every watch, as a server does in time.
    pub fn end_watches(&self) {
        self.lock().watches.clear();
    }

    /// Tells every watch that its version is too old.
    pub fn expire_watches(&self) {
        let gone = json!({"type": "ERROR", "object": status(410, "Expired", "too old")});
        for watch in self.lock().watches.drain(..) {
            let _ = watch.events.send(line(&gone));
        }
    }

    /// Answers the next write with this code.
    pub fn refuse_write(&self, code: u16) {
        self.lock().refuse_writes.push(code);
    }

    pub fn watches(&self) -> usize {
        let mut state = self.lock();
        state.watches.retain(|watch| !watch.events.is_closed());
        state.watches.len()
    }

    /// How many requests of this method had a path that ends so.
    pub fn count(&self, method: &str, end: &str) -> usize {
        let state = self.lock();
        let asked = state.requests.iter().filter(|request| {
            request
                .strip_prefix(method)
                .is_some_and(|path| path.ends_with(end))
        });
        asked.count()
    }

    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn answer(&self, head: Parts, body: Bytes) -> Answer {
        let silent = {
            let mut state = self.lock();
            let path = head.uri.path();
            state.requests.push(format!("{} {path}", head.method));
            state.silent
        };
        if silent {
            return std::future::pending().await;
        }
        self.lock().answer(&head.method, &head.uri, &body)
    }
}

impl State {
    fn answer(&mut self, method: &Method, uri: &Uri, body: &[u8]) -> Answer {
        if let Some((code, message)) = &self.refuse {
            return failed(*code, "Refused", message);
        }
        if uri.path() == "/version" {
            let version = json!({
                "major": "1", "minor": "36+", "gitVersion": "v1.36.2", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
            });
            return done(200, &version);
        }
        if method != Method::GET && !self.refuse_writes.is_empty() {
            return failed(self.refuse_writes.remove(0), "Refused", "told to");
        }
        let query = Query::of(uri);
        let path = uri.path().to_owned();
        let one = path.rsplit_once('/').map(|(collection, name)| {
            let key = (collection.to_owned(), name.to_owned());
            (self.objects.get(&key).cloned(), key)
        });
        let (object, key) = one.unwrap();
        match *method {
            Method::GET if query.watch => self.watch(&path, query),
            Method::GET if is_collection(&path) => self.list(&path, &query),
            // No role of the manifests has the verb.
            Method::GET => failed(403, "Forbidden", "get is not allowed"),
            Method::POST => {
                let mut object: Value = serde_json::from_slice(body).unwrap();
                if let Some(prefix) = object["metadata"]["generateName"].as_str() {
                    object["metadata"]["name"] = json!(format!("{prefix}{}", self.version));
                }
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                if self.objects.contains_key(&(path.clone(), name)) {
                    return failed(409, "AlreadyExists", "it is there already");
                }
                done(201, &self.put(&path, object))
            }
            Method::PUT => {
                let new: Value = serde_json::from_slice(body).unwrap();
                let Some(old) = object else {
                    return failed(404, "NotFound", "no such object");
                };
                let version = &new["metadata"]["resourceVersion"];
                if *version != old["metadata"]["resourceVersion"] {
                    return failed(409, "Conflict", "somebody was first");
                }
                done(200, &self.put(&key.0, new))
            }
            Method::PATCH => {
                let Some(mut object) = object else {
                    return failed(404, "NotFound", "no such object");
                };
                let patch: Value = serde_json::from_slice(body).unwrap();
                let version = &patch["metadata"]["resourceVersion"];
                if *version != object["metadata"]["resourceVersion"] {
                    return failed(409, "Conflict", "somebody was first");
                }
                merge_webhooks(&mut object, &patch);
                done(200, &self.put(&key.0, object))
            }
            _ => failed(405, "MethodNotAllowed", "not here"),
        }
    }

    fn list(&self, collection: &str, query: &Query) -> Answer {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|((at, name), _)| {
                at == collection && query.name.as_ref().is_none_or(|n| n == name)
            })
            .map(|(_, object)| object)
            .collect();
        // Pages of two, so that every list of three shows that pages are followed.
        let from: usize = query.after.as_deref().unwrap_or("0").parse().unwrap();
        let page: Vec<_> = items.iter().skip(from).take(2).collect();
        let next = from + page.len();
        let more = if next < items.len() {
            next.to_string()
        } else {
            String::new()
        };
        done(
            200,
            &json!({
                "kind": "List", "apiVersion": "v1",
                "metadata": {"resourceVersion": self.version.to_string(), "continue": more},
                "items": page,
            }),
        )
    }

    fn watch(&mut self, collection: &str, query: Query) -> Answer {
        #[expect(clippy::disallowed_methods, reason = "holds what one test puts")]
        let (events, received) = mpsc::unbounded_channel();
        let from: u64 = query.version.parse().unwrap();
        for ((at, name), object) in &self.objects {
            let version: u64 = version_of(object);
            let asked = query.name.as_ref().is_none_or(|asked| asked == name);
            if at == collection && asked && version > from {
                let event = json!({"type": "MODIFIED", "object": object});
                events.send(line(&event)).unwrap();
            }
        }
        self.watches.push(Watch {
            collection: collection.to_owned(),
            name: query.name,
            events,
        });
        let lines = unfold(received, async |mut received| {
            let line = received.recv().await?;
            Some((Ok(Frame::data(line)), received))
        });
        Response::new(StreamBody::new(lines.boxed()).boxed_unsync())
    }

    fn put(&mut self, collection: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let key = (collection.to_owned(), name.clone());
        let old = self.objects.insert(key, object.clone());
        let kind = if old.is_none() { "ADDED" } else { "MODIFIED" };
        self.tell(collection, &name, kind, &object);
        object
    }

    fn remove(&mut self, collection: &str, name: &str) {
        self.version += 1;
        let key = (collection.to_owned(), name.to_owned());
        let mut object = self.objects.remove(&key).unwrap();
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(collection, name, "DELETED", &object);
    }

    fn tell(&self, collection: &str, name: &str, kind: &str, object: &Value) {
        let event = json!({"type": kind, "object": object});
        for watch in &self.watches {
            let asked = watch.name.as_ref().is_none_or(|asked| asked == name);
            if watch.collection == collection && asked {
                let _ = watch.events.send(line(&event));
            }
        }
    }
}

#[derive(Default)]
struct Query {
    watch: bool,
    version: String,
    name: Option<String>,
    after: Option<String>,
}

impl Query {
    fn of(uri: &Uri) -> Self {
        let mut query = Self::default();
        for pair in uri.query().unwrap_or_default().split('&') {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("watch", value) => query.watch = value == "true",
                ("resourceVersion", value) => query.version = value.to_owned(),
                ("continue", value) => query.after = Some(value.to_owned()),
                ("fieldSelector", value) => {
                    let value = value.replace("%3D", "=");
                    query.name = Some(value.strip_prefix("metadata.name=").unwrap().to_owned());
                }
                _ => {}
            }
        }
        query
    }
}

/// A strategic merge patch of webhooks' client configurations, the only one that is sent.
fn merge_webhooks(object: &mut Value, patch: &Value) {
    for wanted in patch["webhooks"].as_array().unwrap() {
        let hooks = object["webhooks"].as_array_mut().unwrap();
        let mut hooks = hooks.iter_mut();
        let hook = hooks.find(|hook| hook["name"] == wanted["name"]).unwrap();
        for (key, value) in wanted["clientConfig"].as_object().unwrap() {
            hook["clientConfig"][key] = value.clone();
        }
    }
}

fn is_collection(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap();
    let known = ["namespaces", "secrets", "events", "nodes", "runtimeclasses"];
    known.contains(&last) || last.ends_with("configurations")
}

fn version_of(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str().unwrap();
    version.parse().unwrap()
}

fn line(event: &Value) -> Bytes {
    Bytes::from(format!("{event}\n"))
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message,
    })
}

fn failed(code: u16, reason: &str, message: &str) -> Answer {
    done(code, &status(code, reason, message))
}

fn done(code: u16, body: &Value) -> Answer {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).body(body).unwrap()
}
