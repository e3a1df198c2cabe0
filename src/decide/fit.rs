//! The sidecar that fits the rule, the author, the namespace and the cluster.
//!
//! An author can only choose among the rule's profiles and up to its maximum, and the namespace's Pod
//! Security level must admit the result, which the cluster must be able to run. Anything else is a denial that says
//! what would fit.

use std::borrow::Cow;

use crate::budget::Excess;
use crate::model::cluster::Placement;
use crate::model::node_storage::Tenant;
use crate::model::notice::Notice;
use crate::model::profile::{Bounds, BoundsError, PodSecurity, Profile, Resources, Storage};
use crate::model::quantity::Quantity;
use crate::model::view::Pod;
use crate::names;

use crate::decide::annotations::{AnnotationRequest, Size};
use crate::decide::denial::Denial;
use crate::decide::misfit::{Misfit, PassedOver};
use crate::decide::obstacle::Seen;
use crate::decide::placement;
use crate::decide::rule::Rule;
use crate::model::subject::{NamespaceLabels, Subject};
use crate::text::beginning;

/// The profile for a Pod, and those that the rule prefers but that do not fit it.
#[derive(Debug)]
pub(crate) struct Fitted<'p> {
    pub profile: &'p Profile,
    pub passed_over: Vec<PassedOver<'p>>,
}

/// The profile that the author chooses, or else the first of the rule's that fits the Pod, its namespace and the
/// cluster.
///
/// Where none does because of the namespace's Pod Security level, the rule's profile for such namespaces is tried
/// last. A denial is about the most preferred one.
pub(crate) fn profile<'p>(
    rule: &'p Rule,
    request: &AnnotationRequest,
    subject: &Subject<'_>,
    seen: &Seen<'_, '_>,
) -> Result<Fitted<'p>, Denial> {
    let chosen = match &request.profile {
        None => None,
        Some(name) => {
            let chosen = rule.profiles.get(name);
            Some(chosen.ok_or_else(|| not_allowed(rule, name))?)
        }
    };
    let enforced = enforced(subject.namespace_labels);
    let is_wanted = |profile: &&Profile| chosen.is_none_or(|chosen| chosen.name == profile.name);
    let mut passed_over: Vec<PassedOver<'p>> = Vec::new();
    for profile in rule.profiles.iter().filter(is_wanted) {
        match misfit(profile, enforced, &subject.placement, seen)? {
            None => {
                return Ok(Fitted {
                    profile,
                    passed_over,
                });
            }
            Some(misfit) => passed_over.push(PassedOver { profile, misfit }),
        }
    }
    let of_level = |over: &PassedOver<'_>| matches!(over.misfit, Misfit::PodSecurity(_));
    if passed_over.iter().any(of_level)
        && let Some(profile) = rule.pod_security_profile.as_deref()
        && misfit(profile, enforced, &subject.placement, seen)?.is_none()
    {
        return Ok(Fitted {
            profile,
            passed_over,
        });
    }
    Err(match passed_over.into_iter().next() {
        Some(PassedOver { misfit, profile }) => misfit.denial(rule, profile, chosen.is_some()),
        // A rule has at least one profile.
        None => not_allowed(rule, request.profile.as_deref().unwrap_or_default()),
    })
}

fn not_allowed(rule: &Rule, name: &str) -> Denial {
    let all: Vec<&str> = rule.profiles.iter().map(|p| p.name.as_str()).collect();
    Denial::Profile {
        asked: beginning(name, 63).to_owned(),
        rule: rule.name.clone(),
        allowed: all.join(", "),
    }
}

/// Why a Pod cannot have the profile.
fn misfit(
    profile: &Profile,
    enforced: PodSecurity,
    placed: &Placement,
    seen: &Seen<'_, '_>,
) -> Result<Option<Misfit>, Excess> {
    let spec = &seen.pod.spec;
    if profile.pod_security < enforced {
        return Ok(Some(Misfit::PodSecurity(enforced)));
    }
    if spec.host_network && !profile.host_network {
        return Ok(Some(Misfit::HostNetwork));
    }
    let asked = &*spec.runtime_class_name;
    if let Some(needs) = &profile.runtime_class_name
        && !asked.is_empty()
        && asked != needs
    {
        return Ok(Some(Misfit::RuntimeClass(beginning(asked, 63).to_owned())));
    }
    if profile.host_users == Some(false)
        && let Some(obstacle) = seen.obstacle(profile.runtime_class_name.as_deref())?
    {
        return Ok(Some(Misfit::UserNamespace(obstacle)));
    }
    placement::misfit(profile, placed, seen.pod, seen.budget)
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
