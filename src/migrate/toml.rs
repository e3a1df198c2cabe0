//! A GitLab Runner's `config.toml`: its volumes of the node go, and its Pods' annotations come.
//!
//! The runner mounts each volume in all of a job's containers, which get their names from the runner, so
//! the annotation names none. Source: gitlab-runner, `docs/executors/kubernetes`.

use serde_json::json;

use crate::manifest::PodRef;
use crate::names::NO_NAME;
use crate::scan::sources::gitlab;
use crate::scan::sources::gitlab::Runner;
use crate::scan::sources::jenkins::{HostPath, container_of, pod_of};

use crate::migrate::manifest::by_hand;
use crate::migrate::pod::migration;
use crate::migrate::spot::Naming;
use crate::migrate::{Around, ByHand, Changed, Court, Migrated};

/// The table of a runner's annotations.
const TABLE: &str = "runners.kubernetes.pod_annotations";

pub(super) fn migrate(court: &Court<'_>, text: &str, around: &Around) -> Migrated {
    let mut done = Migrated::unchanged(text);
    // From the last on, so that the lines of those before stay what they are.
    for runner in gitlab::read(text).into_iter().rev() {
        one(court, around, &runner, &mut done);
    }
    done.changed.reverse();
    done.refused.reverse();
    done
}

fn one(court: &Court<'_>, around: &Around, runner: &Runner, done: &mut Migrated) {
    let mounts: Vec<HostPath> = runner
        .volumes
        .iter()
        .map(|volume| HostPath {
            host_path: volume.host_path.clone(),
            mount_path: volume.mount_path.clone(),
        })
        .collect();
    let container =
        |name: &str, image: &str| container_of(&[name, image, "", ""].map(str::to_owned));
    let image = runner.image.as_deref().unwrap_or("the job's image");
    let containers = vec![
        container("build", image),
        container("helper", "gitlab/gitlab-runner-helper"),
    ];
    let pod = pod_of(containers, &mounts);
    let name = runner
        .name
        .as_deref()
        .or(around.name.as_deref())
        .unwrap_or(NO_NAME);
    let what = format!("GitLab runner/{name}");
    let line = runner
        .volumes
        .iter()
        .map(|volume| volume.line)
        .min()
        .unwrap_or(1);
    let namespace = runner.namespace.as_deref().or(around.namespace.as_deref());
    let setting = court.setting(namespace);
    let found = PodRef {
        kind: "Pod",
        name: Some(name),
        namespace: runner.namespace.as_deref(),
        pointer: String::new(),
        pod: Ok(&pod),
    };
    let migration = match migration(court.policy, &setting, &found, Naming::Every, &|_, _| None) {
        Ok(Some(migration)) => migration,
        Ok(None) => return,
        Err(refusal) => {
            let message = refusal.to_string();
            return done.refused.push(ByHand {
                line,
                what,
                message,
            });
        }
    };
    let mut lines: Vec<String> = done.text.split_inclusive('\n').map(str::to_owned).collect();
    let gone: Vec<_> = migration
        .mounts
        .iter()
        .filter(|(place, _)| place.index == 0)
        .filter_map(|(_, mount)| runner.volumes.get(*mount))
        .map(|volume| volume.lines.clone())
        .collect();
    let index = |line: u32| {
        usize::try_from(line)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
    };
    let Some(first) = gone.first().map(|gone| index(gone.start)) else {
        return;
    };
    if tables(&lines, first).any(|table| table == TABLE) {
        let message = by_hand(
            &migration,
            "in the runner's table [runners.kubernetes.pod_annotations]",
        );
        return done.refused.push(ByHand {
            line,
            what,
            message,
        });
    }
    let header = lines.get(first).map_or("", String::as_str);
    let line_end = if header.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let indent = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
    let outer = indent(header);
    let inner = lines
        .get(first + 1)
        .map_or_else(|| outer.clone(), |line| indent(line));
    let mut table = format!("{outer}[{TABLE}]{line_end}");
    for (key, value) in &migration.annotations {
        table.push_str(&format!(
            "{inner}{} = {}{line_end}",
            json!(key),
            json!(value)
        ));
    }
    for gone in gone.iter().rev() {
        let (start, end) = (index(gone.start), index(gone.end).min(lines.len()));
        lines.drain(start..end.max(start));
    }
    lines.insert(first, table);
    done.text = lines.concat();
    done.changed.push(Changed {
        line,
        what,
        namespace: setting.namespace,
    });
}

/// The names of the tables of the runner that has the line with this index.
fn tables(lines: &[String], at: usize) -> impl Iterator<Item = String> {
    let name = |line: &String| {
        let line = line.trim().split('#').next().unwrap_or_default().trim();
        line.starts_with('[')
            .then(|| line.trim_matches(['[', ']']).trim().to_owned())
    };
    let is_runner = |line: &String| name(line).is_some_and(|name| name == "runners");
    let start = lines[..at.min(lines.len())]
        .iter()
        .rposition(is_runner)
        .unwrap_or(0);
    let rest = &lines[start.min(lines.len())..];
    let count = rest
        .iter()
        .skip(1)
        .take_while(|line| !is_runner(line))
        .count()
        + 1;
    let names: Vec<String> = rest.iter().take(count).filter_map(name).collect();
    names.into_iter()
}
