//! Profiles of the file: each is another profile with some fields changed.

use serde_json::Value;

use crate::decide::named::Named;
use crate::model::profile::{DEFAULT_NAME, PodSecurity, Profile, PullPolicy, Storage};
use crate::names;

use crate::decide::suggest::nearest;
use crate::policy_file::collection::{Dictionary, List, Record, Shown};
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::kind::{Choice, Flag, Kind, Sound, Text, Whole};
use crate::policy_file::node::{Node, Report, shown};
use crate::policy_file::registry::{INSECURE_REGISTRY, MIRROR};
use crate::policy_file::{form, pool, resources, security};

/// Every profile that can be named: the file's, then the built-in ones that it does not redefine.
pub(crate) fn all(defined: Vec<Profile>) -> Vec<Profile> {
    let mut all = defined;
    for profile in Profile::builtin() {
        if !all.iter().any(|other| other.name == profile.name) {
            all.push(profile);
        }
    }
    all
}

/// The profile with that name among those above it, or the built-in one.
fn base(name: &str, above: &[Profile]) -> Option<Profile> {
    let mut above = above.iter().filter(|profile| profile.name == name);
    let builtin = || {
        Profile::builtin()
            .into_iter()
            .find(|profile| profile.name == name)
    };
    above.next().cloned().or_else(builtin)
}

/// The name of a profile above this one, or of a built-in one.
struct Extends<'p> {
    above: &'p [Profile],
}

impl Kind for Extends<'_> {
    type Value = Profile;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Profile> {
        let name = Text(&form::NAME).read(node, report)?;
        let found = base(&name, self.above);
        if found.is_none() {
            let all = all(self.above.to_vec());
            report.add(node, unknown_profile(&name, all.iter()));
        }
        found
    }

    fn schema(&self) -> Value {
        form::NAME.schema()
    }

    fn expected(&self) -> String {
        "the name of a profile above this one, privileged, userns or rootless".to_owned()
    }

    fn show(&self, value: &Profile) -> Option<Value> {
        Some(value.name.as_str().into())
    }
}

pub(crate) fn unknown_profile<'p>(name: &str, all: impl Iterator<Item = &'p Profile>) -> Problem {
    let known: Vec<&str> = all.map(|profile| profile.name.as_str()).collect();
    Problem::Profile {
        value: shown(name),
        near: nearest(name, known.iter().copied()).map(str::to_owned),
        known: known.join(", "),
    }
}

/// A field that the profile omits is as in the profile that it extends.
pub(crate) fn read(fields: &mut Fields<'_, '_>, above: &[Profile]) -> Profile {
    let name = fields.required(
        "name",
        "The name that rules and annotations choose the profile by. `privileged`, `userns` and `rootless` \
         change the built-in profile of that name.",
        &Text(&form::NAME),
    );
    let name = name.unwrap_or_default();
    let extends = Extends { above };
    let own = base(&name, &[]).or_else(|| base(DEFAULT_NAME, above));
    let own = own.unwrap_or_else(Profile::privileged);
    let base = fields.or(
        "extends",
        "The profile that this one changes: a built-in one, or one above it.",
        &extends,
        &own,
    );
    let profile = read_over(fields, name, &base);
    refuse_contradictions(fields, &profile);
    profile
}

/// Every field except those that identify the profile.
fn read_over(fields: &mut Fields<'_, '_>, name: String, base: &Profile) -> Profile {
    Profile {
        name,
        image: fields.or(
            "image",
            "The sidecar's image: `docker:<version>-dind`, or one that behaves like it.",
            &Text(&form::IMAGE),
            &base.image,
        ),
        image_pull_policy: fields.or_none(
            "imagePullPolicy",
            "When the kubelet pulls the image; if omitted, Kubernetes' default.",
            &Choice::<PullPolicy>::new(),
            &base.image_pull_policy,
        ),
        rootless: fields.or(
            "rootless",
            "Whether the image is `docker:<version>-dind-rootless`, or behaves like it.",
            &Flag,
            &base.rootless,
        ),
        security_context: fields.or_none(
            "securityContext",
            "Replaces the sidecar's `securityContext`, which is otherwise privileged.",
            &Record(security::read),
            &base.security_context,
        ),
        pod_security: fields.or(
            "podSecurity",
            "The strictest Pod Security level under which a Pod with this sidecar is admitted.",
            &Choice::<PodSecurity>::new(),
            &base.pod_security,
        ),
        daemon_flags: fields.or(
            "daemonFlags",
            "More flags of dockerd.",
            &List::of(Sound {
                form: &form::FLAG,
                refuse: refuse_flag,
            }),
            &base.daemon_flags,
        ),
        env: fields.or(
            "env",
            "More environment variables of the sidecar, which its inner containers do not see.",
            &List::of(Record(read_variable)),
            &base.env,
        ),
        resources: fields.or(
            "resources",
            "What the sidecar requests, and what it and all inner containers together are held \
             to. Replaces the extended profile's as a whole.",
            &Shown {
                kind: Record(resources::read_resources),
                show: resources::show_resources,
            },
            &base.resources,
        ),
        storage: fields.or(
            "storage",
            "Where the daemon keeps images and containers; `emptyDir`, `ephemeral` or `node`. Replaces the \
             extended profile's as a whole.",
            &Shown {
                kind: Record(resources::read_storage),
                show: resources::show_storage,
            },
            &base.storage,
        ),
        runtime_class_name: fields.or_none(
            "runtimeClassName",
            "The Pod's `runtimeClassName`, where the sidecar needs one (Sysbox, Kata, or a runtime that lets it write \
             its own cgroup).",
            &Text(&form::OBJECT_NAME),
            &base.runtime_class_name,
        ),
        host_users: fields.or_none(
            "hostUsers",
            "The Pod's `hostUsers`. `false` puts the Pod into a user namespace, where root is not root on the node. A \
             Pod that has what such a Pod may not have, a hostPath above all, gets the rule's next profile.",
            &Flag,
            &base.host_users,
        ),
        labels: fields.or(
            "labels",
            "Labels that the Pod gets.",
            &Dictionary {
                key: &form::KEY,
                value: Text(&form::LABEL),
                may_be_empty: true,
            },
            &base.labels,
        ),
        annotations: fields.or(
            "annotations",
            "Annotations that the Pod gets; a service mesh may need one.",
            &Dictionary {
                key: &form::KEY,
                value: Text(&form::ANY),
                may_be_empty: true,
            },
            &base.annotations,
        ),
        shared_tmp: fields.or_none(
            "sharedTmp",
            "Whether sidecar and containers share `/tmp`, so that `docker run -v $(mktemp -d):/x` \
             works; where it is missing, only for Pods that ask by annotation.",
            &Flag,
            &base.shared_tmp,
        ),
        registry_mirrors: fields.or_none(
            "registryMirrors",
            "Mirrors of Docker Hub; `[]` is none. If omitted, those of the whole file.",
            &List::of(MIRROR),
            &base.registry_mirrors,
        ),
        insecure_registries: fields.or(
            "insecureRegistries",
            "Registries without TLS, or with a certificate that cannot be verified.",
            &List::of(INSECURE_REGISTRY),
            &base.insecure_registries,
        ),
        ca_config_map: fields.or_none(
            "caConfigMap",
            "A ConfigMap of the Pod's own namespace with certificates for the daemon to trust.",
            &Text(&form::OBJECT_NAME),
            &base.ca_config_map,
        ),
        inherit_proxy: fields.or(
            "inheritProxy",
            "Whether to copy proxy variables from the first container that uses Docker.",
            &Flag,
            &base.inherit_proxy,
        ),
        address_pools: fields.or(
            "addressPools",
            "The networks from which the daemon takes addresses for its bridges; none may overlap \
             with the cluster's.",
            &List::of(Record(pool::read)),
            &base.address_pools,
        ),
        host_network: fields.or(
            "hostNetwork",
            "Whether a `hostNetwork` Pod may have this sidecar; its inner containers then have no \
             bridge, and no rule of iptables is made.",
            &Flag,
            &base.host_network,
        ),
        mtu: fields
            .or_none(
                "mtu",
                "A fixed MTU of the daemon's networks; if omitted, that of the Pod's interface.",
                &Whole {
                    least: 576,
                    most: 65535,
                },
                &base.mtu.map(u64::from),
            )
            .and_then(|mtu| u16::try_from(mtu).ok()),
    }
}

/// What the start script takes for [`names::env::CGROUP`].
const CGROUP_VALUES: [&str; 4] = ["auto", "required", "together", "off"];

/// What the API server or the daemon would refuse only once a Pod has the sidecar.
fn refuse_contradictions(fields: &mut Fields<'_, '_>, profile: &Profile) {
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
    refuse_environment(fields, profile);
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

/// Values with which the start script ends.
fn refuse_environment(fields: &mut Fields<'_, '_>, profile: &Profile) {
    let mut variables = profile.env.iter();
    let cgroup = variables.find(|(name, _)| name == names::env::CGROUP);
    let is_unknown = cgroup.is_some_and(|(_, value)| !CGROUP_VALUES.contains(&value.as_str()));
    let contradictions = [(
        is_unknown,
        "env",
        "has DIND_CGROUP with a value that the sidecar does not start with; write auto, required, together or off",
    )];
    refuse(fields, &contradictions);
}

/// Faults each field of which the contradiction holds.
fn refuse(fields: &mut Fields<'_, '_>, contradictions: &[(bool, &str, &str)]) {
    for (holds, field, why) in contradictions {
        if *holds {
            fields.fault(field, Problem::Contradiction((*why).to_owned()));
        }
    }
}

fn refuse_flag(flag: &str) -> Option<&'static str> {
    let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
    let on_loopback = [
        "tcp://127.0.0.1:",
        "tcp://localhost:",
        "tcp://[::1]:",
        "unix://",
    ]
    .iter()
    .any(|start| value.starts_with(start));
    match name {
        "--host" | "--hosts" if !on_loopback => Some(
            "which would make anyone who reaches the Pod's address root in the sidecar; write \
             tcp://127.0.0.1:PORT, or remove it",
        ),
        "--data-root" => Some("but the storage volume is at the default path; remove it"),
        _ => None,
    }
}

fn refuse_variable(name: &str) -> Option<&'static str> {
    let is_own = name.starts_with("DIND_") && name != names::env::CGROUP;
    let is_own = is_own || name == names::env::TLS_CERTDIR;
    is_own.then_some("which the sidecar sets itself; remove it")
}

fn read_variable(fields: &mut Fields<'_, '_>) -> (String, String) {
    let name = fields.required(
        "name",
        "The variable's name.",
        &Sound {
            form: &form::VARIABLE,
            refuse: refuse_variable,
        },
    );
    let value = fields.required("value", "Its value.", &Text(&form::ANY));
    (name.unwrap_or_default(), value.unwrap_or_default())
}
