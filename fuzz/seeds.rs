//! Writes the first inputs of each target into the folder given: made of the goldens, the
//! policies and the manifests that tests and users have, so that nothing is committed twice.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use dind_injector::decode::creation::{From, creation};
use dind_injector::manifest::{pods, read};

type Done = Result<(), Box<dyn Error>>;

/// Larger ones slow every run that starts from them.
const LARGEST: usize = 16 * 1024;

fn main() -> Done {
    let corpus = PathBuf::from(std::env::args().nth(1).ok_or("seeds: name a folder")?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for dir in ["tests/golden", "tests/convert", "tests/corpus", "tests/policy", "manifests"] {
        walk(&root.join(dir), &mut files)?;
    }
    let mut texts = 0;
    for file in &files {
        let name = file.to_string_lossy();
        if !(name.ends_with(".yaml") || name.ends_with(".json")) || name.contains("/templates/") {
            continue;
        }
        let Ok(text) = fs::read_to_string(file) else { continue };
        if text.len() > LARGEST {
            continue;
        }
        texts += 1;
        if text.contains("kind: Policy") {
            put(&corpus, "policy", text.as_bytes())?;
            continue;
        }
        put(&corpus, "manifest", text.as_bytes())?;
        for document in read(&text).into_iter().flatten() {
            for found in pods(&document.value) {
                let Ok(pod) = found.pod else { continue };
                let from = From {
                    uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
                    namespace: "ci",
                    owner: None,
                };
                let review = creation(pod, from).to_string();
                put(&corpus, "review_decoder", review.as_bytes())?;
                put(&corpus, "review_bytes", review.as_bytes())?;
                // For structure-aware Pods any bytes are choices, these as well as others.
                let choices: Vec<u8> = review.bytes().rev().step_by(3).take(600).collect();
                put(&corpus, "review_pods", &choices)?;
                put(&corpus, "review_cost", &choices)?;
            }
        }
    }
    if texts < 100 {
        return Err(format!("only {texts} texts below {}", root.display()).into());
    }
    Ok(())
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Done {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Named by content, so that a second run adds nothing.
fn put(corpus: &Path, target: &str, bytes: &[u8]) -> Done {
    let dir = corpus.join(target);
    fs::create_dir_all(&dir)?;
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    fs::write(dir.join(format!("seed-{hash:016x}")), bytes)?;
    Ok(())
}
