//! Reads an installation.

use std::time::SystemTime;

use ring::digest;
use serde_json::{Value, json};

use crate::check::guards::Right;
use crate::check::installed::{Installed, Replica};
use crate::check::metrics::Samples;
use crate::check::objects::{ConfigMap, Deployment, Named, Pod, WebhookConfiguration};
use crate::check::policy::PolicyFile;
use crate::check::trial;
use crate::check::trial::Trial;
use crate::check::{Read, Unread};
use crate::cluster::object_name::is_subdomain;
use crate::inspect::api::{Answer, Api};
use crate::inspect::certificates::{bundle, served};
use crate::names;

const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
/// The name of the port of health and metrics, and its number where no container names it.
const ADMIN_PORT: (&str, u16) = ("admin", 9090);

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name of the installation.
    pub name: String,
    /// The namespace that a Pod is tried in; the current one where it is none.
    pub namespace: Option<String>,
}

/// Reads it.
pub async fn installed(api: &Api, asked: &Asked, now: SystemTime) -> Installed {
    let name = asked.name.clone();
    let mutating: Read<Vec<WebhookConfiguration>> = api
        .list(&format!("{ADMISSION}/mutatingwebhookconfigurations"))
        .await;
    let validating: Read<Vec<WebhookConfiguration>> = api
        .list(&format!("{ADMISSION}/validatingwebhookconfigurations"))
        .await;
    let home = home(&name, &mutating);
    let bundles = own(&name, &mutating).chain(own(&name, &validating));
    let bundles: Vec<_> = bundles.flat_map(|own| &own.webhooks).map(bundle).collect();

    let core = format!("/api/v1/namespaces/{home}");
    let deployment: Read<Deployment> = api
        .get(&format!(
            "/apis/apps/v1/namespaces/{home}/deployments/{name}"
        ))
        .await;
    let pods = pods(api, &home, &deployment).await;
    let mut replicas = Vec::new();
    let running = pods
        .iter()
        .flatten()
        .filter(|pod| pod.status.phase == "Running");
    for pod in running {
        let (name_of_port, number) = ADMIN_PORT;
        let number = pod.port(name_of_port).unwrap_or(number);
        let pod = &pod.metadata.name;
        let port = format!("{core}/pods/{pod}:{number}/proxy");
        let metrics = api.text(&format!("{port}/metrics")).await;
        let certificate = match api.text(&format!("{port}/certificate")).await {
            Ok(pem) => served(&pem, &format!("{name}.{home}.svc"), &bundles, now),
            Err(unread) => Err(unread),
        };
        replicas.push(Replica {
            pod: pod.clone(),
            metrics: metrics.map(|text| Samples::read(&text)),
            certificate,
        });
    }
    let mut rights = Vec::new();
    if let Ok(deployment) = &deployment {
        let account = &deployment.spec.template.spec.service_account_name;
        let user = format!("system:serviceaccount:{home}:{account}");
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{home}"),
        ];
        for right in needed(
            &name,
            &home,
            deployment,
            validating.is_ok() && own(&name, &validating).next().is_some(),
        ) {
            let allowed = api.may(&right, Some((&user, &groups))).await;
            rights.push((right, allowed));
        }
    }
    let tried = asked
        .namespace
        .as_deref()
        .unwrap_or(api.default_namespace())
        .to_owned();
    Installed {
        namespace: named(api, &tried).await,
        now,
        version: api.version().await,
        bundles: bundles.into_iter().map(|(bundle, _)| bundle).collect(),
        service: api.get(&format!("{core}/services/{name}")).await,
        slices: api
            .list(&format!(
                "/apis/discovery.k8s.io/v1/namespaces/{home}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{name}"
            ))
            .await,
        pods,
        replicas,
        policy: policy(api, &home, &deployment).await,
        policies: api.list(&format!("{ADMISSION}/validatingadmissionpolicies")).await,
        bindings: api.list(&format!("{ADMISSION}/validatingadmissionpolicybindings")).await,
        rights,
        trial: attempt(api, &tried, &trial::pod()).await,
        deployment,
        mutating,
        validating,
        name,
        home,
    }
}

fn own<'c>(
    name: &'c str,
    configurations: &'c Read<Vec<WebhookConfiguration>>,
) -> impl Iterator<Item = &'c WebhookConfiguration> {
    let all = configurations.iter().flatten();
    all.filter(move |configuration| configuration.metadata.name == name)
}

/// The namespace of the Service that the webhook is called by.
pub fn home(name: &str, mutating: &Read<Vec<WebhookConfiguration>>) -> String {
    let mut webhooks = own(name, mutating).flat_map(|own| &own.webhooks);
    let home = webhooks.find_map(|webhook| {
        let service = webhook.client_config.service.as_ref()?;
        is_subdomain(&service.namespace).then(|| service.namespace.clone())
    });
    home.unwrap_or_else(|| names::NAMESPACE.to_owned())
}

/// A namespace; a name that cannot be one is not asked for.
pub async fn named(api: &Api, name: &str) -> Read<Named> {
    match is_subdomain(name) {
        true => api.get(&format!("/api/v1/namespaces/{name}")).await,
        false => Err(Unread::Missing),
    }
}

async fn pods(api: &Api, home: &str, deployment: &Read<Deployment>) -> Read<Vec<Pod>> {
    let deployment = deployment.as_ref().map_err(Unread::clone)?;
    let all: Vec<Pod> = api.list(&format!("/api/v1/namespaces/{home}/pods")).await?;
    let selector = &deployment.spec.selector;
    let of = |pod: &Pod| {
        let metadata = &pod.metadata;
        metadata.deletion_timestamp.is_none() && selector.selects(&metadata.labels)
    };
    Ok(all.into_iter().filter(of).collect())
}

/// What the account of a Deployment needs, by what its arguments ask of it.
fn needed(name: &str, home: &str, deployment: &Deployment, validates: bool) -> Vec<Right> {
    let all = |resource, verb, group| Right {
        group,
        resource,
        verb,
        ..Right::default()
    };
    let mut rights = vec![
        all("namespaces", "list", ""),
        all("namespaces", "watch", ""),
    ];
    if deployment.argument("--events") != Some("false") {
        rights.push(all("events", "create", ""));
    }
    if deployment.argument("--watch-nodes") == Some("true") {
        for verb in ["list", "watch"] {
            rights.push(all("nodes", verb, ""));
            rights.push(all("runtimeclasses", verb, "node.k8s.io"));
        }
    }
    if deployment
        .arguments()
        .any(|argument| argument.starts_with("--tls-cert"))
    {
        return rights;
    }
    let secret = deployment.argument("--ca-secret");
    for verb in ["list", "watch", "update"] {
        rights.push(Right {
            name: secret.unwrap_or(names::CA_SECRET).to_owned(),
            namespace: home.to_owned(),
            ..all("secrets", verb, "")
        });
    }
    let mut kinds = vec!["mutatingwebhookconfigurations"];
    if validates {
        kinds.push("validatingwebhookconfigurations");
    }
    for kind in kinds {
        for verb in ["list", "watch", "patch"] {
            rights.push(Right {
                name: name.to_owned(),
                ..all(kind, verb, "admissionregistration.k8s.io")
            });
        }
    }
    rights
}

/// The policy file, where it is a ConfigMap's.
pub async fn policy(api: &Api, home: &str, deployment: &Read<Deployment>) -> Read<PolicyFile> {
    let deployment = deployment.as_ref().map_err(Unread::clone)?;
    let spec = &deployment.spec.template.spec;
    let Some(file) = deployment.argument("--config") else {
        return Ok(PolicyFile::BuiltIn);
    };
    let mut mounts = spec
        .containers
        .iter()
        .flat_map(|container| &container.volume_mounts);
    let found = mounts.find_map(|mount| {
        let key = file
            .strip_prefix(&mount.mount_path)?
            .trim_start_matches('/');
        let volume = spec
            .volumes
            .iter()
            .find(|volume| volume.name == mount.name)?;
        Some((volume.config_map.as_ref()?.name.clone(), key))
    });
    let (config_map, key) = found.ok_or(Unread::Missing)?;
    let object: ConfigMap = api
        .get(&format!(
            "/api/v1/namespaces/{home}/configmaps/{config_map}"
        ))
        .await?;
    let text = object.data.get(key).ok_or(Unread::Missing)?.clone();
    let sha256 = digest::digest(&digest::SHA256, text.as_bytes());
    let sha256 = sha256
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(PolicyFile::Text {
        config_map,
        text,
        sha256,
    })
}

/// Sends a Pod through the API server, by a dry run.
///
/// # Errors
/// Where the caller may not, or there is no answer.
pub async fn attempt(api: &Api, namespace: &str, pod: &Value) -> Read<Trial> {
    if !is_subdomain(namespace) {
        return Err(Unread::Missing);
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let answer = api.post(&path, pod).await?;
    let (user, groups) = caller(api).await;
    let warnings = answer.warnings.clone();
    let answer = made_of(answer)?;
    Ok(Trial {
        user,
        groups,
        answer,
        warnings,
    })
}

/// What an API server's answer makes of a Pod.
///
/// # Errors
/// Where it says nothing about it.
pub fn made_of(answer: Answer) -> Read<trial::Answer> {
    let message = answer.message();
    match answer.status {
        200..=299 => Ok(trial::Answer::Stored(Box::new(answer.read()?))),
        // The namespace.
        404 => Err(Unread::Missing),
        // The caller's rights, and not an admission's word.
        401 => Err(Unread::Forbidden(message)),
        403 if message.contains("cannot create resource") => Err(Unread::Forbidden(message)),
        400..=499 => Ok(trial::Answer::Refused(message)),
        _ if message.contains("webhook") => Ok(trial::Answer::Refused(message)),
        _ => Err(Unread::Failed(message)),
    }
}

/// Who asks, for rules that match users; unknown where the API server does not say.
async fn caller(api: &Api) -> (String, Vec<String>) {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = api
        .post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)
        .await;
    let answer: Value = answer.and_then(Answer::read).unwrap_or_default();
    let info = &answer["status"]["userInfo"];
    let groups = info["groups"].as_array().into_iter().flatten();
    let groups = groups.filter_map(Value::as_str).map(str::to_owned);
    (
        info["username"].as_str().unwrap_or_default().to_owned(),
        groups.collect(),
    )
}
