//! `convert --cluster`: whether the webhook of a cluster honors the annotation, asked without storing anything.
//!
//! An annotated Pod is created as a dry run, which goes through every webhook. The Pod that comes back has the
//! sidecar, or nobody would give it one. A policy given with `--config` is asked with the labels that the cluster's
//! namespaces have.

use std::collections::BTreeSet;

use clap::Args;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::cluster::describe;
use crate::names;
use crate::scan::live::namespace_labels;
use crate::scan::result::{Gap, Namespaces};

use crate::cli::live::{ConnectError, connect};
use crate::cli::runtime;

/// The flags that name a cluster.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Ask the cluster of the current context whether its webhook honors the annotation, by a dry run
    #[arg(long)]
    cluster: bool,
    /// Ask the cluster of this context
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Kubeconfig to use in place of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE", env = "DIND_INJECTOR_KUBECONFIG")]
    kubeconfig: Option<std::path::PathBuf>,
}

/// A namespace, and why an annotated Pod gets no daemon there.
pub(super) type Answer = (String, Result<(), String>);

impl CheckArgs {
    pub(super) fn is_asked(&self) -> bool {
        self.cluster || self.context.is_some()
    }

    /// The labels of the cluster's namespaces, and what of them it did not show.
    pub(super) fn labels(&self) -> Result<(Namespaces, Vec<Gap>), ConnectError> {
        let asked = async {
            let client = connect(self.context.as_ref(), self.kubeconfig.as_ref()).await?;
            Ok(namespace_labels(client).await?)
        };
        runtime::run(asked).map_err(ConnectError::Start)?
    }

    /// Asks for each namespace.
    pub(super) fn check(&self, namespaces: &BTreeSet<String>) -> Result<Vec<Answer>, ConnectError> {
        let asked = async {
            let client = connect(self.context.as_ref(), self.kubeconfig.as_ref()).await?;
            let mut answers = Vec::new();
            for namespace in namespaces {
                answers.push((namespace.clone(), ask(&client, namespace).await));
            }
            Ok(answers)
        };
        runtime::run(asked).map_err(ConnectError::Start)?
    }
}

async fn ask(client: &Client, namespace: &str) -> Result<(), String> {
    let pods: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource());
    let pod = serde_json::from_value(probe()).map_err(|error| error.to_string())?;
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match pods.create(&dry, &pod).await {
        Ok(made) if has_sidecar(&made.data) => Ok(()),
        Ok(_) => Err(format!(
            "the cluster's webhook ignores the annotation here, and the Pods would start without Docker: label the \
             namespace {}=enabled, or give its rule annotation: Honor",
            names::INJECTION_LABEL
        )),
        Err(error) => Err(format!("it could not be asked: {}", describe(&error))),
    }
}

fn resource() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".to_owned(),
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        plural: "pods".to_owned(),
    }
}

/// A Pod that asks for a daemon and for nothing else.
fn probe() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-check-", names::PROGRAM),
            "annotations": {names::INJECT: "true"},
        },
        "spec": {"containers": [{"name": "check", "image": "docker:28-cli"}]},
    })
}

fn has_sidecar(pod: &Value) -> bool {
    let lists = ["initContainers", "containers"].into_iter();
    let mut containers = lists.flat_map(|list| {
        let list = pod
            .pointer(&format!("/spec/{list}"))
            .and_then(Value::as_array);
        list.into_iter().flatten()
    });
    containers.any(|container| {
        let env = container.get("env").and_then(Value::as_array);
        let mut names = env.into_iter().flatten().filter_map(|var| var.get("name"));
        names.any(|name| name == names::env::SOCKETS)
    })
}
