//! An API server of scripted lists, under a `kube::Client` or behind a port: pages, refusals,
//! lists that expire, and being away.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Lists by path; a path that is not known is 404, as a resource that is not installed.
#[derive(Default)]
pub struct Api {
    pub lists: BTreeMap<String, Vec<Value>>,
    pub forbidden: Vec<String>,
    /// Answers this list's second page so, as often as this says.
    pub expire: usize,
    pub down: bool,
    /// The paths of lists that fail.
    pub broken: Vec<String>,
    pub requests: Vec<String>,
}

const BUILTIN: [&str; 10] = [
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/replicasets",
    "/api/v1/replicationcontrollers",
    "/apis/batch/v1/cronjobs",
    "/apis/batch/v1/jobs",
    "/api/v1/podtemplates",
    "/api/v1/pods",
    "/api/v1/persistentvolumes",
];

impl Api {
    pub fn new(namespaces: &[&str]) -> Self {
        let mut api = Self::default();
        for path in BUILTIN {
            api.lists.insert(path.to_owned(), Vec::new());
        }
        let named = |name: &&str| json!({"metadata": {"name": name}});
        api.lists.insert(
            "/api/v1/namespaces".to_owned(),
            namespaces.iter().map(named).collect(),
        );
        api
    }

    pub fn with(mut self, path: &str, objects: impl IntoIterator<Item = Value>) -> Self {
        self.lists
            .entry(path.to_owned())
            .or_default()
            .extend(objects);
        self
    }

    fn answer(&mut self, uri: &str) -> (u16, Value) {
        self.requests.push(uri.to_owned());
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        if self.down || self.broken.iter().any(|broken| broken == path) {
            return status(500, "etcd is away");
        }
        if path == "/version" {
            let version = json!({
                "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
            });
            return (200, version);
        }
        if self.forbidden.iter().any(|forbidden| forbidden == path) {
            return status(403, "not for you");
        }
        // `/api/v1/namespaces/ci/pods` is the part of `/api/v1/pods` that is in `ci`.
        let (list, namespace) = match path.split_once("/namespaces/") {
            Some((root, rest)) => match rest.split_once('/') {
                Some((namespace, plural)) => (format!("{root}/{plural}"), Some(namespace)),
                None => return self.one_namespace(rest),
            },
            None => (path.to_owned(), None),
        };
        let Some(objects) = self.lists.get(&list) else {
            return status(404, "no such resource");
        };
        let here =
            |object: &&Value| namespace.is_none_or(|name| object["metadata"]["namespace"] == name);
        let objects: Vec<&Value> = objects.iter().filter(here).collect();
        let of = |key: &str| {
            let mut fields = query.split('&').filter_map(|field| field.split_once('='));
            fields
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.parse::<usize>().unwrap())
        };
        let (limit, start) = (of("limit").unwrap(), of("continue").unwrap_or(0));
        if start > 0 && list == "/api/v1/pods" && self.expire > 0 {
            self.expire -= 1;
            return status(410, "the continue token is too old");
        }
        let end = (start + limit).min(objects.len());
        let next = if end < objects.len() {
            end.to_string()
        } else {
            String::new()
        };
        let kind = match list.rsplit('/').next().unwrap() {
            "pods" => "PodList",
            "deployments" => "DeploymentList",
            "daemonsets" => "DaemonSetList",
            "replicasets" => "ReplicaSetList",
            "persistentvolumes" => "PersistentVolumeList",
            _ => "List",
        };
        let version = list
            .trim_start_matches("/apis/")
            .trim_start_matches("/api/");
        let version = version.rsplit_once('/').unwrap().0;
        (
            200,
            json!({"kind": kind, "apiVersion": version, "metadata": {"continue": next},
                   "items": objects[start..end]}),
        )
    }

    fn one_namespace(&self, name: &str) -> (u16, Value) {
        let mut all = self.lists["/api/v1/namespaces"].iter();
        match all.find(|namespace| namespace["metadata"]["name"] == name) {
            Some(namespace) => (200, namespace.clone()),
            None => status(404, "no such namespace"),
        }
    }
}

fn status(code: u16, message: &str) -> (u16, Value) {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                      "message": message, "reason": "Test", "code": code});
    (code, body)
}

/// The server, for its clients and for a test that changes it.
pub type Shared = Arc<Mutex<Api>>;

fn answer(api: &Shared, uri: &str) -> Response<Bytes> {
    let (code, body) = api.lock().unwrap().answer(uri);
    let body = Bytes::from(serde_json::to_vec(&body).unwrap());
    Response::builder().status(code).body(body).unwrap()
}

/// A client of the server.
pub fn client(api: &Shared) -> Client {
    let api = Arc::clone(api);
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer(&api, &request.uri().to_string()).map(Full::new);
        async move { Ok::<_, Infallible>(answer) }
    });
    Client::new(service, "default")
}

/// Serves it over plain HTTP on a free port of the loopback interface, for processes.
pub async fn listen(api: &Shared) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Arc::clone(api);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let api = Arc::clone(&api);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&api, &request.uri().to_string()).map(Full::new);
                async move { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

pub fn spec() -> Value {
    json!({
        "containers": [{"name": "c", "image": "docker:28",
            "volumeMounts": [{"name": "s", "mountPath": "/var/run/docker.sock"}]}],
        "volumes": [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}],
    })
}

pub fn metadata(name: &str, namespace: &str, owner: Option<(&str, &str)>) -> Value {
    let mut metadata = json!({"name": name, "namespace": namespace, "uid": format!("{namespace}-{name}"),
                              "managedFields": [{"manager": "kubectl"}]});
    if let Some((kind, owner)) = owner {
        metadata["ownerReferences"] = json!([{"apiVersion": "v1", "kind": kind, "name": owner,
            "uid": format!("{namespace}-{owner}"), "controller": true}]);
    }
    metadata
}

pub fn workload(name: &str, namespace: &str, owner: Option<(&str, &str)>) -> Value {
    json!({"metadata": metadata(name, namespace, owner),
           "spec": {"replicas": 3, "template": {"spec": spec()}}})
}

pub fn pod(name: &str, namespace: &str, owner: Option<(&str, &str)>) -> Value {
    json!({"metadata": metadata(name, namespace, owner), "spec": spec(),
           "status": {"phase": "Running"}})
}
