//! One short Pod that runs what jobs do with Docker, and what its log says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::check::objects::Pod;
use crate::check::outcome::{Check, Question, counted};
use crate::check::questions::{
    RUN_CGROUP, RUN_CONTAINED, RUN_CONTAINER, RUN_DAEMON, RUN_DELETED, RUN_MOUNT, RUN_MTU, RUN_POD,
    RUN_PROFILES, RUN_STORAGE,
};
use crate::check::read::Read;
use crate::check::report::Report;
use crate::check::trial;
use crate::model::quantity::Quantity;
use crate::names;

/// What the Pod runs.
pub const SCRIPT: &str = include_str!("run.sh");
/// The container that runs it.
pub const CONTAINER: &str = "check";
/// What a line of the script begins with.
const MARK: &str = "dind-injector-check ";
/// Where the volume is that the script mounts further.
const VOLUME_PATH: &str = "/dind-check";
/// The sidecar's memory limit that is asked for, so that it is reached soon.
pub const LIMIT: &str = "384Mi";
/// A limit up to which the script may take all memory: more is the node's to spare.
const MOST_TAKEN: &str = "1Gi";
/// A daemon that takes longer makes every job wait.
const SLOW_START: u64 = 30;

/// What Pod is to run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// The image of its container.
    pub image: String,
    /// The node; any where it is none.
    pub node: Option<String>,
    /// The profile; the rule's default where it is none.
    pub profile: Option<String>,
    /// Whether the sidecar's limit is asked for.
    pub limited: bool,
    /// Whether all memory may be taken.
    pub hog: bool,
    /// The longest that it may run, in seconds.
    pub deadline: u64,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The Pod's name; empty where it was never created.
    pub pod: String,
    /// Where.
    pub namespace: String,
    /// How it ended.
    pub end: End,
    /// The Pod as it was seen last.
    pub last: Option<Box<Pod>>,
    /// What its container wrote.
    pub log: String,
    /// How many seconds its daemon took, from its container's start to that of the first that waits for it.
    pub daemon: Option<u64>,
    /// Each profile that a dry run asked for, and why it is refused.
    pub profiles: Vec<(String, Result<(), String>)>,
    /// Whether it is gone.
    pub deleted: Read<()>,
}

/// How the Pod ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// It was never created: why, and what to do.
    NotCreated(String, &'static str),
    /// Its container ended with this status.
    Exited(i32),
    /// The deadline came first.
    Deadline,
    /// Whoever ran this stopped it.
    Interrupted,
    /// The cluster gave no answer.
    Unread(String),
}

/// The Pod.
pub fn pod(wanted: &Wanted) -> Value {
    let Wanted {
        image,
        node,
        profile,
        limited,
        hog,
        deadline,
    } = wanted;
    let mut pod = trial::pod();
    let mut annotations = BTreeMap::new();
    if let Some(profile) = profile {
        annotations.insert(names::PROFILE, profile.as_str());
    }
    if *limited {
        annotations.insert(names::MEMORY, LIMIT);
    }
    pod["metadata"] = json!({
        "generateName": format!("{}-", trial::POD_NAME),
        "labels": {"app.kubernetes.io/name": trial::POD_NAME},
        "annotations": annotations,
    });
    let spec = &mut pod["spec"];
    // Ends it also where nobody is left to delete it.
    spec["activeDeadlineSeconds"] = json!(deadline);
    spec["terminationGracePeriodSeconds"] = json!(5);
    if let Some(node) = node {
        // As the DaemonSet controller does: by the scheduler, whatever the node's taints.
        spec["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": [node]},
            ]}],
        }}});
        spec["tolerations"] = json!([{"operator": "Exists"}]);
    }
    let container = &mut spec["containers"][0];
    container["name"] = json!(CONTAINER);
    container["image"] = json!(image);
    container["command"] = json!(["sh", "-c", SCRIPT]);
    if *hog {
        container["env"] = json!([{"name": "DIND_CHECK_HOG", "value": "1"}]);
    }
    container["resources"] = json!({
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"memory": "256Mi"},
    });
    let mounts = container["volumeMounts"].as_array_mut();
    mounts.into_iter().for_each(|mounts| {
        mounts.push(json!({"name": "check", "mountPath": VOLUME_PATH}));
    });
    let volumes = spec["volumes"].as_array_mut();
    volumes
        .into_iter()
        .for_each(|volumes| volumes.push(json!({"name": "check", "emptyDir": {}})));
    pod
}

/// Whether all memory may be taken in a Pod whose sidecar has this limit.
pub fn may_take_all(limit: Option<&str>) -> bool {
    let read = |text: &str| text.parse::<Quantity>().ok();
    match (limit.and_then(read), read(MOST_TAKEN)) {
        (Some(limit), Some(most)) => limit <= most,
        (None, _) | (_, None) => false,
    }
}

impl Ran {
    /// Every check of it.
    pub fn checks(&self) -> Report {
        let mut checks = vec![self.ran()];
        if !self.profiles.is_empty() {
            checks.push(self.profiles());
        }
        if !matches!(self.end, End::NotCreated(..)) {
            checks.push(self.daemon());
            let lines = self.lines();
            for (question, word) in [
                (RUN_CONTAINER, "container"),
                (RUN_MOUNT, "mount"),
                (RUN_MTU, "mtu"),
                (RUN_CONTAINED, "contained"),
                (RUN_CGROUP, "cgroup"),
                (RUN_STORAGE, "storage"),
            ] {
                checks.push(self.tried(question, word, &lines));
            }
        }
        if !self.pod.is_empty() {
            checks.push(self.deletion());
        }
        Report {
            checks,
            ..Report::default()
        }
    }

    fn ran(&self) -> Check {
        let (pod, namespace) = (&self.pod, &self.namespace);
        let node = self.last.as_ref().map_or("", |last| &last.spec.node_name);
        match &self.end {
            End::NotCreated(why, fix) => RUN_POD.fails(why, *fix),
            End::Exited(0) => RUN_POD.ok(format!("{pod} in {namespace}, on the node {node}")),
            End::Exited(code) => RUN_POD.fails(
                format!("{pod} on the node {node} ended with status {code}"),
                "the failed line below says where",
            ),
            End::Deadline => {
                let trouble = self
                    .last
                    .as_ref()
                    .map_or_else(String::new, |last| last.trouble());
                RUN_POD.fails(
                    format!("{pod} did not end in time: {trouble}"),
                    "an image that cannot be pulled (--image, the profile's image), no node with room, or a daemon that \
                     does not start: run it again and kubectl logs POD -c dind; --timeout gives it longer",
                )
            }
            End::Interrupted => RUN_POD.could_not_ask_but("it was interrupted", "run it again"),
            End::Unread(why) => RUN_POD.could_not_ask_but(why, "run it again"),
        }
    }

    fn profiles(&self) -> Check {
        let admitted = self.profiles.iter().filter(|(_, refused)| refused.is_ok());
        let admitted: Vec<&str> = admitted.map(|(name, _)| name.as_str()).collect();
        let refused = self.profiles.iter().find_map(|(name, refused)| {
            let why = refused.as_ref().err()?;
            Some((name, why))
        });
        match refused {
            None => RUN_PROFILES.ok(admitted.join(", ")),
            Some((name, why)) => RUN_PROFILES.warns(
                format!("{name} is not: {why}"),
                "name a profile that the namespace admits; --profile NAME runs one",
            ),
        }
    }

    fn daemon(&self) -> Check {
        match self.daemon {
            Some(seconds) if seconds > SLOW_START => RUN_DAEMON.warns(
                format!("after {}", seconds_told(seconds)),
                "a slow disk, or a CPU limit: profiles[].resources and profiles[].storage",
            ),
            Some(seconds) => RUN_DAEMON.ok(format!("after {}", seconds_told(seconds))),
            None => RUN_DAEMON.fails(
                "no container that waits for it was started",
                "kubectl logs POD -c dind of a Pod that stays says what it needs",
            ),
        }
    }

    /// What the script says, by its words.
    fn lines(&self) -> BTreeMap<&str, (&str, &str)> {
        let lines = self.log.lines().filter_map(|line| line.strip_prefix(MARK));
        let words = lines.filter_map(|line| {
            let (word, rest) = line.split_once(' ')?;
            Some((word, rest.split_once(' ')?))
        });
        words.collect()
    }

    fn tried(&self, question: Question, word: &str, lines: &BTreeMap<&str, (&str, &str)>) -> Check {
        match lines.get(word) {
            Some(("ok", seen)) => question.ok(*seen),
            Some(("warning", seen)) => question.warns(*seen, fix_of(word)),
            Some((_, seen)) => question.fails(*seen, fix_of(word)),
            None if word == "contained" && self.end == End::Exited(0) => question.warns(
                format!("not tried: the sidecar's limit is above {MOST_TAKEN}, or it has none"),
                format!(
                    "let annotations choose the size ({}), or set the profile's limit",
                    names::MEMORY
                ),
            ),
            None => question.could_not_ask_but("the Pod did not come to it", "see the lines above"),
        }
    }

    fn deletion(&self) -> Check {
        match &self.deleted {
            Ok(()) => RUN_DELETED.ok(format!("{} is gone", self.pod)),
            Err(unread) => RUN_DELETED.fails(
                format!("{} may still be there: {unread}", self.pod),
                format!("kubectl -n {} delete pod {}", self.namespace, self.pod),
            ),
        }
    }
}

fn seconds_told(seconds: u64) -> String {
    counted(usize::try_from(seconds).unwrap_or(usize::MAX), "second")
}

fn fix_of(word: &str) -> &'static str {
    match word {
        "mount" => {
            "a volume that the sidecar does not mirror; a warning at the Pod's creation says which"
        }
        "mtu" => "set profiles[].mtu, or report it with the Pod's network",
        "cgroup" => {
            "a profile that is not rootless, or cgroup version 2 on the node, if jobs limit their containers"
        }
        "contained" => {
            "is there a memory limit in the profile? On cgroup version 2 the sidecar's log says in which group containers run"
        }
        "storage" => "profiles[].storage: a volume on which overlay mounts are possible",
        _ => "kubectl logs POD -c dind of such a Pod; the profile's image and security context",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::Outcome;

    fn ran(end: End, log: &str) -> Ran {
        Ran {
            pod: "dind-injector-check-1".to_owned(),
            namespace: "ci".to_owned(),
            end,
            last: Some(Box::default()),
            log: log.to_owned(),
            daemon: Some(2),
            profiles: vec![("privileged".to_owned(), Ok(()))],
            deleted: Ok(()),
        }
    }

    const GREEN: &str = "\
        dind-injector-check cgroup ok version 2, driver cgroupfs\n\
        dind-injector-check storage ok overlay2\n\
        something else\n\
        dind-injector-check container ok docker run, by Docker 28.5.2\n\
        dind-injector-check mount ok a volume of the Pod\n\
        dind-injector-check mtu ok 1450 inside\n\
        dind-injector-check contained ok killed alone\n";

    fn outcome(ran: &Ran, question: Question) -> Outcome {
        let report = ran.checks();
        let mut checks = report.checks.iter();
        let check = checks.find(|check| check.question == question);
        check.map_or(Outcome::Ok, |check| check.outcome)
    }

    #[test]
    fn a_log_without_a_fault_is_all_green() {
        let report = ran(End::Exited(0), GREEN).checks();
        assert_eq!(report.worst(), Outcome::Ok, "{report:#?}");
        assert_eq!(report.checks.len(), 10);
    }

    #[test]
    fn every_line_of_the_log_can_fail() {
        for (question, word) in [
            (RUN_CONTAINER, "container"),
            (RUN_MOUNT, "mount"),
            (RUN_MTU, "mtu"),
            (RUN_CONTAINED, "contained"),
            (RUN_CGROUP, "cgroup"),
        ] {
            let log = GREEN.replace(&format!("{word} ok"), &format!("{word} failed"));
            assert_eq!(
                outcome(&ran(End::Exited(1), &log), question),
                Outcome::Failed
            );
            let log = GREEN.replace(&format!("{word} ok"), "nothing ok");
            let ended = ran(End::Exited(1), &log);
            assert_eq!(outcome(&ended, question), Outcome::CouldNotAsk, "{word}");
        }
        let log = GREEN.replace("storage ok", "storage warning");
        assert_eq!(
            outcome(&ran(End::Exited(0), &log), RUN_STORAGE),
            Outcome::Warning
        );
        let log = GREEN.replace("contained ok", "nothing ok");
        assert_eq!(
            outcome(&ran(End::Exited(0), &log), RUN_CONTAINED),
            Outcome::Warning
        );
    }

    #[test]
    fn how_the_pod_ended_is_told() {
        for (end, ended) in [
            (End::Exited(1), Outcome::Failed),
            (End::Deadline, Outcome::Failed),
            (End::NotCreated("denied".to_owned(), "ask"), Outcome::Failed),
            (End::Interrupted, Outcome::CouldNotAsk),
            (End::Unread("away".to_owned()), Outcome::CouldNotAsk),
        ] {
            assert_eq!(outcome(&ran(end.clone(), ""), RUN_POD), ended, "{end:?}");
        }
        let slow = Ran {
            daemon: Some(31),
            ..ran(End::Exited(0), GREEN)
        };
        assert_eq!(outcome(&slow, RUN_DAEMON), Outcome::Warning);
        let never = Ran {
            daemon: None,
            ..ran(End::Deadline, "")
        };
        assert_eq!(outcome(&never, RUN_DAEMON), Outcome::Failed);
        let left = Err(crate::check::Unread::Failed("away".to_owned()));
        let left = Ran {
            deleted: left,
            ..ran(End::Exited(0), GREEN)
        };
        assert_eq!(outcome(&left, RUN_DELETED), Outcome::Failed);
        let refused = vec![("rootless".to_owned(), Err("denied".to_owned()))];
        let refused = Ran {
            profiles: refused,
            ..ran(End::Exited(0), GREEN)
        };
        assert_eq!(outcome(&refused, RUN_PROFILES), Outcome::Warning);
    }

    #[test]
    fn all_memory_is_taken_below_a_low_limit_only() {
        assert!(may_take_all(Some("384Mi")) && may_take_all(Some("1Gi")));
        assert!(!may_take_all(Some("4Gi")) && !may_take_all(None) && !may_take_all(Some("much")));
    }
}
