//! The sidecar that fits the rule, the author and the namespace.
//!
//! An author can only choose among the rule's profiles and up to its maximum, and the namespace's Pod
//! Security level must admit the result. Anything else is a denial that says what would fit.

use std::borrow::Cow;

use crate::model::node_storage::Tenant;
use crate::model::notice::Notice;
use crate::model::profile::{Bounds, BoundsError, PodSecurity, Profile, Resources, Storage};
use crate::model::quantity::Quantity;
use crate::model::view::Pod;
use crate::names;

use crate::decide::annotations::{AnnotationRequest, Size};
use crate::decide::denial::Denial;
use crate::decide::rule::Rule;
use crate::model::subject::{NamespaceLabels, Subject};
use crate::text::beginning;

/// The author's choice within the rule's profiles, checked against the namespace.
pub(crate) fn profile<'p>(
    rule: &'p Rule,
    request: &AnnotationRequest,
    subject: &Subject<'_>,
    pod: &Pod<'_>,
) -> Result<(&'p Profile, Option<Notice>), Denial> {
    let chosen: &'p Profile = match &request.profile {
        None => &rule.profiles.default,
        Some(name) => rule
            .profiles
            .get(name)
            .ok_or_else(|| not_allowed(rule, name))?,
    };
    let (profile, notice) = admitted(rule, chosen, subject)?;
    if pod.spec.host_network && !profile.host_network {
        return Err(Denial::HostNetwork {
            rule: rule.name.clone(),
        });
    }
    let asked = &*pod.spec.runtime_class_name;
    match profile.runtime_class_name.as_deref() {
        Some(needs) if !asked.is_empty() && asked != needs => Err(Denial::RuntimeClass {
            asked: beginning(asked, 63).to_owned(),
            profile: profile.name.clone(),
            needs: needs.to_owned(),
        }),
        _ => Ok((profile, notice)),
    }
}

fn not_allowed(rule: &Rule, name: &str) -> Denial {
    let all: Vec<&str> = rule.profiles.iter().map(|p| p.name.as_str()).collect();
    Denial::Profile {
        asked: beginning(name, 63).to_owned(),
        rule: rule.name.clone(),
        allowed: all.join(", "),
    }
}

/// `chosen`, or else the rule's other profile if the namespace's Pod Security level requires it.
fn admitted<'p>(
    rule: &'p Rule,
    chosen: &'p Profile,
    subject: &Subject<'_>,
) -> Result<(&'p Profile, Option<Notice>), Denial> {
    let enforced = enforced(subject.namespace_labels);
    if chosen.pod_security >= enforced {
        return Ok((chosen, None));
    }
    match rule.pod_security_profile.as_deref() {
        Some(other) if other.pod_security >= enforced => {
            let notice = Notice::Policy(format!(
                "profile {} is used, since namespace label {}={} does not admit {}",
                other.name,
                names::PSA_ENFORCE,
                enforced.name(),
                chosen.name
            ));
            Ok((other, Some(notice)))
        }
        _ => Err(Denial::PodSecurity {
            enforced,
            profile: chosen.name.clone(),
            needs: chosen.pod_security,
            rule: rule.name.clone(),
        }),
    }
}

/// The level that Pod Security Admission enforces in a namespace with these labels. It takes an invalid level
/// for the strictest one.
/// Source: `k8s.io/pod-security-admission/api/helpers.go`, `ParseLevel`.
fn enforced(labels: Option<&NamespaceLabels>) -> PodSecurity {
    match labels.and_then(|labels| labels.get(names::PSA_ENFORCE)) {
        None => PodSecurity::Privileged,
        Some(level) => [PodSecurity::Privileged, PodSecurity::Baseline]
            .into_iter()
            .find(|known| known.name() == level)
            .unwrap_or(PodSecurity::Restricted),
    }
}

/// The profile's sizes, or those of the annotations up to the rule's maximum.
pub(crate) fn sizes<'p>(
    rule: &Rule,
    profile: &'p Profile,
    request: &AnnotationRequest,
) -> Result<(Cow<'p, Resources>, Cow<'p, Storage>), Denial> {
    let mut resources = Cow::Borrowed(&profile.resources);
    let mut storage = Cow::Borrowed(&profile.storage);
    if let Some(size) = &request.cpu {
        let asked = within(rule, size, &resources.cpu, rule.maximum.cpu.as_ref())?;
        resources.to_mut().cpu = asked;
    }
    if let Some(size) = &request.memory {
        let asked = within(rule, size, &resources.memory, rule.maximum.memory.as_ref())?;
        resources.to_mut().memory = asked;
    }
    if let Some(size) = &request.storage {
        // A volume has one size, without a request.
        if let Err(error) = size.value.parse::<Quantity>() {
            return Err(Denial::Size {
                annotation: size.annotation,
                error: BoundsError::Quantity {
                    text: beginning(&size.value, 40).to_owned(),
                    error,
                },
            });
        }
        let asked = within(
            rule,
            size,
            &Bounds::default(),
            rule.maximum.storage.as_ref(),
        )?;
        match (storage.to_mut(), asked.limit()) {
            (Storage::EmptyDir { size_limit }, limit) => *size_limit = limit.cloned(),
            (Storage::Node(node), limit) => node.size_limit = limit.cloned(),
            (Storage::Ephemeral { size, .. }, Some(limit)) => *size = limit.clone(),
            (Storage::Ephemeral { .. }, None) => {}
        }
    }
    Ok((resources, storage))
}

/// The folder of the node with the Pod's slots, where its profile has storage of the node.
///
/// A virtual machine does not see the lock on a slot, and files that a user namespace makes are not the
/// next daemon's: such a Pod has an `emptyDir`, and its author is told.
pub(crate) fn slots(
    profile: &Profile,
    subject: &Subject<'_>,
    pod: &Pod<'_>,
) -> (Option<String>, Option<Notice>) {
    let Storage::Node(storage) = &profile.storage else {
        return (None, None);
    };
    let asked = if !pod.spec.runtime_class_name.is_empty() {
        "runtimeClassName"
    } else if pod.spec.host_users == Some(false) {
        "hostUsers: false"
    } else {
        let folder = storage.folder(tenant(profile, subject));
        return (folder, None);
    };
    let notice = Notice::Policy(format!(
        "each run starts without the images of earlier ones: storage of the node is not for a Pod with {asked}"
    ));
    (None, Some(notice))
}

/// Whose slots a Pod of `subject` gets with this profile.
pub(crate) fn tenant<'t>(profile: &'t Profile, subject: &'t Subject<'_>) -> Tenant<'t> {
    Tenant {
        namespace: subject.namespace,
        service_account: subject.service_account,
        profile: &profile.name,
    }
}

fn within(
    rule: &Rule,
    Size { annotation, value }: &Size,
    bounds: &Bounds,
    maximum: Option<&Quantity>,
) -> Result<Bounds, Denial> {
    let asked = bounds
        .overridden(value)
        .map_err(|error| Denial::Size { annotation, error })?;
    match (asked.limit(), maximum) {
        (Some(limit), Some(maximum)) if limit > maximum => Err(Denial::AboveMaximum {
            annotation,
            value: beginning(value, 40).to_owned(),
            maximum: maximum.to_string(),
            rule: rule.name.clone(),
        }),
        _ => Ok(asked),
    }
}
