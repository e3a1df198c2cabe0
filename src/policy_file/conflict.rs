//! Fields of a profile that contradict each other.
//!
//! Each is sound alone, and what comes of them together is told only by a Pod that never starts. So what the API
//! server, the kubelet, dockerd or the sidecar's start script (`src/plan/start.sh`) would refuse is refused here.

use serde_json::Value;

use crate::decide::named::Named;
use crate::model::profile::{DEFAULT_IMAGE, DEFAULT_ROOTLESS_IMAGE, PodSecurity, Profile, Storage};
use crate::names;

use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;

/// What the start script takes for [`names::env::CGROUP`].
const CGROUP_VALUES: [&str; 4] = ["auto", "required", "together", "off"];

/// What the API server or the daemon would refuse only once a Pod has the sidecar.
pub(crate) fn refuse_all(fields: &mut Fields<'_, '_>, profile: &Profile) {
    let security = profile.security_context.as_ref();
    let privileged = match security {
        None => true,
        Some(context) => context.get("privileged") == Some(&Value::Bool(true)),
    };
    if privileged && profile.pod_security != PodSecurity::Privileged {
        let level = Named::name(profile.pod_security);
        let cause = match security {
            None => "without securityContext the sidecar is privileged",
            Some(_) => "securityContext has privileged: true",
        };
        fields.fault(
            "podSecurity",
            Problem::Contradiction(format!(
                "is {level}, but {cause}, which that level does not admit; write Privileged, or a \
                 securityContext that fits"
            )),
        );
    }
    refuse_storage(fields, profile);
    for (field, added) in [
        ("labels", &profile.labels),
        ("annotations", &profile.annotations),
    ] {
        // An inherited field is a fault of the profile that it comes from.
        if fields.has(field) && added.iter().any(|(key, _)| key.starts_with(names::PREFIX)) {
            let prefix = names::PREFIX;
            fields.fault(
                field,
                Problem::Contradiction(format!(
                    "holds a key with the prefix {prefix}, which only a Pod's author sets; remove it"
                )),
            );
        }
    }
    refuse_user_namespace(fields, profile);
    refuse_user(fields, profile);
    refuse_daemon(fields, profile);
}

/// What the API server refuses with the profile's `hostUsers`, and what no sidecar starts with.
fn refuse_user_namespace(fields: &mut Fields<'_, '_>, profile: &Profile) {
    let has_namespace = profile.host_users == Some(false);
    let of_context = |pointer| {
        let context = profile.security_context.as_ref();
        context.and_then(|context| context.pointer(pointer))
    };
    let is_privileged = of_context("/privileged") == Some(&Value::Bool(true));
    let contradictions = [
        (
            has_namespace && profile.host_network,
            "hostUsers",
            "is false, which Kubernetes does not admit with hostNetwork; remove one of the two",
        ),
        (
            has_namespace && profile.rootless,
            "hostUsers",
            "is false, and a rootless daemon has no ids for a user namespace of its own there; remove one of \
             the two",
        ),
        (
            !has_namespace && profile.security_context == Profile::userns().security_context,
            "hostUsers",
            "is not false, and no sidecar with the securityContext of userns works without a user namespace; write \
             false, or a securityContext of its own",
        ),
        (
            !has_namespace && of_context("/procMount").is_some_and(|mount| mount == "Unmasked"),
            "securityContext",
            "has procMount: Unmasked, which Kubernetes admits only with hostUsers: false; write that, or remove \
             procMount",
        ),
        (
            is_privileged && of_context("/allowPrivilegeEscalation") == Some(&Value::Bool(false)),
            "securityContext",
            "has privileged: true and allowPrivilegeEscalation: false, which Kubernetes does not admit \
             together; remove one of the two",
        ),
        (
            profile.pod_security != PodSecurity::Privileged
                && of_context("/seccompProfile/type").is_some_and(|kind| kind == "Unconfined"),
            "podSecurity",
            "is not Privileged, but securityContext has seccompProfile: Unconfined, which only that level \
             admits; write Privileged, or a securityContext that fits",
        ),
    ];
    refuse(fields, &contradictions);
}

/// What cannot use storage of the node, or must not.
fn refuse_storage(fields: &mut Fields<'_, '_>, profile: &Profile) {
    if !matches!(profile.storage, Storage::Node(_)) {
        return;
    }
    let contradictions = [
        (
            profile.rootless,
            "rootless",
            "is true, but storage.node is root's on the node; write emptyDir or ephemeral under storage, or \
             rootless: false",
        ),
        (
            profile.pod_security != PodSecurity::Privileged,
            "podSecurity",
            "is not Privileged, but storage.node is a hostPath, which no stricter level admits; write \
             Privileged, or emptyDir or ephemeral under storage",
        ),
        (
            profile.host_users == Some(false),
            "hostUsers",
            "is false, but what a user namespace writes into storage.node is not the next daemon's; write \
             emptyDir or ephemeral under storage, or remove it",
        ),
        (
            profile.runtime_class_name.is_some(),
            "runtimeClassName",
            "names a runtime that may be a virtual machine, in which the lock on a slot of storage.node does \
             not hold; write emptyDir or ephemeral under storage, or remove it",
        ),
    ];
    refuse(fields, &contradictions);
}

/// Users and file systems with which the start script ends, or the kubelet starts nothing.
fn refuse_user(fields: &mut Fields<'_, '_>, profile: &Profile) {
    let context = profile.security_context.as_ref();
    let of_context = |name| context.and_then(|context| context.get(name));
    let user = of_context("runAsUser").and_then(Value::as_u64);
    let is_set = |name| of_context(name) == Some(&Value::Bool(true));
    let contradictions = [
        (
            !profile.rootless && user.is_some_and(|user| user != 0),
            "has a runAsUser other than 0, but only a rootless daemon is not root in its container; write \
             runAsUser: 0, or rootless: true with an image for it",
        ),
        (
            profile.rootless && user == Some(0),
            "has runAsUser: 0, with which a rootless daemon does not start; remove it",
        ),
        (
            user == Some(0) && is_set("runAsNonRoot"),
            "has runAsUser: 0 and runAsNonRoot: true, with which the kubelet starts nothing; remove one of the two",
        ),
        (
            !profile.rootless && user.is_none() && is_set("runAsNonRoot"),
            "has runAsNonRoot: true, but the daemon is root in its container; remove it, or write rootless: true \
             with an image for it",
        ),
        (
            is_set("readOnlyRootFilesystem"),
            "has readOnlyRootFilesystem: true, but the sidecar writes to /run of its image; remove it",
        ),
    ];
    refuse(
        fields,
        &contradictions.map(|(holds, why)| (holds, "securityContext", why)),
    );
}

/// What ends dockerd or the start script.
fn refuse_daemon(fields: &mut Fields<'_, '_>, profile: &Profile) {
    let mut variables = profile.env.iter();
    let cgroup = variables.find(|(name, _)| name == names::env::CGROUP);
    let is_unknown = cgroup.is_some_and(|(_, value)| !CGROUP_VALUES.contains(&value.as_str()));
    let mut flags = profile.daemon_flags.iter();
    let has_pools = flags.any(|flag| flag.starts_with("--default-address-pool="));
    let contradictions = [
        (
            is_unknown,
            "env",
            "has DIND_CGROUP with a value that the sidecar does not start with; write auto, required, together or off",
        ),
        (
            has_pools && !profile.address_pools.is_empty(),
            "daemonFlags",
            "has --default-address-pool beside addressPools; write all networks under addressPools",
        ),
    ];
    refuse(fields, &contradictions);
    // Of another image, nobody knows what it is.
    if profile.rootless && profile.image == DEFAULT_IMAGE {
        let problem = Problem::Contradiction(format!(
            "is true, but image is {DEFAULT_IMAGE}, whose daemon is root; write image: {DEFAULT_ROOTLESS_IMAGE}"
        ));
        fields.fault("rootless", problem);
    }
}

/// Faults each field of which the contradiction holds.
fn refuse(fields: &mut Fields<'_, '_>, contradictions: &[(bool, &str, &str)]) {
    for (holds, field, why) in contradictions {
        if *holds {
            fields.fault(field, Problem::Contradiction((*why).to_owned()));
        }
    }
}
