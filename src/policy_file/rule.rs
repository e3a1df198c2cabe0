//! Rules of the file.
//!
//! A field that a rule omits is as in `default`, so that an exemption only exempts from what it names.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::decide::matcher::{Detection, Glob, LabelIs, Matcher};
use crate::decide::rule::{
    Action, AgentActions, AllowedHostPath, AnnotationPolicy, Profiles, Restriction, Rule, Sizes,
    TcpAction,
};
use crate::model::path::CleanPath;
use crate::model::profile::{PodSecurity, Profile, Storage};

use crate::policy_file::amount::Amount;
use crate::policy_file::collection::{Dictionary, List, OneOrMore, Record};
use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::form::Form;
use crate::policy_file::kind::{Choice, Flag, Kind, Sound, Text};
use crate::policy_file::node::{At, Node, Report};
use crate::policy_file::profile::unknown_profile;

/// The name of the rule that decides if no other one does.
pub(crate) const DEFAULT: &str = "default";

/// The profiles that rules can name.
#[derive(Clone, Copy)]
pub(crate) struct Known<'p>(pub &'p [Arc<Profile>]);

impl Known<'_> {
    pub fn get(self, name: &str) -> Option<Arc<Profile>> {
        self.0.iter().find(|profile| profile.name == name).cloned()
    }

    /// The folders of the node in which profiles have their storage.
    pub fn storage(&self) -> impl Iterator<Item = &CleanPath<'static>> {
        self.0.iter().filter_map(|profile| match &profile.storage {
            Storage::Node(node) => Some(&node.path),
            Storage::EmptyDir { .. } | Storage::Ephemeral { .. } => None,
        })
    }
}

/// The name of a profile.
impl Kind for Known<'_> {
    type Value = Arc<Profile>;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Arc<Profile>> {
        let name = Text(&form::NAME).read(node, report)?;
        let found = self.get(&name);
        if found.is_none() {
            let all = self.0.iter().map(Arc::as_ref);
            report.add(node, unknown_profile(&name, all));
        }
        found
    }

    fn schema(&self) -> Value {
        form::NAME.schema()
    }

    fn expected(&self) -> String {
        "the name of a profile".to_owned()
    }

    fn show(&self, value: &Arc<Profile>) -> Option<Value> {
        Some(value.name.as_str().into())
    }
}

/// The profiles of a rule, at least one.
struct Chosen<'p>(List<Known<'p>>);

impl Kind for Chosen<'_> {
    type Value = Profiles;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Profiles> {
        let mut chosen = self.0.read(node, report)?.into_iter();
        let default = chosen.next()?;
        Some(Profiles {
            default,
            others: chosen.collect(),
        })
    }

    fn schema(&self) -> Value {
        self.0.schema()
    }

    fn expected(&self) -> String {
        "a list of profiles' names, the default first".to_owned()
    }

    fn show(&self, value: &Profiles) -> Option<Value> {
        Some(value.iter().map(|profile| profile.name.as_str()).collect())
    }
}

pub(crate) fn read(fields: &mut Fields<'_, '_>, base: &Rule, known: Known<'_>) -> Rule {
    let name = fields.required(
        "name",
        "The rule's name in messages, metrics and audit annotations.",
        &Sound {
            form: &form::NAME,
            refuse: |name| {
                (name == DEFAULT)
                    .then_some("the name of the rule that decides if no other does; choose another")
            },
        },
    );
    let matches = fields.get(
        "match",
        "The Pods that the rule is for: every field that is set must match; of a field's entries, \
         one must. If omitted, the rule is for every Pod.",
        &Record(read_match),
    );
    let name = name.unwrap_or_default();
    read_actions(fields, name, matches.unwrap_or_default(), base, known)
}

/// Reads the rule that decides if no other one does.
pub(crate) fn read_default(fields: &mut Fields<'_, '_>, base: &Rule, known: Known<'_>) -> Rule {
    let name = DEFAULT.to_owned();
    read_actions(fields, name, Matcher::default(), base, known)
}

fn read_actions(
    fields: &mut Fields<'_, '_>,
    name: String,
    matches: Matcher,
    base: &Rule,
    known: Known<'_>,
) -> Rule {
    let restriction = Choice::<Restriction>::new();
    let leave = Choice::<AnnotationPolicy>::new();
    let rule = Rule {
        name,
        matches,
        host_sockets: fields.or(
            "hostSockets",
            "What is done with a mount of the node's Docker socket, or of the directory that holds \
             it (/run, /var/run).",
            &Choice::<Action>::new(),
            &base.host_sockets,
        ),
        node_agents: fields.or(
            "nodeAgents",
            "The same for node agents, which need the node's own daemon: Pods of a DaemonSet, and \
             Pods with hostNetwork, hostPID or hostIPC.",
            &Record(|fields: &mut Fields<'_, '_>| read_agents(fields, base.node_agents)),
            &base.node_agents,
        ),
        ancestors: fields.or(
            "ancestors",
            "What is done with a mount that contains the socket and much else (/, /var), that leads \
             to it through a process (/proc, /proc/1), or that may lead to it: a subPathExpr that only \
             the kubelet can resolve, or a path below a directory in which the same Pod can create a \
             link. It cannot be swapped. For links of a node agent, nodeAgents.directories applies.",
            &restriction,
            &base.ancestors,
        ),
        other_runtimes: fields.or(
            "otherRuntimes",
            "What is done with a mount of another runtime's socket (containerd, CRI-O, Podman, \
             cri-dockerd, BuildKit, iSulad), or of a directory that leads to one.",
            &restriction,
            &base.other_runtimes,
        ),
        data_directories: fields.or(
            "dataDirectories",
            "What is done with a mount, without readOnly: true, of the images and containers of a \
             runtime (/var/lib/docker, /var/lib/containerd), or of a directory above them. Where a runtime \
             mounts the file systems of its containers there (Docker, CRI-O, Podman, BuildKit), only \
             recursiveReadOnly: Enabled makes a mount read-only. Write access there is control of every \
             container of the node.",
            &restriction,
            &base.data_directories,
        ),
        host_paths: fields.or(
            "hostPaths",
            "What is done with a mount of any other path of the node that is not in \
             allowedHostPaths. A Pod that can write to one can create a link there that another Pod mounts.",
            &restriction,
            &base.host_paths,
        ),
        allowed_host_paths: fields.or(
            "allowedHostPaths",
            "The other paths of the node that Pods may mount, as in PodSecurityPolicy.",
            &List::of(Record(read_allowed_host_path)),
            &base.allowed_host_paths,
        ),
        tcp_docker_host: fields.or(
            "tcpDockerHost",
            "What is done with a DOCKER_HOST that leads to the node's daemon over TCP (in a Pod with \
             hostNetwork, also localhost and podIP), or whose address is known only when the Pod runs. \
             In a Pod with hostNetwork, Replace does what nodeAgents.sockets says.",
            &Choice::<TcpAction>::new(),
            &base.tcp_docker_host,
        ),
        annotation: fields.or(
            "annotation",
            "Whether the annotation `dind-injector.io/inject: \"true\"` gives a Pod a daemon. \
             Where it does, anyone who can create Pods there gets a privileged sidecar.",
            &leave,
            &base.annotation,
        ),
        opt_out: fields.or(
            "optOut",
            "Whether the annotation `dind-injector.io/inject: \"false\"` keeps a Pod from being \
             swapped. It never lifts a Deny.",
            &leave,
            &base.opt_out,
        ),
        profiles: fields.or(
            "profiles",
            "The profiles in order of preference: a Pod gets the first that fits it, its namespace's Pod Security \
             level and, if nodes are watched, the cluster, or the one of them that its annotation \
             `dind-injector.io/profile` names.",
            &Chosen(List::of_some(known)),
            &base.profiles,
        ),
        pod_security_profile: fields.or_none(
            "podSecurityProfile",
            "The profile for namespaces whose Pod Security level admits none of these. No Pod can choose it, unless \
             it is one of them. Without it, the Pod is refused.",
            &known,
            &base.pod_security_profile,
        ),
        maximum: fields.or(
            "maximum",
            "The largest sizes that annotations may ask for.",
            &Record(|fields: &mut Fields<'_, '_>| read_sizes(fields, &base.maximum)),
            &base.maximum,
        ),
    };
    let fits = |profile: &Profile| profile.pod_security > PodSecurity::Privileged;
    if fields.has("podSecurityProfile")
        && let Some(profile) = &rule.pod_security_profile
        && !fits(profile)
    {
        fields.fault(
            "podSecurityProfile",
            Problem::Contradiction(format!(
                "is {:?}, whose podSecurity is Privileged, so no namespace that refuses \
                 other profiles would admit it; name a profile with podSecurity: Baseline or Restricted",
                profile.name
            )),
        );
    }
    rule
}

fn read_agents(fields: &mut Fields<'_, '_>, base: AgentActions) -> AgentActions {
    let action = Choice::<Action>::new();
    AgentActions {
        sockets: fields.or(
            "sockets",
            "For the Docker socket itself.",
            &action,
            &base.sockets,
        ),
        directories: fields.or(
            "directories",
            "For its directory, in which agents look for other sockets too.",
            &action,
            &base.directories,
        ),
    }
}

fn read_allowed_host_path(fields: &mut Fields<'_, '_>) -> AllowedHostPath {
    let sound = Sound {
        form: &form::HOST_PATH,
        refuse: |path| {
            if path.contains(['*', '?']) {
                return Some(
                    "in which * and ? would stand for themselves; write pathPrefix: with the directory, \
                     which allows all that is below it",
                );
            }
            let mut parts = path.split('/');
            let is_odd = parts.any(|part| matches!(part, "." | ".."));
            is_odd.then_some("a path without . and .. in it")
        },
    };
    let prefix = fields.get(
        "pathPrefix",
        "A path, with everything below it: /var/log allows /var/log/pods, and not /var/logs.",
        &sound,
    );
    let path = fields.get(
        "path",
        "In place of pathPrefix: a path alone, such as that of a device. Where the node has no such device, Pods \
         that write there could leave a link for others.",
        &sound,
    );
    let read_only = fields.or(
        "readOnly",
        "Whether it may only be mounted with readOnly: true.",
        &Flag,
        &false,
    );
    if fields.has("pathPrefix") == fields.has("path") {
        fields.fault_of_all(Problem::Contradiction(
            "needs exactly one of pathPrefix and path; write pathPrefix for a directory with all that is in it"
                .to_owned(),
        ));
    }
    let is_prefix = prefix.is_some();
    AllowedHostPath {
        path: CleanPath::on_node(&prefix.or(path).unwrap_or_default()).into_owned(),
        is_prefix,
        read_only,
    }
}

fn read_sizes(fields: &mut Fields<'_, '_>, base: &Sizes) -> Sizes {
    Sizes {
        cpu: fields.or_none("cpu", "The CPU limit.", &Amount::CORES, &base.cpu),
        memory: fields.or_none("memory", "The memory limit.", &Amount::BYTES, &base.memory),
        storage: fields.or_none(
            "storage",
            "The size of the daemon's storage.",
            &Amount::BYTES,
            &base.storage,
        ),
    }
}

fn read_match(fields: &mut Fields<'_, '_>) -> Matcher {
    let globs = |form: &'static Form| List::of_some(Text(form));
    let labels = Dictionary {
        key: &form::KEY,
        value: OneOrMore::of(Text(&form::LABEL_GLOB)),
        may_be_empty: false,
    };
    let to_globs = |texts: Option<Vec<String>>| -> Vec<Glob> {
        texts
            .unwrap_or_default()
            .into_iter()
            .map(Glob::new)
            .collect()
    };
    let to_labels = |entries: Option<Vec<(String, Vec<String>)>>| -> Vec<LabelIs> {
        let entries = entries.unwrap_or_default().into_iter();
        entries
            .map(|(key, values)| LabelIs {
                key,
                values: values.into_iter().map(Glob::new).collect(),
            })
            .collect()
    };
    Matcher {
        namespaces: to_globs(fields.get(
            "namespaces",
            "Names of namespaces.",
            &globs(&form::NAMESPACE_GLOB),
        )),
        namespace_labels: to_labels(fields.get(
            "namespaceLabels",
            "Labels that the namespace has, each with one value or several to choose from; * stands \
             for any.",
            &labels,
        )),
        pod_labels: to_labels(fields.get(
            "podLabels",
            "Labels that the Pod has. Its author writes them.",
            &labels,
        )),
        service_accounts: to_globs(fields.get(
            "serviceAccounts",
            "The Pod's service account, as name or namespace/name.",
            &globs(&form::ACCOUNT_GLOB),
        )),
        users: to_globs(fields.get(
            "users",
            "The user that creates the Pod; for a workload's Pods, its controller.",
            &globs(&form::USER_GLOB),
        )),
        groups: to_globs(fields.get(
            "groups",
            "Groups of that user.",
            &globs(&form::USER_GLOB),
        )),
        owners: fields
            .get(
                "owners",
                "Kinds that created the Pod; Pod for one that nothing created. The Pod's author can \
                 set its owner.",
                &List::of_some(Sound {
                    form: &form::OBJECT_KIND,
                    refuse: refuse_owner,
                }),
            )
            .unwrap_or_default(),
        detections: fields
            .get(
                "detections",
                "How the Pod reaches or asks for a daemon.",
                &List::of_some(Choice::<Detection>::new()),
            )
            .unwrap_or_default(),
    }
}

/// Kinds that own no Pods, and misspelled kinds.
fn refuse_owner(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" => Some("which owns ReplicaSets, and they own Pods; write ReplicaSet"),
        "CronJob" => Some("which owns Jobs, and they own Pods; write Job"),
        _ => {
            let is = |right: &str| kind != right && kind.eq_ignore_ascii_case(right);
            [
                ("DaemonSet", "which is spelled DaemonSet"),
                ("ReplicaSet", "which is spelled ReplicaSet"),
                ("StatefulSet", "which is spelled StatefulSet"),
                (
                    "ReplicationController",
                    "which is spelled ReplicationController",
                ),
            ]
            .into_iter()
            .find_map(|(right, why)| is(right).then_some(why))
        }
    }
}

/// Reports a rule for every Pod with other rules below it, and one with the match of another above it.
pub(crate) fn refuse_unreachable(rules: &[Rule], node: &Node<'_>, report: &mut Report<'_>) {
    let Value::Array(items) = node.value else {
        return;
    };
    // An entry that is not a mapping has made no rule.
    let items = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.is_object());
    let mut above: HashMap<Matcher, (&str, u32)> = HashMap::new();
    for (place, ((index, item), rule)) in items.zip(rules).enumerate() {
        let item = node.item(index, item);
        if report.is_faulty(&item) {
            continue;
        }
        let is_last = place + 1 == rules.len();
        let matches = rule.matches.clone().simplified();
        let text = if matches == Matcher::default() {
            let what = if rule.matches == matches {
                "add a match"
            } else {
                "narrow its match"
            };
            (!is_last).then(|| {
                format!(
                    "matches every Pod, so that no rule below it is ever used; {what}, or write it as `default`"
                )
            })
        } else if let Some((name, line)) = above.get(&matches) {
            Some(format!(
                "matches the same Pods as {name} in line {line}, so that it is never used; make one rule of both, or \
                 change its match"
            ))
        } else {
            above.insert(matches, (&rule.name, report.line(&item)));
            None
        };
        if let Some(text) = text {
            report.note(&item, At::Key, Problem::Contradiction(text));
        }
    }
}
