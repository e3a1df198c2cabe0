//! Reviews written against the webhook: something long, and something many that meets it.
//!
//! One place a fault of this kind can hide in is one entry of [`LONG`] or of [`MANY`]. Every pair of them is a
//! Pod, in four proportions, since a maximum ends some of them early.

use std::fmt::Write as _;

use dind_injector::model::start::start_command;

/// A review.
#[derive(Clone, Debug)]
pub struct Hostile {
    pub name: String,
    pub body: String,
    /// It is for `/warn`.
    pub is_workload: bool,
}

/// The worst that are known, which are tried at the largest size, too.
pub const WORST: [&str; 10] = [
    "image, socket mounts (half)",
    "slashes of the hostPath, socket mounts (short)",
    "value of V, mounts of subPathExpr (few)",
    "label, plain labels (half)",
    "arguments, plain variables (half)",
    "container's name, socket mounts (few)",
    "variables within DOCKER_HOST, variables of V (short)",
    "escapes, empty containers (half)",
    "brackets, plain mounts (short)",
    "list of hosts, containers with a DOCKER_HOST (half)",
];

/// Every pair at about `size` bytes in every proportion, each in an update and in a workload too.
pub fn all(size: usize) -> impl Iterator<Item = Hostile> {
    pairs()
        .flat_map(|(long, many)| of_pair(long, many))
        .map(move |recipe| recipe.made(size))
}

/// Every pair once, its forms in turns.
pub fn some(size: usize) -> impl Iterator<Item = Hostile> {
    pairs().enumerate().map(move |(index, (long, many))| {
        let forms = of_pair(long, many);
        // Each kind meets each form: one step more from row to row.
        forms[(index + index / MANY.len()) % forms.len()].made(size)
    })
}

/// [`WORST`], of about `size` bytes.
pub fn worst(size: usize) -> impl Iterator<Item = Hostile> {
    let all = pairs().flat_map(|(long, many)| of_pair(long, many));
    all.filter(|recipe| WORST.contains(&recipe.name.as_str()))
        .map(move |recipe| recipe.made(size))
}

/// Up to three things that are long and three that are many, each of up to `size` bytes, as `below` chooses: it is
/// given a bound and says a number below it.
pub fn chosen(size: usize, mut below: impl FnMut(usize) -> usize) -> Hostile {
    let mut parts = Parts::default();
    for _ in 0..below(4) {
        let (_, long) = &LONG[below(LONG.len())];
        long(&mut parts, below(size));
    }
    for _ in 0..below(4) {
        let (_, many) = &MANY[below(MANY.len())];
        many(&mut parts, below(size), 1 + below(2000));
    }
    let of = [Of::Creation, Of::Update, Of::Workload][below(3)];
    Hostile {
        name: String::new(),
        body: parts.of(of),
        is_workload: matches!(of, Of::Workload),
    }
}

type Pair = (&'static (&'static str, Long), &'static (&'static str, Many));

fn pairs() -> impl Iterator<Item = Pair> {
    LONG.iter()
        .flat_map(|long| MANY.iter().map(move |many| (long, many)))
}

/// How much of a body is the long text, and how many items it meets.
#[derive(Clone, Copy)]
enum Proportion {
    /// Half the body each.
    Half,
    /// A text of 4,000 bytes, as long as a path may be, and as many items as fit.
    Short,
    /// 900 items, fewer than any maximum, and as long a text as fits.
    Few,
    /// Both.
    ShortAndFew,
}

/// What the review is of.
#[derive(Clone, Copy)]
enum Of {
    Creation,
    Update,
    Workload,
}

/// A review that is not made yet.
struct Recipe {
    name: String,
    long: Long,
    many: Many,
    proportion: Proportion,
    of: Of,
}

fn of_pair((long_name, long): &(&str, Long), (many_name, many): &(&str, Many)) -> [Recipe; 6] {
    use Proportion::{Few, Half, Short, ShortAndFew};
    let form = |of_name: &str, of: Of, (in_name, proportion): (&str, Proportion)| Recipe {
        name: format!("{of_name}{long_name}, {many_name} ({in_name})"),
        long: *long,
        many: *many,
        proportion,
        of,
    };
    [
        form("", Of::Creation, ("half", Half)),
        form("", Of::Creation, ("short", Short)),
        form("", Of::Creation, ("few", Few)),
        form("", Of::Creation, ("short and few", ShortAndFew)),
        form("update: ", Of::Update, ("half", Half)),
        form("workload: ", Of::Workload, ("short", Short)),
    ]
}

impl Recipe {
    fn made(&self, size: usize) -> Hostile {
        // Those that have the object twice.
        let size = match self.of {
            Of::Creation => size,
            Of::Update | Of::Workload => size / 2,
        };
        let (text, bytes, items) = match self.proportion {
            Proportion::Half => (size / 2, size / 2, usize::MAX),
            Proportion::Short => (4000, size, usize::MAX),
            Proportion::Few => (size, size, 900),
            Proportion::ShortAndFew => (4000, size, 900),
        };
        let mut parts = Parts::default();
        (self.long)(&mut parts, text);
        (self.many)(&mut parts, bytes, items);
        Hostile {
            name: self.name.clone(),
            body: parts.of(self.of),
            is_workload: matches!(self.of, Of::Workload),
        }
    }
}

/// A Pod with one container `c`, in pieces of JSON.
struct Parts {
    pod_name: String,
    name: String,
    image: String,
    arguments: String,
    mount_path: String,
    sub_path: String,
    volume: String,
    host_path: String,
    account: String,
    class: String,
    group: String,
    owner: String,
    labels: String,
    annotations: String,
    env: String,
    mounts: String,
    volumes: String,
    containers: String,
    inits: String,
    ephemeral: String,
    groups: String,
    owners: String,
    integers: String,
    selector: String,
    host_names: String,
    skipped: String,
    requests: String,
}

impl Default for Parts {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            pod_name: text("p"),
            name: text("c"),
            image: text("docker:cli"),
            arguments: text(r#""a""#),
            mount_path: text("/var/run/docker.sock"),
            sub_path: String::new(),
            volume: text("s"),
            host_path: text("/var/run/docker.sock"),
            account: text("default"),
            class: String::new(),
            group: text("g"),
            owner: text("Job"),
            labels: text(r#""app":"x""#),
            annotations: text(r#""x":"y""#),
            env: text(r#"{"name":"V","value":"v"}"#),
            mounts: String::new(),
            volumes: String::new(),
            containers: String::new(),
            inits: String::new(),
            ephemeral: String::new(),
            groups: String::new(),
            owners: String::new(),
            integers: text("7"),
            selector: text(r#""a":"b""#),
            host_names: String::new(),
            skipped: String::new(),
            requests: text(r#""x":"1""#),
        }
    }
}

type Long = fn(&mut Parts, usize);
type Many = fn(&mut Parts, usize, usize);

/// What can be long: a text of about so many bytes.
const LONG: &[(&str, Long)] = &[
    ("nothing", |_, _| {}),
    ("image", |p, n| p.image = "-".repeat(n)),
    ("container's name", |p, n| p.name = "c".repeat(n)),
    ("slashes of the hostPath", |p, n| {
        p.host_path = format!("{}run/docker.sock", "/".repeat(n));
    }),
    ("components of the hostPath", |p, n| {
        p.host_path = format!("/run/{}docker.sock", "a/../".repeat(n / 5));
    }),
    ("roots of the hostPath", |p, n| {
        p.host_path = format!("{}/run/docker.sock", "/proc/1/root".repeat(n / 12));
    }),
    ("path of the mount", |p, n| {
        p.mount_path = "/a".repeat(n / 2)
    }),
    ("subPath", |p, n| {
        p.host_path = "/run".to_owned();
        p.sub_path = format!("{}docker.sock", "./".repeat(n / 2));
    }),
    ("name of the volume", |p, n| p.volume = "s".repeat(n)),
    ("value of V", |p, n| {
        let _ = write!(p.env, r#",{{"name":"V","value":"{}"}}"#, "v".repeat(n));
    }),
    ("pieces of V", |p, n| {
        let _ = write!(
            p.env,
            r#",{{"name":"W","value":"w"}},{{"name":"V","value":"{}"}}"#,
            "$(W)".repeat(n / 4)
        );
    }),
    ("source of V", |p, n| {
        let path = "f".repeat(n);
        let _ = write!(
            p.env,
            r#",{{"name":"V","valueFrom":{{"fieldRef":{{"fieldPath":"{path}"}}}}}}"#
        );
    }),
    ("name of a variable", |p, n| {
        let _ = write!(p.env, r#",{{"name":"{}","value":"v"}}"#, "N".repeat(n));
    }),
    ("variables within DOCKER_HOST", |p, n| {
        let value = "$(V)".repeat(n / 4);
        let _ = write!(
            p.env,
            r#",{{"name":"DOCKER_HOST","value":"tcp://{value}"}}"#
        );
    }),
    ("dollars of DOCKER_HOST", |p, n| {
        let value = "$(".repeat(n / 2);
        let _ = write!(p.env, r#",{{"name":"DOCKER_HOST","value":"{value}"}}"#);
    }),
    ("socket of DOCKER_HOST", |p, n| {
        let value = "/a".repeat(n / 2);
        let _ = write!(
            p.env,
            r#",{{"name":"DOCKER_HOST","value":"unix://{value}"}}"#
        );
    }),
    ("escapes", |p, n| {
        let value = r"\u003c".repeat(n / 6);
        let _ = write!(p.env, r#",{{"name":"DOCKER_HOST","value":"{value}"}}"#);
    }),
    ("label", |p, n| {
        let _ = write!(p.labels, r#","team":"{}""#, "a".repeat(n));
    }),
    ("key of a label", |p, n| {
        let _ = write!(p.labels, r#","{}":"x""#, "k".repeat(n));
    }),
    ("inject", |p, n| p.annotate("inject", &"t".repeat(n))),
    ("list of containers", |p, n| {
        p.annotate("inject", "true");
        p.annotate("containers", &"c,".repeat(n / 2));
    }),
    ("list of mounts", |p, n| {
        p.annotate("inject", "true");
        let item = |i| format!(",/run/docker.sock:/a/{i}/docker.sock");
        p.annotate("mounts", items(n, 64, item).trim_start_matches(','));
    }),
    ("unknown annotation", |p, n| p.annotate(&"u".repeat(n), "x")),
    ("size", |p, n| p.annotate("cpu", &"1".repeat(n))),
    ("profile", |p, n| p.annotate("profile", &"p".repeat(n))),
    ("account", |p, n| p.account = "a".repeat(n)),
    ("runtime class", |p, n| p.class = "r".repeat(n)),
    ("arguments", |p, n| {
        p.annotate("inject", "true");
        p.arguments = format!(r#""sh","-c","{}""#, "docker;".repeat(n / 7));
    }),
    ("group", |p, n| p.group = "a".repeat(n)),
    ("owner", |p, n| p.owner = "o".repeat(n)),
    ("Pod's name", |p, n| p.pod_name = "n".repeat(n)),
    ("list of hosts", |p, n| {
        p.host_names = items(n, usize::MAX, |i| format!(r#","a{i}""#));
    }),
    ("brackets", |p, n| {
        p.skipped = format!("{}{}", "[".repeat(n / 2), "]".repeat(n / 2));
    }),
];

/// What can be many: items of about so many bytes, and no more than so many.
const MANY: &[(&str, Many)] = &[
    ("socket mounts", |p, n, most| {
        let name = p.volume.clone();
        let at = |i| format!(r#",{{"name":"{name}","mountPath":"/a/{i}"}}"#);
        p.mounts = items(n, most, at);
    }),
    ("mounts of subPathExpr", |p, n, most| {
        p.volume_at("r", "/run");
        let at = |i| format!(r#",{{"name":"r","mountPath":"/a/{i}","subPathExpr":"$(V)"}}"#);
        p.mounts = items(n, most, at);
    }),
    ("mounts of an expression below /proc", |p, n, most| {
        p.volume_at("r", "/proc");
        let at = |i| format!(r#",{{"name":"r","mountPath":"/a/{i}","subPathExpr":"x$(V)$(V)"}}"#);
        p.mounts = items(n, most, at);
    }),
    ("plain mounts", |p, n, most| {
        p.volumes.push_str(r#",{"name":"e","emptyDir":{}}"#);
        let at = |i| format!(r#",{{"name":"e","mountPath":"/a/{i}"}}"#);
        p.mounts = items(n, most, at);
    }),
    ("plain mounts of an expression", |p, n, most| {
        p.volumes.push_str(r#",{"name":"e","emptyDir":{}}"#);
        let at = |i| format!(r#",{{"name":"e","mountPath":"/a/{i}","subPathExpr":"$(V)"}}"#);
        p.mounts = items(n, most, at);
    }),
    ("mounts of a deep hostPath", |p, n, most| {
        p.volume_at("h", &"/h".repeat(2000));
        let at = |i| format!(r#",{{"name":"h","mountPath":"/a/{i}","subPath":"x{i}"}}"#);
        p.mounts = items(n, most, at);
    }),
    ("mounts with sources of their own", |p, n, most| {
        p.volumes.push_str(r#",{"name":"e","emptyDir":{}}"#);
        let at = |i| {
            format!(
                r#",{{"name":"F{i}","valueFrom":{{"fieldRef":{{"fieldPath":"metadata.labels['{i}']"}}}}}}"#
            )
        };
        p.env.push_str(&items(n / 2, most, at));
        let at = |i| {
            format!(r#",{{"name":"e","mountPath":"/a/{i}","subPathExpr":"x$(F{i})$(F1)$(F2)"}}"#)
        };
        p.mounts = items(n / 2, most, at);
    }),
    ("containers", |p, n, most| {
        let name = p.volume.clone();
        let at = |i| {
            format!(
                r#",{{"name":"c{i}","image":"x","volumeMounts":[{{"name":"{name}","mountPath":"/var/run/docker.sock"}}]}}"#
            )
        };
        p.containers = items(n, most, at);
    }),
    ("init containers", |p, n, most| {
        let name = p.volume.clone();
        let at = |i| {
            format!(
                r#",{{"name":"i{i}","volumeMounts":[{{"name":"{name}","mountPath":"/var/run/docker.sock"}}],"env":[{{"name":"DOCKER_HOST","value":"tcp://x"}}]}}"#
            )
        };
        p.inits = items(n, most, at);
    }),
    ("containers with a DOCKER_HOST", |p, n, most| {
        let name = p.volume.clone();
        let at = |i| {
            format!(
                r#",{{"name":"c{i}","env":[{{"name":"DOCKER_HOST","value":"tcp://x"}}],"volumeMounts":[{{"name":"{name}","mountPath":"/var/run/docker.sock"}}]}}"#
            )
        };
        p.containers = items(n, most, at);
    }),
    ("empty containers", |p, n, most| {
        p.containers = items(n, most, |_| ",{}".to_owned())
    }),
    ("ephemeral containers", |p, n, most| {
        let name = p.volume.clone();
        let at = |i| {
            format!(
                r#",{{"name":"e{i}","volumeMounts":[{{"name":"{name}","mountPath":"/run/docker.sock"}}]}}"#
            )
        };
        p.ephemeral = items(n, most, at);
    }),
    ("sidecars that are none", |p, n, most| {
        let command = serde_json::to_string(&start_command()).unwrap_or_default();
        let at = |i| {
            format!(
                r#",{{"name":"dind-{i}","command":{command},"env":[{{"name":"DIND_SOCKETS","value":"/dind/docker.sock"}}],"volumeMounts":[{{"name":"no","mountPath":"/dind"}}]}}"#
            )
        };
        p.containers = items(n, most, at);
    }),
    ("plain variables", |p, n, most| {
        p.env.push_str(&items(n, most, |i| {
            format!(r#",{{"name":"E{i}","value":"e"}}"#)
        }));
    }),
    ("variables of V", |p, n, most| {
        p.env.push_str(&items(n, most, |i| {
            format!(r#",{{"name":"E{i}","value":"$(V)"}}"#)
        }));
    }),
    ("variables of published ports", |p, n, most| {
        let ip = r#",{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.hostIP"}}}"#;
        p.env.push_str(ip);
        let at = |_| r#",{"name":"TC_HOST","value":"$(V)$(IP)"}"#.to_owned();
        p.env.push_str(&items(n, most, at));
    }),
    ("names of hosts", |p, n, most| {
        p.host_names = items(n, most, |i| format!(r#","a{i}""#));
    }),
    ("variables of TLS", |p, n, most| {
        let at = |_| r#",{"name":"DOCKER_TLS","value":"1"}"#.to_owned();
        p.env.push_str(&items(n, most, at));
    }),
    ("variables DOCKER_HOST", |p, n, most| {
        let at = |_| r#",{"name":"DOCKER_HOST","value":"tcp://$(V)"}"#.to_owned();
        p.env.push_str(&items(n, most, at));
    }),
    ("sockets", |p, n, most| {
        let at = |i| format!(r#",{{"name":"v{i}","hostPath":{{"path":"/run/docker.sock"}}}}"#);
        p.volumes.push_str(&items(n / 2, most, at));
        let at = |i| format!(r#",{{"name":"v{i}","mountPath":"/a/{i}"}}"#);
        p.mounts = items(n / 2, most, at);
    }),
    ("volumes of one name", |p, n, most| {
        let at = |_| r#",{"name":"s","hostPath":{"path":"/run"}}"#.to_owned();
        p.volumes.push_str(&items(n, most, at));
    }),
    ("names like ours", |p, n, most| {
        let at = |i| format!(r#",{{"name":"dind-socket-{i}","emptyDir":{{}}}}"#);
        p.volumes
            .push_str(r#",{"name":"dind-socket","emptyDir":{}}"#);
        p.volumes.push_str(&items(n, most, at));
    }),
    ("plain labels", |p, n, most| {
        p.labels
            .push_str(&items(n, most, |i| format!(r#","l{i}":"x""#)));
    }),
    ("our annotations", |p, n, most| {
        let at = |i| format!(r#","dind-injector.io/a{i}":"x""#);
        p.annotations.push_str(&items(n, most, at));
    }),
    ("groups", |p, n, most| {
        p.groups = items(n, most, |i| format!(r#","aaaaaaaaaaaaaaaaaaaaaaaa{i}""#));
    }),
    ("owners", |p, n, most| {
        p.owners = items(n, most, |_| ",{}".to_owned())
    }),
    ("arguments", |p, n, most| {
        p.annotate("inject", "true");
        p.arguments = format!(r#""env"{}"#, items(n, most, |_| r#","a=""#.to_owned()));
    }),
    ("integers", |p, n, most| {
        p.integers.push_str(&items(n, most, |_| ",7".to_owned()))
    }),
    ("selectors", |p, n, most| {
        p.selector
            .push_str(&items(n, most, |i| format!(r#","n{i}":"x""#)));
    }),
    ("requests", |p, n, most| {
        p.requests
            .push_str(&items(n, most, |i| format!(r#","n{i}":"1""#)));
    }),
    ("keys that nobody reads", |p, n, most| {
        p.skipped = format!(
            r#"[{{"k":1{}}}]"#,
            items(n, most, |_| r#","k":1"#.to_owned())
        );
    }),
];

/// Items, each with its comma before it.
fn items(bytes: usize, most: usize, item: impl Fn(usize) -> String) -> String {
    let mut all = String::new();
    for index in 0..most {
        let item = item(index);
        if all.len() + item.len() > bytes {
            break;
        }
        all.push_str(&item);
    }
    all
}

impl Parts {
    fn of(&self, of: Of) -> String {
        match of {
            Of::Creation => self.creation(),
            Of::Update => self.update(),
            Of::Workload => self.workload(),
        }
    }

    fn annotate(&mut self, name: &str, value: &str) {
        let _ = write!(self.annotations, r#","dind-injector.io/{name}":"{value}""#);
    }

    fn volume_at(&mut self, name: &str, path: &str) {
        let _ = write!(
            self.volumes,
            r#",{{"name":"{name}","hostPath":{{"path":"{path}"}}}}"#
        );
    }

    /// `metadata` and `spec`.
    fn pod(&self) -> String {
        let Self {
            pod_name,
            name,
            image,
            arguments,
            mount_path,
            sub_path,
            volume,
            host_path,
            account,
            class,
            group: _,
            owner,
            labels,
            annotations,
            env,
            mounts,
            volumes,
            containers,
            inits,
            ephemeral,
            groups: _,
            owners,
            integers,
            selector,
            host_names,
            skipped,
            requests,
        } = self;
        let list = |items: &str| items.strip_prefix(',').unwrap_or(items).to_owned();
        let (inits, ephemeral, host_names) = (list(inits), list(ephemeral), list(host_names));
        let skipped = if skipped.is_empty() { "0" } else { skipped };
        format!(
            r#""metadata":{{"name":"{pod_name}","labels":{{{labels}}},"annotations":{{{annotations}}},"ownerReferences":[{{"kind":"{owner}","name":"{owner}","controller":true}}{owners}]}},"spec":{{"volumes":[{{"name":"{volume}","hostPath":{{"path":"{host_path}"}}}}{volumes}],"initContainers":[{inits}],"containers":[{{"name":"{name}","image":"{image}","args":[{arguments}],"env":[{env}],"volumeMounts":[{{"name":"{volume}","mountPath":"{mount_path}","subPath":"{sub_path}"}}{mounts}]}}{containers}],"ephemeralContainers":[{ephemeral}],"nodeSelector":{{{selector}}},"serviceAccountName":"{account}","securityContext":{{"supplementalGroups":[{integers}]}},"runtimeClassName":"{class}","resources":{{"requests":{{{requests}}}}},"hostAliases":[{{"ip":"172.17.0.1","hostnames":[{host_names}]}}],"unread":{skipped}}}"#
        )
    }

    fn creation(&self) -> String {
        let object = format!(r#"{{"kind":"Pod","apiVersion":"v1",{}}}"#, self.pod());
        self.review("Pod", "pods", "", "CREATE", &object, "null")
    }

    fn update(&self) -> String {
        let object = format!(r#"{{"kind":"Pod","apiVersion":"v1",{}}}"#, self.pod());
        self.review(
            "Pod",
            "pods",
            "ephemeralcontainers",
            "UPDATE",
            &object,
            &object,
        )
    }

    fn workload(&self) -> String {
        let of = |name: &str| {
            let pod = self.pod();
            format!(
                r#"{{"kind":"Deployment","apiVersion":"apps/v1","metadata":{{"name":"{name}"}},"spec":{{"template":{{{pod}}}}}}}"#
            )
        };
        let old = of("old").replace(r#""args":["#, r#""args":["old","#);
        self.review("Deployment", "deployments", "", "UPDATE", &of("new"), &old)
    }

    fn review(
        &self,
        kind: &str,
        resource: &str,
        sub_resource: &str,
        operation: &str,
        object: &str,
        old: &str,
    ) -> String {
        let Self { group, groups, .. } = self;
        let of = if kind == "Pod" { "" } else { "apps" };
        format!(
            r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"00000000-0000-0000-0000-000000000000","kind":{{"group":"{of}","version":"v1","kind":"{kind}"}},"resource":{{"group":"{of}","version":"v1","resource":"{resource}"}},"subResource":"{sub_resource}","namespace":"ci","operation":"{operation}","userInfo":{{"username":"u","groups":["{group}"{groups}]}},"object":{object},"oldObject":{old},"dryRun":false}}}}"#
        )
    }
}
