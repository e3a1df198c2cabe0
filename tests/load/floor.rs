//! The floor: the product's own listener, TLS and gathering of bodies, and behind them no
//! review but its answer, made beforehand. What the product is slower by is what reviews cost.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use base64_simd::STANDARD;
use clap::Parser as _;
use dind_injector::decide::Policy;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::review::pod::review;
use dind_injector::server::{Handler, Reply, Route, Server, ServerArgs, Shutdown, StatusCode};
use dind_injector::telemetry::metrics::Metrics;
use dind_injector::telemetry::readiness::Readiness;
use dind_injector::tls::{CertStore, SelfSigned};

use crate::client::SERVER_NAME;
use crate::reviews::{LARGE, SMALL, UID, body};

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    server: ServerArgs,
}

/// An answer, and where the uid is in it and in what it answers.
struct Canned {
    answer: Vec<u8>,
    uid: usize,
    asked: usize,
}

struct Floor {
    small: Canned,
    large: Canned,
}

impl Canned {
    fn of(body: &[u8]) -> Result<Self, String> {
        let policy = Policy::offline();
        let answer = review(&policy, &NoNamespaces, body);
        let answer = answer.map_err(|error| error.to_string())?.json;
        let find = |text: &[u8]| {
            let at = text
                .windows(UID.len())
                .position(|window| window == UID.as_bytes());
            at.ok_or("no uid")
        };
        let (uid, asked) = (find(&answer)?, find(body)?);
        Ok(Self { answer, uid, asked })
    }
}

impl Handler for Floor {
    fn handle(&self, _route: Route, body: &[u8]) -> Reply {
        let canned = if body.len() < LARGE {
            &self.small
        } else {
            &self.large
        };
        let mut answer = canned.answer.clone();
        if let Some(uid) = body.get(canned.asked..canned.asked + UID.len()) {
            answer[canned.uid..canned.uid + UID.len()].copy_from_slice(uid);
        }
        Reply {
            status: StatusCode::OK,
            body: answer,
        }
    }
}

/// Serves until a signal ends it, as the product does.
pub fn run() -> Result<ExitCode, String> {
    let Flags { server: args } = Flags::parse_from(std::env::args().skip(1));
    let text = |error: std::io::Error| error.to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(text)?.block_on(async {
        let metrics = Arc::new(Metrics::new());
        let certs = Arc::new(CertStore::new(Arc::clone(&metrics)));
        let names = vec![SERVER_NAME.to_owned()];
        let made = SelfSigned::generate(names, Arc::clone(&certs), SystemTime::now());
        let pem = made.map_err(|error| error.to_string())?.ca_pem().to_owned();
        let server = Server {
            args,
            certs,
            metrics,
            readiness: Readiness::new(),
        };
        let bound = server.bind().await.map_err(|error| error.to_string())?;
        writeln!(
            std::io::stdout(),
            "caBundle: {}",
            STANDARD.encode_to_string(pem)
        )
        .map_err(text)?;
        let floor = Floor {
            small: Canned::of(&body(SMALL, false))?,
            large: Canned::of(&body(LARGE, true))?,
        };
        let (_stopper, shutdown) = Shutdown::on_signals().map_err(text)?;
        bound.serve(floor, shutdown).await;
        Ok(ExitCode::SUCCESS)
    })
}
