//! A borrowed view of a Pod: only the fields that decide, straight from JSON.
//!
//! Everything else is skipped while parsing and never copied, so a review costs
//! little and a field that this view does not know is never touched. Lists and
//! objects may be `null`, as Go reads them. Field names and types are those of
//! `k8s.io/api/core/v1/types.go`.

use crate::json::{Error, Raw, Skipped, Step, Text, Verbatim, Word, fields};
use crate::model::map::{Amounts, Annotations, Labels};
use crate::model::place::{List, Place};
use crate::model::written::{Later, Listed};

/// A Pod, or the template of one.
#[derive(Debug, Default)]
pub struct Pod<'a> {
    /// Its `metadata`; a template may have none.
    metadata: Option<Metadata<'a>>,
    /// Its `spec`, which most reviews never look at.
    pub spec: Later<'a, Spec<'a>>,
}

fields!(Pod<'a> {
    "metadata" => metadata,
    "spec" => spec,
});

/// The part of `metadata` that decides.
#[derive(Debug, Default)]
pub struct Metadata<'a> {
    /// Empty where the API server is still to make one from `generateName`.
    pub name: Text<'a>,
    /// The prefix of a name to be made.
    pub generate_name: Text<'a>,
    /// Often empty in a Pod template; the review's own namespace counts.
    pub namespace: Text<'a>,
    /// The annotations that this project reads.
    pub annotations: Annotations<'a>,
    /// All labels.
    pub labels: Labels<'a>,
    /// Who made the Pod.
    pub owner_references: Vec<OwnerReference<'a>>,
}

fields!(Metadata<'a> {
    "name" => name,
    "generateName" => generate_name,
    "namespace" => namespace,
    "labels" => labels,
    "annotations" => annotations,
    "ownerReferences" => owner_references,
});

/// One of `metadata.ownerReferences`.
#[derive(Debug, Default)]
pub struct OwnerReference<'a> {
    /// The owner's kind, such as `DaemonSet`.
    pub kind: Text<'a>,
    /// The owner's API version.
    pub api_version: Text<'a>,
    /// The owner's name.
    pub name: Text<'a>,
    /// The owner's uid.
    pub uid: Text<'a>,
    /// Whether this owner manages the Pod.
    pub controller: Option<bool>,
}

fields!(OwnerReference<'a> {
    "apiVersion" => api_version,
    "kind" => kind,
    "name" => name,
    "uid" => uid,
    "controller" => controller,
});

/// The part of `spec` that decides.
#[derive(Debug, Default)]
pub struct Spec<'a> {
    /// Run one after the other before [`Spec::containers`]; native sidecars stay.
    pub init_containers: Listed<Unread<'a>>,
    /// The Pod's own containers.
    pub containers: Vec<Unread<'a>>,
    /// Added to a running Pod for debugging.
    pub ephemeral_containers: Vec<Unread<'a>>,
    /// The Pod's volumes.
    pub volumes: Listed<Verbatim<'a, Volume<'a>>>,
    /// What holds for each container that does not say otherwise.
    security_context: Verbatim<'a, Option<PodSecurityContext<'a>>>,
    /// The node's network namespace.
    pub host_network: bool,
    /// The node's process namespace.
    pub host_pid: bool,
    /// The node's IPC namespace.
    pub host_ipc: bool,
    /// `false` puts the Pod into a user namespace.
    pub host_users: Option<bool>,
    /// The operating system that the author named.
    pub os: Os<'a>,
    /// The node, where the author chose one.
    pub node_name: Text<'a>,
    /// Labels that the node must have.
    pub node_selector: Labels<'a>,
    /// The service account; empty means `default`.
    pub service_account_name: Text<'a>,
    /// The Pod's runtime class.
    pub runtime_class_name: Text<'a>,
    /// `Always` (also where it is missing), `OnFailure` or `Never`.
    pub restart_policy: Text<'a>,
    /// Resources of the Pod as a whole.
    pub resources: PodResources<'a>,
}

fields!(Spec<'a> {
    "volumes" => volumes,
    "initContainers" => init_containers,
    "containers" => containers,
    "ephemeralContainers" => ephemeral_containers,
    "restartPolicy" => restart_policy,
    "nodeSelector" => node_selector,
    "nodeName" => node_name,
    "serviceAccountName" => service_account_name,
    "hostNetwork" => host_network,
    "hostPID" => host_pid,
    "hostIPC" => host_ipc,
    "securityContext" => security_context,
    "runtimeClassName" => runtime_class_name,
    "os" => os,
    "hostUsers" => host_users,
    "resources" => resources,
});

/// `spec.os`.
#[derive(Debug, Default)]
pub struct Os<'a> {
    /// `linux` or `windows`.
    pub name: Text<'a>,
}

fields!(Os<'a> {
    "name" => name,
});

/// `spec.resources`: what the Pod as a whole requests and is held to.
#[derive(Debug, Default)]
pub struct PodResources<'a> {
    /// Requests of the whole Pod.
    pub requests: Amounts<'a>,
    /// Limits of the whole Pod.
    pub limits: Amounts<'a>,
}

fields!(PodResources<'a> {
    "limits" => limits,
    "requests" => requests,
});

/// A container that is read when it is looked at.
pub type Unread<'a> = Later<'a, Box<Container<'a>>>;

/// One container of any of the three lists.
#[derive(Debug, Default)]
pub struct Container<'a> {
    /// Its name, unique in the Pod.
    pub name: Text<'a>,
    /// Its image.
    pub image: Text<'a>,
    /// What replaces the image's entrypoint.
    pub command: Vec<Text<'a>>,
    /// What replaces the image's arguments.
    pub args: Vec<Text<'a>>,
    /// Present where ConfigMaps or Secrets give it variables as a whole.
    pub env_from: Option<Skipped>,
    /// Its environment, in order.
    pub env: Later<'a, Vec<EnvVar<'a>>>,
    /// Its mounts.
    pub volume_mounts: Listed<Verbatim<'a, VolumeMount<'a>>>,
    /// What it may do.
    pub security_context: SecurityContext,
    /// `Always` makes an init container a native sidecar.
    pub restart_policy: Text<'a>,
}

fields!(Container<'a> {
    "name" => name,
    "image" => image,
    "command" => command,
    "args" => args,
    "env" => env,
    "envFrom" => env_from,
    "restartPolicy" => restart_policy,
    "volumeMounts" => volume_mounts,
    "securityContext" => security_context,
});

/// One of a container's `env`.
#[derive(Debug, Default)]
pub struct EnvVar<'a> {
    /// The variable's name.
    pub name: Text<'a>,
    /// Its value; empty where [`EnvVar::value_from`] says it.
    pub value: Text<'a>,
    /// Where its value is from, as it was written.
    pub value_from: Option<Raw<'a>>,
}

fields!(EnvVar<'a> {
    "name" => name,
    "value" => value,
    "valueFrom" => value_from,
});

/// One of a container's `volumeMounts`.
#[derive(Debug, Default)]
pub struct VolumeMount<'a> {
    /// The volume's name.
    pub name: Text<'a>,
    /// Where the container sees it.
    pub mount_path: Text<'a>,
    /// The part of the volume that is mounted.
    pub sub_path: Text<'a>,
    /// The same with `$(NAME)` from the container's environment.
    pub sub_path_expr: Text<'a>,
    /// Whether writing is refused.
    pub read_only: bool,
    /// `Disabled`, `IfPossible` or `Enabled`: whether writing below is refused too.
    pub recursive_read_only: Text<'a>,
    /// `None`, `HostToContainer` or `Bidirectional`.
    pub mount_propagation: Text<'a>,
}

fields!(VolumeMount<'a> {
    "name" => name,
    "readOnly" => read_only,
    "recursiveReadOnly" => recursive_read_only,
    "mountPath" => mount_path,
    "subPath" => sub_path,
    "mountPropagation" => mount_propagation,
    "subPathExpr" => sub_path_expr,
});

/// One of the Pod's volumes.
#[derive(Debug, Default)]
pub struct Volume<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// A path of the node.
    pub host_path: Option<HostPathSource<'a>>,
    /// Present for an `emptyDir`.
    pub empty_dir: Option<Skipped>,
    config_map: Option<Skipped>,
    secret: Option<Skipped>,
    projected: Option<Skipped>,
    downward_api: Option<Skipped>,
    image: Option<Skipped>,
}

fields!(Volume<'a> {
    "name" => name,
    "hostPath" => host_path,
    "emptyDir" => empty_dir,
    "configMap" => config_map,
    "secret" => secret,
    "projected" => projected,
    "downwardAPI" => downward_api,
    "image" => image,
});

impl Volume<'_> {
    /// Whether the kubelet writes it before any container starts, and no container can.
    pub fn is_written_by_kubelet(&self) -> bool {
        let Self {
            config_map,
            secret,
            projected,
            downward_api,
            image,
            ..
        } = self;
        [config_map, secret, projected, downward_api, image]
            .iter()
            .any(|source| source.is_some())
    }
}

/// A volume's `hostPath`.
#[derive(Debug, Default)]
pub struct HostPathSource<'a> {
    /// The path as written.
    pub path: Text<'a>,
}

fields!(HostPathSource<'a> {
    "path" => path,
});

/// The part of `spec.securityContext` that the sidecar must know.
#[derive(Debug, Default)]
pub struct PodSecurityContext<'a> {
    /// The user of every container that names none.
    pub run_as_user: Option<i64>,
    /// The primary group of every container that names none.
    pub run_as_group: Option<i64>,
    /// The group of the Pod's volumes, which every container has.
    pub fs_group: Option<i64>,
    /// More groups of every container.
    pub supplemental_groups: Listed<i64>,
    /// SELinux options, as written.
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    /// Present where the Pod names an AppArmor profile.
    pub app_armor_profile: Option<Skipped>,
}

fields!(PodSecurityContext<'a> {
    "seLinuxOptions" => se_linux_options,
    "runAsUser" => run_as_user,
    "runAsGroup" => run_as_group,
    "supplementalGroups" => supplemental_groups,
    "fsGroup" => fs_group,
    "appArmorProfile" => app_armor_profile,
});

/// SELinux labels of a Pod.
#[derive(Debug, Default)]
pub struct SeLinuxOptions<'a> {
    /// The multi-category label.
    pub level: Text<'a>,
}

fields!(SeLinuxOptions<'a> {
    "level" => level,
});

/// The part of a container's `securityContext` that decides.
#[derive(Debug, Default)]
pub struct SecurityContext {
    /// The user it runs as.
    pub run_as_user: Option<i64>,
    /// Its primary group.
    pub run_as_group: Option<i64>,
}

fields!(SecurityContext {
    "runAsUser" => run_as_user,
    "runAsGroup" => run_as_group,
});

/// To look for more words in a container than these takes longer than to read it.
const MOST_WORDS: usize = 4;

static NO_METADATA: Metadata<'static> = Metadata {
    name: Text::EMPTY,
    generate_name: Text::EMPTY,
    namespace: Text::EMPTY,
    annotations: Annotations::ABSENT,
    labels: Labels::ABSENT,
    owner_references: Vec::new(),
};

static NO_SECURITY: PodSecurityContext<'static> = PodSecurityContext {
    run_as_user: None,
    run_as_group: None,
    fs_group: None,
    supplemental_groups: Listed::ABSENT,
    se_linux_options: None,
    app_armor_profile: None,
};

impl<'a> Pod<'a> {
    /// Its `metadata`, empty where it has none.
    pub fn metadata(&self) -> &Metadata<'a> {
        self.metadata.as_ref().unwrap_or(&NO_METADATA)
    }

    /// Whether it has `metadata` at all.
    pub fn has_metadata(&self) -> bool {
        self.metadata.is_some()
    }

    /// Its `spec.securityContext`, empty where it has none.
    pub fn security(&self) -> &PodSecurityContext<'a> {
        let written: &Option<PodSecurityContext<'a>> = &self.spec.security_context;
        written.as_ref().unwrap_or(&NO_SECURITY)
    }

    /// Its `spec.securityContext` as it was written, where it was, be it `null`.
    pub fn written_security(&self) -> Option<Raw<'a>> {
        let json = self.spec.security_context.json;
        (!json.is_absent()).then_some(json)
    }

    /// Whether it has a `spec.securityContext` at all.
    pub fn has_security(&self) -> bool {
        self.spec.security_context.is_some()
    }

    /// The containers of one list.
    pub fn list(&self, list: List) -> &[Unread<'a>] {
        match list {
            List::Init => &self.spec.init_containers,
            List::Main => &self.spec.containers,
            List::Ephemeral => &self.spec.ephemeral_containers,
        }
    }

    /// Every container with its place, init containers first, read or not.
    fn unread(&self) -> impl Iterator<Item = (Place, &Unread<'a>)> {
        List::ALL.into_iter().flat_map(move |list| {
            let places = self.list(list).iter().enumerate();
            places.map(move |(index, container)| (Place { list, index }, container))
        })
    }

    /// Every container with its place, init containers first.
    pub fn containers(&self) -> impl Iterator<Item = (Place, &Container<'a>)> {
        self.unread()
            .map(|(place, container)| (place, &***container))
    }

    /// Every container but those that have none of `words` in any string, which are not read.
    pub fn containers_with<'w>(
        &self,
        words: impl AsRef<[Word<'w>]>,
    ) -> impl Iterator<Item = (Place, &Container<'a>)> {
        let in_spec = |word: &Word<'_>| self.spec.may_have(word);
        let is_any = words.as_ref().iter().any(in_spec);
        let unread = self.unread().filter(move |(_, container)| {
            let mut words = words.as_ref().iter();
            is_any && words.any(|word| container.may_have(word))
        });
        unread.map(|(place, container)| (place, &***container))
    }

    /// Every container but those that cannot mount one of these volumes.
    pub fn containers_near<'w>(
        &self,
        volumes: impl Iterator<Item = &'w str>,
    ) -> impl Iterator<Item = (Place, &Container<'a>)> {
        // As many words as pay; with more, the empty one, which every string has.
        let mut words: Vec<Word<'w>> = volumes.take(MOST_WORDS + 1).map(Word::new).collect();
        if words.len() > MOST_WORDS {
            words = vec![Word::new("")];
        }
        self.containers_with(words)
    }

    /// Every container that somebody has looked at.
    pub fn looked_at(&self) -> impl Iterator<Item = &Container<'a>> {
        self.unread()
            .filter_map(|(_, container)| container.known().map(Box::as_ref))
    }

    /// The container at `place`, which must be of this Pod.
    pub fn container(&self, place: Place) -> &Container<'a> {
        &self.list(place.list)[place.index]
    }

    /// Looks at all that is read only when it is looked at.
    ///
    /// # Errors
    /// Where something cannot be read.
    pub fn read_all(&self) -> Result<(), Error> {
        for (_, container) in self.containers() {
            let Container { env, .. } = container;
            let _: &Vec<EnvVar<'_>> = env;
        }
        self.fault().map_or(Ok(()), Err)
    }

    /// Why something of the Pod that was looked at could not be read.
    pub fn fault(&self) -> Option<Error> {
        if let Some(fault) = self.spec.fault() {
            return Some(fault.within([Step::Field("spec")]));
        }
        // Who has not looked at the spec has looked at nothing in it.
        self.spec.known()?;
        self.unread().find_map(|(place, unread)| {
            let at = [
                Step::Item(place.index),
                Step::Field(place.list.field()),
                Step::Field("spec"),
            ];
            if let Some(fault) = unread.fault() {
                return Some(fault.within(at));
            }
            let fault = unread.known()?.env.fault()?;
            Some(fault.within([Step::Field("env")].into_iter().chain(at)))
        })
    }

    /// The owner that manages the Pod.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        let owners = &self.metadata().owner_references;
        owners.iter().find(|owner| owner.controller == Some(true))
    }

    /// Whether the Pod is for Windows nodes, which have no Linux sidecar.
    pub fn is_windows(&self) -> bool {
        let selector = &self.spec.node_selector;
        &*self.spec.os.name == "windows"
            || selector.get("kubernetes.io/os") == Some("windows")
            || selector.get("beta.kubernetes.io/os") == Some("windows")
    }
}

impl<'a> Container<'a> {
    /// The variable of that name; the last one counts, as in the kubelet.
    pub fn env_var(&self, name: &str) -> Option<&EnvVar<'a>> {
        self.env.iter().rev().find(|var| &*var.name == name)
    }
}
