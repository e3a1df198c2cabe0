//! Every manifest of `tests/corpus` through the scan, each against what is expected of it.
//!
//! `X.yaml.expected` says what is found in `X.yaml`. With `BLESS_CORPUS=1` the files are
//! written anew, and the test fails so that they are looked at.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use dind_injector::decide::Policy;
use dind_injector::review::offline::Setting;
use dind_injector::scan::evaluator::Evaluator;
use dind_injector::scan::files::Inputs;
use dind_injector::scan::result::Report;
use dind_injector::scan::walk::Look;

use crate::support::files;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn scan(path: &Path) -> Report {
    let evaluator = Evaluator {
        policy: Policy::offline(),
        setting: Setting {
            namespace: "default".to_owned(),
            ..Setting::default()
        },
        changes: false,
    };
    let look = Look {
        exclude: vec!["*.expected".to_owned()],
        ..Look::default()
    };
    let names = [path.to_str().unwrap().to_owned()];
    let inputs = Inputs::find(&names, &mut std::io::empty(), &look).unwrap();
    inputs.scan(&evaluator, &AtomicUsize::new(0))
}

fn is_expectation(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "expected")
}

/// A report in a few lines, which a person can check against the manifest.
fn told(report: &Report) -> String {
    let mut out = String::new();
    for workload in &report.workloads {
        let manual_work = workload
            .manual_work
            .as_ref()
            .map(|manual_work| format!(", by hand: {}", manual_work.name()));
        writeln!(
            out,
            "{} {}/{}/{} ({}{})",
            workload.verdict.name(),
            workload.namespace,
            workload.kind,
            workload.name,
            workload.reason,
            manual_work.unwrap_or_default(),
        )
        .unwrap();
        for finding in &workload.findings {
            let line = finding.spot.as_ref().unwrap().line;
            writeln!(
                out,
                "  line {line}: {} {} {} -> {} [{}]",
                finding.container.as_deref().unwrap_or("-"),
                finding.how.name(),
                finding.target,
                finding.verdict.name(),
                finding.pointer,
            )
            .unwrap();
        }
        for risk in &workload.risks {
            writeln!(out, "  hint {}: {}", risk.rule.id, risk.container).unwrap();
        }
    }
    for gap in &report.gaps {
        let line = gap.line.map(|line| format!(" line {line}"));
        let mentions = gap
            .mentions
            .map(|line| format!(", a socket on line {line}"));
        writeln!(
            out,
            "not looked at: {}{}{}",
            gap.why.name(),
            line.unwrap_or_default(),
            mentions.unwrap_or_default()
        )
        .unwrap();
    }
    if out.is_empty() {
        out.push_str("nothing\n");
    }
    out
}

#[test]
fn every_manifest_of_the_corpus_is_judged_as_expected() {
    let bless = std::env::var_os("BLESS_CORPUS").is_some();
    let all = files::below(&corpus());
    let manifests: Vec<_> = all.iter().filter(|path| !is_expectation(path)).collect();
    assert!(manifests.len() >= 60, "{} manifests", manifests.len());
    let mut wrong = String::new();
    for manifest in &manifests {
        let expectation = PathBuf::from(format!("{}.expected", manifest.display()));
        let told = told(&scan(manifest));
        if bless {
            fs::write(&expectation, &told).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&expectation)
            .unwrap_or_else(|error| panic!("{}: {error}", expectation.display()));
        if told != expected {
            write!(
                wrong,
                "\n{}\n--- expected\n{expected}--- found\n{told}",
                manifest.display()
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        !bless,
        "the expectations were written: look at them, then run without BLESS_CORPUS"
    );
}

#[test]
fn every_expectation_has_its_manifest() {
    let all = files::below(&corpus());
    for expectation in all.iter().filter(|path| is_expectation(path)) {
        let manifest = expectation.with_extension("");
        assert!(
            all.contains(&manifest),
            "{} is stale",
            expectation.display()
        );
    }
}

#[test]
fn the_corpus_as_a_whole_is_the_sum_of_its_files() {
    let all = files::below(&corpus());
    let manifests = all.iter().filter(|path| !is_expectation(path));
    let each: usize = manifests.map(|path| scan(path).workloads.len()).sum();
    assert_eq!(scan(&corpus()).workloads.len(), each);
}
