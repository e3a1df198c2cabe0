//! What holds while the webhook does not: rights, the guards and the backstop.

use crate::check::installed::Installed;
use crate::check::objects::Binding;
use crate::check::outcome::{Check, counted, some};
use crate::check::questions::{BACKSTOP, GUARDS, RIGHTS};
use crate::check::read::{Read, Unread};
use crate::names;

/// One thing that an account may do, or not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Right {
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The resource, in plural.
    pub resource: &'static str,
    /// The verb.
    pub verb: &'static str,
    /// The one object; any where it is empty.
    pub name: String,
    /// The namespace; the whole cluster where it is empty.
    pub namespace: String,
}

impl Right {
    /// As `kubectl auth can-i` has it: `patch secrets/name -n ns`.
    pub fn told(&self) -> String {
        let mut told = format!("{} {}", self.verb, self.resource);
        if !self.group.is_empty() {
            told = format!("{told}.{}", self.group);
        }
        if !self.name.is_empty() {
            told = format!("{told}/{}", self.name);
        }
        if !self.namespace.is_empty() {
            told = format!("{told} -n {}", self.namespace);
        }
        told
    }
}

/// Whether all of these are allowed: what is not, or what could not be asked.
pub fn denied(rights: &[(Right, Read<bool>)]) -> Result<Vec<String>, &Unread> {
    let mut denied = Vec::new();
    for (right, allowed) in rights {
        match allowed {
            Ok(true) => {}
            Ok(false) => denied.push(right.told()),
            Err(unread) => return Err(unread),
        }
    }
    Ok(denied)
}

/// The checks of rights, guards and the backstop.
pub fn checks(installed: &Installed) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Ok(deployment) = &installed.deployment {
        checks.push(rights(installed));
        let containers = &deployment.spec.template.spec.containers;
        let mut args = containers.iter().flat_map(|container| &container.args);
        // Only with self-managed certificates may the account write configurations.
        if !args.any(|arg| arg.starts_with("--tls-cert")) {
            checks.push(guards(installed));
        }
    }
    checks.push(backstop(installed));
    checks
}

fn rights(installed: &Installed) -> Check {
    match denied(&installed.rights) {
        Err(unread) => RIGHTS.could_not_ask_but(
            unread.to_string(),
            "ask as a user who may create subjectaccessreviews",
        ),
        Ok(denied) if denied.is_empty() => {
            RIGHTS.ok(format!("all {} of them", installed.rights.len()))
        }
        Ok(denied) => RIGHTS.fails(
            format!("it may not: {}", some(&denied)),
            "install again: its ClusterRole and Role are of the chart",
        ),
    }
}

/// Whether a binding has a policy refuse what it matches.
fn denies(binding: &Binding, policy: &str) -> bool {
    let mut actions = binding.spec.validation_actions.iter();
    binding.spec.policy_name == policy && actions.any(|action| action == "Deny")
}

fn guards(installed: &Installed) -> Check {
    let fix = "set guard.enabled=true of the chart; on Kubernetes before 1.30 use certificates.mode cert-manager or files";
    let (policies, bindings) = match (&installed.policies, &installed.bindings) {
        (Ok(policies), Ok(bindings)) => (policies, bindings),
        (Err(Unread::Missing), _) | (_, Err(Unread::Missing)) => {
            return GUARDS.warns("this API server has no ValidatingAdmissionPolicies", fix);
        }
        (Err(unread), _) | (_, Err(unread)) => return GUARDS.could_not_ask(unread),
    };
    let mut kinds = vec!["mutating"];
    if installed.own(&installed.validating).is_ok() {
        kinds.push("validating");
    }
    for kind in &kinds {
        let guard = format!("{}-{kind}-guard", installed.name);
        if !policies.iter().any(|policy| policy.metadata.name == guard) {
            return GUARDS.warns(
                format!("there is no ValidatingAdmissionPolicy {guard}: who has the account's token can send any object to himself"),
                fix,
            );
        }
        if !bindings.iter().any(|binding| denies(binding, &guard)) {
            return GUARDS.warns(
                format!("the ValidatingAdmissionPolicy {guard} is bound to nothing"),
                fix,
            );
        }
    }
    GUARDS.ok(format!(
        "any other change is refused, by {}",
        counted(kinds.len(), "guard")
    ))
}

fn backstop(installed: &Installed) -> Check {
    let (name, fix) = (
        names::BACKSTOP,
        "kubectl apply -f manifests/backstop.yaml, then label namespaces dind-injector.io/backstop=enabled",
    );
    let fails_closed = installed.own(&installed.mutating).is_ok_and(|own| {
        let mut webhooks = own.webhooks.iter();
        webhooks.any(|webhook| webhook.failure_policy.as_deref() == Some("Fail"))
    });
    let (policies, bindings) = match (&installed.policies, &installed.bindings) {
        (Ok(policies), Ok(bindings)) => (policies.as_slice(), bindings.as_slice()),
        // Before 1.30 there is none.
        (Err(Unread::Missing), _) | (_, Err(Unread::Missing)) => (&[][..], &[][..]),
        (Err(unread), _) | (_, Err(unread)) => return BACKSTOP.could_not_ask(unread),
    };
    if !policies.iter().any(|policy| policy.metadata.name == name) {
        return match fails_closed {
            true => BACKSTOP.ok("failurePolicy is Fail, and there is no backstop beside it"),
            false => BACKSTOP.warns(
                "there is no backstop, and failurePolicy is Ignore: a Pod that comes while the webhook is down gets the node's socket",
                fix,
            ),
        };
    }
    let mut bound = bindings
        .iter()
        .filter(|binding| denies(binding, name))
        .peekable();
    if bound.peek().is_none() {
        return BACKSTOP.fails(
            format!("the ValidatingAdmissionPolicy {name} is bound to nothing, so that it refuses nothing"),
            "kubectl apply -f manifests/backstop.yaml brings its binding",
        );
    }
    let namespace = match &installed.namespace {
        Ok(namespace) => &namespace.metadata,
        Err(unread) => return BACKSTOP.could_not_ask(unread),
    };
    let selects = |binding: &Binding| {
        let selector = &binding.spec.match_resources.namespace_selector;
        selector.selects(&namespace.labels)
    };
    match (bound.any(selects), fails_closed) {
        (true, _) => BACKSTOP.ok(format!(
            "{name} is in force in the namespace {}",
            namespace.name
        )),
        (false, true) => {
            BACKSTOP.ok("failurePolicy is Fail; the backstop is bound in other namespaces")
        }
        (false, false) => BACKSTOP.warns(
            format!(
                "the backstop is bound, and not in the namespace {}",
                namespace.name
            ),
            format!(
                "kubectl label namespace {} {}=enabled",
                namespace.name,
                names::BACKSTOP_LABEL
            ),
        ),
    }
}
