//! The webhook configurations: whether the API server sends what it should, and to what.

use crate::check::installed::Installed;
use crate::check::objects::{Webhook, WebhookConfiguration};
use crate::check::outcome::{Check, Question, counted};
use crate::check::questions::{FAILURE_POLICY, MUTATING, ORDER, SELECTOR, VALIDATING};
use crate::check::read::Unread;
use crate::names;

/// A creation that waits for longer is given up by many clients.
/// Source: the recommendation in the Kubernetes documentation, "Admission webhook good practices".
const LONGEST_TIMEOUT: u32 = 10;
/// What the API server takes where no timeout is set.
const DEFAULT_TIMEOUT: u32 = 10;
/// The namespace of the cluster's own Pods.
const SYSTEM: &str = "kube-system";
/// The label that every namespace has.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Every check of the configurations but those of certificates.
pub fn checks(installed: &Installed) -> Vec<Check> {
    let mut checks = vec![mutating(installed), validating(installed)];
    // Without a webhook there is nothing more to ask about it.
    if let Ok(webhook) = pods_webhook(installed) {
        checks.push(selector(installed, webhook));
        checks.push(failure_policy(webhook));
    }
    checks.push(order(installed));
    checks
}

/// The webhook that swaps.
fn pods_webhook(installed: &Installed) -> Result<&Webhook, Unread> {
    let own = installed.own(&installed.mutating)?;
    let mut webhooks = own.webhooks.iter();
    webhooks
        .find(|webhook| webhook.name == names::POD_WEBHOOK)
        .ok_or(Unread::Missing)
}

fn mutating(installed: &Installed) -> Check {
    let name = &installed.name;
    let webhook = match pods_webhook(installed) {
        Ok(webhook) => webhook,
        Err(Unread::Missing) => {
            return MUTATING.fails(
                format!(
                    "there is no MutatingWebhookConfiguration {name} with the webhook {}: no Pod is swapped",
                    names::POD_WEBHOOK
                ),
                "install it (again); name the release by --name where it is not called so",
            );
        }
        Err(unread) => return MUTATING.could_not_ask(&unread),
    };
    if !webhook.takes_new_pods() {
        return MUTATING.fails(
            format!("{} is not sent the creation of Pods", webhook.name),
            "install again: its rules must have CREATE of pods",
        );
    }
    if let Some(wrong) = wrong_target(installed, webhook) {
        return MUTATING.fails(
            wrong,
            "install again; nothing but the chart should write it",
        );
    }
    if webhook.match_conditions.is_empty() {
        return MUTATING.warns(
            format!(
                "{} has no matchConditions, so every new Pod is sent",
                webhook.name
            ),
            "install again: the chart's conditions leave out Pods that cannot matter",
        );
    }
    MUTATING.ok(format!(
        "{} is sent new Pods, at the Service {name} in {}",
        webhook.name, installed.home
    ))
}

/// Where a webhook is not called by the installation's Service.
fn wrong_target(installed: &Installed, webhook: &Webhook) -> Option<String> {
    let name = &webhook.name;
    let Some(service) = &webhook.client_config.service else {
        let url = webhook.client_config.url.as_deref().unwrap_or("nothing");
        return Some(format!("{name} is called at {url}, and not by a Service"));
    };
    let is_own = service.name == installed.name && service.namespace == installed.home;
    (!is_own).then(|| {
        format!(
            "{name} is called by the Service {} in {}, and not by that of the installation",
            service.name, service.namespace
        )
    })
}

fn validating(installed: &Installed) -> Check {
    let fix = "set verify.enabled=true of the chart, or install again";
    let own = match installed.own(&installed.validating) {
        Ok(own) => own,
        Err(Unread::Missing) => {
            return VALIDATING.warns(
                "there is no ValidatingWebhookConfiguration: what other webhooks add afterwards is not seen",
                fix,
            );
        }
        Err(unread) => return VALIDATING.could_not_ask(&unread),
    };
    let mut webhooks = own.webhooks.iter();
    let Some(verify) = webhooks.find(|webhook| webhook.name == names::VERIFY_WEBHOOK) else {
        return VALIDATING.warns(
            format!(
                "there is no webhook {}: what other webhooks add afterwards is not seen",
                names::VERIFY_WEBHOOK
            ),
            fix,
        );
    };
    if let Some(wrong) = own.webhooks.iter().find_map(|w| wrong_target(installed, w)) {
        return VALIDATING.fails(
            wrong,
            "install again; nothing but the chart should write it",
        );
    }
    if !verify.takes_new_pods() {
        return VALIDATING.fails(
            format!("{} is not sent the creation of Pods", verify.name),
            fix,
        );
    }
    VALIDATING.ok(format!(
        "{} is asked after every mutating webhook",
        verify.name
    ))
}

fn selector(installed: &Installed, webhook: &Webhook) -> Check {
    let namespace = match &installed.namespace {
        Ok(namespace) => &namespace.metadata,
        Err(Unread::Missing) => {
            return SELECTOR.fails(
                "the namespace that --namespace names is not there",
                "name one in which Pods are created: -n NAMESPACE",
            );
        }
        Err(unread) => return SELECTOR.could_not_ask(unread),
    };
    let name = &namespace.name;
    if !webhook.object_selector.selects(&Default::default()) {
        return SELECTOR.fails(
            format!(
                "{} has an objectSelector that leaves out Pods without labels",
                webhook.name
            ),
            "take the objectSelector away: any author of a Pod can get around one",
        );
    }
    match webhook.namespace_selector.refusal(&namespace.labels) {
        None => SELECTOR.ok(format!("Pods of the namespace {name} are sent")),
        Some(_) if *name == installed.home => SELECTOR.fails(
            format!("{name} is the webhook's own namespace, whose Pods are never sent"),
            "name a namespace in which Pods are created: -n NAMESPACE",
        ),
        Some(refusal) => SELECTOR.fails(
            format!(
                "Pods of the namespace {name} are never sent: the namespaceSelector wants {refusal}"
            ),
            "take it out of webhook.excludedNamespaces or webhook.namespaceSelector of the chart",
        ),
    }
}

fn failure_policy(webhook: &Webhook) -> Check {
    let name = &webhook.name;
    let policy = webhook.failure_policy.as_deref().unwrap_or("Fail");
    let timeout = webhook.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT);
    let system = [(NAME_LABEL.to_owned(), SYSTEM.to_owned())].into();
    let sends_system = webhook.namespace_selector.selects(&system);
    if policy == "Fail" && sends_system {
        return FAILURE_POLICY.fails(
            format!("{name} has failurePolicy Fail and is sent Pods of {SYSTEM}: a cluster that starts cold waits for itself"),
            "add kube-system, and the namespaces of your CNI and CSI, to webhook.excludedNamespaces",
        );
    }
    if timeout > LONGEST_TIMEOUT {
        return FAILURE_POLICY.warns(
            format!("{name} has timeoutSeconds {timeout}: while no replica answers, each creation hangs for as long"),
            "set webhook.timeoutSeconds to 5",
        );
    }
    FAILURE_POLICY.ok(format!("{policy}, after at most {timeout} seconds"))
}

/// The API server calls mutating webhooks in the order of their configurations' names.
fn order(installed: &Installed) -> Check {
    let all = match &installed.mutating {
        Ok(all) => all,
        Err(unread) => return ORDER.could_not_ask(unread),
    };
    let others = |question: Question| -> Result<Vec<&WebhookConfiguration>, Check> {
        let mut others = Vec::new();
        for other in all
            .iter()
            .filter(|other| other.metadata.name != installed.name)
        {
            let mut webhooks = other.webhooks.iter();
            if webhooks.any(|webhook| webhook.name == names::POD_WEBHOOK) {
                return Err(question.fails(
                    format!(
                        "{} is another installation of this webhook",
                        other.metadata.name
                    ),
                    "remove one of the two: each would inject what the other left",
                ));
            }
            if other.webhooks.iter().any(Webhook::takes_new_pods) {
                others.push(other);
            }
        }
        Ok(others)
    };
    let others = match others(ORDER) {
        Ok(others) => others,
        Err(check) => return check,
    };
    let later = others.iter().map(|other| other.metadata.name.as_str());
    let later: Vec<&str> = later
        .filter(|name| *name > installed.name.as_str())
        .collect();
    if later.is_empty() {
        return ORDER.ok(match others.len() {
            0 => "no other webhook changes Pods".to_owned(),
            before => format!("{} before this one", counted(before, "other configuration")),
        });
    }
    let verified = installed.own(&installed.validating).is_ok_and(|own| {
        let mut webhooks = own.webhooks.iter();
        webhooks.any(|webhook| webhook.name == names::VERIFY_WEBHOOK)
    });
    let again = pods_webhook(installed)
        .is_ok_and(|webhook| webhook.reinvocation_policy.as_deref() == Some("IfNeeded"));
    let later = later.join(", ");
    match (verified, again) {
        (true, true) => ORDER.ok(format!(
            "{later} may change Pods after this one, which is then called again, and verifies at the end"
        )),
        (false, _) => ORDER.warns(
            format!("{later} may change Pods after this one, and nothing looks at them then"),
            "set verify.enabled=true of the chart",
        ),
        (true, false) => ORDER.warns(
            format!("{later} may change Pods after this one, which is not called again then"),
            "install again: reinvocationPolicy must be IfNeeded",
        ),
    }
}
