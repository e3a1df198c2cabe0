//! What a scan still finds in a text that was changed: the forms that are not edited.

use std::collections::BTreeMap;

use crate::decide::asked_mounts::items;
use crate::model::path::CleanPath;
use crate::model::sockets::{DEFAULT_SOCKET, Sockets};
use crate::names;
use crate::scan::evaluator::Evaluator;
use crate::scan::finding::{Finding, How, Verdict, Workload};
use crate::scan::ignored;
use crate::scan::result::Reading;
use crate::scan::sources::values;
use crate::scan::text;
use crate::scan::text::Syntax;
use crate::text::shortened;

use crate::migrate::advice::{CONTAINER, annotations, has_name};
use crate::migrate::{ByHand, Context};

/// The kinds whose containers are called otherwise than their parts in the text, or somewhere else: Tekton puts
/// `step-` before a step's name.
const RENAMED: [&str; 8] = [
    "Task",
    "ClusterTask",
    "TaskRun",
    "Pipeline",
    "PipelineRun",
    "StepAction",
    "JSON patch",
    values::KIND,
];

/// What comments in `text` say is to stay, as it is called (`Deployment/web`), each with the reason.
pub fn kept(context: &Context<'_>, text: &str, syntax: Syntax) -> BTreeMap<String, String> {
    if !ignored::may_be_in(text) {
        return BTreeMap::new();
    }
    let ignored = read(context, text, syntax).ignored.into_iter();
    ignored
        .filter_map(|one| Some((one.object?, one.reason)))
        .collect()
}

fn read(context: &Context<'_>, text: &str, syntax: Syntax) -> Reading {
    let evaluator = Evaluator {
        policy: context.policy.clone(),
        setting: context.setting.clone(),
        changes: false,
    };
    text::read(&evaluator, context.namespaces, "", text, syntax)
}

/// What the policy would swap in `text`.
pub(super) fn swapped(context: &Context<'_>, text: &str, syntax: Syntax) -> Vec<ByHand> {
    read(context, text, syntax)
        .workloads
        .iter()
        .filter_map(|workload| by_hand(text, workload, &context.policy.sockets))
        .collect()
}

fn by_hand(text: &str, workload: &Workload, sockets: &Sockets) -> Option<ByHand> {
    let is_swapped = |finding: &&Finding| {
        finding.verdict == Verdict::Swapped && finding.how != How::TcpDockerHost
    };
    let swapped: Vec<&Finding> = workload.findings.iter().filter(is_swapped).collect();
    let first = swapped.first()?;
    let mut containers: Vec<&str> = Vec::new();
    for name in swapped
        .iter()
        .filter_map(|finding| finding.container.as_deref())
    {
        let is_known = !RENAMED.contains(&workload.kind.as_str()) && has_name(text, name);
        let name = if is_known { name } else { CONTAINER };
        if !containers.contains(&name) {
            containers.push(name);
        }
    }
    let mut asked = vec![
        (names::INJECT, "true".to_owned()),
        (names::CONTAINERS, containers.join(",")),
    ];
    let mut lost = String::new();
    match mounts(&swapped, sockets) {
        Mounts::Default => {}
        Mounts::Asked(list) => asked.push((names::MOUNTS, list)),
        Mounts::Lost(list) => {
            let list = shortened(&list, 200);
            lost = format!(
                ". No annotation can carry where its containers see it ({list}): change the mount"
            );
        }
    }
    // As a swap leaves it.
    asked.push((names::SHARED_TMP, "false".to_owned()));
    Some(ByHand {
        line: first.spot.as_ref().map_or(1, |spot| spot.line),
        what: format!("{}/{}", workload.kind, workload.name),
        message: format!(
            "by hand: this form is not edited. Remove the mounts of {} and their volume, and give the Pods these \
             annotations: {}{lost}",
            first.target,
            annotations(&asked)
        ),
        is_asked: false,
    })
}

/// Where the Pods have it.
enum Mounts {
    /// Where the annotation alone puts it; or their containers differ in that, since a person names those.
    Default,
    /// As the annotation of the mounts says it.
    Asked(String),
    /// As no annotation says it.
    Lost(String),
}

/// Where the Pods have what is swapped.
fn mounts(swapped: &[&Finding], sockets: &Sockets) -> Mounts {
    let of = |container: &Option<String>| -> Vec<String> {
        let own = swapped.iter().filter(|one| one.container == *container);
        own.filter_map(|one| {
            let path = CleanPath::on_node(&one.target);
            Some(format!("{path}:{}", one.mount_path.as_deref()?))
        })
        .collect()
    };
    let Some(one) = swapped.first() else {
        return Mounts::Default;
    };
    let first = of(&one.container);
    let is_default = match one.mount_path.as_deref() {
        Some(path) => {
            first.len() == 1
                && CleanPath::on_node(path).as_str() == CleanPath::on_node(DEFAULT_SOCKET).as_str()
        }
        None => true,
    };
    let is_alike = swapped.iter().all(|one| of(&one.container) == first);
    if is_default || !is_alike {
        return Mounts::Default;
    }
    let list = first.join(",");
    match items(&list, sockets) {
        Ok(_) => Mounts::Asked(list),
        Err(_) => Mounts::Lost(list),
    }
}
