//! Any text as a manifest: what is read and written reads the same again, `inject` makes what
//! its patch says, and `convert` edits the text or says why not, but never has a fault.
#![no_main]

use std::sync::LazyLock;

use dind_injector::convert::{ConvertError, convert};
use dind_injector::manifest::{pods, read, read_with_positions, to_yaml};
use dind_injector::review::offline::{Setting, changes, evaluate};
use dind_injector::decide::Policy;
use libfuzzer_sys::fuzz_target;

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::offline);

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(documents) = read_with_positions(text) else {
        assert!(read(text).is_err(), "readable, but not with positions");
        return;
    };
    let mut planned = Vec::new();
    for document in documents {
        let mut injected = document.value.clone();
        let mut operations = Vec::new();
        for pod in pods(&document.value) {
            let Ok(outcome) = evaluate(&POLICY, &Setting::default(), &pod) else {
                continue;
            };
            for operation in changes(&pod.pointer, &outcome).expect("a patch can be read") {
                operation.clone().apply(&mut injected).expect("a patch applies");
                operations.push(operation);
            }
        }
        for value in [&document.value, &injected] {
            let written = to_yaml(value);
            let again = read(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
            let again: Vec<_> = again.into_iter().map(|document| document.value).collect();
            assert_eq!(again, [value.clone()], "{written}");
        }
        planned.push((document, operations));
    }
    match convert(text, &planned) {
        Ok(_) | Err(ConvertError::Shared { .. } | ConvertError::Anchored { .. }) => {}
        Err(error @ (ConvertError::Unfit(_) | ConvertError::Operation(_))) => {
            panic!("{error}\n{text}");
        }
    }
});
