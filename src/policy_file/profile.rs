//! Profiles of the file: each is another profile with some fields changed.

use serde_json::Value;

use crate::model::profile::{DEFAULT_NAME, PodSecurity, Profile, PullPolicy};

use crate::decide::suggest::nearest;
use crate::policy_file::collection::{Dictionary, List, NamedRecords, Record, Shown};
use crate::policy_file::daemon_flag::DAEMON_FLAG;
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::kind::{Choice, Flag, Kind, Text, Whole};
use crate::policy_file::node::{Node, Report, shown};
use crate::policy_file::registry::{INSECURE_REGISTRY, MIRROR};
use crate::policy_file::{conflict, form, pool, resources, security, variable};

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
    conflict::refuse_all(fields, &profile);
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
            &List::of(DAEMON_FLAG),
            &base.daemon_flags,
        ),
        env: fields.or(
            "env",
            "More environment variables of the sidecar, which its inner containers do not see.",
            &NamedRecords::new("variable", variable::read),
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
            "A ConfigMap of the Pod's own namespace with certificates for the daemon to trust. Where it is \
             missing, the Pod does not start.",
            &Text(&form::OBJECT_NAME),
            &base.ca_config_map,
        ),
        inherit_proxy: fields.or(
            "inheritProxy",
            "Whether the daemon has the proxy variables of the first container that uses Docker and has \
             any. Otherwise it uses no proxy of the Pod.",
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
