//! What must hold for every Pod and every review, whoever made it: tests/it/properties.rs
//! generates, `fuzz/` mutates, and both hold the outcome to the statements here.
//!
//! A statement is an error that says what is wrong, so that each side fails in its own way.

use std::sync::Arc;

use dind_injector::decide::Policy;
use dind_injector::decide::reason::Reason;
use dind_injector::decide::rule::Profiles;
use dind_injector::model::namespaces::NoNamespaces;
use dind_injector::model::profile::Profile;
use dind_injector::model::scope::Scope;
use dind_injector::model::start::START_SCRIPT;
use dind_injector::model::subject::{Requester, Subject};
use dind_injector::model::view::Pod;
use dind_injector::review;
use dind_injector::review::Action;
use dind_injector::review::pod::{Reviewed, review};
use dind_injector::review::verify::verify;
use serde_json::{Value, json};

use super::model::{self, Shows};
use super::order;
use super::rfc6902;

/// A statement, or what contradicts it.
pub type Held = Result<(), String>;

/// Fails with a text unless a condition holds.
macro_rules! hold {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

/// What became of a Pod.
#[derive(Debug)]
pub enum Verdict {
    Left(Reason),
    Denied(String),
    Changed(Value),
}

/// One pass, and what its author is told.
#[derive(Debug)]
pub struct Passed {
    pub verdict: Verdict,
    pub warnings: Vec<String>,
}

/// A statement about a Pod and what a pass under a policy made of it.
pub type Statement = fn(&Policy, &Value, &Passed) -> Held;

/// Every statement about one pass over a Pod, by its name.
pub const OF_A_PASS: [(&str, Statement); 9] = [
    ("second pass", a_second_pass_is_a_no_op),
    ("node's sockets", no_socket_of_the_node_is_in_reach),
    ("links", no_link_of_its_own_is_in_silence),
    ("uninvolved", containers_that_need_nothing_are_unchanged),
    ("untouched", nothing_else_of_the_pod_is_touched),
    ("mirror", what_a_client_mounts_its_daemon_sees),
    ("mounts", the_sidecars_mounts_are_sound),
    (
        "user namespace",
        in_a_user_namespace_nothing_of_the_node_is_mounted,
    ),
    (
        "order",
        a_sidecar_that_starts_first_makes_nothing_for_others,
    ),
];

/// All of them.
pub fn of_a_pass(policy: &Policy, pod: &Value) -> Held {
    let passed = pass(policy, pod)?;
    for (name, holds) in OF_A_PASS {
        holds(policy, pod, &passed).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// One pass; a patch is applied by the strict reading and by the crate, with equal results.
pub fn pass(policy: &Policy, pod: &Value) -> Result<Passed, String> {
    let json = pod.to_string();
    let view: Pod<'_> = dind_injector::json::from_str(&json).map_err(|error| error.to_string())?;
    let subject = Subject::new(&view, "ci", None, Requester::default(), None);
    let outcome = review::pass(policy, &subject, &view, Scope::Creation);
    let outcome = outcome.map_err(|error| error.to_string())?;
    let warnings = outcome.notices.iter().map(ToString::to_string).collect();
    let verdict = match outcome.action {
        Action::Left(reason) => Verdict::Left(reason),
        Action::Denied(denial) => Verdict::Denied(denial.to_string()),
        Action::Changed(change) => Verdict::Changed(applied(pod, change.patch.as_json())?),
    };
    Ok(Passed { verdict, warnings })
}

/// Applies a patch by the strict reading of RFC 6902 and by the crate, with equal results.
pub fn applied(pod: &Value, patch: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(patch).map_err(|error| error.to_string())?;
    let strict = rfc6902::apply(pod, &value).map_err(|error| format!("{error}\n{pod:#}"))?;
    let mut by_crate = pod.clone();
    let patch: json_patch::Patch = serde_json::from_value(value).map_err(|e| e.to_string())?;
    json_patch::patch(&mut by_crate, &patch).map_err(|error| error.to_string())?;
    hold!(
        strict == by_crate,
        "two readings of a patch differ:\n{strict:#}\n{by_crate:#}"
    );
    Ok(strict)
}

pub fn a_second_pass_is_a_no_op(policy: &Policy, _: &Value, passed: &Passed) -> Held {
    if let Verdict::Changed(after) = &passed.verdict {
        let second = pass(policy, after)?.verdict;
        hold!(
            matches!(second, Verdict::Left(_)),
            "{second:?} over\n{after:#}"
        );
    }
    Ok(())
}

/// For policies that swap or deny what reaches the node's socket.
pub fn no_socket_of_the_node_is_in_reach(_: &Policy, pod: &Value, passed: &Passed) -> Held {
    let after = match &passed.verdict {
        Verdict::Denied(_) => return Ok(()),
        Verdict::Left(Reason::OptedOut | Reason::MirrorPod | Reason::WindowsPod) => return Ok(()),
        Verdict::Left(_) => pod,
        Verdict::Changed(after) => after,
    };
    let is_agent = ["hostNetwork", "hostPID", "hostIPC"]
        .iter()
        .any(|f| pod["spec"][f] == true);
    for (container, path, shows) in model::ways_to_the_node(after) {
        let expected = match shows {
            Shows::Socket => false,
            Shows::Directory => is_agent,
            Shows::Ancestor => true,
        };
        hold!(expected, "{container}: {path} {shows:?} in\n{after:#}");
        hold!(
            !passed.warnings.is_empty(),
            "{container}: {path} {shows:?} in silence"
        );
    }
    Ok(())
}

/// For policies that warn about what cannot be swapped, or deny it.
pub fn no_link_of_its_own_is_in_silence(_: &Policy, pod: &Value, passed: &Passed) -> Held {
    match &passed.verdict {
        Verdict::Denied(_)
        | Verdict::Left(Reason::OptedOut | Reason::MirrorPod | Reason::WindowsPod) => {}
        Verdict::Left(_) | Verdict::Changed(_) => {
            let links = model::links_of_its_own(pod);
            let told = passed.warnings.iter().any(|w| w.contains("may be a link"));
            hold!(links.is_empty() || told, "{links:?} in silence:\n{pod:#}");
        }
    }
    Ok(())
}

pub fn containers_that_need_nothing_are_unchanged(
    _: &Policy,
    pod: &Value,
    passed: &Passed,
) -> Held {
    let Verdict::Changed(after) = &passed.verdict else {
        return Ok(());
    };
    for list in model::LISTS {
        let before: Vec<_> = model::list(&pod["spec"], list).collect();
        let others: Vec<_> = model::list(&after["spec"], list)
            .filter(|container| !is_sidecar(container) || before.contains(container))
            .collect();
        hold!(
            before.len() == others.len(),
            "{list} has lost or won containers:\n{after:#}"
        );
        for (before, after) in before.iter().zip(others) {
            if needs_nothing(pod, before) {
                hold!(*before == after, "{before:#}\nbecame\n{after:#}");
            }
        }
    }
    Ok(())
}

pub fn nothing_else_of_the_pod_is_touched(_: &Policy, pod: &Value, passed: &Passed) -> Held {
    let Verdict::Changed(after) = &passed.verdict else {
        return Ok(());
    };
    let (mut before, mut after) = (pod.clone(), after.clone());
    for pod in [&mut before, &mut after] {
        let spec = pod["spec"]
            .as_object_mut()
            .ok_or("a changed Pod has a spec")?;
        for field in [
            "initContainers",
            "containers",
            "ephemeralContainers",
            "volumes",
        ] {
            spec.shift_remove(field);
        }
        if let Some(Value::Object(security)) = spec.get_mut("securityContext") {
            security.shift_remove("supplementalGroups");
        }
        spec.shift_remove("hostUsers");
        spec.retain(|_, value| !value.is_null() && *value != json!({}));
    }
    hold!(before == after, "{before:#}\nbecame\n{after:#}");
    Ok(())
}

/// Or a warning names what it does not see.
pub fn what_a_client_mounts_its_daemon_sees(_: &Policy, pod: &Value, passed: &Passed) -> Held {
    let Verdict::Changed(after) = &passed.verdict else {
        return Ok(());
    };
    let Some(sidecar) = model::containers(after).find(|c| is_sidecar(c)) else {
        return Ok(());
    };
    let own: Vec<_> = model::list(sidecar, "volumeMounts")
        .take(1)
        .map(model::name)
        .collect();
    // A mount of a volume that the Pod does not have, by the name that ours gets: no valid Pod.
    let borrowed = |mount: &Value| own.contains(&model::name(mount));
    if model::containers(pod).any(|c| model::list(c, "volumeMounts").any(borrowed))
        && !model::list(&pod["spec"], "volumes").any(|v| own.contains(&model::name(v)))
    {
        return Ok(());
    }
    let place = |mount: &Value| {
        let path = mount["mountPath"].as_str().unwrap_or_default();
        let parts: Vec<_> = path
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        let unlinked = parts
            .strip_prefix(&["var"])
            .filter(|rest| rest.first() == Some(&"run"));
        (
            model::name(mount).to_owned(),
            unlinked.unwrap_or(&parts).join("/"),
        )
    };
    let seen: Vec<_> = model::list(sidecar, "volumeMounts").map(place).collect();
    let is_client = |c: &&Value| {
        let leads_here = |m: &Value| {
            own.contains(&model::name(m)) && m["subPath"].as_str() != Some("bin/docker")
        };
        !is_sidecar(c) && model::list(c, "volumeMounts").any(leads_here)
    };
    for container in model::containers(after).filter(is_client) {
        for mount in model::list(container, "volumeMounts") {
            let path = mount["mountPath"].as_str().unwrap_or_default();
            if path.is_empty() || path.contains("..") || own.contains(&model::name(mount)) {
                continue;
            }
            let told = passed
                .warnings
                .iter()
                .any(|warning| warning.contains("is not visible"));
            let is_linked = linked_paths(sidecar)
                .any(|at| place(&json!({"mountPath": at})).1 == place(mount).1);
            // Tekton's own, of which each step has another: no script means it, so nothing is said.
            let at = place(mount).1;
            let is_of_a_system = at == "tekton" || at.starts_with("tekton/");
            hold!(
                told || is_linked || is_of_a_system || seen.contains(&place(mount)),
                "{mount} in\n{after:#}"
            );
        }
    }
    Ok(())
}

/// Each container finds in its volumes what it would find if there were no sidecar.
pub fn a_sidecar_that_starts_first_makes_nothing_for_others(
    _: &Policy,
    pod: &Value,
    passed: &Passed,
) -> Held {
    let Verdict::Changed(after) = &passed.verdict else {
        return Ok(());
    };
    if order::is_ambiguous(after) {
        return Ok(());
    }
    let theirs: Vec<_> = model::list(&pod["spec"], "volumes")
        .map(model::name)
        .collect();
    let mut after = after.clone();
    if let Some(volumes) = after["spec"]["volumes"].as_array_mut() {
        // What is made in the daemon's own volumes is nobody's loss.
        volumes.retain(|volume| theirs.contains(&model::name(volume)));
    }
    let before: Vec<_> = model::containers(pod).collect();
    let is_other = |container: &Value| !is_sidecar(container) || before.contains(&container);
    let without = order::before_each(&after, is_other, false);
    let with = order::before_each(&after, is_other, true);
    for (number, (with, without)) in with.iter().zip(&without).enumerate() {
        let extra: Vec<_> = with.difference(without).collect();
        hold!(
            extra.is_empty(),
            "container {number} finds {extra:?} in\n{after:#}"
        );
    }
    Ok(())
}

/// The profiles of a rule that prefers a daemon that is not root on the node.
pub fn not_root_first() -> Profiles {
    Profiles {
        default: Arc::new(Profile::userns()),
        others: vec![Arc::new(Profile::privileged())],
    }
}

/// Root in a user namespace is root on a path of the node: no daemon there sees one, and in a Pod that is put into one
/// nothing mounts one.
pub fn in_a_user_namespace_nothing_of_the_node_is_mounted(
    _: &Policy,
    pod: &Value,
    passed: &Passed,
) -> Held {
    let Verdict::Changed(after) = &passed.verdict else {
        return Ok(());
    };
    let has_sidecar = model::containers(pod).any(is_sidecar);
    if after["spec"]["hostUsers"] != false || has_sidecar {
        return Ok(());
    }
    let volumes = model::list(&after["spec"], "volumes");
    let of_node: Vec<_> = volumes
        .filter(|volume| volume["hostPath"].is_object())
        .map(model::name)
        .collect();
    let is_of_node = |mount: &&Value| of_node.contains(&model::name(mount));
    for container in model::containers(after) {
        if is_sidecar(container) || pod["spec"]["hostUsers"] != false {
            let mounted = model::list(container, "volumeMounts").find(is_of_node);
            hold!(mounted.is_none(), "{mounted:?} in\n{after:#}");
        }
    }
    if pod["spec"]["hostUsers"] != false {
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            hold!(after["spec"][field] != true, "{field} in\n{after:#}");
        }
    }
    Ok(())
}

/// Of volumes, at one path each, and over nothing that the daemon stands on.
pub fn the_sidecars_mounts_are_sound(_: &Policy, pod: &Value, passed: &Passed) -> Held {
    let Verdict::Changed(after) = &passed.verdict else {
        return Ok(());
    };
    let known: Vec<_> = model::list(&after["spec"], "volumes")
        .map(model::name)
        .collect();
    for sidecar in model::containers(after).filter(|c| is_sidecar(c)) {
        let mut at: Vec<String> = Vec::new();
        for mount in model::list(sidecar, "volumeMounts") {
            let is_mirrored_from_nowhere = !known.contains(&model::name(mount));
            if is_mirrored_from_nowhere {
                let same = |m: &Value| model::name(m) == model::name(mount);
                let theirs =
                    model::containers(pod).any(|c| model::list(c, "volumeMounts").any(same));
                hold!(theirs, "a mount of no volume: {mount}");
            }
            // The API server wants it inside the volume. Only a Pod that it refuses anyway has others.
            let below = mount["subPath"].as_str().unwrap_or_default();
            let same = |m: &Value| m["subPath"].as_str() == Some(below);
            hold!(
                !(below.starts_with('/') || below.split('/').any(|part| part == ".."))
                    || model::containers(pod).any(|c| model::list(c, "volumeMounts").any(same)),
                "below {below:?}: {mount}"
            );
            let path = mount["mountPath"]
                .as_str()
                .ok_or("a mount without a path")?;
            let parts: Vec<_> = path
                .split('/')
                .filter(|p| !matches!(*p, "" | "."))
                .collect();
            let path = parts.join("/");
            hold!(!at.contains(&path), "twice at {path}");
            at.push(path);
        }
        for stands_on in [
            "usr/local/bin",
            "etc/docker",
            "var/lib/docker",
            "run/docker.sock",
            "proc",
        ] {
            let covered = |path: &&String| {
                path.is_empty() || stands_on == **path || stands_on.starts_with(&format!("{path}/"))
            };
            let own = at.iter().filter(covered).count();
            let expected = usize::from(stands_on == "var/lib/docker" && !is_rootless(sidecar));
            hold!(own == expected, "{stands_on} is covered: {at:?}");
        }
    }
    Ok(())
}

/// The answer is the same where everything is read: a review that has an escape cannot be passed
/// over for the words that it has not. Only a fault may come to light.
fn is_the_answer_to_all_of_it(policy: &Policy, asked: &Value, reviewed: &Reviewed) -> Held {
    const MARK: &str = "an escape stands here";
    let mut all = asked.clone();
    let Some(fields) = all.as_object_mut() else {
        return Ok(());
    };
    fields.insert(MARK.to_owned(), Value::Null);
    let all = all.to_string().replace(MARK, r"\u0061");
    if let Ok(of_all) = review(policy, &NoNamespaces, all.as_bytes()) {
        hold!(of_all.json == reviewed.json, "read as a whole: {asked:#}");
    }
    Ok(())
}

/// An answer to `body`, as the API server reads it: of the right shape, to the right request,
/// with a patch that applies and leaves nothing for a second review.
pub fn is_an_answer(policy: &Policy, body: &[u8], reviewed: &Reviewed) -> Held {
    let text = |error: serde_json::Error| error.to_string();
    let mut asked: Value = serde_json::from_slice(body).map_err(text)?;
    // With spaces, say, what a record keeps as it was written would be another text.
    if asked.to_string().as_bytes() == body {
        is_the_answer_to_all_of_it(policy, &asked, reviewed)?;
    }
    let answer: Value = serde_json::from_slice(&reviewed.json).map_err(text)?;
    hold!(answer["apiVersion"] == "admission.k8s.io/v1", "{answer}");
    hold!(answer["kind"] == "AdmissionReview", "{answer}");
    let response = &answer["response"];
    hold!(
        response["uid"] == asked["request"]["uid"],
        "another uid: {answer}"
    );
    let allowed = response["allowed"].as_bool().ok_or("no allowed")?;
    let status = &response["status"];
    hold!(
        allowed == status.is_null(),
        "a status goes with a denial: {answer}"
    );
    hold!(
        allowed
            || (status["code"] == 403 && status["message"].as_str().is_some_and(|m| !m.is_empty())),
        "a denial without a message: {answer}"
    );
    for warning in model::list(response, "warnings") {
        let warning = warning.as_str().ok_or("a warning is a text")?;
        let text = warning.strip_prefix("dind-injector: ");
        let warning =
            text.ok_or_else(|| format!("a warning that does not say who speaks: {warning}"))?;
        hold!((1..120).contains(&warning.chars().count()), "{warning:?}");
    }
    for (key, value) in response["auditAnnotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        hold!(value.is_string() && !key.contains('/'), "{key}: {value}");
    }
    let patch = &response["patch"];
    hold!(
        patch.is_null() == response["patchType"].is_null(),
        "half a patch: {answer}"
    );
    let Some(patch) = patch.as_str() else {
        return Ok(());
    };
    hold!(allowed && response["patchType"] == "JSONPatch", "{answer}");
    let patch = base64_simd::STANDARD
        .decode_to_vec(patch)
        .map_err(|error| error.to_string())?;
    let after = applied(&asked["request"]["object"], &patch)?;
    asked["request"]["object"] = after;
    let body = asked.to_string();
    let verified = verify(policy, &NoNamespaces, body.as_bytes());
    let verified = verified.map_err(|error| format!("it is not verified: {error}\n{asked:#}"))?;
    hold!(
        verified.record.outcome == "left",
        "{} at the end: {asked:#}",
        verified.record.outcome
    );
    let again = review(policy, &NoNamespaces, body.as_bytes());
    let again = again.map_err(|error| format!("no second answer: {error}\n{asked:#}"))?;
    hold!(
        again.record.outcome == "left",
        "{} again: {asked:#}",
        again.record.outcome
    );
    Ok(())
}

/// The containers' paths at which a sidecar has a link into a volume, or binds one later.
fn linked_paths(sidecar: &Value) -> impl Iterator<Item = String> {
    let value = |name: &str| {
        let mut env = model::list(sidecar, "env");
        let var = env.find(|var| model::name(var) == name)?;
        Some(var["value"].as_str()?.replace("$$", "$"))
    };
    let of = |prefix: &str| -> Vec<(String, String)> {
        let pairs = (0..).map_while(|number| {
            let name = format!("{prefix}{number}");
            Some((value(&name)?, value(&format!("{name}_TO"))?))
        });
        pairs.collect()
    };
    let links = of("DIND_LINK_");
    let binds = of("DIND_BIND_").into_iter().map(|(at, _)| {
        // A path behind a link of the sidecar's is told as where that leads.
        let through = links
            .iter()
            .find_map(|(from, to)| Some((from, at.strip_prefix(to)?)));
        through.map_or(at.clone(), |(from, rest)| format!("{from}{rest}"))
    });
    let binds: Vec<String> = binds.collect();
    links.into_iter().map(|(at, _)| at).chain(binds)
}

pub fn is_sidecar(container: &Value) -> bool {
    model::list(container, "command").any(|word| word == START_SCRIPT)
}

fn is_rootless(sidecar: &Value) -> bool {
    model::list(sidecar, "env").any(|var| model::name(var) == "DIND_ROOTLESS")
}

/// Whether nothing in `container` has to do with Docker, by a generous guess.
fn needs_nothing(pod: &Value, container: &Value) -> bool {
    let asks = pod["metadata"]["annotations"].as_object().is_some_and(|a| {
        a.contains_key("dind-injector.io/inject") || a.contains_key("ax_ea_docker_enable")
    });
    let of_node = |mount: &Value| {
        let mut volumes = model::list(&pod["spec"], "volumes");
        volumes.any(|v| model::name(v) == model::name(mount) && v["hostPath"].is_object())
    };
    !asks
        && !model::list(container, "volumeMounts").any(of_node)
        && !model::list(container, "env").any(|var| model::name(var) == "DOCKER_HOST")
}
