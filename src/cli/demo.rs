//! `dind-injector demo`: the whole way of a review, seen without a cluster.
//!
//! Nothing is simulated but the API server: the real server on a free loopback port, TLS
//! checked against its own CA, the AdmissionReview an API server would send, and the
//! returned JSON Patch applied by a library.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use base64_simd::STANDARD;
use clap::Args;
use serde_json::Value;

use crate::cli::terminal::line;
use crate::decide::Policy;
use crate::decode::creation;
use crate::manifest::{PodRef, pods, to_yaml};
use crate::model::namespaces::NoNamespaces;
use crate::names::NO_NAME;
use crate::render::diff::unified;
use crate::render::fold::fold_script;
use crate::review::offline::owner_of;
use crate::server::webhook::Webhook;
use crate::server::{Grace, Server, ServerArgs, ServerError, Shutdown};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;
use crate::tls::{CertArgs, CertError, Opened};

use crate::cli::client::{Client, ClientError};
use crate::cli::policy::PolicyArgs;
use crate::cli::runtime;
use crate::cli::{CliError, Exit, input, output};

/// The bundled Pod: a Jenkins agent that builds with the node's Docker.
const JENKINS_AGENT: &str = include_str!("../../manifests/examples/jenkins-agent-pod.yaml");

/// The flags of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dind-injector demo
  dind-injector demo -f deployment.yaml
  dind-injector demo --serve        keeps the server and prints a curl line for it")]
pub struct DemoArgs {
    /// Manifest whose Pods are sent, in place of the bundled Jenkins agent; - is standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    filename: Option<String>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Keep the server running until Ctrl-C
    #[arg(long)]
    serve: bool,
}

/// Why the demonstration cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The certificate.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The call.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The system.
    #[error("{0}")]
    System(#[from] io::Error),
    /// Nothing to show.
    #[error("{0} holds no Pod and nothing with a Pod template")]
    NoPods(String),
    /// A Pod that is none.
    #[error("{0}")]
    Shape(#[from] crate::manifest::ShapeError),
    /// An answer that an API server would not take.
    #[error("the webhook's answer is not usable: {0}")]
    Answer(String),
}

/// Runs the command.
///
/// # Errors
/// Where a Pod cannot be read, or a port of the loopback interface cannot be taken.
pub fn run(args: DemoArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Exit, CliError> {
    let DemoArgs {
        filename,
        policy,
        serve,
    } = args;
    let policy = policy.offline()?;
    let source = match filename {
        Some(file) => input::read(&file)?,
        None => input::parse("the bundled Jenkins agent".to_owned(), JENKINS_AGENT)?,
    };
    runtime::run(show(&source, policy, serve, out, err))?.map_err(CliError::from)
}

async fn show(
    source: &input::Source,
    policy: Policy,
    serve: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, DemoError> {
    let shown: Vec<PodRef<'_>> = source
        .documents
        .iter()
        .flat_map(|d| pods(&d.value))
        .collect();
    if shown.is_empty() {
        return Err(DemoError::NoPods(source.name.clone()));
    }
    let running = Running::start(policy).await?;
    let mut client = Client::connect(running.address, &running.ca_pem).await?;
    let mut exit = Exit::Done;
    let mut last = Value::Null;
    for pod in &shown {
        last = review_of(pod)?;
        // What is shown is the Pod alone, as its author wrote it.
        let before = last["request"]["object"].clone();
        let body = last.to_string().into_bytes();
        let began = Instant::now();
        let answer = client.post("/mutate", body).await?;
        let took = began.elapsed();
        let answer = Answer::read(&answer, &last)?;
        if !write_answer(&before, &answer, took, &running, out)? {
            exit = Exit::Findings;
        }
    }
    if serve {
        keep(&running, &last, out, err).await?;
    }
    running.stop().await;
    Ok(exit)
}

/// A server on a free loopback port.
struct Running {
    address: SocketAddr,
    ca_pem: String,
    stopper: crate::server::Stopper,
    server: tokio::task::JoinHandle<crate::server::Ended>,
}

impl Running {
    async fn start(policy: Policy) -> Result<Self, DemoError> {
        let metrics = Arc::new(Metrics::new());
        let certs = CertArgs::default();
        let Opened {
            store,
            ca_pem,
            keeper,
        } = certs.open(Arc::clone(&metrics)).await?;
        tokio::spawn(keeper.run());
        let (stopper, shutdown) = Shutdown::new();
        let at_once = Grace {
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_millis(500),
        };
        let bound = Server {
            args: ServerArgs {
                grace: at_once,
                ..ServerArgs::default()
            },
            certs: store,
            metrics: Arc::clone(&metrics),
            readiness: Readiness::new(),
        }
        .bind()
        .await?;
        let address = bound.address();
        let webhook = Webhook {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            cluster: Arc::new(NoNamespaces),
            metrics,
            events: None,
        };
        Ok(Self {
            address,
            ca_pem: ca_pem.unwrap_or_default(),
            stopper,
            server: tokio::spawn(bound.serve(webhook, shutdown)),
        })
    }

    async fn stop(self) {
        self.stopper.gracefully();
        // How it ended matters to nobody here.
        let _ = self.server.await;
    }
}

fn review_of(pod: &PodRef<'_>) -> Result<Value, DemoError> {
    let object = pod.pod.as_ref().map_err(Clone::clone)?;
    let owner = owner_of(pod.kind).map(|kind| (kind, pod.name.unwrap_or("demo")));
    Ok(creation::creation(
        object,
        creation::From {
            uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
            namespace: pod.namespace.unwrap_or("default"),
            owner,
        },
    ))
}

/// The part of an answer that is shown.
struct Answer {
    after: Option<Value>,
    denial: Option<String>,
    warnings: Vec<String>,
    audit: Vec<String>,
}

impl Answer {
    fn read(answer: &[u8], review: &Value) -> Result<Self, DemoError> {
        let wrong = |error: String| DemoError::Answer(error);
        let answer: Value = serde_json::from_slice(answer).map_err(|e| wrong(e.to_string()))?;
        let response = &answer["response"];
        if response["uid"] != review["request"]["uid"] {
            return Err(wrong(answer.to_string()));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let after = match response["patch"].as_str() {
            None => None,
            Some(patch) => {
                let patch = STANDARD
                    .decode_to_vec(patch)
                    .map_err(|e| wrong(e.to_string()))?;
                let patch: json_patch::Patch =
                    serde_json::from_slice(&patch).map_err(|e| wrong(e.to_string()))?;
                let mut after = review["request"]["object"].clone();
                json_patch::patch(&mut after, &patch).map_err(|e| wrong(e.to_string()))?;
                Some(after)
            }
        };
        let denied = response["allowed"] != Value::Bool(true);
        let audit = response["auditAnnotations"].as_object();
        Ok(Self {
            after,
            denial: denied.then(|| text(&response["status"]["message"]).unwrap_or_default()),
            warnings: response["warnings"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(text)
                .collect(),
            audit: audit
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some(format!("{key} {}", value.as_str()?)))
                .collect(),
        })
    }
}

/// Shows one answer; whether the Pod was admitted.
fn write_answer(
    before: &Value,
    answer: &Answer,
    took: Duration,
    running: &Running,
    out: &mut dyn Write,
) -> Result<bool, DemoError> {
    let name = before["metadata"]["name"]
        .as_str()
        .or(before["metadata"]["generateName"].as_str())
        .unwrap_or(NO_NAME);
    if let Some(after) = &answer.after {
        let paint = output::paint();
        let mut after = after.clone();
        fold_script(&mut after);
        let labels = (
            &*format!("Pod {name}, as written"),
            &*format!("Pod {name}, as stored"),
        );
        out.write_all(unified(&to_yaml(before), &to_yaml(&after), labels, paint).as_bytes())?;
        writeln!(out)?;
    }
    for warning in &answer.warnings {
        line(out, format_args!("Warning: {warning}"))?;
    }
    if let Some(denial) = &answer.denial {
        line(out, format_args!("Denied: {denial}"))?;
    }
    let took = took.as_secs_f64() * 1e3;
    line(
        out,
        format_args!(
            "https://{}/mutate answered for Pod {name} in {took:.1} ms: {}",
            running.address,
            answer.audit.join(", "),
        ),
    )?;
    Ok(answer.denial.is_none())
}

/// Keeps the server until Ctrl-C, with files for the curl line that are removed after.
async fn keep(
    running: &Running,
    review: &Value,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), DemoError> {
    let directory: PathBuf =
        std::env::temp_dir().join(format!("dind-injector-demo-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let (ca, body) = (directory.join("ca.pem"), directory.join("review.json"));
    fs::write(&ca, &running.ca_pem)?;
    fs::write(&body, review.to_string())?;
    writeln!(
        out,
        "\ncurl --cacert {} -H 'Content-Type: application/json' -d @{} https://{}/mutate",
        ca.display(),
        body.display(),
        running.address,
    )?;
    out.flush()?;
    writeln!(err, "Serving until Ctrl-C.")?;
    let stopped = tokio::signal::ctrl_c().await;
    fs::remove_dir_all(&directory)?;
    Ok(stopped?)
}
