//! The additional agents of Jenkins' chart, which have everything of `agent` that they do not say themselves.
//!
//! Annotations are merged key by key, and a list of volumes is taken whole: an agent with volumes of its own has the
//! annotations of a conversion and none of the mounts that these stand for. Source: the chart's `_helpers.tpl`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scan::sources::jenkins::{agents, has_volumes};

/// Why the parts `gone` of the agent at `base` cannot become annotations, where other agents would have these too.
pub(super) fn strangers(document: &Value, base: &str, gone: &BTreeSet<String>) -> Option<String> {
    let (above, key) = base.rsplit_once('/')?;
    let heirs = agents(document.pointer(above)?.as_object()?).filter(|_| key == "agent")?;
    let parts: Vec<&Value> = gone.iter().filter_map(|at| document.pointer(at)).collect();
    let is_stranger = |heir: &Value| {
        let own = heir.get("volumes").and_then(Value::as_array);
        let has = |part: &&Value| own.is_some_and(|own| own.contains(part));
        has_volumes(heir) && !parts.iter().all(has)
    };
    let strangers = heirs.iter().filter(|(_, heir)| is_stranger(heir));
    let names: Vec<&str> = strangers.map(|(name, _)| name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "additionalAgents.{} would have its annotations too, and does not mount the same; write them out for each \
             agent that needs Docker",
            names.join(", additionalAgents.")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_agent_with_volumes_of_its_own_would_have_annotations_and_no_mounts() {
        let socket = json!({"type": "HostPath", "hostPath": "/run/docker.sock", "mountPath": "/run/docker.sock"});
        for (volumes, is_stranger) in [
            (json!(null), false),
            (json!([]), false),
            (json!([socket]), false),
            (json!([{"type": "EmptyDir", "mountPath": "/x"}]), true),
        ] {
            let document = json!({
                "agent": {"volumes": [socket]},
                "additionalAgents": {"tools": {"volumes": volumes}},
            });
            let gone = BTreeSet::from(["/agent/volumes/0".to_owned()]);
            let why = strangers(&document, "/agent", &gone);
            assert_eq!(why.is_some(), is_stranger, "{volumes}");
        }
    }
}
