//! Any text as a policy: faults have a place in the text and can be shown, and a policy
//! without faults makes patches that apply, once.
#![no_main]

mod support;

use std::sync::LazyLock;

use dind_injector::policy_file::Config;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use support::invariants::{self, a_second_pass_is_a_no_op};

static PODS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    let mounts = json!([{"name": "s", "mountPath": "/var/run/docker.sock"},
        {"name": "w", "mountPath": "/tmp/work"}]);
    let volumes = json!([{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}},
        {"name": "w", "emptyDir": {}}]);
    let asks = json!({"dind-injector.io/inject": "true", "dind-injector.io/memory": "1Gi/2Gi"});
    [
        json!({"metadata": {"labels": {"app": "x"}}, "spec": {"volumes": volumes,
            "containers": [{"name": "c", "image": "docker:cli", "volumeMounts": mounts}]}}),
        json!({"metadata": {"annotations": asks}, "spec": {"securityContext": {"runAsUser": 7},
            "containers": [{"name": "c", "image": "docker:cli"}]}}),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::from_yaml(text) {
        Ok(config) => {
            for pod in &*PODS {
                let passed = invariants::pass(config.policy(), pod);
                let passed = passed.unwrap_or_else(|error| panic!("{error}"));
                support::assert(a_second_pass_is_a_no_op(config.policy(), pod, &passed));
            }
        }
        Err(errors) => {
            let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
            let mut last = (0, 0);
            for error in errors.iter() {
                let at = (error.line, error.column);
                assert!(last <= at, "{error} is out of order");
                assert!(error.line as usize <= lines + 1, "{error} is behind the text");
                assert!(!error.problem.to_string().is_empty());
                last = at;
            }
            assert!(last > (0, 0), "no policy, and no fault");
            assert!(errors.to_string().len() < (1 << 20), "faults of a megabyte");
        }
    }
});
