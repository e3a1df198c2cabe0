//! Golden tests: each `tests/golden/<group>/<case>.yaml` is an input manifest, and
//! `<case>.expected.yaml` beside it is what becomes of it.
//!
//! New cases are found by themselves. `UPDATE_GOLDENS=1 cargo test --test it golden` writes the
//! expected files; read what it wrote. Every Pod goes both ways, offline and through the
//! real HTTPS server, and every changed Pod is held to what must be true of any of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::api_server::{self, Request, spoken};
use crate::support::files;
use crate::support::https::Webhook;
use crate::support::model::{self, Shows};
use crate::support::rfc6902;
use base64_simd::STANDARD;
use dind_injector::decide::Policy;
use dind_injector::manifest;
use dind_injector::manifest::PodRef;
use dind_injector::manifest::kinds::owner_of;
use dind_injector::model::scope::Scope;
use dind_injector::model::start::{SLOT_SCRIPT, START_SCRIPT, USERNS_SCRIPT};
use dind_injector::model::subject::{Requester, Subject, controller_of};
use dind_injector::model::view::Pod;
use dind_injector::policy_file::Config;
use dind_injector::review;
use dind_injector::review::Action;
use dind_injector::review::offline::{Setting, evaluate};
use dind_injector::text::shortened;
use serde_json::{Map, Value, json};

/// Stand for the sidecar's scripts in expected files.
const PLACEHOLDER: &str = "<start.sh>";
const USERNS_PLACEHOLDER: &str = "<userns.sh>";
const SLOT_PLACEHOLDER: &str = "<slot.sh>";
/// The user that creates Pods that nothing made.
const AUTHOR: &str = "ann@example.com";
const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

#[test]
fn every_golden_holds_offline_and_over_https() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let mut webhook = Webhook::start();
    let cases = cases();
    assert!(!cases.is_empty(), "no case below {}", root().display());
    let mut failures = Vec::new();
    for case in &cases {
        // A panic is a failure of its case; the others still have their say.
        let run = catch_unwind(AssertUnwindSafe(|| case.run(&mut webhook)));
        let rendered = match run.unwrap_or_else(|_| Err("panicked; see above".to_owned())) {
            Ok(rendered) => rendered,
            Err(error) => {
                failures.push(format!("{}: {error}", case.name()));
                continue;
            }
        };
        if update {
            fs::write(case.expected_path(), rendered).unwrap();
            continue;
        }
        match fs::read_to_string(case.expected_path()) {
            Ok(expected) if expected == rendered => {}
            Ok(expected) => failures.push(format!(
                "{}: differs from what is expected\n{}",
                case.name(),
                diff(&expected, &rendered)
            )),
            Err(_) => failures.push(format!(
                "{}: has no {}; make it with `UPDATE_GOLDENS=1 cargo test --test it golden`, \
                 and read it",
                case.name(),
                case.expected_path().display()
            )),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} goldens fail:\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n\n")
    );
}

#[test]
fn no_file_is_left_unread() {
    let mut read = BTreeSet::new();
    for case in cases() {
        read.insert(case.expected_path());
        read.insert(case.group_dir().join("policy.yaml"));
        read.insert(case.path);
    }
    let unread: Vec<_> = files::below(&root())
        .into_iter()
        .filter(|file| !read.contains(file))
        .collect();
    assert!(unread.is_empty(), "no test reads {unread:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every input: a `.yaml` one folder below the root that is nothing else.
fn cases() -> Vec<Case> {
    let is_input = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".yaml")
            && !name.ends_with(".expected.yaml")
            && name != "policy.yaml"
            && path.parent().unwrap().parent() == Some(&root())
    };
    let inputs = files::below(&root()).into_iter().filter(is_input);
    inputs.map(|path| Case { path }).collect()
}

fn diff(expected: &str, rendered: &str) -> String {
    let diff = similar::TextDiff::from_lines(expected, rendered);
    diff.unified_diff()
        .context_radius(4)
        .header("expected", "now")
        .to_string()
}

struct Case {
    path: PathBuf,
}

impl Case {
    fn group_dir(&self) -> &Path {
        self.path.parent().unwrap()
    }

    fn group(&self) -> &str {
        self.group_dir().file_name().unwrap().to_str().unwrap()
    }

    fn name(&self) -> String {
        let stem = self.path.file_stem().unwrap().to_str().unwrap();
        format!("{}/{stem}", self.group())
    }

    fn expected_path(&self) -> PathBuf {
        self.path.with_extension("expected.yaml")
    }

    /// Passes over every Pod of the manifest both ways; the expected file as it should be.
    fn run(&self, webhook: &mut Webhook) -> Result<String, String> {
        let text = fs::read_to_string(&self.path).unwrap();
        let request = if text
            .lines()
            .any(|line| line == "# request: ephemeralcontainers")
        {
            Request::EphemeralContainers
        } else {
            Request::Create
        };
        let policy = Arc::new(policy(self.group_dir())?);
        let documents = manifest::read(&text).map_err(|error| error.to_string())?;
        let count: usize = documents
            .iter()
            .map(|d| manifest::pods(&d.value).len())
            .sum();
        let mut header = String::new();
        let mut changed = false;
        let mut results = Vec::new();
        for document in &documents {
            let mut result = document.value.clone();
            for found in manifest::pods(&document.value) {
                let name = found.name.unwrap_or("unnamed");
                let prefix = match count {
                    1 => String::new(),
                    _ => format!("{}/{name}: ", found.kind),
                };
                let template = found.pod.map_err(|error| error.to_string())?;
                let pass = Pass {
                    policy: &policy,
                    kind: found.kind,
                    name,
                    request,
                };
                let passed = pass.both_ways(template, webhook)?;
                for line in &passed.lines() {
                    writeln!(header, "# {prefix}{line}").unwrap();
                }
                if let Some(after) = passed.after {
                    changed = true;
                    *result.pointer_mut(&found.pointer).unwrap() = after;
                }
            }
            results.push(result);
        }
        if changed {
            let texts = results
                .into_iter()
                .map(|result| manifest::to_yaml(&with_placeholder(result)));
            header.push_str(&texts.collect::<Vec<_>>().join("---\n"));
        }
        Ok(header)
    }
}

/// The policy of a group of cases: its file's, or the one for offline use.
fn policy(group_dir: &Path) -> Result<Policy, String> {
    match fs::read_to_string(group_dir.join("policy.yaml")) {
        Ok(text) => Config::from_yaml(&text)
            .map(|config| config.policy().clone())
            .map_err(|errors| format!("policy.yaml: {errors}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Policy::offline()),
        Err(error) => Err(format!("policy.yaml: {error}")),
    }
}

/// Puts a placeholder where a whole script is.
fn with_placeholder(value: Value) -> Value {
    match value {
        Value::String(text) if text == START_SCRIPT => json!(PLACEHOLDER),
        Value::String(text) if text == SLOT_SCRIPT => json!(SLOT_PLACEHOLDER),
        Value::String(text) if text == USERNS_SCRIPT => json!(USERNS_PLACEHOLDER),
        Value::Array(list) => list.into_iter().map(with_placeholder).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, with_placeholder(value)))
            .collect(),
        other => other,
    }
}

/// One way over one Pod.
#[derive(Clone, Copy)]
struct Pass<'c> {
    policy: &'c Arc<Policy>,
    kind: &'c str,
    name: &'c str,
    request: Request,
}

/// What became of a Pod.
#[derive(Debug, PartialEq)]
struct Passed {
    verdict: Verdict,
    warnings: Vec<String>,
    /// The Pod, where it was changed.
    after: Option<Value>,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Left(String),
    Denied {
        reason: String,
        message: String,
    },
    Changed {
        rule: String,
        profile: String,
        containers: Vec<String>,
    },
}

impl Passed {
    fn lines(&self) -> Vec<String> {
        let first = match &self.verdict {
            Verdict::Left(reason) => format!("left: {reason}"),
            Verdict::Denied { reason, message } => format!("denied: {reason}: {message}"),
            Verdict::Changed { rule, profile, .. } => {
                format!("changed: rule {rule}, profile {profile}")
            }
        };
        let warnings = self
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}"));
        std::iter::once(first).chain(warnings).collect()
    }
}

impl Pass<'_> {
    /// Both ways, with equal results, and with all that must hold for a changed Pod.
    fn both_ways(
        self,
        template: &Map<String, Value>,
        webhook: &mut Webhook,
    ) -> Result<Passed, String> {
        let before = Value::Object(template.clone());
        let offline = self.offline(&before)?;
        let sent = api_server::stored(&api_server::pod_of(self.kind, self.name, template));
        let live = self.live(&sent, webhook)?;
        same("verdict", &offline.verdict, &live.verdict)?;
        same("warnings", &offline.warnings, &live.warnings)?;
        self.is_verified(&sent, &live, webhook)?;
        for warning in &offline.warnings {
            if warning.chars().count() >= 120 {
                return Err(format!("a warning is too long: {warning}"));
            }
        }
        let (Some(after), Some(live_after)) = (&offline.after, &live.after) else {
            return same("after", &offline.after, &live.after).map(|()| offline);
        };
        let Value::Object(template) = after else {
            return Err("the Pod is no object any more".to_owned());
        };
        let stored = api_server::stored(&api_server::pod_of(self.kind, self.name, template));
        same(
            "stored Pod",
            &without_record(stored),
            &without_record(api_server::stored(live_after)),
        )?;
        api_server::is_strictly_a_pod(live_after)?;
        self.holds(&before, after, &offline, webhook)?;
        Ok(offline)
    }

    fn offline(self, pod: &Value) -> Result<Passed, String> {
        let Value::Object(template) = pod else {
            return Err("no object".to_owned());
        };
        let json = pod.to_string();
        let outcome = match self.request {
            Request::Create => {
                let found = PodRef {
                    kind: self.kind,
                    name: Some(self.name),
                    namespace: None,
                    pointer: String::new(),
                    pod: Ok(template),
                };
                let setting = Setting {
                    namespace: "ci".to_owned(),
                    user: AUTHOR.to_owned(),
                    ..Setting::default()
                };
                evaluate(self.policy, &setting, &found).map_err(|error| error.to_string())?
            }
            // Nothing offline asks this; the engine is the same.
            Request::EphemeralContainers => {
                let view: Pod<'_> =
                    dind_injector::json::from_str(&json).map_err(|e| e.to_string())?;
                let subject = Subject::new(&view, "ci", None, Requester::default(), None);
                review::pass(self.policy, &subject, &view, Scope::EphemeralContainers)
                    .map_err(|error| error.to_string())?
            }
        };
        let warnings = outcome.notices.iter().map(ToString::to_string).collect();
        let rule = outcome.rule.unwrap_or_default().to_owned();
        let (verdict, after) = match outcome.action {
            Action::Left(reason) => (Verdict::Left(reason.name().to_owned()), None),
            Action::Denied(denial) => (
                Verdict::Denied {
                    reason: denial.reason().to_owned(),
                    message: denial.to_string(),
                },
                None,
            ),
            Action::Changed(change) => {
                let after = applied(pod, change.patch.as_json())?;
                let (profile, containers) = (change.profile, change.containers);
                // As the audit annotation has them.
                let names = containers.iter().map(|name| shortened(name, usize::MAX));
                let containers = names.map(|name| name.into_owned()).collect();
                (
                    Verdict::Changed {
                        rule,
                        profile: profile.unwrap_or_default().to_owned(),
                        containers,
                    },
                    Some(after),
                )
            }
        };
        Ok(Passed {
            verdict,
            warnings,
            after,
        })
    }

    fn live(self, pod: &Value, webhook: &mut Webhook) -> Result<Passed, String> {
        let mut review = api_server::review(UID, pod, self.request);
        let controller = owner_of(self.kind).and_then(controller_of);
        review["request"]["userInfo"]["username"] = json!(controller.unwrap_or(AUTHOR));
        let response = webhook.review(self.policy, &review);
        let audit = |key: &str| {
            response["auditAnnotations"][key]
                .as_str()
                .unwrap_or_default()
        };
        let reason = audit("reason").to_owned();
        let warnings = model::list(&response, "warnings");
        let warnings = warnings
            .map(|warning| spoken(warning.as_str().unwrap()))
            .collect();
        let mut after = None;
        let verdict = if response["allowed"] == false {
            same("code", &response["status"]["code"], &json!(403))?;
            let message = spoken(response["status"]["message"].as_str().unwrap());
            Verdict::Denied { reason, message }
        } else if let Some(patch) = response["patch"].as_str() {
            after = Some(applied(pod, &STANDARD.decode_to_vec(patch).unwrap())?);
            Verdict::Changed {
                rule: audit("rule").to_owned(),
                profile: audit("profile").to_owned(),
                containers: audit("containers").split(',').map(str::to_owned).collect(),
            }
        } else {
            Verdict::Left(reason)
        };
        Ok(Passed {
            verdict,
            warnings,
            after,
        })
    }

    /// After every webhook: the Pod as it was left or changed is let through, and one that still has
    /// what was to be swapped or denied is not.
    fn is_verified(
        self,
        sent: &Value,
        passed: &Passed,
        webhook: &mut Webhook,
    ) -> Result<(), String> {
        let mut verify = |pod: &Value| {
            let review = api_server::review(UID, pod, self.request);
            let response = webhook.verify(self.policy, &review);
            let reason = response["auditAnnotations"]["reason"].clone();
            (response["allowed"] == true, reason)
        };
        if let Some(after) = &passed.after {
            let (allowed, reason) = verify(&api_server::stored(after));
            if !allowed {
                return Err(format!("what was made of it is refused: {reason}"));
            }
        }
        let (allowed, reason) = verify(sent);
        match &passed.verdict {
            Verdict::Left(left) if allowed && reason == left.as_str() => Ok(()),
            Verdict::Denied { reason: denied, .. } if !allowed && reason == denied.as_str() => {
                Ok(())
            }
            // Where only an annotation asks, nothing is gained.
            Verdict::Changed { .. } if allowed && reason == "NotReached" => {
                match model::ways_to_the_node(sent)
                    .iter()
                    .all(|(_, _, shows)| *shows == Shows::Ancestor)
                {
                    true => Ok(()),
                    false => Err("the node's socket is let through".to_owned()),
                }
            }
            Verdict::Changed { .. } if !allowed && reason == "Unswapped" => Ok(()),
            verdict => Err(format!("verified as {allowed}, {reason}: {verdict:?}")),
        }
    }

    /// What must be true of every changed Pod.
    fn holds(
        self,
        before: &Value,
        after: &Value,
        passed: &Passed,
        webhook: &mut Webhook,
    ) -> Result<(), String> {
        for (container, path, shows) in model::ways_to_the_node(after) {
            let told = passed
                .warnings
                .iter()
                .any(|warning| warning.contains(&container));
            if shows != Shows::Ancestor || !told {
                return Err(format!(
                    "{container} reaches the node's Docker through {path}: {shows:?}"
                ));
            }
        }
        listens_on_its_own_ground(after)?;
        self.others_are_untouched(before, after, passed)?;
        self.is_settled("after the first pass", after)?;
        let Value::Object(template) = after else {
            return Err("no object".to_owned());
        };
        let stored = api_server::stored(&api_server::pod_of(self.kind, self.name, template));
        let second = self.live(&stored, webhook)?;
        if !matches!(second.verdict, Verdict::Left(_)) {
            return Err(format!("a second pass of the server: {second:?}"));
        }
        self.is_settled("with a mesh's containers", &meshed(after))?;
        self.is_settled("with its volumes reordered", &reordered(after))?;
        self.survives_a_lost_restart_policy(after)?;
        self.swaps_what_another_webhook_adds(after)
    }

    fn others_are_untouched(
        self,
        before: &Value,
        after: &Value,
        passed: &Passed,
    ) -> Result<(), String> {
        let Verdict::Changed {
            containers: changed,
            ..
        } = &passed.verdict
        else {
            return Err("not changed".to_owned());
        };
        let ways = model::ways_to_the_node(before);
        for container in model::containers(before) {
            let name = model::name(container);
            let mut after = model::containers(after).filter(|other| model::name(other) == name);
            let same = after.next() == Some(container);
            let reached = ways
                .iter()
                .any(|(at, _, shows)| at == name && *shows != Shows::Ancestor);
            let is_changed = changed
                .iter()
                .any(|other| *other == shortened(name, usize::MAX));
            if same == is_changed || (reached && !is_changed) {
                return Err(format!(
                    "{name}: same {same}, changed {is_changed}, reached {reached}"
                ));
            }
        }
        Ok(())
    }

    fn is_settled(self, when: &str, pod: &Value) -> Result<(), String> {
        let second = self.offline(pod)?;
        match second.verdict {
            Verdict::Left(_) => Ok(()),
            other => Err(format!(
                "a second pass {when}: {other:?}\n{}",
                second.after.unwrap_or_default()
            )),
        }
    }

    fn survives_a_lost_restart_policy(self, after: &Value) -> Result<(), String> {
        let Some(index) = native_sidecar(after) else {
            return Ok(());
        };
        let mut dropped = after.clone();
        let sidecar = &mut dropped["spec"]["initContainers"][index];
        sidecar
            .as_object_mut()
            .unwrap()
            .shift_remove("restartPolicy");
        let repaired = self.offline(&dropped)?;
        same("repaired Pod", &repaired.after.as_ref(), &Some(after))?;
        let told = repaired
            .warnings
            .iter()
            .any(|warning| warning.contains("restartPolicy"));
        told.then_some(())
            .ok_or_else(|| format!("repaired in silence: {:?}", repaired.warnings))
    }

    fn swaps_what_another_webhook_adds(self, after: &Value) -> Result<(), String> {
        let mut added = after.clone();
        let socket = json!({"name": "late-socket", "hostPath": {"path": "/run/docker.sock"}});
        push(&mut added, "volumes", socket);
        let late = json!({"name": "late", "image": "docker:28-cli", "volumeMounts":
            [{"name": "late-socket", "mountPath": "/var/run/docker.sock"}]});
        push(&mut added, "containers", late);
        let second = self.offline(&added)?;
        if matches!(second.verdict, Verdict::Denied { .. }) {
            // A node agent by now; nobody reaches anything.
            return Ok(());
        }
        let Some(swapped) = &second.after else {
            return Err(format!("a late socket is left: {second:?}"));
        };
        let reached = model::ways_to_the_node(swapped);
        if let Some((container, path, _)) = reached.iter().find(|(_, _, s)| *s != Shows::Ancestor) {
            return Err(format!(
                "a late socket is reached by {container} through {path}"
            ));
        }
        let sidecars = |pod: &Value| model::containers(pod).filter(|c| is_sidecar(c)).count();
        same("sidecars", &sidecars(after), &sidecars(swapped))?;
        self.is_settled("over a late socket", swapped)
    }
}

/// Applies a patch with the crate, and with the strict second reading of RFC 6902.
fn applied(pod: &Value, patch: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(patch).map_err(|error| error.to_string())?;
    let strict = rfc6902::apply(pod, &value)?;
    let patch: json_patch::Patch = serde_json::from_slice(patch).map_err(|e| e.to_string())?;
    let mut by_crate = pod.clone();
    json_patch::patch(&mut by_crate, &patch).map_err(|error| error.to_string())?;
    same("patched Pod", &by_crate, &strict)?;
    Ok(strict)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Result<(), String> {
    if one == other {
        return Ok(());
    }
    Err(format!(
        "{what} differs\n{}",
        diff(&format!("{one:#?}\n"), &format!("{other:#?}\n"))
    ))
}

/// Fails where a socket of the daemon would be made in a volume that is not the daemon's own.
fn listens_on_its_own_ground(pod: &Value) -> Result<(), String> {
    for sidecar in model::containers(pod).filter(|container| is_sidecar(container)) {
        let mut env = model::list(sidecar, "env");
        let sockets = env.find(|var| model::name(var) == "DIND_SOCKETS").unwrap();
        let mut mounts = model::list(sidecar, "volumeMounts");
        let own = model::name(mounts.next().unwrap());
        let mounts = mounts.filter(|mount| model::name(mount) != own);
        let mounts = mounts.map(|mount| mount["mountPath"].as_str().unwrap());
        let later = model::list(sidecar, "env").filter(|var| {
            let name = model::name(var);
            name.starts_with("DIND_LINK_") && !name.ends_with("_TO")
        });
        let later = later.map(|var| var["value"].as_str().unwrap());
        for at in mounts.chain(later) {
            let at = at.trim_end_matches('/');
            for socket in sockets["value"].as_str().unwrap().split(' ') {
                if socket == at || socket.starts_with(&format!("{at}/")) {
                    return Err(format!("the daemon listens at {socket}, in {at}"));
                }
            }
        }
    }
    Ok(())
}

/// Without the sidecar's record of what was taken away: it holds the Pod's own words, and
/// the API server writes more of them than people do.
fn without_record(mut pod: Value) -> Value {
    for list in model::LISTS {
        let containers = pod["spec"][list].as_array_mut().into_iter().flatten();
        for sidecar in containers.filter(|container| is_sidecar(container)) {
            let env = sidecar["env"].as_array_mut().unwrap();
            env.retain(|var| !model::name(var).starts_with("DIND_ORIGINAL"));
        }
    }
    pod
}

fn is_sidecar(container: &Value) -> bool {
    model::list(container, "command").any(|word| word == START_SCRIPT)
}

fn native_sidecar(pod: &Value) -> Option<usize> {
    model::list(&pod["spec"], "initContainers").position(is_sidecar)
}

fn push(pod: &mut Value, field: &str, value: Value) {
    let list = &mut pod["spec"][field];
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(value);
}

/// As a service mesh's webhook leaves it: containers first and last, a volume first.
fn meshed(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let volumes = [json!({"name": "mesh-data", "emptyDir": {}})];
    let mounts = json!([{"name": "mesh-data", "mountPath": "/var/lib/mesh"}]);
    let init = json!({"name": "mesh-init", "image": "mesh:1", "volumeMounts": mounts});
    let proxy = json!({"name": "mesh-proxy", "image": "mesh:1", "volumeMounts": mounts});
    for (field, value) in [("volumes", volumes[0].clone()), ("initContainers", init)] {
        push(&mut pod, field, value);
        pod["spec"][field].as_array_mut().unwrap().rotate_right(1);
    }
    push(&mut pod, "containers", proxy);
    pod
}

fn reordered(pod: &Value) -> Value {
    let mut pod = pod.clone();
    if let Some(volumes) = pod["spec"]["volumes"].as_array_mut() {
        volumes.reverse();
    }
    pod
}
