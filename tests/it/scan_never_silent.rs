//! Put a socket's path anywhere into any file of the corpus: the answer is never "none reaches,
//! complete".

use std::fs;
use std::path::{Path, PathBuf};

use dind_injector::decide::Policy;
use dind_injector::review::offline::Setting;
use dind_injector::scan::evaluator::Evaluator;
use dind_injector::scan::files::read_as;
use dind_injector::scan::result::{Namespaces, Reading};

use crate::support::files;

/// So many places of one file are tried: each of a short one, and of a long one as many.
const PLACES: usize = 30;

/// How a path gets into a text.
const FORMS: [&str; 10] = [
    "/var/run/docker.sock",
    " # /var/run/docker.sock\n",
    "\n# mounts /run/docker.sock\n",
    "\n- \"\\/var\\/run\\/docker.sock\"\n",
    "\nx: {path: \"/var/run/docker\\u002esock\"}\n",
    " unix:%2F%2F%2Fvar%2Frun%2Fdocker%2esock ",
    "/run/containerd/containerd.sock",
    "\nexport DOCKER_HOST=tcp://172.17.0.1:2375\n",
    " /var/run/docker${x}.sock ",
    // kind: Pod, with a volume of /var/run/docker.sock
    " a2luZDogUG9kCnNwZWM6IHt2b2x1bWVzOiBbe2hvc3RQYXRoOiB7cGF0aDogL3Zhci9ydW4vZG9ja2VyLnNvY2t9fV19Cg== ",
];

fn evaluator() -> Evaluator {
    Evaluator {
        policy: Policy::offline(),
        setting: Setting {
            namespace: "default".to_owned(),
            ..Setting::default()
        },
        changes: false,
    }
}

fn inputs() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = ["corpus", "golden"].map(|folder| files::below(&tests.join(folder)));
    let all = folders.into_iter().flatten();
    all.filter(|path| path.extension().is_none_or(|end| end != "expected"))
        .collect()
}

fn says_nothing(reading: &Reading) -> bool {
    reading.workloads.is_empty() && reading.gaps.is_empty()
}

/// A text in which every socket has become some other file, so that what it holds is clean.
fn cleaned(text: &str) -> String {
    [
        ("docker.sock", "data.txt"),
        ("containerd.sock", "data.txt"),
        ("/var/run", "/data"),
        ("/run", "/data"),
        ("crio", "data"),
        ("podman", "data"),
        ("dockershim", "data"),
        ("docker_engine", "data"),
        ("/usr/bin/docker", "/data"),
        ("path: /\n", "path: /data\n"),
        ("path: /var", "path: /data"),
        ("tcp://", "data://"),
        // Where a Pod sees its own daemon; one that asks for it has the socket at its usual path.
        ("dind-injector.io/mounts", "data"),
        ("dind-injector.io/inject", "data"),
        // A copy of the object, from which nothing runs.
        ("last-applied-configuration", "data"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn a_path_put_anywhere_is_never_answered_with_silence() {
    let evaluator = evaluator();
    let none = Namespaces::new();
    let inputs = inputs();
    assert!(inputs.len() > 150, "{} files", inputs.len());
    let (mut clean, mut tried) = (0, 0);
    for path in inputs {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let text = cleaned(&text);
        let name = path.file_name().unwrap().to_str().unwrap();
        clean += usize::from(says_nothing(&read_as(&evaluator, &none, name, &text)));
        let step = (text.len() / PLACES).max(1);
        for (turn, place) in (0..=text.len()).step_by(step).enumerate() {
            if !text.is_char_boundary(place) {
                continue;
            }
            let form = FORMS[turn % FORMS.len()];
            let (before, after) = text.split_at(place);
            let put = format!("{before}{form}{after}");
            let reading = read_as(&evaluator, &none, name, &put);
            assert!(
                !says_nothing(&reading),
                "{}: {form:?} at byte {place} is not told:\n{put}",
                path.display()
            );
            tried += 1;
        }
    }
    // Where a file tells something already, the property would hold by itself.
    assert!(clean > 100, "only {clean} files are clean");
    assert!(tried > 3_000, "only {tried} places");
}
